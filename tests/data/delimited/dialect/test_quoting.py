"""Text tables whose writer quotes by type: nothing of a table is lost on the way out and in again."""

import csv
import io
import math
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowml.data.delimited.dialect.quoting import Quoting, suspect_quoting
from flowml.data.delimited.rows.quoted import verify_quoting
from flowml.data.format import Limits
from flowml.data.read import load


def read(folder: Path, filename: str, content: str) -> tuple[pl.DataFrame, str]:
    """The table in a file with this content, and all warnings as one text."""
    path = folder / filename
    path.write_bytes(content.encode())
    table = load(path, filename, {}, Limits(), folder)
    return table.frame, " ".join(table.warnings)


_NEEDS = (",", '"', "\n", "\r")


def quoted_by_type(frame: pl.DataFrame) -> str:
    """A table as FlowML downloads it: names quoted where they must be, texts always, a missing value empty."""
    out = [",".join(_quoted(name) if _must_be_quoted(name) else name for name in frame.columns)]
    out += [",".join(_written(value) for value in row) for row in frame.iter_rows()]
    return "\n".join(out) + "\n"


def _must_be_quoted(name: str) -> bool:
    return any(mark in name for mark in _NEEDS) or name != name.strip() or not name


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case date():
            return value.isoformat()
        case _:
            return repr(value)


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


# A small file with many of these is no text.
_CONTROLS = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\v\x1b\x1a"] + ["\x7f"]
_UNICODE = st.text(st.characters(codec="utf-8", exclude_characters=_CONTROLS), max_size=8)
_ODD = (
    '|NA|null|007| x |1|2024-01-31|01/02/2024|true|1,5|-|a,b|q"q|"|\r\n|\n|\r|#x|Total|x\ny|a|€ 5|12 %|sep=;|\'|\u2028'
)
_ODD_TEXTS = st.sampled_from([*_ODD.split("|"), "\\", "\ufeff", "9" * 25])
_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.Float64: st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
    pl.Boolean: st.booleans(),
    pl.String: _UNICODE | _ODD_TEXTS,
    pl.Date: st.dates(min_value=date(1000, 1, 1)),
    pl.Datetime("us"): st.datetimes(min_value=datetime(1000, 1, 1)),  # noqa: DTZ001
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Up to four columns; each has a value, or nobody could tell its type."""
    height = draw(st.integers(1, 8))
    columns = []
    for name in draw(st.lists(st.sampled_from(["a", "B b", "c,d", "é", 'f"']), min_size=1, max_size=4, unique=True)):
        dtype = draw(st.sampled_from(list(_VALUES)))
        values = draw(st.lists(st.none() | _VALUES[dtype], min_size=height, max_size=height))
        if all(value is None for value in values):
            values[0] = draw(_VALUES[dtype])
        if dtype == pl.String:
            # Where every text is an amount that had to be quoted, nobody can tell it from a number.
            values[0] = values[0] if any(value and not value[:1].isdigit() for value in values) else "x"
        columns.append(pl.Series(name, values, dtype=dtype))
    if len(columns) == 1 and columns[0].dtype != pl.String:
        # In a table of one column a missing number is a blank line, as any file may have.
        columns[0] = columns[0].drop_nulls()
    return pl.DataFrame(columns)


@settings(max_examples=120, deadline=None)
@given(frame=tables())
@example(frame=pl.DataFrame({"a": ["007", "", None, "NA"], "b": [1, 2, 3, None]}))
@example(frame=pl.DataFrame({"a": ["", "", None]}))
@example(frame=pl.DataFrame({"a": [None, "x\r\ny", None, None]}))
@example(frame=pl.DataFrame({"a": ["a", "b"]}))
def test_what_is_quoted_by_type_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame) -> None:
    read_back, warnings = read(tmp_path_factory.mktemp("quoted"), "t.csv", quoted_by_type(frame))
    assert read_back.schema == frame.schema, warnings
    assert read_back.rows() == frame.rows(), warnings


def test_a_text_that_is_missing_at_first_is_still_taken_as_it_stands(tmp_path: Path) -> None:
    rows = 60_000
    frame = pl.DataFrame(
        {"n": range(rows), "t": [None] * (rows - 2) + ["007", " NA "], "u": ["x y"] * (rows - 1) + ["1"]},
        schema={"n": pl.Int64, "t": pl.String, "u": pl.String},
    )
    read_back, _ = read(tmp_path, "t.csv", quoted_by_type(frame))
    assert read_back.equals(frame)


def test_a_long_file_is_recognised_wherever_its_sample_ends(tmp_path: Path) -> None:
    for length in range(7):
        frame = pl.DataFrame({"t": ["x" * (length + at % 3) for at in range(30_000)], "n": range(30_000)})
        assert "quotation marks" in read(tmp_path, "t.csv", quoted_by_type(frame))[1]


def test_python_and_r_quote_their_header_as_well(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([["id", "zip", "x"], [1, "01234", 0.5], [2, "NA", 1.5], [3, "", 2]])
    frame, warnings = read(tmp_path, "python.csv", out.getvalue())
    assert frame.rows() == [(1, "01234", 0.5), (2, "NA", 1.5), (3, "", 2.0)]
    assert "quotation marks" in warnings
    frame, _ = read(tmp_path, "one.csv", 'x\n"a"\nNA\n""\n"NA"\n')
    assert frame["x"].to_list() == ["a", None, "", "NA"]
    frame, _ = read(tmp_path, "r.csv", '"id","zip","x"\n1,"01234",NA\n2,NA,1.5\n3,"7",2\n')
    assert frame.rows() == [(1, "01234", None), (2, None, 1.5), (3, "7", 2.0)]


def test_a_file_that_quotes_everything_says_nothing_of_types(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", '"id","day","x"\n"1","2024-01-31","NA"\n"2","2024-02-01","1.5"\n')
    assert frame.rows() == [(1, date(2024, 1, 31), None), (2, date(2024, 2, 1), 1.5)]


def test_values_quoted_only_where_they_must_be_are_read_as_usual(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", 'id,amount,who\n1,"1,234.50",Ann\n2,"2,000.00",Bob\n3,"1,000.25",NA\n')
    assert frame["amount"].to_list() == [1234.5, 2000.0, 1000.25]
    assert frame["who"].to_list() == ["Ann", "Bob", None]
    frame, _ = read(tmp_path, "u.csv", 'id,amount\n1,"1,234.50"\n2,"2,000.00"\n')
    assert frame["amount"].to_list() == [1234.5, 2000.0]


def test_a_column_that_quotes_only_some_values_is_read_as_usual(tmp_path: Path) -> None:
    lines = ["id,code", *(f'{i},"{i:03}"' for i in range(20_000)), "20000,bare", '20001," NA "']
    frame, _ = read(tmp_path, "t.csv", "\n".join(lines))
    assert frame["code"][-2:].to_list() == ["bare", None]


def test_the_verdict_is_the_same_wherever_the_pieces_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'"a\r\nb",1,NA\r\n"","2",3\r\nNA,4,\r\n"q""q,",,5\r\n\r\n')
    suspected = Quoting((0,))
    assert verify_quoting(path, ",", 3, 0, suspected) is None
    path.write_bytes(b'"a\r\nb",1,NA\r\n"",2,3\r\nNA,4,\r\n"q""q,",,5\r\n\r\n')
    for size in (1, 2, 5, 16, 1 << 20):
        monkeypatch.setattr("flowml.data.delimited.rows.quoted._CHUNK", size)
        found = verify_quoting(path, ",", 3, 0, suspected)
        assert found is not None
        assert found.texts == (0,)
        assert {place: rows.tolist() for place, rows in found.bare_na.items()} == {0: [2]}


@pytest.mark.parametrize("lines", [['a,b"', '"x",1'], ["a", "1"], ['"a"', '"1"'], ["a,b", '"x",y,z']])
def test_other_files_are_not_suspected(lines: list[str]) -> None:
    assert suspect_quoting(lines, ",") is None


def test_extremes_of_numbers_survive(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"i": [2**63 - 1, -(2**63)], "f": [math.ulp(0.0), -1.7976931348623157e308], "t": ["1e999", str(2**64)]}
    )
    assert read(tmp_path, "t.csv", quoted_by_type(frame))[0].equals(frame)
