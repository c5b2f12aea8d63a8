"""Figures of columns in sentences."""

from collections.abc import Mapping
from typing import Any

from flowml.assistant.answers.composing import listed
from flowml.domain.datasets import ColumnStats, Role
from flowml.domain.wording import number, percent, plural, value

TEMPORAL = ("Date", "Datetime")


def gap(column: ColumnStats) -> str:
    return f"“{column.name}” has no value in {plural(column.missing, 'row')} ({percent(column.missing_share)})."


def spread(column: ColumnStats) -> str:
    if column.role is Role.IDENTIFIER:
        return ""
    if column.mean is not None and column.role is not Role.BOOLEAN and column.min is not None:
        if column.n_unique == 1:
            return f"It is {number(column.min)} wherever it has a value."
        half = f"half of its values are below {number(column.median)}"
        if column.median in (column.min, column.max):
            half = f"at least half of its values are {number(column.median)}"
        spread = f"From {number(column.min)} to {number(column.max)}; {half}"
        middle = (
            "" if column.q25 is None else f", the middle half between {number(column.q25)} and {number(column.q75)}"
        )
        return f"{spread}{middle}, their mean is {number(column.mean)}."
    if column.dtype in TEMPORAL and column.min is not None:
        return f"From {str(column.min)[:10]} to {str(column.max)[:10]}."
    if column.top and column.count and column.top[0].count > 1:
        top = [f"{value(item.value)} ({percent(item.count / column.count)})" for item in column.top[:3]]
        return f"Most frequent: {listed(top)}."
    return ""


def strength(item: Mapping[str, Any], target: str) -> str:
    return (
        f"On its own, “{item['name']}” says {item['strength']:.2f} of what there is to say about “{target}”"
        f" ({item['measure']}, from 0 to 1)."
    )


def direction(item: Mapping[str, Any], target: str) -> str:
    return {1: f"; “{target}” rises with it", -1: f"; “{target}” falls as it rises"}.get(item["direction"], "")
