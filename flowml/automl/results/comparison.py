"""Whether one model is better than another, or whether that is chance: a paired test on the rows that tested both.

The difference of two scores in the run's metric varies by how much each row moves it (`influence`); all rows are looked
at, and those that belong together are added up first. This variance takes no notice of that models would differ had
they learned from other rows; Nadeau and Bengio (2003) add what these contribute: s/n over n tested rows becomes s/n +
s/learned. It is tested by Student's distribution with as many degrees of freedom as there are rows (or groups) that
carry the difference: of a hundred thousand rows a few may be all that there is to tell by. With several models all
pairs are tested, and Holm's (1979) correction keeps the chance of any false verdict at 5 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from flowml.automl.results.evidence import Evidence, rounded
from flowml.automl.results.influence import influence
from flowml.automl.scoring.decision import fair_decision, weighted
from flowml.automl.scoring.metrics import DECIDED, METRICS, part_of

LEVEL = 0.05
METHOD = "paired t-test of how each row moves the score, variance by Nadeau and Bengio, Holm's correction"


@dataclass(frozen=True)
class Pair:
    """`difference`: by how much `better` leads in the metric, above 0; the interval is of 95 % confidence after the
    correction, so that it holds 0 exactly where there is a `tie`: the lead may be chance. `p_value` is as tested,
    `adjusted` after the correction; None where there was nothing to test.
    `disagree` is the share of rows of which they predict different classes; None of numbers."""

    better: str
    worse: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    adjusted: float | None
    tie: bool
    disagree: float | None


def compare(models: Mapping[str, Evidence], metric: str, seed: int = 0) -> dict[str, Any]:
    """All pairs of models, by what each said of the rows of which all of them said something: {"method", "n_rows",
    "scores": {name: score on these rows}, "pairs": [`Pair`]}, the clearest first. All are of one run."""
    names = list(models)
    tested = models[names[0]].tested
    common = _common(list(models.values()))
    target, weights = tested.target[common], part_of(tested.weights, common)
    answers = {name: _answers(one, common, metric) for name, one in models.items()}
    # Of a metric of classes each model is judged as it decides; where none was chosen, as is fair for all.
    judge = METRICS[metric]
    fair = answers
    if metric in DECIDED and not all(one.decision for one in models.values()):
        fair = {name: weighted(one, fair_decision(metric, target, one, weights)) for name, one in answers.items()}
    scores = {name: judge.score(target, one, weights) for name, one in fair.items()}
    moves = {name: judge.gain(1.0) * influence(metric, target, one, weights) for name, one in fair.items()}
    units = None if tested.units is None else np.unique(tested.units[common], return_inverse=True)[1].reshape(-1)
    widen = 1 + len(common) / max(tested.learned, 1.0)
    found = []
    for first, second in combinations(names, 2):
        lead = judge.gain(scores[first]) - judge.gain(scores[second])
        better, worse = (first, second) if lead >= 0 or not math.isfinite(lead) else (second, first)
        disagree = _disagreement(models[first], models[second], common)
        found.append(_tested(better, worse, abs(lead), moves[better] - moves[worse], units, widen, disagree))
    pairs = _corrected(found)
    return {
        "method": METHOD,
        "n_rows": len(common),
        "scores": {name: rounded(score) if math.isfinite(score) else None for name, score in scores.items()},
        "pairs": [asdict(pair) for pair in pairs],
    }


def holm(values: Sequence[float]) -> list[float]:
    """P values after Holm's step-down correction, in their order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=lambda at: values[at])
    adjusted, reached = [0.0] * len(values), 0.0
    for place, at in enumerate(order):
        reached = max(reached, min(1.0, (len(values) - place) * values[at]))
        adjusted[at] = reached
    return adjusted


def _common(models: Sequence[Evidence]) -> np.ndarray:
    common = models[0].at
    for other in models[1:]:
        common = np.intersect1d(common, other.at, assume_unique=True)
    return common


def _answers(model: Evidence, common: np.ndarray, metric: str) -> np.ndarray:
    answers = model.predictions[np.searchsorted(model.at, common)]
    return weighted(answers, model.decision) if model.classes is not None and metric in DECIDED else answers


def _disagreement(first: Evidence, second: Evidence, common: np.ndarray) -> float | None:
    if first.classes is None:
        return None
    chosen = [one.chosen[np.searchsorted(one.at, common)] for one in (first, second)]
    counts = first.counts[np.searchsorted(first.at, common)]
    return rounded(float((chosen[0] != chosen[1]) @ counts / counts.sum()))


@dataclass(frozen=True)
class _Difference:
    """Before the correction: `spread` is the standard error of the lead, `freedom` its degrees of freedom."""

    better: str
    worse: str
    lead: float
    spread: float
    freedom: float
    disagree: float | None

    @property
    def p_value(self) -> float | None:
        if not math.isfinite(self.lead) or not math.isfinite(self.spread) or self.freedom <= 0:
            return None
        # Where no row moves the difference, the answers are equal, or the metric does not move.
        if self.spread <= 1e-12:
            return 1.0 if self.lead <= 1e-12 else 0.0
        return min(1.0, 2 * float(stdtr(self.freedom, -self.lead / self.spread)))


def _tested(
    better: str,
    worse: str,
    lead: float,
    moves: np.ndarray,
    units: np.ndarray | None,
    widen: float,
    disagree: float | None,
) -> _Difference:
    each = moves if units is None else np.bincount(units, moves)
    squares = each**2
    variance, n_units = float(squares.sum()), len(each)
    if n_units < 2:
        return _Difference(better, worse, lead, 0.0, 0.0, disagree)
    # As many as would have this variance if all of them moved the difference by the same.
    largest = float(squares.max())
    carrying = (variance / largest) ** 2 / float(((squares / largest) ** 2).sum()) if largest > 0 else float(n_units)
    spread = math.sqrt(variance * n_units / (n_units - 1) * widen)
    return _Difference(better, worse, lead, spread, max(1.0, min(carrying, n_units - 1)), disagree)


def _corrected(found: Sequence[_Difference]) -> list[Pair]:
    p_values = [one.p_value for one in found]
    known = [at for at, p_value in enumerate(p_values) if p_value is not None]
    adjusted = dict(zip(known, holm([p_values[at] or 0.0 for at in known]), strict=True))
    pairs = []
    for at, one in enumerate(found):
        lead, p_value = rounded(one.lead) if math.isfinite(one.lead) else 0.0, p_values[at]
        if p_value is None:
            pairs.append(Pair(one.better, one.worse, lead, None, None, None, None, True, one.disagree))
            continue
        times = adjusted[at] / p_value if p_value > 0 else len(known)
        reach = float(stdtrit(one.freedom, 1 - LEVEL / max(times, 1.0) / 2)) * one.spread
        low, high = rounded(one.lead - reach), rounded(one.lead + reach)
        tie = adjusted[at] > LEVEL
        pairs.append(
            Pair(one.better, one.worse, lead, low, high, rounded(p_value), rounded(adjusted[at]), tie, one.disagree)
        )
    return sorted(pairs, key=lambda pair: (pair.tie, -pair.difference))
