"""Numbers that are no measurements: far away, standing for something else, impossible, or out of proportion."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from flowml.data.names import named_like_code, named_like_identifier
from flowml.data.quality.examined import ColumnView, Found, backticked, found
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Severity

_FEWEST_ROWS = 50
# Beyond so many times the width of the middle half, by scale. (J. W. Tukey, Exploratory Data Analysis, 1977, calls 3
# “far out”; on tables of thousands of rows that is found in any tail.)
_FAR, _VERY_FAR = 4.0, 12.0
_FAR_BY_RATIO, _VERY_FAR_BY_RATIO = 3.0, 6.0
_FEW = 0.01
_SKEWED, _STRAIGHTENED = 3.0, 1.0
_SENTINELS = frozenset(sign * int(digit * length) for sign in (1, -1) for digit in "98" for length in range(1, 8)) - {
    9,
    8,
    -8,
} | {-1, 999_999_999, -32_768, 32_767, 65_535, 2_147_483_647, -2_147_483_648}
_MOST_STAND_INS = 6
_NEVER_NEGATIVE = re.compile(
    r"(?:^|[^a-z])(age|height|weight|price|quantity|count|distance|duration|area|population|income|salary|speed)"
    r"(?:$|[^a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_AGE = re.compile(r"(?:^|[^a-z])age(?:$|[^a-z])")
_OLDEST = 125


def outliers(column: ColumnView) -> Iterator[Found]:
    """Few values far away from all others, on a logarithmic scale where the values call for it."""
    stats = column.stats
    if not column.is_number or stats.count < _FEWEST_ROWS or stats.n_unique <= 10:
        return
    limits = fences(stats)
    if limits is None:
        return
    low, high, far_low, far_high = limits
    values = column.values
    out = values.filter((values < low) | (values > high))
    if not 0 < len(out) <= max(1, _FEW * stats.count):
        return
    very_far = bool(((out < far_low) | (out > far_high)).any())
    if column.is_target and not very_far:
        return
    clip: dict[str, object] = {"op": "clip", "column": column.name}
    clip |= {"low": _inside(low, values.dtype, is_high=False)} if stats.min < low else {}
    clip |= {"high": _inside(high, values.dtype, is_high=True)} if stats.max > high else {}
    ends = [wording.number(end) for end in sorted({float(out.min()), float(out.max())})]  # type: ignore[arg-type]
    lies = "lies" if len(out) == 1 else "lie"
    yield found(
        "target-outliers" if column.is_target else "outliers",
        Severity.WARNING if very_far else Severity.INFO,
        [column.name],
        f"{wording.plural(len(out), 'value')} of “{column.name}” {lies} far from the others, at {' to '.join(ends)}; "
        f"the middle half lies between {wording.number(stats.q25 or 0)} and {wording.number(stats.q75 or 0)}.",
        "See whether they are mistakes. If they are real they may stay; clip them to the usual values where an average"
        " or a straight line through all rows matters, since a few such values move it far.",
        [] if column.is_target else [clip],
        size=column.share(len(out)),
    )


def fences(stats: ColumnStats) -> tuple[float, float, float, float] | None:
    """Below and above what values are far away, and below and above what very far; None where the middle half has no
    width.

    The upper ends of positive values are found by ratio as well, log(1 + x / median), and the more patient of both
    counts. Quantiles of a logarithm are logarithms of quantiles, so the statistics are enough, and clipping at the
    fences leaves them where they are.
    """
    if stats.q25 is None or stats.q75 is None or stats.median is None or stats.q25 == stats.q75:
        return None
    q25, median, q75 = stats.q25, stats.median, stats.q75
    width = q75 - q25
    high, far_high = q75 + _FAR * width, q75 + _VERY_FAR * width
    if q25 >= 0 and median > 0:
        upper = math.log1p(q75 / median)
        ratio = upper - math.log1p(q25 / median)
        high = max(high, median * math.expm1(min(500.0, upper + _FAR_BY_RATIO * ratio)))
        far_high = max(far_high, median * math.expm1(min(500.0, upper + _VERY_FAR_BY_RATIO * ratio)))
    return q25 - _FAR * width, high, q25 - _VERY_FAR * width, far_high


def _inside(fence: float, dtype: pl.DataType, *, is_high: bool) -> float | int:
    """A fence with four digits, on the side of the usual values."""
    toward = math.floor if is_high else math.ceil
    if dtype.is_integer():
        return int(toward(fence))
    unit = 10.0 ** (math.floor(math.log10(abs(fence))) - 3) if fence else 1.0
    return float(f"{toward(fence / unit) * unit:.10g}")


def stand_ins(column: ColumnView) -> Iterator[Found]:
    """Numbers such as -999 that stand for a missing value: repeated, at an end, and apart from all others."""
    stats = column.stats
    if not column.is_number or stats.count < _FEWEST_ROWS or stats.n_unique < 5:
        return
    if stats.min not in _SENTINELS and stats.max not in _SENTINELS:
        return
    apart = stand_in_values(column.values)
    if not apart.counts:
        return
    rows = sum(apart.counts.values())
    shown = wording.listed(
        [f"{wording.number(value)} in {wording.plural(count, 'row')}" for value, count in apart.counts.items()]
    )
    yield found(
        "stand-in-value",
        Severity.WARNING,
        [column.name],
        f"“{column.name}” is {shown}, while all other values lie between {wording.number(apart.least)} and "
        f"{wording.number(apart.greatest)}. It seems to stand for something else: a missing value, or more than could "
        "be entered.",
        "Mark it as missing, if that is what it means.",
        [{"op": "mark_missing", "columns": [column.name], "values": list(apart.counts)}],
        size=column.share(rows),
    )


@dataclass(frozen=True)
class StandIns:
    """Which numbers are probably none, with how often each occurs, and between what the others lie."""

    counts: Mapping[float, int]
    least: float
    greatest: float


def stand_in_values(values: pl.Series) -> StandIns:
    """Those of some numbers that are -999 or the like, lie apart from all others, and occur at least twice."""
    values = values.drop_nulls()
    ends: list[float] = []
    core = values
    while len(core) and len(ends) < _MOST_STAND_INS and (end := _sentinel_at_an_end(core)) is not None:
        ends.append(end)
        core = core.filter(core != end)
    if core.is_empty():
        return StandIns({}, 0.0, 0.0)
    least, greatest = float(core.min()), float(core.max())  # type: ignore[arg-type]
    counts: dict[float, int] = {}
    for end in reversed(ends):
        count = int((values == end).sum())
        gap = least - end if end < least else end - greatest
        commonest = end == -1 and least >= 0 and greatest > 10 and bool((values.mode() == -1).any())
        if (count >= 2 and gap > max(greatest - least, 1.0)) or commonest:
            counts[end] = count
        else:
            least, greatest = min(least, end), max(greatest, end)
    return StandIns(dict(reversed(counts.items())), least, greatest)


def _sentinel_at_an_end(values: pl.Series) -> float | None:
    ends: tuple[float, float] = (values.min(), values.max())  # type: ignore[assignment]
    return next((end for end in ends if end in _SENTINELS), None)


def zeros_apart(column: ColumnView) -> Iterator[Found]:
    """Zeros where all other values are far from zero: a body mass of 0 was not measured."""
    stats = column.stats
    if not column.is_number or column.is_target or stats.min != 0 or stats.n_unique < 15:
        return
    positive = column.values.filter(column.values > 0)
    count = stats.count - len(positive)
    if count < 2 or len(positive) < _FEWEST_ROWS:
        return
    smallest = positive.unique().bottom_k(11).sort()
    gap, spacing = float(smallest[0]), float(smallest.diff().median() or 0.0)  # type: ignore[arg-type]
    q25, median, q75 = (float(positive.quantile(share) or 0.0) for share in (0.25, 0.5, 0.75))
    if gap < 5 * spacing or gap < 0.1 * median:
        return
    yield found(
        "zeros-apart",
        Severity.WARNING if gap > q75 - q25 else Severity.INFO,
        [column.name],
        f"“{column.name}” is 0 in {wording.plural(count, 'row')}, and no other value is below {wording.number(gap)}. "
        "0 may stand for a missing value there.",
        "Mark it as missing, if 0 cannot be.",
        [{"op": "mark_missing", "columns": [column.name], "values": [0]}],
        size=column.share(count),
    )


def impossible(column: ColumnView) -> Iterator[Found]:
    """Values that the name of the column rules out: an age of -3, a price below zero in a few rows."""
    stats = column.stats
    if not column.is_number or stats.min is None:
        return
    name = _CAMEL.sub("_", column.name).lower()
    words = _NEVER_NEGATIVE.search(name)
    checks = []
    if words and stats.min < 0:
        checks.append((column.values < 0, "< 0", "below 0"))
    if _AGE.search(name) and stats.max > _OLDEST and (stats.median or 0) < 100:
        checks.append((column.values > _OLDEST, f"> {_OLDEST}", f"above {_OLDEST}"))
    for mask, condition, which in checks:
        count = int(mask.sum())
        term = backticked(column.name)
        if count > 0.05 * stats.count:
            continue
        operations = []
        if term:
            blanked = f"if({term} {condition}, missing, {term})"
            operations.append({"op": "derive", "column": column.name, "expression": blanked})
        yield found(
            "impossible-values",
            Severity.WARNING,
            [column.name],
            f"“{column.name}” is {which} in {wording.plural(count, 'row')}, which cannot be by its name (from "
            f"{wording.number(stats.min)} to {wording.number(stats.max)}).",
            "Correct these values, or mark them as missing.",
            operations,
            size=column.share(count),
        )


def skewed(column: ColumnView) -> Iterator[Found]:
    """Long tails that a logarithm would straighten."""
    stats = column.stats
    if not column.is_number or column.is_target or (stats.skewness or 0.0) < _SKEWED or (stats.min or 0) < 0:
        return
    if stats.n_unique < 20 or stats.min is None or stats.count < _FEWEST_ROWS:
        return
    straightened = column.values.cast(pl.Float64).log1p().skew()
    if straightened is None or abs(straightened) > _STRAIGHTENED:
        return
    term = backticked(column.name)
    yield found(
        "skewed",
        Severity.INFO,
        [column.name],
        f"“{column.name}” has a long tail: half of the values are below {wording.number(stats.median or 0)}, the "
        f"largest is {wording.number(stats.max)} (skewness {stats.skewness:.1f}).",
        "For linear models and networks, take its logarithm; trees do not mind.",
        [{"op": "derive", "column": column.name, "expression": f"log1p({term})"}] if term else [],
    )


def capped(column: ColumnView) -> Iterator[Found]:
    """Measurements that pile up at their greatest or smallest value, as if the scale had ended there."""
    stats = column.stats
    if not column.is_number or stats.n_unique < 50 or stats.count < 500 or (stats.skewness or 0) < -1:
        return
    values = column.values
    apart = stand_in_values(values).counts
    for end, kind in ((stats.max, "largest"), (stats.min, "smallest")):
        count = int((values == end).sum())
        if end == 0 or end in apart or count < 0.01 * stats.count:
            continue
        # Compared with what is usual nearby, not with popular values such as whole numbers.
        near = (
            values.filter(values != end).top_k(count * 2)
            if kind == "largest"
            else values.filter(values != end).bottom_k(count * 2)
        )
        usual = near.value_counts(name="n")["n"].max()
        if not isinstance(usual, int) or count < 4 * usual:
            continue
        yield found(
            "capped",
            Severity.WARNING if column.is_target else Severity.INFO,
            [column.name],
            f"{wording.plural(count, 'row')} ({wording.percent(column.share(count))}) have the {kind} value of "
            f"“{column.name}”, {wording.number(end)}, far more than any value near it: what lies beyond seems to "
            "have been cut off.",
            "Do not trust predictions near this value; if you can, find the true ones.",
            size=column.share(count),
        )


def codes_as_numbers(column: ColumnView) -> Iterator[Found]:
    """Postal codes and the like that are stored as numbers, and dates written as one number."""
    stats = column.stats
    if column.values.dtype != pl.Int64 or not column.is_number or column.is_target or stats.min is None:
        return
    if _are_days(column):
        yield found(
            "dates-as-numbers",
            Severity.WARNING,
            [column.name],
            f"“{column.name}” holds dates written as numbers, such as {stats.min}. As numbers, the last of a month "
            "and the first of the next are far apart.",
            "Turn them into dates.",
            [
                {"op": "cast", "column": column.name, "to": "text"},
                {"op": "parse_dates", "column": column.name, "format": "%Y%m%d", "to": "date"},
            ],
            size=1.0,
        )
    elif stats.n_unique > 10 and (
        named_like_code(column.name) or (named_like_identifier(column.name) and 10 * stats.n_unique < stats.count)
    ):
        yield found(
            "codes-as-numbers",
            Severity.INFO,
            [column.name],
            f"“{column.name}” holds {wording.plural(stats.n_unique, 'different number')} that are codes by its name: "
            "their order and distance mean nothing.",
            "Store it as text, so that each code is a category of its own.",
            [{"op": "cast", "column": column.name, "to": "text"}],
            size=1.0,
        )


def _are_days(column: ColumnView) -> bool:
    stats = column.stats
    if stats.n_unique < 3 or not (19_000_101 <= stats.min <= stats.max <= 21_001_231):
        return False
    values = column.values.drop_nulls()
    return values.cast(pl.String).str.to_date("%Y%m%d", strict=False).null_count() == 0
