"""A small table comes back as it was, and nothing that is none."""

import json
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl
import pytest

from flowml.domain.errors import FlowMLError
from flowml.services.scoring.flat import flatten, unflatten


def test_a_table_comes_back_as_it_was() -> None:
    frame = pl.DataFrame(
        {
            "n": [1, None, -(2**63)],
            "u": pl.Series([2**64 - 1, None, 0], dtype=pl.UInt64),
            "f": [0.1, None, -1e300],
            "s": ["a", None, "ä\0,\n"],
            "b": [True, None, False],
            "d": [date(1700, 1, 1), None, date(2024, 2, 29)],
            "t": [time(1, 2, 3), None, time(0)],
            "m": [datetime(2024, 7, 1, 12, tzinfo=UTC), None, datetime(1900, 1, 1, tzinfo=UTC)],
            "ms": pl.Series([0, None, -1]).cast(pl.Datetime("ms")),
            "nothing": [None, None, None],
        }
    )
    found = unflatten(json.loads(json.dumps(flatten(frame), allow_nan=False)))
    assert found.equals(frame) and found.schema == frame.schema


@pytest.mark.parametrize("values", [[[1]], [{"a": 1}], [b"x"], [float("nan")], [float("inf")]])
def test_others_go_another_way(values: list[Any]) -> None:
    assert flatten(pl.DataFrame({"a": values})) is None


@pytest.mark.parametrize(
    "lie",
    [
        [["a", "Int64", None, None, ["x"]]],
        [["a", "Int8", None, None, [1000]]],
        [["a", "List(Int64)", None, None, [[1]]]],
        [["a", "Datetime", "years", None, [1]]],
        [["a", "Datetime", "us", "Nowhere/Land", [1]]],
        [["a", "Int64", None, None, [1]], ["b", "Int64", None, None, [1, 2]]],
        [["a"]],
        5,
    ],
)
def test_what_is_none_is_refused(lie: Any) -> None:
    with pytest.raises(FlowMLError):
        unflatten(lie)
