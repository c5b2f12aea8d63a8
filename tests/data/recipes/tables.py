"""Tables of every kind of column for the tests of recipes, and rows of them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from flowml.data.recipes.kinds import Kind

COLUMNS: dict[str, Kind] = {
    "a": Kind.WHOLE,
    "b": Kind.WHOLE,
    "x": Kind.NUMBER,
    "y": Kind.NUMBER,
    "s": Kind.TEXT,
    "two words": Kind.TEXT,
    "d": Kind.DATE,
    "m": Kind.MOMENT,
    "t": Kind.BOOLEAN,
}

_WORDS = ["", " ", "a", "A b", " straße ", "1,200", "12.5", "-3", "yes", "N", "2020-02-29", "29.2.2020 12:30", "ΣΟΦΟΣ"]
TEXTS = st.one_of(st.sampled_from(_WORDS), st.text(max_size=8))
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -2.5, 1e300, -1e300, 1e-300, 2.0**53, 1e16]),
    st.floats(allow_nan=False, allow_infinity=False),
)
WHOLES = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1))
OF_KIND: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.WHOLE: WHOLES,
    Kind.NUMBER: NUMBERS,
    Kind.TEXT: TEXTS,
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.dates(date(1, 1, 1), date(9999, 12, 31)),
    Kind.MOMENT: st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)),  # noqa: DTZ001
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.one_of(st.none(), OF_KIND[kind]) for name, kind in COLUMNS.items()}),
    min_size=1,
    max_size=6,
)


def table(rows: list[dict[str, Any]], columns: Mapping[str, Kind] = COLUMNS) -> pl.DataFrame:
    """The rows as a canonical table."""
    return pl.DataFrame(rows, schema={name: kind.polars for name, kind in columns.items()})


def values(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, numbers so that -0.0 and 0.0 are told apart from nothing else."""
    return frame.to_dicts()
