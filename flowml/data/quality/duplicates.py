"""Rows and columns that are there more than once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.quality.examined import Examined, Found, found
from flowml.data.relations.groups import are_classes
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Role, Severity

Hashes = NDArray[np.uint64]

_MANY = 0.01
# Where so few different rows can be, equal ones are no news.
_POSSIBLE_PER_ROW = 100
_MOST_COLUMNS = 2_000
_FINGERPRINT_ROWS = 5_000
_STRAIGHT_LINE = 0.999_999
_FEWEST_ROWS = 20


def repeated_rows(table: Examined) -> Iterator[Found]:
    """Rows that are equal in every column, and such that differ only in what is to be predicted."""
    if table.n_rows < 2 or not table.stats:
        return
    features = [item for item in table.features if item.role is not Role.IDENTIFIER]
    by_chance = _possible_rows(features) < math.log(table.n_rows * _POSSIBLE_PER_ROW)
    if by_chance:
        return
    if not _has_key(table, list(table.stats.values())):
        yield from _equal_rows(table)
    elif len(features) < len(table.stats) and not _has_key(table, features):
        yield from _equal_but_for_identifiers(table, [item.name for item in features])
    if features and table.target is not None and not _has_key(table, features):
        yield from _contradictions(table, [item.name for item in features])


def _possible_rows(columns: Sequence[ColumnStats]) -> float:
    """The logarithm of how many different rows there could be, by how evenly each column is spread."""
    return sum(math.log(_usual_values(item)) for item in columns)


def _usual_values(item: ColumnStats) -> float:
    """How many values there are in effect: one that is in nine rows of ten makes the others count little."""
    if item.count == 0:
        return 1.0
    top = [entry.count / item.count for entry in item.top]
    rest = max(0.0, 1 - sum(top))
    others = max(1, item.n_unique - len(top))
    return 1 / max(1e-12, sum(share**2 for share in top) + rest**2 / others)


def _equal_rows(table: Examined) -> Iterator[Found]:
    return _repeated_rows(
        table,
        list(table.stats),
        "earlier row in every column. If new rows will be none of these, a model that has learned from one and is "
        "tested on the other looks better than it is.",
        "Remove the repeated rows if they were entered twice. If each is a case of its own, leave them: copies will be "
        "among new rows, too. To have models tested on other rows only, train with equal rows kept together (cv "
        "“together”).",
        {"op": "drop_duplicates"},
    )


def _equal_but_for_identifiers(table: Examined, names: list[str]) -> Iterator[Found]:
    names = [*names, table.target.name] if table.target is not None else names
    return _repeated_rows(
        table,
        names,
        "earlier row in every column but those that identify it.",
        "Remove the repeated rows, if they are the same case under two names.",
        {"op": "drop_duplicates", "columns": names},
    )


def _repeated_rows(
    table: Examined, names: list[str], repeated: str, advice: str, operation: dict[str, Any]
) -> Iterator[Found]:
    count = table.n_rows - len(np.unique(_row_hashes(table, names)))
    if not count:
        return
    share = count / table.n_rows
    yield found(
        "duplicate-rows",
        Severity.WARNING if share >= _MANY else Severity.INFO,
        (),
        f"{wording.plural(count, 'row')} ({wording.percent(share)}) {'repeats' if count == 1 else 'repeat'} an "
        f"{repeated}",
        advice,
        [operation],
        size=share,
    )


def _has_key(table: Examined, columns: Sequence[ColumnStats]) -> bool:
    """Whether a column has another value in every row, so that no two rows are equal."""
    return any(item.n_unique == table.n_rows for item in columns)


def _contradictions(table: Examined, features: list[str]) -> Iterator[Found]:
    assert table.target is not None
    answers = table.values(table.target.name)
    if not are_classes(answers):
        return
    hashes = pl.Series("row", _row_hashes(table, features))
    groups = (
        pl.DataFrame({"row": hashes, "answer": answers})
        .drop_nulls()
        .group_by("row")
        .agg(pl.len().alias("n"), pl.col("answer").n_unique().alias("answers"))
        .filter(pl.col("answers") > 1)
    )
    rows = int(groups["n"].sum())
    if not rows:
        return
    share = rows / table.n_rows
    yield found(
        "contradictory-rows",
        Severity.WARNING if share >= _MANY else Severity.INFO,
        [table.target.name],
        f"{wording.plural(rows, 'row')} ({wording.percent(share)}) are equal in all that a model could learn from "
        f"but differ in “{table.target.name}”. No model can be right about all of them.",
        "See whether some are mistakes, or whether a column is missing that tells them apart.",
        size=share,
    )


def _row_hashes(table: Examined, names: Sequence[str]) -> Hashes:
    """A hash of each row, column by column: no two columns need to be in memory at once."""
    hashes = np.zeros(table.n_rows, dtype=np.uint64)
    for name in names:
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + table.values(name).hash().to_numpy()
        # Spread the bits, or columns that are alike would undo each other.
        hashes ^= hashes >> np.uint64(29)
    return hashes


def repeated_columns(table: Examined) -> Iterator[Found]:
    """Columns that say the same as another, be it in other words or as a straight line of it."""
    usable = [item for item in table.features if _may_repeat(item, table.n_rows)][:_MOST_COLUMNS]
    if table.n_rows < _FEWEST_ROWS:
        return
    dropped: set[str] = set()
    for first, second, how in [*_same_values(table, usable), *_straight_lines(table, usable)]:
        if dropped & {first.name, second.name}:
            continue
        kept, spare = (second, first) if first.dtype == "String" and second.dtype != "String" else (first, second)
        dropped.add(spare.name)
        yield found(
            "duplicate-columns",
            Severity.WARNING if how == "is equal to" else Severity.INFO,
            [kept.name, spare.name],
            f"“{spare.name}” {how} “{kept.name}”, so that one of them is enough.",
            f"Drop “{spare.name}”.",
            [{"op": "drop", "columns": [spare.name]}],
            size=1 / len(table.stats),
        )


def _may_repeat(item: ColumnStats, n_rows: int) -> bool:
    return item.role is not Role.CONSTANT and item.n_unique > 1 and item.count > n_rows * 0.01


def _same_values(table: Examined, columns: list[ColumnStats]) -> Iterator[tuple[ColumnStats, ColumnStats, str]]:
    """Pairs with equal values, and pairs whose values are names for each other."""
    alike: dict[object, list[ColumnStats]] = {}
    for item in columns:
        alike.setdefault((item.n_unique, item.missing, _fingerprint(table.sample(item.name))), []).append(item)
    for candidates in alike.values():
        for first, second in combinations(candidates[:20], 2):
            one, other = table.values(first.name), table.values(second.name)
            if one.dtype == other.dtype and one.equals(other, check_names=False):
                yield first, second, "is equal to"
            # Any two columns of different values name each other: only repeated ones show that it is no chance.
            elif first.n_unique <= first.count / 2 and (one.is_null() == other.is_null()).all():
                pairs = pl.DataFrame({"one": one, "other": other}).n_unique()
                if pairs == one.n_unique() == other.n_unique():
                    yield first, second, "says in other words the same as"


def _fingerprint(values: pl.Series) -> int:
    """The same for columns whose values are names for each other: where each value was seen first."""
    head = values.head(_FINGERPRINT_ROWS)
    firsts = (
        pl.DataFrame({"value": head})
        .with_row_index("row")
        .select(pl.when(pl.col("value").is_null()).then(None).otherwise(pl.col("row").min().over("value")))
        .to_series()
    )
    weights = np.arange(1, len(firsts) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return int((firsts.cast(pl.UInt64).fill_null(len(firsts)).to_numpy() * weights).sum(dtype=np.uint64))


def _straight_lines(table: Examined, columns: list[ColumnStats]) -> Iterator[tuple[ColumnStats, ColumnStats, str]]:
    """Pairs of numbers that are a straight line of each other: other units, or a rounding."""
    numbers = [item for item in columns if item.role is Role.NUMERIC and item.n_unique > 10 and not item.missing]
    if len(numbers) < 2:
        return
    scaled = []
    for item in numbers:
        values = table.sample(item.name).head(_FINGERPRINT_ROWS).cast(pl.Float64).to_numpy()
        spread = float(values.std())
        usable = math.isfinite(spread) and spread > 0
        scaled.append((values - values.mean()) / spread if usable else np.zeros(len(values)))
    matrix = np.array(scaled)
    correlations = np.abs(matrix @ matrix.T) / matrix.shape[1]
    for first, second in np.argwhere(np.triu(correlations, 1) >= _STRAIGHT_LINE).tolist():
        yield numbers[first], numbers[second], "is a straight line of"
