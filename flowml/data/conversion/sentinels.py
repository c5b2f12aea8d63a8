"""Numbers that stand for “no value”."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from flowml.domain.remarks import Remark, decision

# Numbers that old programs write for “no value”. Nothing tells them from a measurement, so they are only pointed out.
_SENTINELS = (-99, -999, -9999, -99999)
_NAMED = 8


def perhaps_missing(columns: Iterable[pl.Series]) -> list[Remark]:
    """A remark where -999 stands among numbers that are all above zero: it is a missing value; only people know."""
    found = []
    for column in columns:
        if column.dtype in (pl.Int64, pl.Float64) and (least := column.min()) in _SENTINELS:
            others = column.filter(column != least)
            if not others.is_empty() and others.min() > least / 2:  # type: ignore[operator]
                count = len(column.drop_nulls()) - len(others)
                found.append(f"“{column.name}” ({least:,.0f} in {count:,} {'row' if count == 1 else 'rows'})")
    if not found:
        return []
    more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    said = f"Perhaps a missing value written as a number, and left as it is: {', '.join(found[:_NAMED])}{more}."
    return [decision("perhaps_missing", said)]
