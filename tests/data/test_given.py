"""Values of several kinds in one column are read for a model as what each of them is, and kept as they came."""

import datetime as dt
import json
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data.conversion.notation import Kind, Notation
from flowml.data.expected import Expected, ReadTable, read_expected
from flowml.data.given import json_lines
from tests.data.workbooks import write_xlsx


def read(folder: Path, form: str, values: list[Any], expected: Expected) -> ReadTable:
    """A file of one column, x, beside numbers."""
    path = folder / f"new.{form}"
    if form == "xlsx":
        write_xlsx(path, {"rows": [["x", "n"], *([value, 1] for value in values)]})
    elif form == "sqlite":
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE rows (x, n)")
        database.executemany("INSERT INTO rows VALUES (?, 1)", [(value,) for value in values])
        database.commit()
        database.close()
    else:
        records = [{"x": value, "n": 1} for value in values]
        path.write_text(json.dumps(records) if form == "json" else "\n".join(map(json.dumps, records)))
    return read_expected(path, [expected])


def given(table: ReadTable) -> list[Any]:
    return [None if value is None else json.loads(value) for value in table.given["x"].to_list()]


@pytest.mark.parametrize("more", [0, 300])
@pytest.mark.parametrize("form", ["jsonl", "json", "sqlite", "xlsx"])
def test_a_number_is_one_whatever_stands_beside_it(tmp_path: Path, form: str, more: int) -> None:
    values = [1.5, 1234.567, 1_000_000, "old", "2,5", *[row + 0.5 for row in range(more)]]
    table = read(tmp_path, form, values, Expected("x", "number", Notation("number", ",", ".")))
    # The text is read as texts were written in training; what is a number needs no reading.
    assert table.features["x"].to_list() == [1.5, 1234.567, 1_000_000, None, 2.5, *values[5:]]
    assert [note for note in table.notes if "“x”" in note] == [
        f"In “x”, 1 of {5 + more} values is no number: “old” (row {5 if form == 'xlsx' else 4}). It counts as missing."
    ]
    assert given(table) == values


@pytest.mark.parametrize(
    ("kind", "notation", "values", "found"),
    [
        ("number", None, [2, "3", True, False, "old", [1], None], [2, 3, 1, 0, None, None, None]),
        ("number", Notation("number", "."), [2**70, 1, "2"], [float(2**70), 1, 2]),
        ("boolean", Notation("boolean"), [True, "no", 1, 2], [True, False, True, None]),
        ("date", Notation("date", order="day_first"), ["1.2.2024", 5], [dt.date(2024, 2, 1), None]),
        ("text", Notation("text"), ["a", "7", 7, 7.0, True, " b "], ["a", "7", "007", "007", "true", "b"]),
        ("text", None, ["a", "007", 7, 2.5, [1, "x"]], ["a", "007", "007", "2.5", '[1, "x"]']),
    ],
)
def test_what_is_no_text_is_what_it_is(
    tmp_path: Path, kind: Kind, notation: Notation | None, values: list[Any], found: list[Any]
) -> None:
    table = read(tmp_path, "jsonl", values, Expected("x", kind, notation, ("a", "007") if kind == "text" else None))
    read_values = [value.date() if isinstance(value, dt.datetime) else value for value in table.features["x"].to_list()]
    assert read_values == found
    assert given(table) == values


def test_a_column_of_one_kind_is_kept_by_its_type_alone(tmp_path: Path) -> None:
    for values in ([1, 2.5, None], ["a", "1", None], [True, None], [{}, "a"]):
        assert not read(tmp_path, "jsonl", values, Expected("x", "text")).given


def test_lines_say_every_value_as_it_was_given() -> None:
    frame = pl.DataFrame(
        {
            "a": [1, None],
            "x": ["7", "ü\n"],
            "at": [dt.date(2024, 1, 2), None],
            "when": [dt.datetime(2024, 1, 2, 3, 4, 5), None],  # noqa: DTZ001
            'q"': [0.5, float("nan")],
        }
    )
    lines = json_lines(frame, {"x": pl.Series(["7", None])}).decode()
    assert lines.replace('"x":7', '"x":"7"').replace('"x":null', '"x":"ü\\n"') == frame.write_ndjson()
    assert json_lines(frame, {}).decode() == frame.write_ndjson()
    assert json_lines(frame.clear(), {"x": pl.Series([], dtype=pl.String)}) == b""
