"""Blending models by what they said about rows that they had not seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from flowml.automl.model.pooling import Pooling, pool
from flowml.domain.jobs import ProblemType

STEPS = 25
SHORTLIST = 8
MOST_CANDIDATES = 40
STEPS_WITHOUT_GAIN = 6
# Each member costs every prediction its time; those of little weight cost more than they bring.
MOST_MEMBERS = 6


class Metric(Protocol):
    """What the selection needs of a metric."""

    @property
    def name(self) -> str: ...

    @property
    def problem_type(self) -> ProblemType: ...

    def score(self, target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float: ...

    def gain(self, score: float) -> float: ...


class Rows:
    """Rows on which models are compared: their target and how much each counts, (rows,). By the metric, and by a smooth
    loss (log loss, squared or absolute error), since a metric such as accuracy often does not move."""

    def __init__(self, metric: Metric, target: np.ndarray, weights: np.ndarray | None = None):
        self.target = target
        self._metric = metric
        self._weights = weights
        self._classification = metric.problem_type is ProblemType.CLASSIFICATION

    def gain(self, predictions: np.ndarray) -> float:
        """By the metric, greater is better; NaN where it is not defined."""
        return self._metric.gain(self._metric.score(self.target, predictions, self._weights))

    def loss(self, predictions: np.ndarray) -> float:
        """The smooth loss."""
        return float(self.losses(self.smooth(predictions)[None, :], 1)[0])

    def smooth(self, predictions: np.ndarray) -> np.ndarray:
        """What the smooth loss looks at: the probability of the true class, or the error, (rows,)."""
        if not self._classification:
            errors = predictions[:, 0] - self.target
            if self._metric.name == "mape":
                errors = errors / np.maximum(np.abs(self.target), np.finfo(float).eps)
            return np.asarray(errors)
        return np.asarray(predictions[np.arange(len(self.target)), self.target], dtype=np.float32)

    def losses(self, sums: np.ndarray, count: int) -> np.ndarray:
        """The smooth loss of blends of which the `smooth` of `count` members sums up to `sums`, (blends, rows) →
        (blends,)."""
        if self._classification:
            return self._mean(-np.log(np.maximum(sums / count, 1e-7)))
        if self._metric.name in ("mae", "mape"):
            return self._mean(np.abs(sums / count))
        return self._mean((sums / count) ** 2)

    def _mean(self, losses: np.ndarray) -> np.ndarray:
        if self._weights is None:
            return np.asarray(losses.mean(axis=1))
        return np.asarray(losses @ self._weights / self._weights.sum())


def promising(losses: Sequence[float]) -> list[int]:
    """The places of those that a blend is selected of, in their order: the MOST_CANDIDATES of the smallest smooth
    loss."""
    order = np.argsort(losses, kind="stable")[:MOST_CANDIDATES]
    return sorted(int(index) for index in order if np.isfinite(losses[index]))


def select(rows: Rows, predictions: Mapping[int, np.ndarray], steps: int = STEPS) -> dict[int, float]:
    """Greedy selection with replacement (Caruana et al. 2004): weights by index, summing to 1.

    `predictions`: what each model says of the rows, (rows, outputs). Each step adds the model that makes the blend best
    by the metric. The smooth loss shortlists the models of each step and breaks ties; what still ties goes to a model
    that is in already. Of the blend the MOST_MEMBERS heaviest stay (eight or ten were 0.01 % better on our tables).
    """
    return heaviest(_Selection(rows, predictions).run(steps)) if predictions else {}


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


def blend(
    predictions: Sequence[np.ndarray] | Mapping[int, np.ndarray],
    weights: Mapping[int, float],
    problem_type: ProblemType,
) -> np.ndarray:
    """The predictions (rows, outputs) of a blend with these weights by index."""
    return pool(
        pooling_of(problem_type), ((weight, np.asarray(predictions[index])) for index, weight in weights.items())
    )


class _Selection:
    """One greedy selection. The sum of the members' predictions grows by one model a step."""

    def __init__(self, rows: Rows, predictions: Mapping[int, np.ndarray]):
        self._rows = rows
        self._predictions = predictions
        self._candidates = list(predictions)
        self._smooth = np.stack([rows.smooth(one) for one in predictions.values()])

    def run(self, steps: int) -> dict[int, float]:
        """Weights by index of the best blend met on the way."""
        members: list[int] = []
        total = np.zeros_like(self._predictions[self._candidates[0]], dtype=np.float64)
        smooth_total = np.zeros(len(self._rows.target), dtype=self._smooth.dtype)
        best, best_size = (-np.inf, -np.inf), 0
        for _ in range(steps):
            losses = self._rows.losses(smooth_total + self._smooth, len(members) + 1)
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
            gain = self._rows.gain((total + self._predictions[index]) / (len(members) + 1))
            known = round(gain, 9) if np.isfinite(gain) else -np.inf
            scored.append((known, round(-float(losses[place]), 9), index in members, -place))
        chosen = max(scored)
        return -chosen[3], (chosen[0], chosen[1])
