"""Databases: which table, which types, and nothing that runs."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flowml.data.format import Source
from flowml.data.formats.registry import read as read_source
from flowml.domain.errors import InvalidInput, UnreadableFile
from tests.data.hostile_files import sqlite
from tests.data.reading import read

_SCRIPT = """
CREATE TABLE small(a INTEGER);
INSERT INTO small VALUES (1);
CREATE TABLE links(a INTEGER, b INTEGER);
CREATE TABLE people(id INTEGER PRIMARY KEY, zip TEXT, height REAL, born DATE, photo BLOB, size NUMERIC) WITHOUT ROWID;
INSERT INTO people VALUES (1, '01067', 1.75, '1990-02-03', x'00ff', 3), (2, NULL, 2, '1991-02-03', NULL, 2.5);
CREATE VIEW tall AS SELECT id, upper(zip) AS zip FROM people WHERE height > 1.8;
"""


def test_the_largest_table_is_read_with_its_types(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.sqlite", sqlite(tmp_path, _SCRIPT))
    assert frame.to_dict(as_series=False) == {
        "id": [1, 2],
        "zip": ["01067", None],
        "height": [1.75, 2.0],
        "born": [date(1990, 2, 3), date(1991, 2, 3)],
        "photo": ["AP8=", None],
        "size": [3.0, 2.5],
    }
    assert "“people”" in warnings
    assert "“small”, “links”, “tall”" in warnings


def test_another_table_or_a_view_can_be_chosen(tmp_path: Path) -> None:
    content = sqlite(tmp_path, _SCRIPT)
    assert read(tmp_path, "t.db", content, {"table": "small"})[0]["a"].to_list() == [1]
    assert read(tmp_path, "t.db", content, {"table": "tall"})[0].to_dicts() == [{"id": 2, "zip": None}]
    with pytest.raises(InvalidInput, match="“people”"):
        read(tmp_path, "t.db", content, {"table": "nope"})
    with pytest.raises(UnreadableFile, match="no rows"):
        read(tmp_path, "t.db", content, {"table": "links"})
    source = Source(tmp_path / "t.db", "t.db", tmp_path)
    assert read_source(source).choices == {"table": ["small", "links", "people", "tall"]}


def test_columns_may_hold_values_of_several_kinds(tmp_path: Path) -> None:
    script = "CREATE TABLE t(a, b INTEGER, c, g GENERATED ALWAYS AS (b * 2));"
    script += "INSERT INTO t(a, b, c) VALUES (1, 1, 'x'), ('x', 'NA', 2.5), (2.5, 3, x'6162');"
    frame, warnings = read(tmp_path, "t.sqlite", sqlite(tmp_path, script))
    assert frame["a"].to_list() == ["1", "x", "2.5"]
    assert frame["b"].to_list() == [1, None, 3]
    assert frame["c"].to_list() == ["x", "2.5", "ab"]
    assert "“a” holds values of different kinds" in warnings
    assert "In “b”" in warnings


def test_an_imported_csv_gets_its_types(tmp_path: Path) -> None:
    script = "CREATE TABLE t(a TEXT, b TEXT); INSERT INTO t VALUES ('1', '2020-01-02'), ('2', '2020-02-03');"
    frame, _ = read(tmp_path, "t.sqlite", sqlite(tmp_path, script))
    assert frame.schema == {"a": pl.Int64, "b": pl.Date}


def test_what_virtual_tables_store_is_not_offered(tmp_path: Path) -> None:
    script = "CREATE VIRTUAL TABLE notes USING fts5(text); CREATE TABLE t(a); INSERT INTO t VALUES (1);"
    frame, warnings = read(tmp_path, "t.sqlite", sqlite(tmp_path, script))
    assert frame["a"].to_list() == [1]
    assert not warnings


def test_a_database_without_tables_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no table"):
        read(tmp_path, "t.sqlite", sqlite(tmp_path, "CREATE VIRTUAL TABLE x USING fts5(a);"))


@pytest.mark.parametrize("function", ["load_extension('x')", "zeroblob(9)", "randomblob(9)", "readfile('x')"])
def test_views_compute_nothing_but_plain_functions(tmp_path: Path, function: str) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path, "t.sqlite", sqlite(tmp_path, f"CREATE VIEW v AS SELECT {function} AS x;"))
