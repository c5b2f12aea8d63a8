"""Files that earlier versions have written are read, and answer as they did when they were written.

`model_files/` has files of each version, by that version's own code, and beside them in JSON what it answered.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowml.automl.model import modelfile

FOLDER = Path(__file__).parent / "model_files"
EXPECTED: dict[str, Any] = {
    name: found for path in sorted(FOLDER.glob("*.json")) for name, found in json.loads(path.read_text()).items()
}


def test_there_is_a_file_of_every_version() -> None:
    assert {int(name.split("-")[1]) for name in EXPECTED} == set(range(1, modelfile.FORMAT + 1))
    assert {path.stem for path in FOLDER.glob("*.flowml")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_it_answers_as_it_did(name: str, tmp_path: Path) -> None:
    model = modelfile.read(FOLDER / f"{name}.flowml")
    expected = EXPECTED[name]
    rows = [model.schema.check_row(row)[0] for row in expected["rows"]]
    answers = np.array([model.predict_row(row) for row in rows])
    np.testing.assert_allclose(answers, expected["outputs"], rtol=1e-9, atol=1e-12)
    assert model.schema.classes == (None if expected["classes"] is None else tuple(expected["classes"]))
    if expected["chosen"] is not None and model.schema.classes is not None:
        assert [model.schema.classes[code] for code in model.decide(answers)] == expected["chosen"]
    # What this version writes of it is a file of this version.
    again = tmp_path / "again.flowml"
    again.write_bytes(modelfile.write(model))
    shutil.copy(again, tmp_path / "copy.flowml")
    np.testing.assert_array_equal([modelfile.read(again).predict_row(row) for row in rows], answers)
