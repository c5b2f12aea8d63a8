"""Columns that know the answer: they would not be there, or not say so much, when a new row is to be predicted.

A suspicion is named before training and nothing is left out because of it; the person knows what a column means.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from flowml.automl.features.prepared import Labels, PreparedColumn, prepare
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.task import Task
from flowml.data.names import named_after
from flowml.domain.jobs import ProblemType

_FEWEST_ROWS = 50
_MOST_ROWS = 5_000
_MOST_COLUMNS = 2_000
_BINS = 32
_NEARLY_ALL = {ProblemType.CLASSIFICATION: 0.99, ProblemType.REGRESSION: 0.98}
# The second best leaves at least so much unexplained, and so many times as much.
_LEFT_BY_SECOND, _TIMES_LEFT = 0.05, 5.0
_TELLING_NAME = 0.5
_IN_STEP = 0.99999
_ONE_CLASS = 0.97
_FEWEST_FILLED = 20
_BY_LUCK = 1e-6


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
    """The columns of a task that say more about the target than a cause of it would, the surest first.

    Judged on a sample of 5,000 rows: a column alone, binned, learned on one half and tested on the other; its name;
    whether it is filled for one class only.
    """
    n_rows = len(task.target)
    if n_rows < _FEWEST_ROWS:
        return []
    rows = np.arange(n_rows)
    if n_rows > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(task.seed).choice(n_rows, _MOST_ROWS, replace=False))
    names = task.frame.columns[:_MOST_COLUMNS]
    table = prepare(task.frame[rows].select(names), {name: task.roles[name] for name in names})
    judge = _Judge(task, task.target[rows])
    powers = {name: judge.power(column) for name, column in table.columns.items()}
    found = []
    for name, column in table.columns.items():
        others = [power for other, power in powers.items() if other != name]
        suspect = judge.suspicion(name, column, powers[name], max(others, default=0.0))
        if suspect is not None:
            found.append(suspect)
    return sorted(found, key=lambda suspect: (list(Sure).index(suspect.sure), -powers[suspect.column]))


class _Judge:
    def __init__(self, task: Task, target: np.ndarray):
        self._target = target
        self._name = task.target_name
        self._classes = task.classes
        self._problem_type = task.problem_type
        # Every other row of each class, or of the ordered values, is for learning.
        order = np.lexsort((np.random.default_rng(task.seed).random(len(target)), target))
        self._learned = np.zeros(len(target), dtype=bool)
        self._learned[order[::2]] = True

    def power(self, column: PreparedColumn) -> float:
        """How much of the target this column explains alone, on rows that were not learned from: 0 to 1.

        R² for values, by bins or by rank. For classes the gain over guessing (2 · AUC - 1, the mean over the classes),
        and no more than the share of the errors of the most frequent class that it avoids where there are more than
        two.
        """
        lines = _lines(column, self._learned)
        if lines.max() == 0:
            return 0.0
        scores = []
        for learned in (self._learned, ~self._learned):
            values = self._target[learned]
            answers = _learned_table(lines[learned], values, int(lines.max()) + 1, len(self._classes or ()))
            scores.append(self._score(self._target[~learned], answers[lines[~learned]]))
        return float(max(0.0, min(scores), self._in_step(column)))

    def _in_step(self, column: PreparedColumn) -> float:
        """The squared rank correlation of two columns of numbers (Spearman 1904): bins are too coarse for a formula."""
        if self._classes is not None or isinstance(column, Labels) or not np.isfinite(column.values).all():
            return 0.0
        ranks = [np.unique(one, return_inverse=True)[1].reshape(-1) for one in (column.values, self._target)]
        if any(one.max() <= _BINS for one in ranks):
            return 0.0
        return float(np.corrcoef(ranks[0].astype(float), ranks[1].astype(float))[0, 1]) ** 2

    def _score(self, target: np.ndarray, answers: np.ndarray) -> float:
        if self._classes is None:
            return METRICS["r2"].score(target, answers)
        avoided = 1.0
        if len(self._classes) > 2:
            wrong = 1 - METRICS["accuracy"].score(target, answers)
            usual = 1 - np.bincount(target).max() / len(target)
            avoided = 1 - wrong / max(usual, 1e-9)
            if avoided < _TELLING_NAME:
                # No suspicion comes of so little, and the AUC of many classes takes long.
                return float(avoided)
        auc = METRICS["roc_auc"].score(target, answers)
        return float(min(2 * auc - 1, avoided)) if np.isfinite(auc) else 0.0

    def suspicion(self, name: str, column: PreparedColumn, power: float, second: float) -> Suspect | None:
        if self._is_target(column):
            return Suspect(name, f"is “{self._name}” in other words", Sure.CERTAIN)
        filled = self._filled(column)
        if filled is not None:
            return Suspect(name, filled, Sure.LIKELY)
        nearly_all = _NEARLY_ALL[self._problem_type]
        share = f"{power:.1%}" if power < 0.9995 else "all"
        if power >= nearly_all and 1 - second > max(_LEFT_BY_SECOND, _TIMES_LEFT * (1 - power)):
            return Suspect(name, f"tells “{self._name}” nearly perfectly, as nothing else does", Sure.LIKELY)
        if named_after(name, self._name) and power >= _TELLING_NAME:
            return Suspect(name, f"is named after “{self._name}” and explains {share} of it alone", Sure.POSSIBLE)
        if power >= 0.5 * (1 + nearly_all):
            return Suspect(name, f"tells “{self._name}” nearly perfectly on its own", Sure.POSSIBLE)
        return None

    def _is_target(self, column: PreparedColumn) -> bool:
        """Whether its values and those of the target name each other, or are a straight line of each other."""
        if self._classes is None:
            if isinstance(column, Labels):
                return False
            known = np.isfinite(column.values)
            if known.mean() < 0.9 or np.ptp(column.values[known]) == 0 or np.ptp(self._target[known]) == 0:
                return False
            return abs(float(np.corrcoef(column.values[known], self._target[known])[0, 1])) >= _IN_STEP
        values = column.codes if isinstance(column, Labels) else column.values
        known = values >= 0 if isinstance(column, Labels) else np.isfinite(values)
        if known.mean() < 0.9:
            return False
        codes = np.unique(values[known], return_inverse=True)[1].reshape(-1)
        n_codes = int(codes.max(initial=-1)) + 1
        pairs = len(np.unique(codes.astype(np.int64) * len(self._classes) + self._target[known]))
        return n_codes == pairs == len(np.unique(self._target[known])) > 1

    def _filled(self, column: PreparedColumn) -> str | None:
        """Whether it is filled, or missing, for one class only."""
        if self._classes is None:
            return None
        missing = column.codes < 0 if isinstance(column, Labels) else ~np.isfinite(column.values)
        shares = np.bincount(self._target, minlength=len(self._classes)) / len(self._target)
        for rows, words in ((~missing, "filled"), (missing, "missing")):
            n_rows = int(rows.sum())
            if n_rows < _FEWEST_FILLED or n_rows == len(rows):
                continue
            counts = np.bincount(self._target[rows], minlength=len(self._classes))
            code = int(counts.argmax())
            share = counts[code] / n_rows
            # The same share among all rows would make it no news.
            if share >= _ONE_CLASS and 1 - share < 0.25 * (1 - shares[code]) and shares[code] ** n_rows < _BY_LUCK:
                label = self._classes[code]
                return f"is {words} in {n_rows / len(rows):.0%} of the rows, {share:.0%} of them with “{label}”"
        return None


def _lines(column: PreparedColumn, learned: np.ndarray) -> np.ndarray:
    """The bin of each row, int64; 0 is for missing values and for levels that are too rare to learn from."""
    if isinstance(column, Labels):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=max(len(column.levels), 1))
        kept = counts >= 4
        number = np.where(kept, np.cumsum(kept), 0)
        return np.where(column.codes >= 0, number[column.codes], 0).astype(np.int64)
    known = np.isfinite(column.values)
    distinct = np.unique(column.values[known & learned])
    if len(distinct) > _BINS:
        distinct = np.unique(np.quantile(column.values[known & learned], np.arange(1, _BINS) / _BINS))
    return np.where(known, np.searchsorted(distinct, column.values, side="right") + 1, 0).astype(np.int64)


def _learned_table(lines: np.ndarray, target: np.ndarray, n_lines: int, n_classes: int) -> np.ndarray:
    """What each bin answers: class shares (lines, classes) or means (lines, 1), drawn to the whole by one row."""
    if n_classes:
        usual = np.bincount(target, minlength=n_classes) / len(target)
        sums = np.bincount(lines * n_classes + target, minlength=n_lines * n_classes).reshape(n_lines, n_classes)
    else:
        usual = target.mean()
        sums = np.bincount(lines, weights=target, minlength=n_lines).reshape(-1, 1)
    counts = np.bincount(lines, minlength=n_lines).reshape(-1, 1)
    return np.asarray((sums + usual) / (counts + 1))
