"""Columns that know the answer: they would not be there, or not say so much, when a new row is to be predicted.

What is suspected is judged in `relations.giveaway`, as before training (`automl.task.leakage`); here it is put in
words, with the step that mends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from flowml.data.names import named_after
from flowml.data.quality.examined import Examined, Found, found
from flowml.data.relations.giveaway import FEWEST_ROWS, MOST_COLUMNS, Judge, Verdict
from flowml.data.relations.groups import are_classes
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Role, Severity

_AFTERWARDS = re.compile(
    r"(?:^|[^a-z])(outcome|result|final|closed|resolved|resolution|cancel(?:led|lation)?|refund(?:ed)?|discharged?"
    r"|settled|paid|approved|rejected|churned|leaving|exit|terminated|termination|death|died|cause of)(?:$|[^a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class _Suspect:
    stats: ColumnStats
    power: float


def leaks(table: Examined) -> Iterator[Found]:
    """Columns that say nearly all about the target, as no other does, or are filled for one class only."""
    target = table.target
    if target is None or target.n_unique < 2 or target.count < FEWEST_ROWS:
        return
    answers = table.sample(target.name)
    known = answers.is_not_null()
    answers = answers.filter(known)
    if (
        answers.dtype.is_temporal()
        or len(answers) < FEWEST_ROWS
        or answers.n_unique() > 0.5 * len(answers)
        and (answers.dtype == pl.String)
    ):
        return
    judge = Judge(answers, classes=are_classes(answers))
    columns = [item for item in table.features if item.role is not Role.CONSTANT and item.count][:MOST_COLUMNS]
    suspects = []
    for item in columns:
        values = table.sample(item.name).filter(known)
        filled = judge.filled_for_one_class(values)
        if filled is not None:
            yield _found_filled(table, item, filled)
        else:
            suspects.append(_Suspect(item, judge.power(values)))
    suspects.sort(key=lambda suspect: -suspect.power)
    for at, suspect in enumerate(suspects):
        second = suspects[1 if at == 0 else 0].power if len(suspects) > 1 else 0.0
        yield from _judged(table, suspect, second, judge)


def _judged(table: Examined, suspect: _Suspect, second: float, judge: Judge) -> Iterator[Found]:
    assert table.target is not None
    name, target, power = suspect.stats.name, table.target.name, suspect.power
    verdict = judge.verdict(power, second)
    drop = [{"op": "drop", "columns": [name]}]
    told = "all" if power > 0.9995 else wording.percent(power)
    how = (
        f"tells {told} of “{target}” on its own"
        if not judge.classes
        else (f"tells “{target}” on its own, with {'no error' if power > 0.9995 else 'hardly an error'}")
    )
    if verdict is Verdict.ALONE or power > 0.9999:
        yield found(
            "leakage",
            Severity.CRITICAL,
            [name],
            f"“{name}” {how}, as nothing else does. It may be the answer in other words, or something that is only "
            "known once the answer is.",
            "Drop it, unless it will be known before the prediction.",
            drop,
            size=power,
        )
    elif verdict is not None and (named_after(name, target) or _AFTERWARDS.search(_CAMEL.sub("_", name).lower())):
        hint = f"is named after “{target}”" if named_after(name, target) else "is by its name known afterwards"
        yield found(
            "leakage",
            Severity.WARNING,
            [name],
            f"“{name}” {hint} and tells a good part of “{target}” on its own ({wording.percent(power)}).",
            "Drop it, if it is not known yet when a prediction is made.",
            drop,
            size=power,
        )
    elif verdict is Verdict.NEARLY_ALL:
        yield found(
            "leakage",
            Severity.WARNING,
            [name],
            f"“{name}” {how}; other columns come close.",
            "Make sure that it is known before the prediction.",
            drop,
            size=power,
        )


def _found_filled(table: Examined, item: ColumnStats, filled: tuple[str, str, float, float]) -> Found:
    assert table.target is not None
    how, label, share, of_rows = filled
    return found(
        "leakage",
        Severity.CRITICAL,
        [item.name],
        f"“{item.name}” is {how} in {wording.percent(of_rows)} of the rows, and in {wording.percent(share)} of these "
        f"“{table.target.name}” is {label}. It seems to be recorded only once the answer is known.",
        "Drop it, unless it will be known before the prediction.",
        [{"op": "drop", "columns": [item.name]}],
        size=share,
    )
