"""From probabilities to classes, each metric in its own way."""

import numpy as np
import pytest

from flowml.automl.scoring.decision import (
    choose_decision,
    fair_decision,
    objective,
    threshold,
    tune,
    weighted,
)
from flowml.automl.scoring.metrics import METRICS, all_metrics
from flowml.domain.jobs import ProblemType


def rare(rows: int, seed: int = 0, share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A target with a rare second class, and the true probabilities of it."""
    generator = np.random.default_rng(seed)
    score = 1.5 * generator.standard_normal(rows) + np.log(share / (1 - share))
    second = 1 / (1 + np.exp(-score))
    target = (generator.random(rows) < second).astype(np.int32)
    return target, np.stack([1 - second, second], axis=1)


def best_by_force(name: str, target: np.ndarray, probabilities: np.ndarray) -> float:
    """The metric at the best of many thresholds."""
    score = METRICS[name].score
    return max(score(target, weighted(probabilities, (at, 1 - at))) for at in np.linspace(0.01, 0.99, 197))


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1"])
def test_the_fair_decision_is_nearly_the_best_without_looking_at_labels(name: str) -> None:
    target, probabilities = rare(20_000)
    usual = METRICS[name].score(target, probabilities)
    fair = METRICS[name].score(target, weighted(probabilities, fair_decision(name, target, probabilities)))
    best = best_by_force(name, target, probabilities)
    assert usual < best - 0.05 and fair > best - 0.005
    assert objective(name).score(target, probabilities) == fair


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1"])
def test_three_classes_are_decided_fairly_too(name: str) -> None:
    generator = np.random.default_rng(0)
    scores = generator.standard_normal((6_000, 3)) * 1.5 + np.log([0.8, 0.15, 0.05])
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    target = (probabilities.cumsum(axis=1) < generator.random((6_000, 1))).sum(axis=1).clip(max=2).astype(np.int32)
    fair = weighted(probabilities, fair_decision(name, target, probabilities))
    assert METRICS[name].score(target, fair) > METRICS[name].score(target, probabilities) + 0.02
    tuned = weighted(probabilities, tune(name, target, probabilities))
    assert METRICS[name].score(target, tuned) >= METRICS[name].score(target, fair) - 1e-9


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "log_loss"])
def test_other_metrics_go_by_the_most_likely_class(name: str) -> None:
    target, probabilities = rare(500)
    assert fair_decision(name, target, probabilities) is None
    assert objective(name) is METRICS[name]


def test_tuning_repairs_probabilities_that_are_wrong() -> None:
    """Where the second class is always said to be too unlikely, labels know better than probabilities."""
    target, probabilities = rare(4_000, share=0.3)
    second = probabilities[:, 1] ** 3
    wrong = np.stack([1 - second, second], axis=1)
    folds = np.arange(4_000) % 5
    chosen = choose_decision("f1", target, wrong, folds)
    score = METRICS["f1"].score
    fair = fair_decision("f1", target, wrong)
    assert chosen != fair
    assert score(target, weighted(wrong, chosen)) > score(target, weighted(wrong, fair)) + 0.005
    assert score(target, weighted(wrong, chosen)) > best_by_force("f1", target, wrong) - 0.02


def test_probabilities_that_are_right_are_mostly_left_alone() -> None:
    kept = 0
    for seed in range(10):
        target, probabilities = rare(3_000, seed, share=0.3)
        fair = fair_decision("balanced_accuracy", target, probabilities)
        kept += choose_decision("balanced_accuracy", target, probabilities, np.arange(3_000) % 5) == fair
    assert kept >= 6


def test_few_rows_are_never_tuned_on() -> None:
    target, probabilities = rare(9_000, share=0.3)
    wrong = np.stack([1 - probabilities[:, 1] ** 3, probabilities[:, 1] ** 3], axis=1)
    assert choose_decision("accuracy", target, wrong, np.arange(9_000) % 5) is None
    few, said = rare(200, share=0.3)
    assert choose_decision("f1", few, said, np.arange(200) % 5) == fair_decision("f1", few, said)


def test_accuracy_is_tuned_where_rows_are_many_and_it_helps() -> None:
    target, probabilities = rare(12_000, share=0.4)
    second = probabilities[:, 1] ** 2
    wrong = np.stack([1 - second, second], axis=1)
    chosen = choose_decision("accuracy", target, wrong, np.arange(12_000) % 5)
    assert chosen is not None and 0.2 < (threshold(chosen) or 0) < 0.35
    assert METRICS["accuracy"].score(target, weighted(wrong, chosen)) > METRICS["accuracy"].score(target, wrong) + 0.01


def test_figures_of_classes_follow_the_decision_and_those_of_probabilities_do_not() -> None:
    target, probabilities = rare(2_000)
    usual = all_metrics(ProblemType.CLASSIFICATION, target, probabilities)
    decided = all_metrics(ProblemType.CLASSIFICATION, target, probabilities, decision=(0.1, 0.9))
    assert decided["recall"] > usual["recall"] + 0.2  # type: ignore[operator]
    assert decided["log_loss"] == usual["log_loss"] and decided["roc_auc"] == usual["roc_auc"]


def test_a_class_that_does_not_occur_does_no_harm() -> None:
    target = np.zeros(10, dtype=np.int32)
    for name in ("balanced_accuracy", "f1"):
        decision = fair_decision(name, target, np.full((10, 3), 1 / 3))
        assert decision is not None and np.isfinite(decision).all() and min(decision) > 0


def test_a_class_that_no_row_tests_is_not_called_for_a_whim() -> None:
    target = np.repeat([0, 1], 60)
    probabilities = np.tile([0.5, 0.495, 0.005], (120, 1))
    decision = fair_decision("balanced_accuracy", target, probabilities)
    assert decision is not None and (probabilities * np.asarray(decision)).argmax(axis=1).max() < 2
