"""Curves: as scikit-learn has them, with weights, and bounded."""

import numpy as np
import pytest
from sklearn import metrics

from flowml.automl.results.curves import curves
from flowml.automl.results.evidence import Evidence
from flowml.services.insight.costs import Costs, with_costs
from tests.automl.results.evidences import rows_tested, two_classes


@pytest.mark.parametrize("weighted", [False, True])
def test_areas_are_those_of_scikit_learn(weighted: bool) -> None:
    weights = np.random.default_rng(1).uniform(0.2, 3, 600) if weighted else None
    evidence = two_classes(weights=weights)
    found = curves(evidence)
    said = evidence.predictions[:, 1]
    auc = metrics.roc_auc_score(evidence.target, said, sample_weight=weights)
    average = metrics.average_precision_score(evidence.target, said, sample_weight=weights)

    assert found["weighted"] is weighted
    assert found["roc"][0]["label"] == "yes"
    assert found["roc"][0]["auc"] == pytest.approx(auc, abs=1e-5)
    assert found["precision_recall"][0]["average_precision"] == pytest.approx(average, abs=1e-5)
    share = np.average(evidence.target, weights=weights)
    assert found["precision_recall"][0]["share"] == pytest.approx(share, abs=1e-5)


def test_equal_probabilities_are_one_step() -> None:
    target = np.array([0, 1, 0, 1, 1, 0], dtype=np.int32)
    said = np.array([0.5, 0.5, 0.5, 0.5, 0.9, 0.1])
    found = curves(Evidence.of(rows_tested(target), np.column_stack([1 - said, said]), ("no", "yes")))
    assert found["roc"][0]["auc"] == pytest.approx(metrics.roc_auc_score(target, said), abs=1e-5)
    assert len(found["roc"][0]["true_positive_rate"]) == 4


def test_thresholds_count_as_the_confusion_matrix_does() -> None:
    evidence = two_classes()
    found = curves(evidence)["threshold"]
    place = found["at"].index(0.3)
    taken = evidence.predictions[:, 1] >= 0.3
    (tn, fp), (fn, tp) = metrics.confusion_matrix(evidence.target, taken)
    assert [found[name][place] for name in ("tp", "fp", "fn", "tn")] == [tp, fp, fn, tn]
    assert found["precision"][place] == pytest.approx(metrics.precision_score(evidence.target, taken), abs=1e-5)
    assert found["recall"][place] == pytest.approx(metrics.recall_score(evidence.target, taken), abs=1e-5)
    assert found["f1"][place] == pytest.approx(metrics.f1_score(evidence.target, taken), abs=1e-5)
    assert found["current"] == 0.5
    assert 0.5 in found["at"]


def test_a_dear_miss_lowers_the_cheapest_threshold() -> None:
    threshold = curves(two_classes(3000))["threshold"]
    even, dear = (with_costs(threshold, Costs(fp=5, fn=fn)) for fn in (5, 50))
    # With probabilities that are right the best threshold is fp / (fp + fn).
    assert even["best"]["at"] == pytest.approx(0.5, abs=0.12)
    assert dear["best"]["at"] == pytest.approx(5 / 55, abs=0.06)
    assert dear["best"]["cost_per_1000"] < dear["now"]["cost_per_1000"]
    at = dear["at"].index(dear["best"]["at"])
    cost = (5 * dear["fp"][at] + 50 * dear["fn"][at]) / 3000 * 1000
    assert dear["best"]["cost_per_1000"] == pytest.approx(cost, rel=1e-4)


def test_calibration_sees_who_exaggerates() -> None:
    honest = two_classes(3000)
    found = curves(honest)["calibration"]
    assert found["error"] < 0.05
    assert sum(one["n_rows"] for one in found["bins"]) == 3000
    surer = honest.predictions**3
    surer /= surer.sum(axis=1, keepdims=True)
    exaggerated = Evidence.of(honest.tested, surer, honest.classes)
    assert curves(exaggerated)["calibration"]["error"] > 0.1


def test_many_classes_have_few_points_and_a_missing_class_has_none() -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 49, 5000).astype(np.int32)
    said = random.dirichlet(np.ones(50), 5000)
    found = curves(Evidence.of(rows_tested(target), said, tuple(f"c{code}" for code in range(50))))
    assert len(found["roc"]) == 50
    assert found["threshold"] is None
    assert sum(len(one["true_positive_rate"]) for one in found["roc"]) <= 50 * 42
    assert found["roc"][-1] == {"label": "c49", "auc": None, "false_positive_rate": [], "true_positive_rate": []}
    assert found["precision_recall"][-1]["average_precision"] is None
    assert found["calibration"]["label"] is None


def test_rows_of_which_nothing_was_said_are_left_out() -> None:
    evidence = two_classes(100)
    answers = evidence.predictions.copy()
    answers[:40] = np.nan
    part = Evidence.of(evidence.tested, answers, evidence.classes)
    assert curves(part)["n_rows"] == 60
    assert list(part.target) == list(evidence.target[40:])
