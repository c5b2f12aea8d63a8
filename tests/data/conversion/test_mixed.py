"""The same rule for a few odd values in formats that know the kind of every value."""

import json
import sqlite3
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data.read import read_table
from tests.data.hostile_files import _ods
from tests.data.reading import read
from tests.data.workbook.sheets import ods_rows, write_sheet
from tests.data.workbooks import write_xls

_FLOATS: list[Any] = [index / 10 for index in range(1, 101)]
_DAYS: list[Any] = [date(2021, 1, 1) + timedelta(days=index) for index in range(100)]
_FLAGS: list[Any] = [index % 3 == 0 for index in range(100)]


def _with(values: list[Any], odd: dict[int, Any]) -> list[Any]:
    return [odd.get(index, value) for index, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "odd", "kind"),
    [
        (_FLOATS, "high", "number"),
        (_DAYS, "soon", "date"),
        (_DAYS, "2021-02-30", "date"),
        (_FLAGS, "?!", "truth value"),
    ],
)
def test_a_sheet_and_a_text_table_with_the_same_values_are_the_same_table(
    tmp_path: Path, values: list[Any], odd: str, kind: str
) -> None:
    cells = _with(values, {40: odd})
    sheet, _, said = read_table(
        write_sheet(tmp_path / "t.xlsx", [["k", "v"], *([f"k{n}", cell] for n, cell in enumerate(cells))])
    )
    lines = ["k,v", *(f"k{n},{str(cell).lower() if isinstance(cell, bool) else cell}" for n, cell in enumerate(cells))]
    text, warnings = read(tmp_path, "t.csv", "\n".join(lines))
    assert sheet.schema == text.schema
    assert sheet["v"].to_list() == text["v"].to_list() == _with(values, {40: None})
    assert f"1 of 100 values is no {kind}: “{odd}” (line 42)" in warnings
    assert f"1 of 100 values is no {kind}: “{odd}” (row 4" in " ".join(said)


def test_sheets_of_every_format_have_the_rule_and_name_the_row(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["k", "v"], *([f"k{n}", "high" if n == 7 else n / 4] for n in range(40))]
    write_sheet(tmp_path / "t.xlsx", [["A title"], [], *rows])
    write_xls(tmp_path / "t.xls", rows)
    (tmp_path / "t.ods").write_bytes(_ods(ods_rows(*rows)))
    for name, row in (("t.xlsx", 11), ("t.xls", 9), ("t.ods", 9)):
        frame, _, warnings = read_table(tmp_path / name)
        assert frame["v"].dtype == pl.Float64, name
        assert frame["v"].is_null().arg_true().to_list() == [7], name
        assert f"“high” (row {row})" in " ".join(warnings), name


def test_numbers_in_a_sheet_keep_all_their_digits_beside_texts(tmp_path: Path) -> None:
    cells = _with([index * 1e-11 + 1e-12 for index in range(50)], {3: "none", 9: "-"})
    frame, _, _ = read_table(
        write_sheet(tmp_path / "t.xlsx", [["k", "v"], *([f"k{n}", cell] for n, cell in enumerate(cells))])
    )
    assert frame["v"][20] == pytest.approx(20 * 1e-11 + 1e-12, rel=1e-12)


def test_days_that_are_texts_in_a_sheet_stand_beside_real_ones(tmp_path: Path) -> None:
    cells = _with(_DAYS[:10], {2: "2021-01-03", 5: "unknown"})
    frame, _, warnings = read_table(
        write_sheet(tmp_path / "t.xlsx", [["k", "v"], *([f"k{n}", cell] for n, cell in enumerate(cells))])
    )
    assert frame["v"].to_list() == _with(_DAYS[:10], {5: None})
    assert "“unknown” (row 7)" in " ".join(warnings)


def test_numbers_that_a_sheet_keeps_as_texts_stay_texts(tmp_path: Path) -> None:
    cells = _with([str(1000 + index) for index in range(40)], {7: "high"})
    frame, _, _ = read_table(
        write_sheet(tmp_path / "t.xlsx", [["k", "v"], *([f"k{n}", cell] for n, cell in enumerate(cells))])
    )
    assert frame["v"].to_list() == cells
    zips = _with([10_001 + index for index in range(40)], {7: "02134"})
    frame, _, _ = read_table(
        write_sheet(tmp_path / "u.xlsx", [["k", "v"], *([f"k{n}", cell] for n, cell in enumerate(zips))])
    )
    assert frame["v"].to_list() == [str(cell) for cell in zips]


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [(_FLOATS, pl.Float64, "number"), (list(range(100)), pl.Int64, "number"), (_FLAGS, pl.Boolean, "truth value")],
)
def test_records_have_the_rule(tmp_path: Path, values: list[Any], dtype: Any, kind: str) -> None:
    records = [{"x": value, "n": n} for n, value in enumerate(_with(values, {40: "high"}))]
    for name, content in (("t.json", json.dumps(records)), ("t.jsonl", "\n".join(map(json.dumps, records)))):
        frame, warnings = read(tmp_path, name, content)
        assert frame["x"].dtype == dtype, name
        assert frame["x"].to_list() == _with(values, {40: None}), name
        assert f"In “x”, 1 of 100 values is no {kind}: “high” (row 41). It was read as missing." in warnings, name


def test_databases_have_the_rule(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "t.sqlite") as database:
        database.execute("CREATE TABLE t(x, d TEXT)")
        days = _with([str(day) for day in _DAYS], {3: "0000-01-01"})
        database.executemany("INSERT INTO t VALUES (?, ?)", zip(_with(_FLOATS, {40: "high"}), days, strict=True))
    frame, _, warnings = read_table(tmp_path / "t.sqlite")
    assert frame["x"].to_list() == _with(_FLOATS, {40: None})
    assert frame["d"].to_list() == _with(_DAYS, {3: None})
    assert "“high” (row 41)" in " ".join(warnings)
    assert "“0000-01-01” (row 4)" in " ".join(warnings)
