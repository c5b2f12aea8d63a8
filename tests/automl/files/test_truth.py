"""How good the answers of a file are, where it has the truth."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.files.truth import Truth, truth_of


def test_classes_are_right_however_they_are_written() -> None:
    schema = SimpleNamespace(recipe=None, target="bought", classes=("false", "true"))
    judge: Any = SimpleNamespace(schema=schema, decide=lambda outputs: outputs.argmax(axis=1))
    outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    found = truth_of(judge, pl.DataFrame({"bought": ["False", "True", "no idea", None]}), outputs)
    assert found == Truth(given=3, rows=2, right=2)
    assert found.state(is_number=False) == {"rows": 2, "right": 2, "mean_absolute_error": None}
    assert truth_of(judge, pl.DataFrame({"bought": [True, False, True, False]}), outputs) == Truth(4, 4, 2)
    assert truth_of(judge, pl.DataFrame({"other": [1, 2, 3, 4]}), outputs) is None
