"""A file of JSON lines comes back with the values that it had, of whatever kinds they are."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.automl.files.scoring import score_file
from flowml.data.formats import jsonlines
from tests.automl.files.models import model_of_customers, new_customers

# Of 900 rows, by their numbers; “spent” is what the model predicts.
ODD: dict[int, dict[str, Any]] = {
    5: {"age": "old", "code": "007", "id": 2**70},
    400: {"age": "43.5", "code": True, "city": 7},
    650: {"code": [1, "x"], "member": "maybe"},
    651: {"code": None, "member": 1},
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_every_value_comes_back_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, large: bool
) -> None:
    if large:
        monkeypatch.setattr(jsonlines, "_LARGE_BYTES", 8_000)
        monkeypatch.setattr(jsonlines, "_PIECE_BYTES", 6_000)
    rows = new_customers().with_columns(pl.col("joined").cast(pl.String)).to_dicts()
    rows = [row | {"code": number, "id": number, "x.y": 1.5} | ODD.get(number, {}) for number, row in enumerate(rows)]
    path, plain, out = tmp_path / f"new.{form}", tmp_path / "plain.jsonl", tmp_path / "out.jsonl"
    path.write_text(json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows)))
    model = model_of_customers("spent")
    score_file(model, path, out, "jsonl")
    found = [json.loads(line) for line in out.read_text().splitlines()]
    answers = [[row.pop(name) for name in ("prediction", "prediction_low", "prediction_high")] for row in found]
    assert found == rows
    assert all(type(row["code"]) is type(given["code"]) for row, given in zip(found, rows, strict=True))
    # A row that is not odd itself is answered as without the others.
    plain.write_text("\n".join(json.dumps(row) for number, row in enumerate(rows) if number not in ODD))
    score_file(model, plain, tmp_path / "others.jsonl", "jsonl")
    others = [json.loads(line)["prediction"] for line in (tmp_path / "others.jsonl").read_text().splitlines()]
    assert [answer[0] for number, answer in enumerate(answers) if number not in ODD] == pytest.approx(others, rel=1e-9)
    # One that says its number in a text is read as that.
    assert score_alone(tmp_path, rows[400] | {"age": 43.5}) == pytest.approx(answers[400][0], rel=1e-9)
    # Formats that say once what a column holds have its texts.
    score_file(model, path, tmp_path / "out.csv", "csv")
    assert pl.read_csv(tmp_path / "out.csv", infer_schema=False)["age"][5] == "old"


def score_alone(folder: Path, row: dict[str, Any]) -> float:
    (folder / "one.jsonl").write_text(json.dumps(row))
    score_file(model_of_customers("spent"), folder / "one.jsonl", folder / "answer.jsonl", "jsonl")
    return float(json.loads((folder / "answer.jsonl").read_text())["prediction"])
