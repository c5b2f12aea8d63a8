"""Which of very many models are blended, and whether that is worth it.

Of each model only figures are kept, which stand for the whole run. What it said of each row is read again where these
put it among the best: time grows with the models that are new, and memory with those that are considered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flowml.automl.ensemble.selection import STEPS, Metric, Rows, blend, promising, select
from flowml.automl.scoring.metrics import part_of

MOST_ROWS = 20_000
FEWEST_ROWS = 3_000
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Contender:
    """A model and its figures. `read` gives what it said of the contest's rows, (rows, outputs); `loss` is its smooth
    loss on those that are looked at; `losses` and `gains`, one a fold, that and its gain by the metric on all of them
    but the fold's."""

    read: Callable[[], np.ndarray]
    loss: float
    losses: tuple[float, ...]
    gains: tuple[float, ...]


@dataclass(frozen=True)
class Judgement:
    """What choosing brings on rows that had no say in the choice.

    `rows` are those that were looked at (indices, or all); `target` and `folds` are theirs. `blend` and `single` are
    the answers, (rows, outputs), of the blend and of the best single model that were chosen on the other folds.
    `differences`: by how much the blend is better, one value a fold, in the metric turned so that greater is better.
    """

    rows: np.ndarray | slice
    target: np.ndarray
    folds: np.ndarray
    blend: np.ndarray
    single: np.ndarray
    differences: tuple[float, ...]

    @property
    def worth_it(self) -> bool:
        """Whether nothing speaks against the blend: it is not worse by more than two standard errors.

        In 15 to 30 splits of the rows of eleven tasks blends were better than the single model on all but one, by 3 %
        of the loss, and asking for proof of that in each case cost 0.3 %: what folds of a small table say is mostly
        noise.
        """
        if len(self.differences) < 2:
            return False
        noise = float(np.std(self.differences, ddof=1)) / np.sqrt(len(self.differences))
        return bool(float(np.mean(self.differences)) >= -_STANDARD_ERRORS * noise)


@dataclass(frozen=True)
class _Fold:
    """The rows of a fold (a mask of those that are looked at), and all others, which choose for it."""

    held: np.ndarray
    on_held: Rows
    on_rest: Rows


class Contest:
    """Models of one task against each other. `target`, `folds` and `weights` are of the rows that they are compared on,
    (rows,); above MOST_ROWS, fewer of many classes, a seeded sample of these decides."""

    def __init__(
        self,
        metric: Metric,
        target: np.ndarray,
        folds: np.ndarray,
        n_outputs: int,
        *,
        seed: int = 0,
        weights: np.ndarray | None = None,
    ):
        self._metric = metric
        self._looked_at = _sampled_rows(len(target), seed, n_outputs)
        self._target, self._fold_of = target[self._looked_at], folds[self._looked_at]
        self._shape = (len(self._target), n_outputs)
        weights = part_of(weights, self._looked_at)
        self._rows = Rows(metric, self._target, weights)
        self._folds = [
            _Fold(
                held,
                Rows(metric, self._target[held], part_of(weights, held)),
                Rows(metric, self._target[~held], part_of(weights, ~held)),
            )
            for held in (self._fold_of == fold for fold in np.unique(self._fold_of))
        ]

    def enter(self, read: Callable[[], np.ndarray]) -> Contender:
        """A model by what it said of all the rows, which is looked through once."""
        said = self._said(read)
        exact = said.astype(np.float64)
        losses, gains = [], []
        for fold in self._folds:
            on_rest = exact[~fold.held]
            losses.append(fold.on_rest.loss(on_rest))
            gains.append(fold.on_rest.gain(on_rest))
        return Contender(read, self._rows.loss(said), tuple(losses), tuple(gains))

    def select(self, contenders: Sequence[Contender], steps: int = STEPS) -> dict[int, float]:
        """The members of the best blend (`selection.select`): weights by place, summing to 1."""
        best = promising([one.loss for one in contenders])
        return select(self._rows, {index: self._said(contenders[index].read) for index in best}, steps)

    def judge(self, contenders: Sequence[Contender]) -> Judgement:
        """Choose on all folds but one, look at that one; for each fold in turn.

        Both the blend and the best single model are chosen anew each time, among all models and not only those of a
        blend: whoever got in by luck on these very rows would look good on them. That keeps the luck of the selection
        out of the judgement (Cawley and Talbot 2010).
        """
        blended, single = np.full(self._shape, np.nan), np.full(self._shape, np.nan)
        known: dict[int, np.ndarray] = {}

        def said(index: int) -> np.ndarray:
            if index not in known:
                known[index] = self._said(contenders[index].read).astype(np.float64)
            return known[index]

        differences = []
        for number, fold in enumerate(self._folds):
            places = promising([one.losses[number] for one in contenders])
            chosen = select(fold.on_rest, {index: said(index)[~fold.held] for index in places})
            gains = [one.gains[number] for one in contenders]
            best = max(range(len(gains)), key=lambda index: gains[index] if np.isfinite(gains[index]) else -np.inf)
            single[fold.held] = said(best)[fold.held]
            if chosen:
                parts = {index: said(index)[fold.held] for index in chosen}
                blended[fold.held] = blend(parts, chosen, self._metric.problem_type)
            difference = fold.on_held.gain(blended[fold.held]) - fold.on_held.gain(single[fold.held])
            if np.isfinite(difference):
                differences.append(float(difference))
        return Judgement(self._looked_at, self._target, self._fold_of, blended, single, tuple(differences))

    def _said(self, read: Callable[[], np.ndarray]) -> np.ndarray:
        return np.asarray(read())[self._looked_at]


def looked_at(n_rows: int, n_outputs: int) -> int:
    """How many of the rows decide: fewer of many classes, since a metric looks at every row once a class."""
    return min(n_rows, MOST_ROWS if n_outputs <= 2 else max(FEWEST_ROWS, MOST_ROWS // n_outputs))


def _sampled_rows(n_rows: int, seed: int, n_outputs: int) -> np.ndarray | slice:
    most = looked_at(n_rows, n_outputs)
    if n_rows <= most:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False))
