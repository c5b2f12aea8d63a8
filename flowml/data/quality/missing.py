"""Values that are not there, and what that has to do with the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from flowml.data.quality.examined import Examined, Found, found
from flowml.data.relations.groups import Grouped, are_classes, group
from flowml.data.relations.strength import contingency, corrected_v
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Role, Severity

_MOSTLY, _NOTABLE = 0.5, 0.05
_FEWEST = 20
_TIED_TO_TARGET, _TIED_TO_COLUMN = 0.2, 0.6
_MOST_MASKS, _MOST_OTHERS = 40, 60
_NEARLY_SAME = 0.98
# What shares of two groups differ by when a person is to believe that they differ.
_TELLING = 0.15


@dataclass(frozen=True)
class _Tie:
    """The groups of another column in which a column is missing most and least often, and in what shares of them."""

    strength: float
    most: str
    most_share: float
    fewest: str
    fewest_share: float


def missing_values(table: Examined) -> Iterator[Found]:
    """Columns of which a good part is missing."""
    for item in table.features:
        if item.count == 0 or item.missing_share < _NOTABLE or item.role is Role.IDENTIFIER:
            continue
        mostly = item.missing_share >= _MOSTLY
        yield found(
            "high-missing" if mostly else "missing-values",
            Severity.WARNING if mostly else Severity.INFO,
            [item.name],
            f"“{item.name}” has no value in {wording.plural(item.missing, 'row')} "
            f"({wording.percent(item.missing_share)}).",
            "Find out why. If it is not known for new rows either, drop it; models here can learn from the rest."
            if mostly
            else "Models here can live with it. Fill it only if you know what a missing value means.",
            [{"op": "drop", "columns": [item.name]}] if mostly else [_fill(item)],
            size=item.missing_share,
        )


def _fill(item: ColumnStats) -> dict[str, object]:
    if item.role is Role.NUMERIC:
        return {"op": "fill", "column": item.name, "with": "median"}
    if item.role is Role.TEXT:
        return {"op": "fill", "column": item.name, "with": "value", "value": "missing"}
    return {"op": "fill", "column": item.name, "with": "most_frequent"}


def empty_rows(table: Examined) -> Iterator[Found]:
    """Rows without any value."""
    if not table.stats or any(item.missing == 0 for item in table.stats.values()):
        return
    empty: pl.Series | None = None
    for name in table.stats:
        mask = table.values(name).is_null()
        empty = mask if empty is None else empty & mask
        if not empty.any():
            return
    count = int(empty.sum()) if empty is not None else 0
    yield found(
        "empty-rows",
        Severity.WARNING,
        (),
        f"{wording.plural(count, 'row')} {'has' if count == 1 else 'have'} no value in any column.",
        "Remove them." if count < table.n_rows else "There is nothing in this table: look whether it was read right.",
        [{"op": "drop_missing", "how": "all"}] if count < table.n_rows else [],
        size=count / table.n_rows,
    )


def missing_together(table: Examined) -> Iterator[Found]:
    """Columns that are missing in the same rows."""
    masks = _masks(table)
    left = list(masks)
    while left:
        first = left.pop(0)
        same = [name for name in left if _overlap(masks[first], masks[name]) >= _NEARLY_SAME]
        if not same:
            continue
        left = [name for name in left if name not in same]
        names = [first, *same]
        item = table.stats[first]
        yield found(
            "missing-together",
            Severity.INFO,
            names,
            f"{wording.columns(names)} are missing in the same rows ({wording.percent(item.missing_share)}): they "
            "were not recorded one by one but together, or come from one source.",
            "Find out what these rows have in common. Whether they were recorded may itself tell something.",
            size=item.missing_share,
        )


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    either = int((first | second).sum())
    return float((first & second).sum()) / either if either else 0.0


def _masks(table: Examined) -> dict[str, np.ndarray]:
    """By column, where it is missing in the sample; only columns that are so in some rows and not in others."""
    masks: dict[str, np.ndarray] = {}
    for item in table.features:
        if item.missing < _FEWEST or item.count < _FEWEST or len(masks) >= _MOST_MASKS:
            continue
        mask = table.sample(item.name).is_null().to_numpy()
        if _FEWEST <= mask.sum() <= len(mask) - _FEWEST:
            masks[item.name] = mask
    return masks


def missing_for_a_reason(table: Examined) -> Iterator[Found]:
    """Columns that are missing more often for some values of the target, or of another column."""
    others = [
        item.name
        for item in table.features
        if item.role in (Role.CATEGORICAL, Role.BOOLEAN, Role.NUMERIC) and item.missing == 0
    ]
    grouped = {other: _grouped(table.sample(other)) for other in others[:_MOST_OTHERS]}
    answers = _grouped(table.sample(table.target.name)) if table.target is not None and table.target.count else None
    for name, mask in _masks(table).items():
        tied = _tied(answers, mask, _TIED_TO_TARGET) if answers is not None else None
        if tied is not None and table.target is not None:
            yield _reason(table, name, table.target.name, tied, is_target=True)
            continue
        found_ties = [(tie, other) for other in grouped if (tie := _tied(grouped[other], mask, _TIED_TO_COLUMN))]
        if found_ties:
            tie, other = max(found_ties, key=lambda pair: pair[0].strength)
            yield _reason(table, name, other, tie, is_target=False)


def _grouped(values: pl.Series) -> Grouped:
    return group(values, bins=5, categories=10, each=20 if are_classes(values) else 10)


def _tied(grouped: Grouped, mask: np.ndarray, least: float) -> _Tie | None:
    """How missing values go together with the groups of another column, if at least so strongly."""
    strength = corrected_v(contingency(grouped.codes, mask.astype(np.int64)))
    if strength is None or strength < least:
        return None
    counts = grouped.counts
    shares = np.bincount(grouped.codes, weights=mask, minlength=len(counts)) / np.maximum(counts, 1)
    enough = [code for code in range(len(counts)) if counts[code] >= _FEWEST and code != grouped.other]
    if len(enough) < 2:
        return None
    most, fewest = max(enough, key=lambda code: shares[code]), min(enough, key=lambda code: shares[code])
    if shares[most] - shares[fewest] < _TELLING:
        return None
    labels = [item.in_sentence for item in grouped.groups]
    return _Tie(strength, labels[most], float(shares[most]), labels[fewest], float(shares[fewest]))


def _reason(table: Examined, name: str, other: str, tie: _Tie, *, is_target: bool) -> Found:
    return found(
        "missing-not-at-random",
        Severity.WARNING if is_target and tie.strength >= _MOSTLY else Severity.INFO,
        [name, other],
        f"Whether “{name}” is missing goes together with “{other}”: it is in {wording.percent(tie.most_share)} of "
        f"the rows where “{other}” is {tie.most}, and in {wording.percent(tie.fewest_share)} where it is "
        f"{tie.fewest}.",
        "Do not fill it with one value, which would hide that"
        + (", and make sure that it is recorded before the answer is known." if is_target else "."),
        size=table.stats[name].missing_share,
    )
