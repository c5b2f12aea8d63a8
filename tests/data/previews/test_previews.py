"""Pages of a stored table as they stand, sorted and searched."""

import random
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.canonical import write_canonical
from flowml.data.previews.lines import read_lines, write_lines
from flowml.data.previews.order import read_order, row_numbers
from flowml.data.previews.page import check_page, page_as_it_stands, page_in_order
from flowml.data.profiling.profile import profile
from flowml.domain.datasets import Preview
from flowml.domain.errors import InvalidInput

FRAME = pl.DataFrame(
    {
        "n": [3, 1, None, 2, 1],
        "x": [0.5, None, -1.0, None, 2.0],
        "s": ["Delta", "alpha", "Beta", None, "gamma"],
        "d": [date(2020, 1, 3), None, date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 1)],
    }
)


class Table:
    """A stored table, and pages of it in both ways: from its parts, and from its lines."""

    def __init__(self, folder: Path, frame: pl.DataFrame):
        self.path = folder / "table.parquet"
        self._lines = folder / "lines"
        self._order = folder / "order"
        self._columns = profile(frame).columns
        write_canonical(frame, self.path)
        write_lines({"table": str(self.path), "target": str(self._lines)})

    def page(self, *, offset: int = 0, limit: int = 50, **wanted: Any) -> Preview:
        self._order.unlink(missing_ok=True)
        request = {"sort": None, "search": None, "descending": False, "offset": offset, "limit": limit, **wanted}
        found = page_in_order({**request, "table": str(self.path), "order": str(self._order)})
        page = Preview(**found)
        numbers, total = read_order(self._order, offset, limit)
        assert total == page.total
        assert read_lines(self._lines, [column.dtype for column in self._columns], numbers) == page.rows
        return page


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path, FRAME)


def test_a_page_has_values_that_json_knows(table: Table) -> None:
    page = page_as_it_stands(table.path, 5, 1, 2)
    assert page.columns == ("n", "x", "s", "d")
    assert page.rows == ((1, None, "alpha", None), (None, -1.0, "Beta", "2020-01-01"))
    assert page.total == 5


def test_a_page_beyond_the_end_is_empty(table: Table) -> None:
    assert page_as_it_stands(table.path, 5, 99, 10).rows == ()
    assert table.page(offset=99, sort="n").rows == ()
    assert table.page(limit=0) == Preview(("n", "x", "s", "d"), (), 5, ())


@pytest.mark.parametrize(
    ("sort", "descending", "order"),
    [
        ("n", False, ["alpha", "gamma", None, "Delta", "Beta"]),
        ("n", True, ["Delta", None, "alpha", "gamma", "Beta"]),
        ("s", False, ["Beta", "Delta", "alpha", "gamma", None]),
        ("d", True, ["Delta", None, "Beta", "gamma", "alpha"]),
    ],
)
def test_sorting_is_stable_and_puts_missing_values_last(
    table: Table, sort: str, descending: bool, order: list[str | None]
) -> None:
    page = table.page(sort=sort, descending=descending)
    assert [row[2] for row in page.rows] == order
    assert table.page(sort=sort, descending=descending, offset=2, limit=2).rows == page.rows[2:4]


def test_searching_looks_into_every_column_whatever_the_case(table: Table) -> None:
    assert [row[2] for row in table.page(search="ETA").rows] == ["Beta"]
    assert table.page(search="2020-01-01").total == 2
    assert table.page(search="[").total == 0
    assert [row[0] for row in table.page(search="3").rows] == [3]
    sorted_page = table.page(search="a", sort="s", limit=2)
    assert [row[2] for row in sorted_page.rows] == ["Beta", "Delta"]
    assert sorted_page.total == 4


def test_searching_finds_what_is_shown_of_every_type(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "b": [True, False, None],
            "f": [1e300, -0.25, None],
            "t": [datetime.fromisoformat("2021-05-06T07:08:09"), None, datetime.fromisoformat("2022-01-01")],
            "s": ["ÄRGER", "Straße", "日本"],
        }
    )
    table = Table(tmp_path, frame)
    for search, rows in {
        "TRUE": [0],
        "e+300": [0],
        "-0.25": [1],
        "07:08": [0],
        "ärger": [0],
        "STRASSE": [],
        "日": [2],
        ".*": [],
    }.items():
        assert row_numbers(table.path, None, search).to_list() == rows, search


@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=60),
    seed=st.integers(0, 10**6),
    descending=st.booleans(),
)
def test_the_order_is_that_of_a_stable_sort(
    tmp_path_factory: pytest.TempPathFactory, values: list[int | None], seed: int, descending: bool
) -> None:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=pl.Int64), "at": range(len(values))})
    table = Table(tmp_path_factory.mktemp("order"), frame)
    filled = sorted(
        (pair for pair in zip(values, range(len(values)), strict=True) if pair[0] is not None),
        key=lambda pair: -pair[0] if descending else pair[0],
    )
    expected = [at for _, at in filled] + [at for at, value in enumerate(values) if value is None]
    offset = random.Random(seed).randrange(len(values) + 1)
    page = table.page(sort="v", descending=descending, offset=offset, limit=7)
    assert [row[1] for row in page.rows] == expected[offset : offset + 7]
    assert page.numbers == tuple(at + 1 for at in expected[offset : offset + 7])


def test_rows_of_every_type_are_the_same_in_both_ways(tmp_path: Path) -> None:
    moments = ["2021-05-06T07:08:09", "2021-05-06T07:08:09.120", "0001-01-01T00:00:00.000001", "9999-12-31T23:59:59"]
    frame = pl.DataFrame(
        {
            "t": [*map(datetime.fromisoformat, moments), None],
            "d": [date(1, 1, 1), None, date(2024, 2, 29), date(9999, 12, 31), date(1970, 1, 1)],
            "f": [5e-324, -0.0, 1.7976931348623157e308, 0.1 + 0.2, None],
            "i": [2**63 - 1, -(2**63), 0, None, 5],
            "s": ["line\nbreak", '"quoted" \\ back', "\u2028 ☃ \x00", "", None],
            "b": [True, False, None, True, False],
        }
    )
    page = Table(tmp_path, frame).page(sort="i", descending=True)
    assert [row[3] for row in page.rows] == [2**63 - 1, 5, 0, -(2**63), None]
    assert page.rows[0][0] == "2021-05-06T07:08:09"


def test_an_impossible_page_names_the_field() -> None:
    for field, arguments in {"sort": (0, 50, "nope"), "offset": (-1, 50, None), "limit": (0, 10**6, None)}.items():
        with pytest.raises(InvalidInput) as error:
            check_page(["n"], *arguments)
        assert error.value.fields[0].field == field
