"""Whether one model is better than another, or whether that is chance: a paired test on the rows that tested both.

The difference of their scores in the run's metric is resampled over those rows, the same rows for both (paired
bootstrap, Efron 1979; of rows that belong together, all or none). Its variance takes no notice of that models would
differ had they learned from other rows; Nadeau and Bengio (2003) add what these contribute: s/n over n tested rows
becomes s/n + s/learned. With several models all pairs are tested, and Holm's (1979) correction keeps the chance of any
false verdict at 5 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from flowml.automl.results.evidence import Evidence, rounded
from flowml.automl.scoring.decision import objective, weighted
from flowml.automl.scoring.metrics import DECIDED, METRICS, part_of

LEVEL = 0.05
_RESAMPLES, _FEWEST_RESAMPLES, _MOST_DRAWN_CLASSES = 300, 100, 3_000
_MOST_ROWS, _FEWEST_ROWS = 4_000, 500
_MOST_VALUES = 16_000
METHOD = "paired bootstrap of the rows, variance by Nadeau and Bengio, Holm's correction"


@dataclass(frozen=True)
class Pair:
    """`difference`: by how much `better` leads in the metric, above 0; the interval is of 95 % confidence. `p_value` is
    as tested, `adjusted` after the correction; None where there was nothing to test. `tie`: the lead may be chance.
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
    judge = METRICS[metric] if metric in DECIDED and all(one.decision for one in models.values()) else objective(metric)
    scores = {name: judge.score(target, one, weights) for name, one in answers.items()}
    drawn = _sampled(len(common), answers[names[0]].shape[1], seed)
    units = None if tested.units is None else tested.units[common][drawn]
    resampled = _resampled(
        judge.score,
        target[drawn],
        {name: one[drawn] for name, one in answers.items()},
        part_of(weights, drawn),
        units,
        seed,
    )
    widen = math.sqrt(len(drawn) / len(common) * (1 + len(common) / max(tested.learned, 1.0)))
    pairs = []
    for first, second in combinations(names, 2):
        lead = judge.gain(scores[first]) - judge.gain(scores[second])
        better, worse = (first, second) if lead >= 0 or not math.isfinite(lead) else (second, first)
        differences = np.array([judge.gain(one[better]) - judge.gain(one[worse]) for one in resampled])
        disagree = _disagreement(models[first], models[second], common)
        pairs.append(_pair(better, worse, abs(lead), differences, widen, disagree))
    return {
        "method": METHOD,
        "n_rows": len(common),
        "scores": {name: rounded(score) if math.isfinite(score) else None for name, score in scores.items()},
        "pairs": [asdict(pair) for pair in _corrected(pairs)],
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


def _sampled(n_rows: int, n_outputs: int, seed: int) -> np.ndarray:
    most = int(np.clip(_MOST_VALUES // n_outputs, _FEWEST_ROWS, _MOST_ROWS))
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:most])


def _resampled(
    score: Any,
    target: np.ndarray,
    answers: Mapping[str, np.ndarray],
    weights: np.ndarray | None,
    units: np.ndarray | None,
    seed: int,
) -> list[dict[str, float]]:
    generator = np.random.default_rng(seed)
    if units is None:
        groups = None
    else:
        order = np.argsort(units, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    n_outputs = next(iter(answers.values())).shape[1]
    found = []
    for _ in range(_resamples(n_outputs)):
        if groups is None:
            drawn = generator.integers(0, len(target), len(target))
        else:
            drawn = np.concatenate([groups[one] for one in generator.integers(0, len(groups), len(groups))])
        part = part_of(weights, drawn)
        one = {name: score(target[drawn], said[drawn], part) for name, said in answers.items()}
        if all(map(math.isfinite, one.values())):
            found.append(one)
    return found


def _resamples(n_outputs: int) -> int:
    """A metric looks at every row once a class: of many classes it is resampled less often."""
    return (
        _RESAMPLES if n_outputs <= 2 else int(np.clip(_MOST_DRAWN_CLASSES // n_outputs, _FEWEST_RESAMPLES, _RESAMPLES))
    )


def _disagreement(first: Evidence, second: Evidence, common: np.ndarray) -> float | None:
    if first.classes is None:
        return None
    chosen = [one.chosen[np.searchsorted(one.at, common)] for one in (first, second)]
    counts = first.counts[np.searchsorted(first.at, common)]
    return rounded(float((chosen[0] != chosen[1]) @ counts / counts.sum()))


def _pair(better: str, worse: str, lead: float, differences: np.ndarray, widen: float, disagree: float | None) -> Pair:
    spread = float(differences.std(ddof=1)) * widen if len(differences) > 1 else 0.0
    if not math.isfinite(lead) or len(differences) < _FEWEST_RESAMPLES // 2:
        return Pair(
            better, worse, 0.0 if not math.isfinite(lead) else rounded(lead), None, None, None, None, True, disagree
        )
    # Where every resample says the same, the answers are equal, or the metric does not move.
    constant = 1.0 if lead <= 1e-12 else 0.0
    p_value = constant if spread <= 1e-12 else math.erfc(lead / spread / math.sqrt(2))
    low, high = (rounded(lead + side * 1.959964 * spread) for side in (-1, 1))
    return Pair(better, worse, rounded(lead), low, high, p_value, None, p_value > LEVEL, disagree)


def _corrected(pairs: Sequence[Pair]) -> list[Pair]:
    tested = [pair for pair in pairs if pair.p_value is not None]
    adjusted = dict(zip(map(id, tested), holm([pair.p_value or 0.0 for pair in tested]), strict=True))
    found = [
        pair
        if pair.p_value is None
        else Pair(
            **{
                **asdict(pair),
                "p_value": rounded(pair.p_value),
                "adjusted": rounded(adjusted[id(pair)]),
                "tie": adjusted[id(pair)] > LEVEL,
            }
        )
        for pair in pairs
    ]
    return sorted(found, key=lambda pair: (pair.tie, -pair.difference))
