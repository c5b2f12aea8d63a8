"""Dates that are out of order, in the future, made up, or with gaps between them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import permutations

import polars as pl

from flowml.data.quality.examined import ColumnView, Examined, Found, found
from flowml.domain import wording
from flowml.domain.datasets import Role, Severity

_NEARLY_ALL = 0.95
_FEWEST = 30
_MADE_UP = ("1900-01-01", "1899-12-30", "1899-12-31", "1970-01-01", "9999-12-31", "9999-01-01", "2099-12-31")
_MADE_UP_SHARE = 0.005
_AHEAD = re.compile(
    r"(expir|due|end|until|valid|plan|schedul|deadline|deliver|next|target|forecast|arriv|depart|event|birthday)",
    re.IGNORECASE,
)
_MOST_COLUMNS = 8
_DAY_SECONDS = 86_400


def made_up_dates(column: ColumnView) -> Iterator[Found]:
    """Dates such as 1900-01-01 that programs write where they have none."""
    if not column.values.dtype.is_temporal() or column.stats.count < _FEWEST:
        return
    days = column.values.cast(pl.Date)
    # A list of days around it would make it a day like any other.
    for text in _MADE_UP:
        day = dt.date.fromisoformat(text)
        count = int((days == day).sum())
        near = int(((days - day).dt.total_days().abs() <= 31).sum()) - count if count else 0
        if count < max(2, _MADE_UP_SHARE * column.stats.count) or near > count / 10:
            continue
        shown = column.values.filter(days == day).unique()
        yield found(
            "made-up-dates",
            Severity.WARNING,
            [column.name],
            f"“{column.name}” is {text} in {wording.plural(count, 'row')}: programs write that where there is no date.",
            "Mark it as missing.",
            [
                {
                    "op": "mark_missing",
                    "columns": [column.name],
                    "values": [value.isoformat() for value in shown.to_list()],
                }
            ],
            size=column.share(count),
        )


def future_dates(column: ColumnView) -> Iterator[Found]:
    """Dates that have not come yet, in a column of the past."""
    if not column.values.dtype.is_temporal() or column.stats.count < _FEWEST or _AHEAD.search(column.name):
        return
    now = dt.datetime.fromtimestamp(column.table.now + _DAY_SECONDS, dt.UTC).replace(tzinfo=None)
    ahead = column.values.filter(column.values.cast(pl.Datetime("us")) > now)
    if not 0 < len(ahead) <= 0.2 * column.stats.count:
        return
    yield found(
        "future-dates",
        Severity.WARNING,
        [column.name],
        f"{wording.plural(len(ahead), 'date')} in “{column.name}” {'lies' if len(ahead) == 1 else 'lie'} in the "
        f"future, as far as {column.stats.max}.",
        "Correct them, if what the column tells has happened already.",
        size=column.share(len(ahead)),
    )


def gaps(column: ColumnView) -> Iterator[Found]:
    """Steps left out of a regular series of dates."""
    if not column.values.dtype.is_temporal() or column.stats.n_unique < _FEWEST:
        return
    steps = column.values.drop_nulls().unique().sort().diff().drop_nulls()
    usual = steps.mode().sort()[0]
    regular = int((steps == usual).sum())
    wide = steps.filter(steps > usual)
    # Weekends, and months of unequal length, are no gaps.
    if regular < _NEARLY_ALL * len(steps) or not len(wide):
        return
    yield found(
        "date-gaps",
        Severity.INFO,
        [column.name],
        f"The dates in “{column.name}” come in steps of {_duration(usual)}, with {wording.plural(len(wide), 'gap')}; "
        f"the longest is {_duration(wide.max())}.",  # type: ignore[arg-type]
        "Find out whether nothing happened then, or nothing was recorded.",
        size=len(wide) / max(1, len(steps)),
    )


def _duration(step: dt.timedelta) -> str:
    for seconds, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if step.total_seconds() >= seconds:
            count = step.total_seconds() / seconds
            return wording.plural(int(count), noun) if count == int(count) else f"{count:.1f} {noun}s"
    return f"{wording.number(step.total_seconds())} seconds"


def out_of_order(column: ColumnView) -> Iterator[Found]:
    """Rows nearly in the order of time."""
    if not column.values.dtype.is_temporal() or column.stats.count < _FEWEST:
        return
    moments = column.values.drop_nulls().to_physical()
    steps = moments.diff().drop_nulls()
    back, forth = int((steps < 0).sum()), int((steps > 0).sum())
    if not back or back > (1 - _NEARLY_ALL) * (back + forth):
        return
    yield found(
        "dates-out-of-order",
        Severity.INFO,
        [column.name],
        f"The rows are nearly in the order of “{column.name}”, but {wording.plural(back, 'row')} "
        f"{'comes' if back == 1 else 'come'} before an earlier one.",
        "Sort the table, if anything is computed from one row to the next.",
        [{"op": "sort", "column": column.name}],
        size=column.share(back),
    )


def ends_before_starts(table: Examined) -> Iterator[Found]:
    """Two columns of dates of which one comes first in nearly every row, and not in some."""
    names = [item.name for item in table.stats.values() if item.role is Role.DATETIME][:_MOST_COLUMNS]
    moments = {name: table.values(name).cast(pl.Datetime("us")) for name in names} if len(names) > 1 else {}
    for first, second in permutations(moments, 2):
        both = moments[first].is_not_null() & moments[second].is_not_null()
        n_both, wrong = int(both.sum()), int((both & (moments[first] > moments[second])).sum())
        right = int((both & (moments[first] < moments[second])).sum())
        if n_both < _FEWEST or not 0 < wrong <= (1 - _NEARLY_ALL) * n_both or right < n_both / 2:
            continue
        yield found(
            "dates-crossed",
            Severity.WARNING,
            [first, second],
            f"“{first}” comes before “{second}” as a rule, but after it in {wording.plural(wrong, 'row')}.",
            "Check these rows: one of the dates is probably wrong.",
            size=wrong / table.n_rows,
        )
