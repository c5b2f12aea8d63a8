"""What to draw of two columns, and what it shows in plain words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flowml.data.profiling.bins import date_edges
from flowml.data.profiling.distribution import as_value
from flowml.data.relations.groups import Group, Grouped, are_classes, group
from flowml.data.relations.strength import Association, check_target
from flowml.data.sampling import read_spread
from flowml.data.values import plain
from flowml.domain import wording

_MOST_ROWS = 100_000
_MOST_POINTS = 1_000
_BINS = 10
_PERIODS = 24
_CATEGORIES = 12
_CLASSES = 8
# Numbers with no more different values are drawn value by value.
_SINGLE_VALUES = 10
# A group that a caption may name has so many rows in a small table, and in a large one.
_FEWEST, _FEWEST_OF_MANY = 5, 50
# Of fewer the caption says how many there are.
_MANY = 100
_COMPARED = 200
_HARDLY = 0.05


def relation_of_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the `column` to the `target` in the `table` at this path. Raises InvalidInput."""
    return relation(Path(request["table"]), request["column"], request["target"])


def relation(table: Path, column: str, target: str) -> dict[str, Any]:
    """One of four kinds of figure, each with "kind", "column", "target", "strength", "caption" and "note": shares of
    classes by group, boxes of numbers by category, the trend of numbers in time, or a scatter of two numbers.

    Rows without a target are left out. Raises InvalidInput for a target of dates or without values.
    """
    frame, note = read_spread(table, list(dict.fromkeys((column, target))), _MOST_ROWS)
    check_target(frame[target])
    frame = frame.filter(pl.col(target).is_not_null())
    values, answers = frame[column], frame[target]
    strength, _ = Association(answers).with_column(values)
    if are_classes(answers):
        found = _shares(values, answers)
    elif values.dtype.is_temporal():
        found = _trend(values, answers)
    elif values.dtype in (pl.String, pl.Boolean) or values.drop_nulls().n_unique() <= _SINGLE_VALUES:
        found = _boxes(values, answers)
    else:
        found = _scatter(values, answers)
    if strength is None or strength < _HARDLY:
        found["caption"] = f"“{target}” hardly differs with “{column}”."
    return {"column": column, "target": target, "strength": strength, "note": note, **found}


def _shares(values: pl.Series, target: pl.Series) -> dict[str, Any]:
    grouped = _in_periods(values) if values.dtype.is_temporal() else _grouped(values)
    answers = group(target, bins=_CLASSES, categories=_CLASSES, each=_CLASSES)
    order = _order_of_classes(target, answers)
    counts = np.zeros((len(grouped.groups), len(answers.groups)))
    inside = grouped.codes >= 0
    np.add.at(counts, (grouped.codes[inside], answers.codes[inside]), 1)
    totals = counts.sum(axis=1)
    shares = counts[:, order] / np.maximum(totals, 1)[:, None]
    classes = [answers.groups[code].label for code in order]
    shown = [
        {"label": item.label, "low": item.low, "high": item.high, "count": int(total), "shares": of_group.tolist()}
        for item, total, of_group in zip(grouped.groups, totals, shares, strict=True)
    ]
    kept = [entry for code, entry in enumerate(shown) if code != grouped.other and entry["count"]]
    other = shown[grouped.other]["count"] if grouped.other is not None else 0
    named = kept
    if grouped.other is not None:
        # The caption speaks of the greatest and the least of all, and not of those alone that are drawn.
        every = group(values, bins=_BINS, categories=_COMPARED)
        table = np.zeros((len(every.groups), len(answers.groups)))
        inside = every.codes >= 0
        np.add.at(table, (every.codes[inside], answers.codes[inside]), 1)
        named = [
            {"label": item.label, "count": int(row.sum()), "shares": (row[order] / max(1, row.sum())).tolist()}
            for code, (item, row) in enumerate(zip(every.groups, table, strict=True))
            if code != every.other and row.sum()
        ]
    caption = _caption_of_shares(values.name, target.name, classes, _large_enough(named, len(values)))
    if caption is None:
        gone = [counts[grouped.missing], counts.sum(axis=0) - counts[grouped.missing]] if grouped.missing else []
        caption = _caption_of_missing(values.name, target.name, classes, [row[order] for row in gone])
    return {"kind": "shares", "classes": classes, "groups": kept, "other": other, "caption": caption}


def _order_of_classes(target: pl.Series, answers: Grouped) -> list[int]:
    """As people list them: numbers in their order, yes after no, labels by how frequent they are."""
    codes = list(range(len(answers.groups)))
    return sorted(codes, key=lambda code: answers.groups[code].label) if target.dtype == pl.Boolean else codes


def _caption_of_shares(column: str, target: str, classes: list[str], named: list[dict[str, Any]]) -> str | None:
    if len(named) < 2:
        return None
    shares = np.array([entry["shares"] for entry in named])
    # Of two classes the one that people ask for comes last: 1, true, yes, or else the rarer one.
    code = len(classes) - 1 if len(classes) == 2 else int(np.argmax(np.ptp(shares, axis=0)))
    most, least = named[int(shares[:, code].argmax())], named[int(shares[:, code].argmin())]
    return (
        f"“{target}” is {classes[code]} most often where “{column}” is {most['label']}: "
        f"{wording.percent(most['shares'][code])}{_of(most['count'])}, against "
        f"{wording.percent(least['shares'][code])}{_of(least['count'])} where it is {least['label']}."
    )


def _caption_of_missing(column: str, target: str, classes: list[str], counts: list[np.ndarray]) -> str:
    """Of a column of hardly repeated values, all that can be compared: rows with and without one."""
    if not counts or min(row.sum() for row in counts) < _FEWEST:
        return _not_compared(column)
    missing, present = (row / row.sum() for row in counts)
    code = len(classes) - 1 if len(classes) == 2 else int(np.argmax(np.abs(missing - present)))
    return (
        f"“{target}” is {classes[code]} in {wording.percent(float(missing[code]))} of the rows where “{column}” is "
        f"missing, and in {wording.percent(float(present[code]))} where it is not."
    )


def _of(count: int) -> str:
    """
    >>> _of(64), _of(640)
    (' of 64 rows', '')
    """
    return "" if count >= _MANY else f" of {wording.plural(count, 'row')}"


def _rows(count: int) -> str:
    return "rows" if count >= _MANY else wording.plural(count, "row")


def _large_enough(groups: list[dict[str, Any]], n_rows: int) -> list[dict[str, Any]]:
    """Those that may be named in a table of so many rows."""
    fewest = max(_FEWEST, min(_FEWEST_OF_MANY, n_rows // 100))
    return [entry for entry in groups if entry["count"] >= fewest]


def _grouped(values: pl.Series) -> Grouped:
    return group(values, bins=_BINS, categories=_CATEGORIES, each=_CATEGORIES)


def _in_periods(values: pl.Series) -> Grouped:
    """Dates in periods of the calendar, the missing ones as a group of their own."""
    moments = values.to_physical().cast(pl.Int64)
    present = moments.drop_nulls()
    if present.is_empty():
        return _grouped(values)
    edges = date_edges(int(present.min()), int(present.max()), _PERIODS, values.dtype)  # type: ignore[arg-type]
    codes = np.searchsorted(edges[1:-1], moments.fill_null(0).to_numpy(), side="right").astype(np.int64)
    starts = [_moment(edge, values.dtype) for edge in edges.tolist()]
    groups = [Group(f"from {low}", low, high) for low, high in itertools.pairwise(starts)]
    missing = values.is_null().to_numpy()
    if missing.any():
        codes[missing] = len(groups)
        groups.append(Group("missing"))
    return Grouped(codes, tuple(groups), None, len(groups) - 1 if missing.any() else None)


def _moment(edge: float, dtype: pl.DataType) -> str:
    try:
        return str(plain(as_value(int(edge), dtype)))
    except OverflowError:
        return str(int(edge))


def _boxes(values: pl.Series, target: pl.Series) -> dict[str, Any]:
    grouped = _grouped(values)
    numbers = target.cast(pl.Float64).to_numpy()
    groups: list[dict[str, Any]] = []
    for code, item in enumerate(grouped.groups):
        inside = numbers[grouped.codes == code]
        if code == grouped.other or len(inside) == 0:
            continue
        q25, median, q75 = (float(figure) for figure in np.quantile(inside, [0.25, 0.5, 0.75]))
        reach = 1.5 * (q75 - q25)
        usual = inside[(inside >= q25 - reach) & (inside <= q75 + reach)]
        groups.append(
            {
                "label": item.label,
                "count": len(inside),
                "low": float(usual.min()),
                "q25": q25,
                "median": median,
                "q75": q75,
                "high": float(usual.max()),
                "mean": _mean(inside),
            }
        )
    other = int(grouped.counts[grouped.other]) if grouped.other is not None else 0
    named = _large_enough(groups, len(values))
    if grouped.other is not None:
        every = group(values, bins=_BINS, categories=_COMPARED)
        codes = [code for code in range(len(every.groups)) if code != every.other]
        inside_of = {code: numbers[every.codes == code] for code in codes}
        named = _large_enough(
            [
                {"label": every.groups[code].label, "count": len(inside), "median": float(np.median(inside))}
                for code, inside in inside_of.items()
                if len(inside)
            ],
            len(values),
        )
    caption = _not_compared(values.name)
    if len(named) > 1:
        most, least = (pick(named, key=lambda entry: float(entry["median"])) for pick in (max, min))
        above, below = wording.number(most["median"]), wording.number(least["median"])
        caption = (
            f"“{target.name}” is highest where “{values.name}” is {most['label']}: half of the"
            f" {_rows(most['count'])} are above {above}, against {below}{_of(least['count'])}"
            f" where it is {least['label']}."
        )
    return {"kind": "boxes", "value": target.name, "groups": groups, "other": other, "caption": caption}


def _trend(values: pl.Series, target: pl.Series) -> dict[str, Any]:
    grouped = _in_periods(values)
    numbers = target.cast(pl.Float64).to_numpy()
    periods: list[dict[str, Any]] = []
    for code, item in enumerate(grouped.groups):
        inside = numbers[grouped.codes == code]
        if code == grouped.missing or len(inside) == 0:
            continue
        periods.append({"start": item.low, "end": item.high, "count": len(inside), "mean": _mean(inside)})
    named = [entry for entry in periods if entry["count"] >= _FEWEST]
    caption = f"There are too few dates in “{values.name}” to see a trend."
    if len(named) > 1:
        most, least = (pick(named, key=lambda entry: float(entry["mean"])) for pick in (max, min))
        caption = (
            f"“{target.name}” was highest in the time from {most['start']}: {wording.number(most['mean'])} on average, "
            f"against {wording.number(least['mean'])} in the time from {least['start']}."
        )
    return {"kind": "trend", "periods": periods, "caption": caption}


def _scatter(values: pl.Series, target: pl.Series) -> dict[str, Any]:
    pairs = pl.DataFrame({"x": values.cast(pl.Float64), "y": target.cast(pl.Float64)}).drop_nulls()
    pairs = pairs.filter(pl.col("x").is_finite() & pl.col("y").is_finite())
    points = pairs.gather_every(max(1, math.ceil(len(pairs) / _MOST_POINTS)))
    grouped = group(pairs["x"], bins=_BINS)
    numbers = pairs["y"].to_numpy()
    bins: list[dict[str, Any]] = []
    for code, item in enumerate(grouped.groups):
        inside = numbers[grouped.codes == code]
        bins.append({"low": item.low, "high": item.high, "count": len(inside), "mean": _mean(inside)})
    caption = f"There are too few rows with both “{values.name}” and “{target.name}”."
    if len(bins) > 1:
        most, least = (pick(bins, key=lambda entry: float(entry["mean"])) for pick in (max, min))
        caption = (
            f"“{target.name}” is highest where “{values.name}” is {_between(most)}: "
            f"{wording.number(most['mean'])} on average, against {wording.number(least['mean'])} where it is "
            f"{_between(least)}."
        )
    return {"kind": "scatter", "points": [list(point) for point in points.rows()], "bins": bins, "caption": caption}


def _mean(numbers: np.ndarray) -> float:
    """Of any numbers: the sum of the largest floats is none."""
    largest = max(1.0, float(np.abs(numbers).max(initial=0.0)))
    return float((numbers / largest).mean() * largest)


def _not_compared(column: str) -> str:
    return f"No two values of “{column}” have enough rows to be compared."


def _between(entry: Mapping[str, Any]) -> str:
    low, high = wording.number(entry["low"]), wording.number(entry["high"])
    return low if low == high else f"{low} to {high}"
