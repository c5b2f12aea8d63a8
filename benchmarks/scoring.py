"""One scorer for all: the loss of predictions on rows that nobody has seen."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tasks import Task

SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Scores:
    """`loss`: 1 - AUC (two classes), log loss (more), RMSE (numbers); beside it accuracy or R²."""

    loss_name: str
    loss: float
    accuracy: float | None
    r2: float | None


def read_column(path: Path, name: str) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def score(task: Task, predictions: Path) -> Scores:
    """Of a file with `prediction` and, for classes, `probability_CLASS` columns, in the order of the test file."""
    truth, predicted = read_column(task.test, task.target), read_column(predictions, "prediction")
    if task.regression:
        return score_numbers([float(one) for one in truth], [float(one) for one in predicted])
    accuracy = sum(a == b for a, b in zip(truth, predicted, strict=True)) / len(truth)
    if task.positive is not None:
        probabilities = [float(one) for one in read_column(predictions, f"probability_{task.positive}")]
        return Scores("1 - AUC", 1 - auc([one == task.positive for one in truth], probabilities), accuracy, None)
    columns = {label: read_column(predictions, f"probability_{label}") for label in sorted(set(truth))}
    chosen = [float(columns[label][row]) for row, label in enumerate(truth)]
    loss = -sum(math.log(max(one, SMALLEST_PROBABILITY)) for one in chosen) / len(chosen)
    return Scores("log loss", loss, accuracy, None)


def score_numbers(truth: Sequence[float], predicted: Sequence[float]) -> Scores:
    """RMSE and R²."""
    squares = sum((a - b) ** 2 for a, b in zip(truth, predicted, strict=True))
    mean = sum(truth) / len(truth)
    spread = sum((one - mean) ** 2 for one in truth)
    return Scores("RMSE", math.sqrt(squares / len(truth)), None, 1 - squares / spread if spread else None)


def auc(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """Area under the ROC curve: the share of pairs in the right order, ties counting half."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks = [0.0] * len(scores)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and scores[order[end + 1]] == scores[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    positives = sum(truth)
    negatives = len(truth) - positives
    if not positives or not negatives:
        return math.nan
    sum_of_ranks = sum(rank for rank, true in zip(ranks, truth, strict=True) if true)
    return (sum_of_ranks - positives * (positives + 1) / 2) / (positives * negatives)
