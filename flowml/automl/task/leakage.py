"""Columns that know the answer: they would not be there, or not say so much, when a new row is to be predicted.

A suspicion is named before training and nothing is left out because of it; the person knows what a column means.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from flowml.automl.task.task import Task
from flowml.data.names import named_after
from flowml.data.relations.giveaway import FEWEST_ROWS, MOST_COLUMNS, Judge, Verdict

_MOST_ROWS = 5_000


class Sure(StrEnum):
    """How sure a suspicion is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True)
class Suspect:
    """A column under suspicion; `reason` is a sentence without its subject."""

    column: str
    reason: str
    sure: Sure

    @property
    def sentence(self) -> str:
        """For the person: what is suspected, how sure that is, and what to do."""
        how = {Sure.CERTAIN: "gives the answer away", Sure.LIKELY: "very likely gives the answer away"}.get(
            self.sure, "may give the answer away"
        )
        return f"“{self.column}” {how}: it {self.reason}. Leave it out if it is not known when you predict."


def find_suspects(task: Task) -> list[Suspect]:
    """The columns of a task that say more about the target than a cause of it would (`relations.giveaway`), the surest
    first; judged on a sample of 5,000 rows."""
    n_rows = len(task.target)
    if n_rows < FEWEST_ROWS:
        return []
    rows = np.arange(n_rows)
    if n_rows > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(task.seed).choice(n_rows, _MOST_ROWS, replace=False))
    target = pl.Series(task.target[rows])
    if task.classes is not None:
        target = pl.Series([task.classes[code] for code in task.target[rows]])
    judge = Judge(target, classes=task.classes is not None, seed=task.seed)
    table = task.frame.select(task.frame.columns[:MOST_COLUMNS])[rows]
    powers = {column.name: judge.power(column) for column in table}
    best = sorted(powers.values(), reverse=True)
    found = []
    for column in table:
        power = powers[column.name]
        second = best[1] if len(best) > 1 and power == best[0] else best[0] if len(best) > 1 else 0.0
        suspect = _suspicion(judge, task.target_name, column, power, second)
        if suspect is not None:
            found.append(suspect)
    return sorted(found, key=lambda suspect: (list(Sure).index(suspect.sure), -powers[suspect.column]))


def _suspicion(judge: Judge, target: str, column: pl.Series, power: float, second: float) -> Suspect | None:
    name, verdict = column.name, judge.verdict(power, second)
    # What is the target in other words tells much of it, so that few have to be compared value by value; but of many
    # classes the groups that are learned are too coarse.
    if (verdict is not None or judge.is_coarse) and judge.is_target(column):
        return Suspect(name, f"is “{target}” in other words", Sure.CERTAIN)
    filled = judge.filled_for_one_class(column)
    if filled is not None:
        how, label, share, of_rows = filled
        return Suspect(name, f"is {how} in {of_rows:.0%} of the rows, {share:.0%} of them with {label}", Sure.LIKELY)
    if verdict is Verdict.ALONE:
        return Suspect(name, f"tells “{target}” nearly perfectly, as nothing else does", Sure.LIKELY)
    if verdict is not None and named_after(name, target):
        told = f"{power:.1%}" if power < 0.9995 else "all"
        return Suspect(name, f"is named after “{target}” and explains {told} of it alone", Sure.POSSIBLE)
    if verdict is Verdict.NEARLY_ALL:
        return Suspect(name, f"tells “{target}” nearly perfectly on its own", Sure.POSSIBLE)
    return None
