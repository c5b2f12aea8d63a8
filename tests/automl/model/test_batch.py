"""A file gets its predictions row by row: alone or among others, from the file or over the API."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flowml.automl.model import modelfile
from flowml.automl.model.batch import expected_columns, predict_table
from flowml.automl.model.model import FittedModel
from flowml.data.conversion.notation import Notation
from flowml.data.expected import read_expected
from flowml.data.profiling.profile import profile
from flowml.data.read import read_file
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.transform import transform_frame
from flowml.domain.errors import InvalidInput
from flowml.library.run import train

N_ROWS = 90
HEADER = "day;size;code;share;member;y"


@pytest.fixture(scope="module")
def rows() -> list[str]:
    """A European table: days first, decimal commas, points between thousands, codes that look like numbers."""
    random = np.random.default_rng(3)
    sizes = random.integers(500, 9_000_000, N_ROWS)
    found = []
    for number, size in enumerate(sizes):
        code, member = random.choice(["2.0", "TRUE", "007", "n/k"]), random.choice(["yes", "no"])
        share = f"{random.integers(0, 999) / 10:.1f}".replace(".", ",")
        y = f"{size / 1e5 + 20 * (code == '2.0'):.3f}".replace(".", ",")
        grouped = f"{size:,}".replace(",", ".")
        found.append(f"{number % 28 + 1:02}/{number % 12 + 1:02}/2017;{grouped};{code};{share}%;{member};{y}")
    return found


@pytest.fixture(scope="module")
def model(rows: list[str], tmp_path_factory: pytest.TempPathFactory) -> FittedModel:
    path = tmp_path_factory.mktemp("batch") / "train.csv"
    path.write_text("\n".join([HEADER, *rows]))
    return trained(path)


def trained(path: Path, operations: list[dict[str, object]] | None = None) -> FittedModel:
    table = read_file(path)
    frame, prepared_by = table.frame, None
    if operations:
        frame, resolved, _ = transform_frame(table.frame, check_operations(operations))
        prepared_by = (table.frame.lazy(), resolved)
    run = train(
        frame,
        {column.name: column.role for column in profile(frame).columns},
        target="y",
        algorithm_names=["decision_tree"],
        max_trials=1,
        cv_folds=3,
        prepared_by=prepared_by,
        notations={name: Notation.of(state) for name, state in table.how_read.notations.items()},
    )
    return modelfile.read_bytes(modelfile.write(run.model))


def predicted(model: FittedModel, folder: Path, *lines: str, name: str = "new.csv") -> tuple[list[float], list[str]]:
    path = folder / name
    path.write_text("\n".join(lines))
    scored, notes = predict_table(model, read_expected(path, expected_columns(model.schema)))
    return scored["prediction"].to_list(), list(notes)


def test_a_row_gets_its_prediction_whatever_else_is_in_the_file(
    model: FittedModel, rows: list[str], tmp_path: Path
) -> None:
    whole, notes = predicted(model, tmp_path, HEADER, *rows)
    assert len(whole) == N_ROWS and len(set(whole)) > 5
    assert not [note for note in notes if "missing" in note or "did not occur" in note]
    names = HEADER.split(";")
    for row, value in list(zip(rows, whole, strict=True))[:8]:
        assert predicted(model, tmp_path, HEADER, row)[0] == [value]
        # The same texts over the API are the same values.
        sent = dict(zip(names[:-1], row.split(";"), strict=False))
        clean, warnings = model.check_row(sent)
        assert model.predict_row(clean)[0] == pytest.approx(value) and warnings == []
        assert predicted(model, tmp_path, json.dumps([sent]), name="new.json")[0] == [value]


def test_what_the_file_cannot_say_so_is_named(model: FittedModel, tmp_path: Path) -> None:
    rows = ["soon;lots;2,0;5,5%;maybe;1", "01/04/2017;99.000.000.000;007;5,5%;no;1"]
    values, notes = predicted(model, tmp_path, HEADER + ";extra", *[f"{row};0" for row in rows])
    assert len(values) == 2
    said = " ".join(notes)
    for expected in (
        "In “day”, 1 of 2 values is no date: “soon” (line 2). It counts as missing.",
        "In “size”, 1 of 2 values is no number: “lots” (line 2). It counts as missing.",
        "In “member”, 1 of 2 values is neither true nor false: “maybe” (line 2). It counts as missing.",
        "In “code”, 1 of 2 values did not occur in the training data: “2,0” (line 2).",
        f"In “size”, 1 of 2 values lies far above all {N_ROWS} values of the training data (at most ",
        "where predictions are guesses: “99.000.000.000” (line 3).",
        "Not used by this model: “extra”.",
    ):
        assert expected in said, said
    assert "“y”" not in said.partition("Not used")[2]
    late = predicted(model, tmp_path, HEADER, "01/04/2117;99.000;007;5,5%;no;1", "01/04/2018;99.000;007;5,5%;no;1")[1]
    assert any("In “day”, 1 of 2 values lies long after all" in note and "“2117-04-01”" in note for note in late), late
    assert "taken as missing: size, share" in " ".join(predicted(model, tmp_path, "code;day;member", "007;;no")[1])


def test_over_the_api_it_is_refused_in_the_words_of_the_file(model: FittedModel) -> None:
    for column, value, words in (
        ("size", "lots", "a number with a decimal comma"),
        ("size", "3.5", "a number with a decimal comma"),
        ("day", "04/13/2017", "the day first"),
        ("member", "maybe", "true or false"),
    ):
        with pytest.raises(InvalidInput, match=words) as refused:
            model.check_row({column: value})
        assert refused.value.fields[0].field == column
    assert model.check_row({"size": "n/a", "day": "?", "code": "NA"})[0] == {"size": None, "day": None, "code": None}


def test_the_columns_of_the_file_come_back_as_they_are(model: FittedModel, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text(f"{HEADER}\n01/04/2017;3.790;007;5,5%;no;1\n02/04/2017;old;2.0;6,5%;yes;2\n")
    scored, _ = predict_table(model, read_expected(path, expected_columns(model.schema)))
    assert scored["size"].to_list() == ["3.790", "old"] and scored["code"].to_list() == ["007", "2.0"]
    assert scored["share"].to_list() == [5.5, 6.5]


def test_a_recipe_gets_the_values_as_the_file_wrote_them(rows: list[str], tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("\n".join([HEADER, *rows]))
    model = trained(
        path,
        [
            {"op": "derive", "column": "half", "expression": "size / 2"},
            {"op": "drop", "columns": ["size"]},
            {"op": "clean_text", "columns": ["code"], "case": "upper"},
        ],
    )
    assert {feature.name: feature.notation for feature in model.schema.inputs}["size"] == Notation("number", ",", ".")
    whole, _ = predicted(model, tmp_path, HEADER, *rows)
    for row, value in list(zip(rows, whole, strict=True))[:4]:
        assert predicted(model, tmp_path, HEADER, row)[0] == [value]
        clean, warnings = model.check_row(dict(zip(HEADER.split(";")[:-1], row.split(";"), strict=False)))
        assert model.predict_row(clean)[0] == pytest.approx(value) and warnings == []
    _, notes = predicted(model, tmp_path, HEADER, "01/04/2017;3.790;x;5,5%;no;1")
    assert "In “code”, 1 of 1 values did not occur in the training data: “x” (line 2)." in notes


def test_a_model_of_frames_says_that_it_does_not_know(tmp_path: Path) -> None:
    frame = pl.DataFrame({"size": np.arange(60) * 1.5, "kind": ["a", "NA"] * 30, "y": np.arange(60) * 3.0})
    roles = {column.name: column.role for column in profile(frame).columns}
    model = train(frame, roles, target="y", algorithm_names=["decision_tree"], max_trials=1, cv_folds=3).model
    (value,), notes = predicted(model, tmp_path, "size;kind", "31,5;NA")
    assert value == pytest.approx(model.predict(pl.DataFrame({"size": [31.5], "kind": ["NA"]}))[0, 0])
    assert any("“size” was read as this file has it" in note for note in notes)
    assert not any("kind" in note for note in notes)
