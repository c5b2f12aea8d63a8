"""What stands in the way of predicting a column: missing answers, one class only, rare ones, an order of the rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from flowml.data.quality.examined import Examined, Found, backticked, found
from flowml.data.relations.groups import are_classes
from flowml.domain import wording
from flowml.domain.datasets import Role, Severity

_RARE_SHARE, _VERY_RARE_SHARE = 0.1, 0.02
_FEWEST_EACH = 10
_MOST_DIFFERENT_SHARE = 0.5
_MANY_CLASSES = 100
_FEWEST_ROWS = 50


def answers(table: Examined) -> Iterator[Found]:
    """Missing answers, and targets that cannot be learned."""
    target = table.target
    if target is None or not table.n_rows:
        return
    if target.n_unique <= 1:
        what = (
            "has no value in any row" if target.count == 0 else f"is {wording.value(_only(table))} wherever it is known"
        )
        yield found(
            "target-constant",
            Severity.CRITICAL,
            [target.name],
            f"“{target.name}” {what}: there is nothing to predict.",
            "Choose another target, or add rows with other answers.",
            size=1.0,
        )
        return
    if target.missing:
        yield found(
            "target-missing",
            Severity.WARNING if target.missing_share >= 0.05 else Severity.INFO,
            [target.name],
            f"“{target.name}” is missing in {wording.plural(target.missing, 'row')} "
            f"({wording.percent(target.missing_share)}). Nothing can be learned from them.",
            "Training leaves these rows out. Remove them, unless they are the ones to be predicted.",
            [{"op": "drop_missing", "columns": [target.name]}],
            size=target.missing_share,
        )
    values = table.values(target.name).drop_nulls()
    if target.role is Role.IDENTIFIER or (
        target.dtype == "String" and target.n_unique > _MOST_DIFFERENT_SHARE * target.count
    ):
        yield found(
            "target-identifier",
            Severity.CRITICAL,
            [target.name],
            f"“{target.name}” has {target.n_unique:,} different values in {wording.plural(target.count, 'row')}: "
            "each row is a class of its own, and there is nothing to learn about the next one.",
            "Choose a column with few categories, or one with numbers.",
            size=1.0,
        )
    elif are_classes(values):
        yield from _classes(values)


def _only(table: Examined) -> object:
    assert table.target is not None
    return table.values(table.target.name).drop_nulls().head(1).to_list()[0]


def _classes(values: pl.Series) -> Iterator[Found]:
    name = values.name
    counts = values.alias("value").value_counts(name="count").sort(["count", "value"])
    total = len(values)
    rows = [(value, int(count)) for value, count in counts.iter_rows()]
    rare = [(value, count) for value, count in rows if count < _FEWEST_EACH]
    if rare:
        shown = wording.listed([f"{wording.value(value)} in {wording.plural(count, 'row')}" for value, count in rare])
        operations = _without(name, [value for value, _ in rare], values.dtype)
        yield found(
            "rare-classes",
            Severity.WARNING,
            [name],
            f"Too few rows to learn from and to be tested on: “{name}” is {shown}.",
            "Merge them with another class, or leave these rows out, or collect more of them.",
            operations if len(rows) - len(rare) > 1 else [],
            size=sum(count for _, count in rare) / total,
        )
    if len(rows) > _MANY_CLASSES:
        yield found(
            "many-classes",
            Severity.WARNING,
            [name],
            f"“{name}” has {len(rows):,} classes, on average {total / len(rows):.0f} rows each.",
            "Merge the rare ones, so that there is more to learn from about each.",
            size=0.5,
        )
    smallest, count = next(((value, count) for value, count in rows if count >= _FEWEST_EACH), rows[0])
    even = total / len(rows)
    if count < _RARE_SHARE * min(1.0, 2 / len(rows)) * total and count < even / 3 and total >= _FEWEST_ROWS:
        largest, most = rows[-1]
        yield found(
            "class-imbalance",
            Severity.WARNING if count < _VERY_RARE_SHARE * total else Severity.INFO,
            [name],
            f"“{name}” is {wording.value(smallest)} in only {wording.percent(count / total)} of the rows, and "
            f"{wording.value(largest)} in {wording.percent(most / total)}. A model that always says "
            f"{wording.value(largest)} would be right in {wording.percent(most / total)} and of no use.",
            "Choose balanced accuracy, F1 or ROC AUC as the metric; there is no need to change the rows.",
            size=1 - count / total,
        )


def _without(name: str, labels: list[object], dtype: pl.DataType) -> list[dict[str, object]]:
    """The operation that leaves these classes out, where an expression can name them."""
    term = backticked(name)
    if term is None or len(labels) > 100:
        return []
    texts = [_literal(label) for label in labels]
    if dtype == pl.Boolean or None in texts:
        return []
    condition = f"{term} in ({', '.join(text for text in texts if text)})"
    return [{"op": "filter", "expression": condition, "action": "remove"}]


def _literal(label: object) -> str | None:
    if isinstance(label, str):
        return None if '"' in label or "\\" in label else f'"{label}"'
    return str(label) if isinstance(label, int) or (isinstance(label, float) and label.is_integer()) else None


def sorted_by_answer(table: Examined) -> Iterator[Found]:
    """Rows that stand in the order of the target."""
    target = table.target
    if target is None or target.count < _FEWEST_ROWS or target.n_unique < 2:
        return
    values = table.values(target.name).drop_nulls()
    if are_classes(values):
        blocks = int(values.rle_id().max()) + 1  # type: ignore[arg-type]
        if blocks > 2 * target.n_unique or target.n_unique > target.count / 10:
            return
        how = f"in {wording.plural(blocks, 'block')} of the same class"
    else:
        steps = np.diff(values.to_physical().cast(pl.Float64).to_numpy())
        moving = steps[steps != 0]
        if len(moving) < _FEWEST_ROWS / 2 or max((moving > 0).mean(), (moving < 0).mean()) < 0.99:
            return
        how = "from the smallest to the largest" if moving[0] > 0 else "from the largest to the smallest"
    yield found(
        "sorted-by-target",
        Severity.INFO,
        [target.name],
        f"The rows stand in the order of “{target.name}”, {how}. Who takes the first rows for training and the last "
        "for testing learns nothing about those.",
        "Training here mixes the rows, and each class is tested alike. Keep it in mind when you split the file "
        "yourself.",
    )
