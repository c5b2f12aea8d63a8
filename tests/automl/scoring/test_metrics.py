"""The metrics are scikit-learn's, computed from probabilities, and say None where they are not defined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from flowml.automl.scoring.metrics import METRICS, all_metrics, confusion, default_metric, over_folds
from flowml.domain.jobs import ProblemType


def classification(seed: int, classes: int, rows: int = 60, rounded: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), generator.integers(0, classes, rows)]).astype(np.int32)
    probabilities = generator.dirichlet(np.ones(classes), len(target))
    probabilities[np.arange(len(target)), target] += 0.4
    if rounded:
        # Few distinct values, so that ranks tie.
        probabilities = np.round(probabilities, 1) + 0.05
    return target, probabilities / probabilities.sum(axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 5), rounded=st.booleans())
def test_classification_metrics_agree_with_scikit_learn(seed: int, classes: int, rounded: bool) -> None:
    target, probabilities = classification(seed, classes, rounded=rounded)
    chosen = probabilities.argmax(axis=1)
    average = "binary" if classes == 2 else "macro"
    auc = sklearn_metrics.roc_auc_score(
        target, probabilities[:, 1] if classes == 2 else probabilities, multi_class="ovr"
    )
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(target, chosen),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(target, chosen),
        "f1": sklearn_metrics.f1_score(target, chosen, average=average, zero_division=0),
        "precision": sklearn_metrics.precision_score(target, chosen, average=average, zero_division=0),
        "recall": sklearn_metrics.recall_score(target, chosen, average=average, zero_division=0),
        "roc_auc": auc,
        "log_loss": sklearn_metrics.log_loss(target, probabilities),
    }
    assert dict(all_metrics(ProblemType.CLASSIFICATION, target, probabilities)) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_regression_metrics_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    target = generator.normal(50, 10, 40)
    found = target + generator.normal(0, 5, 40)
    expected = {
        "r2": sklearn_metrics.r2_score(target, found),
        "rmse": sklearn_metrics.root_mean_squared_error(target, found),
        "mae": sklearn_metrics.mean_absolute_error(target, found),
        "mape": sklearn_metrics.mean_absolute_percentage_error(target, found),
    }
    assert dict(all_metrics(ProblemType.REGRESSION, target, found.reshape(-1, 1))) == pytest.approx(expected)


def test_gain_is_greater_for_the_better_of_two_scores() -> None:
    target, good = classification(0, 3)
    bad = np.roll(good, 1, axis=1)
    for metric in METRICS.values():
        if metric.problem_type is ProblemType.CLASSIFICATION:
            assert metric.gain(metric.score(target, good)) > metric.gain(metric.score(target, bad)), metric.name


def test_two_classes_are_judged_by_the_last_one() -> None:
    target = np.array([0, 0, 0, 1, 1], dtype=np.int32)
    predictions = np.array([[0.9, 0.1]] * 4 + [[0.2, 0.8]])
    assert METRICS["recall"].score(target, predictions) == 0.5
    assert METRICS["precision"].score(target, predictions) == 1.0


def test_a_metric_that_is_not_defined_is_none() -> None:
    target = np.zeros(4, dtype=np.int32)
    found = all_metrics(ProblemType.CLASSIFICATION, target, np.full((4, 2), 0.5))
    assert found["roc_auc"] is None and found["accuracy"] == 1.0


def test_a_certain_mistake_costs_much_and_not_infinitely() -> None:
    target = np.array([0, 1], dtype=np.int32)
    assert 10 < METRICS["log_loss"].score(target, np.array([[0.0, 1.0], [0.0, 1.0]])) < 100


def test_confusion_counts_true_classes_by_predicted_ones() -> None:
    target = np.array([0, 0, 1, 2], dtype=np.int32)
    found = confusion(target, np.array([0, 1, 1, 1]), ["a", "b", "c"])
    assert found.matrix == ((1, 1, 0), (0, 1, 0), (0, 1, 0))
    assert found.normalized == ((0.5, 0.5, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0))


def test_defaults_are_the_papers() -> None:
    assert default_metric(ProblemType.CLASSIFICATION) == "accuracy"
    assert default_metric(ProblemType.REGRESSION) == "r2"


def test_a_fold_without_the_class_that_is_looked_for_has_no_say() -> None:
    without, found = np.zeros(4, dtype=np.int64), np.array([0, 0, 1, 1])
    answers = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]])
    for name in ("f1", "recall", "precision", "roc_auc"):
        scores = [METRICS[name].score(target, answers) for target in (without, found)]
        assert np.isnan(scores[0]) and np.isfinite(scores[1])
        assert over_folds(scores) == (scores[1], (scores[1], scores[1]))
