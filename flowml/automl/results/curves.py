"""ROC, precision and recall, calibration and thresholds of a classifier, from its out-of-fold predictions.

All of them count rows by their weights, and have a bounded number of points however many rows and classes there are.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from flowml.automl.results.evidence import Evidence, rounded
from flowml.automl.scoring.metrics import part_of

_MOST_POINTS, _FEWEST_POINTS = 200, 20
_ALL_POINTS = 2_000
_BINS = 10
_FEWEST_IN_A_BIN = 20
_DRAWS, _SURELY = 2_000, 0.95
# Thresholds: even steps, and probabilities that occur, among all rows and among those of the class, which may be rare.
_STEPS, _OF_ROWS, _OF_CLASS = 101, 50, 45
_LEVEL_DIGITS = 6


@dataclass(frozen=True)
class Ranking:
    """The rows in the order of what a model says of one class, surest first, at each probability that occurs:
    `hits` and `alarms` are the weights of the rows of the class and of all others that it would then take in."""

    levels: np.ndarray
    hits: np.ndarray
    alarms: np.ndarray

    @classmethod
    def of(cls, positive: np.ndarray, said: np.ndarray, counts: np.ndarray) -> "Ranking":
        """`positive`: which rows are of the class, bool; `said`: its probability; `counts`: weights; all (rows,)."""
        order = np.argsort(-said, kind="stable")
        levels = said[order]
        last = np.append(levels[1:] != levels[:-1], True)
        hits = np.cumsum(np.where(positive, counts, 0.0)[order])[last]
        alarms = np.cumsum(np.where(positive, 0.0, counts)[order])[last]
        return cls(levels[last], hits, alarms)

    @property
    def n_hits(self) -> float:
        return float(self.hits[-1])

    @property
    def n_alarms(self) -> float:
        return float(self.alarms[-1])

    def at(self, level: float) -> tuple[float, float]:
        """Hits and false alarms when all from this probability on are taken."""
        place = int(np.searchsorted(-self.levels, -level, side="right")) - 1
        return (0.0, 0.0) if place < 0 else (float(self.hits[place]), float(self.alarms[place]))


def curves(evidence: Evidence) -> dict[str, Any]:
    """As `GET /curves` answers for classes: {"n_rows", "weighted", "roc", "precision_recall", "calibration",
    "threshold"}.

    Each class is set against all others; of two classes there is the last one only. A class that no row is of, or every
    row, has no curve: its `auc` or `average_precision` is None, its points are empty.
    """
    assert evidence.classes is not None
    classes, counts = evidence.classes, evidence.counts
    shown = range(len(classes)) if len(classes) > 2 else [len(classes) - 1]
    most = int(np.clip(_ALL_POINTS // len(shown), _FEWEST_POINTS, _MOST_POINTS))
    roc, precision_recall = [], []
    for code in shown:
        ranking = Ranking.of(evidence.target == code, evidence.predictions[:, code], counts)
        roc.append({"label": classes[code], **_roc(ranking, most)})
        precision_recall.append({"label": classes[code], **_precision_recall(ranking, most)})
    return {
        "n_rows": len(evidence.at),
        "weighted": evidence.weights is not None,
        "roc": roc,
        "precision_recall": precision_recall,
        "calibration": _calibration(evidence),
        "threshold": _thresholds(evidence) if len(classes) == 2 else None,
    }


def _roc(ranking: Ranking, most: int) -> dict[str, Any]:
    if ranking.n_hits <= 0 or ranking.n_alarms <= 0:
        return {"auc": None, "false_positive_rate": [], "true_positive_rate": []}
    false = np.concatenate([[0.0], ranking.alarms / ranking.n_alarms])
    true = np.concatenate([[0.0], ranking.hits / ranking.n_hits])
    area = float(np.trapezoid(true, false))
    keep = _bend_kept(false, true, most)
    return {
        "auc": rounded(area),
        "false_positive_rate": _short(false[keep]),
        "true_positive_rate": _short(true[keep]),
    }


def _precision_recall(ranking: Ranking, most: int) -> dict[str, Any]:
    """Average precision is the sum over the steps of recall, as scikit-learn's (no interpolation, which flatters: Davis
    and Goadrich 2006)."""
    total = ranking.n_hits + ranking.n_alarms
    share = ranking.n_hits / total if total > 0 else 0.0
    if ranking.n_hits <= 0:
        return {"average_precision": None, "share": rounded(share), "recall": [], "precision": []}
    recall = ranking.hits / ranking.n_hits
    precision = ranking.hits / (ranking.hits + ranking.alarms)
    average = float((np.diff(recall, prepend=0.0) * precision).sum())
    keep = _spread(recall, most)
    return {
        "average_precision": rounded(average),
        "share": rounded(share),
        "recall": _short(recall[keep]),
        "precision": _short(precision[keep]),
    }


def _calibration(evidence: Evidence) -> dict[str, Any]:
    """Bins of about equally many rows: what was said on average, and how often it came true. Of two classes the last
    one's probability; of more that of the class which is most likely. `error` is the expected calibration error (Naeini
    et al. 2015) over these bins, `chance_error` what it would be on average, and `chance_limit` at most in 95 % of
    cases, if the probabilities were right: of few rows it is never 0."""
    assert evidence.classes is not None
    if len(evidence.classes) == 2:
        said, true = evidence.predictions[:, 1], evidence.target == 1
    else:
        best = evidence.predictions.argmax(axis=1)
        said, true = evidence.predictions[np.arange(len(best)), best], best == evidence.target
    counts, n_rows = evidence.counts, len(said)
    n_bins = int(np.clip(n_rows // _FEWEST_IN_A_BIN, 1, _BINS))
    order = np.argsort(said, kind="stable")
    # Equal probabilities stay together, so that there is no bin between two rows of the same.
    cuts = [
        int(np.searchsorted(said[order], said[order][at], side="left"))
        for at in np.arange(1, n_bins) * n_rows // n_bins
    ]
    edges = sorted({0, *cuts, n_rows})
    bins, off, spreads = [], 0.0, []
    for start, end in pairwise(edges):
        rows = order[start:end]
        weight = float(counts[rows].sum())
        predicted, actual = (float(part @ counts[rows] / weight) for part in (said[rows], true[rows].astype(float)))
        off += weight * abs(predicted - actual)
        spreads.append(_spread_of_hits(said[rows], true[rows], counts[rows], part_of(evidence.units, rows)))
        bins.append(
            {
                "low": rounded(float(said[rows[0]])),
                "high": rounded(float(said[rows[-1]])),
                "predicted": rounded(predicted),
                "actual": rounded(actual),
                "n_rows": end - start,
            }
        )
    positive = evidence.classes[1] if len(evidence.classes) == 2 else None
    drawn = np.abs(np.random.default_rng(0).normal(0.0, spreads, (_DRAWS, len(spreads)))).sum(axis=1) / counts.sum()
    return {
        "label": positive,
        "error": rounded(off / float(counts.sum())),
        "chance_error": rounded(float(drawn.mean())),
        "chance_limit": rounded(float(np.quantile(drawn, _SURELY))),
        "bins": bins,
    }


def _spread_of_hits(said: np.ndarray, true: np.ndarray, counts: np.ndarray, units: np.ndarray | None) -> float:
    """By how much the weight of what comes true varies where each row does with the probability that was said; where
    rows belong together, as their sums do."""
    alone = float((counts**2) @ (said * (1 - said)))
    if units is not None:
        off = counts * (true - said)
        _, group = np.unique(units, return_inverse=True)
        off = off - counts * off.sum() / counts.sum()
        alone = max(alone, float((np.bincount(group.reshape(-1), off) ** 2).sum()))
    return float(np.sqrt(alone))


def _thresholds(evidence: Evidence) -> dict[str, Any]:
    """Of two classes: what comes of taking the last from each of so many probabilities on. Counts are of weights. At
    the model's own threshold it is what the model does, which leaves a row that lies on it to the other class; at 1
    nothing is taken."""
    assert evidence.classes is not None
    said, is_of_class = evidence.predictions[:, 1], evidence.target == 1
    ranking = Ranking.of(is_of_class, said, evidence.counts)
    levels = [np.linspace(0.0, 1.0, _STEPS), np.quantile(said, np.linspace(0, 1, _OF_ROWS)), [1 - 10.0**-_LEVEL_DIGITS]]
    if is_of_class.any():
        levels.append(np.quantile(said[is_of_class], np.linspace(0, 1, _OF_CLASS)))
    decision = evidence.decision
    current = rounded(0.5 if decision is None else decision[0] / (decision[0] + decision[1]))
    at = sorted({current, *(rounded(float(level)) for level in np.concatenate(levels))})
    is_chosen = evidence.chosen == 1
    steps: dict[str, list[float]] = {name: [] for name in ("at", "tp", "fp", "fn", "tn")}
    for level in at:
        hits, alarms = ranking.at(level) if level < 1 else (0.0, 0.0)
        if level == current:
            hits, alarms = (float(evidence.counts[is_chosen & rows].sum()) for rows in (is_of_class, ~is_of_class))
        found = (level, hits, alarms, ranking.n_hits - hits, ranking.n_alarms - alarms)
        for name, value in zip(steps, found, strict=True):
            steps[name].append(value if name == "at" else rounded(value))
    tp, fp, fn = (np.array(steps[name]) for name in ("tp", "fp", "fn"))
    steps["precision"] = _short(_share(tp, tp + fp))
    steps["recall"] = _short(_share(tp, tp + fn))
    steps["f1"] = _short(_share(2 * tp, 2 * tp + fp + fn))
    return {"label": evidence.classes[1], "other": evidence.classes[0], "current": current, **steps}


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part, dtype=float), where=whole > 0))


def _bend_kept(x: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
    """Places of at most so many points of a rising curve, evenly along its length."""
    return _spread(x + y, most)


def _spread(along: np.ndarray, most: int) -> np.ndarray:
    if len(along) <= most:
        return np.arange(len(along))
    wanted = np.linspace(along[0], along[-1], most)
    return np.unique(np.concatenate([[0], np.searchsorted(along, wanted, side="left").clip(0, len(along) - 1)]))


def _short(values: np.ndarray) -> list[float]:
    return [rounded(float(value)) for value in values]
