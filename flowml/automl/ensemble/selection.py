"""Blending models by what they said about rows that they had not seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flowml.automl.model.pooling import Pooling, pool
from flowml.automl.scoring.metrics import part_of
from flowml.domain.jobs import ProblemType

STEPS = 25
SHORTLIST = 8
MOST_CANDIDATES = 40
MOST_ROWS = 20_000
FEWEST_ROWS = 3_000
STEPS_WITHOUT_GAIN = 6
# Each member costs every prediction its time; those of little weight cost more than they bring.
MOST_MEMBERS = 6
_STANDARD_ERRORS = 2.0


class Metric(Protocol):
    """What the selection needs of a metric."""

    @property
    def name(self) -> str: ...

    @property
    def problem_type(self) -> ProblemType: ...

    def score(self, target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float: ...

    def gain(self, score: float) -> float: ...


def select(
    out_of_folds: Sequence[np.ndarray],
    target: np.ndarray,
    metric: Metric,
    *,
    steps: int = STEPS,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> dict[int, float]:
    """Greedy selection with replacement (Caruana et al. 2004): weights by index, summing to 1.

    `out_of_folds`: predictions (rows, outputs) of each model. Each step adds the model that makes the blend best by
    the metric. A smooth loss (log loss, squared error) shortlists the models of each step and breaks ties, since a
    metric such as accuracy often does not move; what still ties goes to a model that is in already. Of the blend the
    MOST_MEMBERS heaviest stay (eight or ten were 0.01 % better on our tables). Above MOST_ROWS a seeded sample of
    rows decides.
    """
    rows = _sampled_rows(len(target), seed, np.shape(out_of_folds[0])[1])
    predictions = [np.asarray(one)[rows] for one in out_of_folds]
    return heaviest(_Selection(predictions, target[rows], metric, part_of(weights, rows)).run(steps))


def heaviest(weights: Mapping[int, float], most: int = MOST_MEMBERS) -> dict[int, float]:
    """The heaviest members, in their order, with weights that sum to 1 again."""
    kept = sorted(sorted(weights, key=lambda index: -weights[index])[:most])
    total = sum(weights[index] for index in kept)
    return {index: weights[index] / total for index in kept}


def pooling_of(problem_type: ProblemType) -> Pooling:
    """How the members of a blend are pooled: their probabilities by logarithms, their values by the mean.

    The weights are chosen on plain averages, which are quicker and do not reward overconfidence. Pooling by
    logarithms then lowered the loss on six of our eight classification tasks, most where rows were few.
    """
    return Pooling.LOG if problem_type is ProblemType.CLASSIFICATION else Pooling.MEAN


def blend(predictions: Sequence[np.ndarray], weights: Mapping[int, float], problem_type: ProblemType) -> np.ndarray:
    """The predictions (rows, outputs) of a blend with these weights by index."""
    return pool(
        pooling_of(problem_type), ((weight, np.asarray(predictions[index])) for index, weight in weights.items())
    )


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


def judge(
    out_of_folds: Sequence[np.ndarray],
    target: np.ndarray,
    metric: Metric,
    folds: np.ndarray,
    *,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> Judgement:
    """Choose on all folds but one, look at that one; for each fold in turn.

    Both the blend and the best single model are chosen anew each time, among all models and not only those of a
    blend: whoever got in by luck on these very rows would look good on them. That keeps the luck of the selection out
    of the judgement (Cawley and Talbot 2010). `folds`: the fold of each row, (rows,).
    """
    rows = _sampled_rows(len(target), seed, np.shape(out_of_folds[0])[1])
    target, folds, weights = target[rows], folds[rows], part_of(weights, rows)
    predictions = [np.asarray(one, dtype=np.float64)[rows] for one in out_of_folds]
    blended, single = np.full_like(predictions[0], np.nan), np.full_like(predictions[0], np.nan)
    differences = []
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        learned = [one[rest] for one in predictions]
        on_rest, on_held = part_of(weights, rest), part_of(weights, held)
        chosen = heaviest(_Selection(learned, target[rest], metric, on_rest).run(STEPS))
        gains = [metric.gain(metric.score(target[rest], one, on_rest)) for one in learned]
        best = max(range(len(learned)), key=lambda index: gains[index] if np.isfinite(gains[index]) else -np.inf)
        single[held] = predictions[best][held]
        if chosen:
            blended[held] = blend([one[held] for one in predictions], chosen, metric.problem_type)
        difference = metric.gain(metric.score(target[held], blended[held], on_held)) - metric.gain(
            metric.score(target[held], single[held], on_held)
        )
        if np.isfinite(difference):
            differences.append(float(difference))
    return Judgement(rows, target, folds, blended, single, tuple(differences))


def looked_at(n_rows: int, n_outputs: int) -> int:
    """How many of the rows decide: fewer of many classes, since a metric looks at every row once a class."""
    return min(n_rows, MOST_ROWS if n_outputs <= 2 else max(FEWEST_ROWS, MOST_ROWS // n_outputs))


def _sampled_rows(n_rows: int, seed: int, n_outputs: int) -> np.ndarray | slice:
    most = looked_at(n_rows, n_outputs)
    if n_rows <= most:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False))


class _Selection:
    """One greedy selection. The sum of the members' predictions grows by one model a step."""

    def __init__(
        self,
        predictions: Sequence[np.ndarray],
        target: np.ndarray,
        metric: Metric,
        weights: np.ndarray | None = None,
    ):
        self._target = target
        self._weights = weights
        self._metric = metric
        self._classification = metric.problem_type is ProblemType.CLASSIFICATION
        # What the smooth loss looks at: the probability of the true class, or the value, one row a model.
        smooth = [self._smoothpart_of(one) for one in predictions]
        losses = np.array([self._losses(one[None, :], 1)[0] for one in smooth])
        order = np.argsort(losses, kind="stable")[:MOST_CANDIDATES]
        self._candidates = sorted(int(index) for index in order if np.isfinite(losses[index]))
        self._predictions = {index: predictions[index] for index in self._candidates}
        self._smooth = (
            np.stack([smooth[index] for index in self._candidates]) if self._candidates else np.empty((0, len(target)))
        )

    def _smoothpart_of(self, prediction: np.ndarray) -> np.ndarray:
        if not self._classification:
            errors = prediction[:, 0] - self._target
            if self._metric.name == "mape":
                errors = errors / np.maximum(np.abs(self._target), np.finfo(float).eps)
            return np.asarray(errors)
        return np.asarray(prediction[np.arange(len(self._target)), self._target], dtype=np.float32)

    def _losses(self, sums: np.ndarray, count: int) -> np.ndarray:
        """The smooth loss of blends whose members sum up to `sums`, (blends, rows) → (blends,)."""
        if self._classification:
            return self._mean(-np.log(np.maximum(sums / count, 1e-7)))
        if self._metric.name in ("mae", "mape"):
            return self._mean(np.abs(sums / count))
        return self._mean((sums / count) ** 2)

    def _mean(self, losses: np.ndarray) -> np.ndarray:
        if self._weights is None:
            return np.asarray(losses.mean(axis=1))
        return np.asarray(losses @ self._weights / self._weights.sum())

    def run(self, steps: int) -> dict[int, float]:
        """Weights by index of the best blend met on the way."""
        if not self._candidates:
            return {}
        members: list[int] = []
        total = np.zeros_like(self._predictions[self._candidates[0]], dtype=np.float64)
        smooth_total = np.zeros(len(self._target), dtype=self._smooth.dtype)
        best, best_size = (-np.inf, -np.inf), 0
        for _ in range(steps):
            losses = self._losses(smooth_total + self._smooth, len(members) + 1)
            place, reached = self._step(total, members, losses)
            members.append(self._candidates[place])
            total += self._predictions[self._candidates[place]]
            smooth_total += self._smooth[place]
            if reached > best:
                best, best_size = reached, len(members)
            elif len(members) - best_size >= STEPS_WITHOUT_GAIN:
                break
        return {index: times / best_size for index, times in Counter(members[:best_size]).items()}

    def _step(self, total: np.ndarray, members: Sequence[int], losses: np.ndarray) -> tuple[int, tuple[float, float]]:
        """The place of the candidate to add, with the gain and the negative loss that the blend then has."""
        shortlist = [int(place) for place in np.argsort(losses, kind="stable")[:SHORTLIST]]
        if not members:
            # Where it starts, all are heard: the best single model by the metric may be far down by the smooth loss.
            shortlist = list(range(len(losses)))
        scored = []
        for place in shortlist:
            index = self._candidates[place]
            blend = (total + self._predictions[index]) / (len(members) + 1)
            gain = self._metric.gain(self._metric.score(self._target, blend, self._weights))
            known = round(gain, 9) if np.isfinite(gain) else -np.inf
            scored.append((known, round(-float(losses[place]), 9), index in members, -place))
        chosen = max(scored)
        return -chosen[3], (chosen[0], chosen[1])
