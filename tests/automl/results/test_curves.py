"""Curves: as scikit-learn has them, with weights, and bounded."""

import numpy as np
import pytest
from sklearn import metrics

from flowml.automl.results.curves import curves
from flowml.automl.results.evidence import Evidence
from flowml.services.insight.costs import Costs, with_costs
from flowml.web.pages.insight.curves import calibration_verdict
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


@pytest.mark.parametrize("decision", [None, (0.4, 0.6)])
def test_the_threshold_of_the_model_counts_as_the_model_decides(decision: tuple[float, float] | None) -> None:
    random = np.random.default_rng(0)
    # As nearest neighbours answer: many rows lie on the threshold.
    said = random.integers(0, 6, 300) / 5 if decision else random.integers(0, 5, 300) / 4
    target = (random.random(300) < said).astype(np.int32)
    evidence = Evidence.of(rows_tested(target), np.column_stack([1 - said, said]), ("no", "yes"), decision)
    found = curves(evidence)["threshold"]
    place = found["at"].index(found["current"])
    (tn, fp), (fn, tp) = metrics.confusion_matrix(target, evidence.chosen)
    assert [found[name][place] for name in ("tp", "fp", "fn", "tn")] == [tp, fp, fn, tn]


def test_a_rare_class_has_thresholds_of_its_own_and_may_be_left_alone() -> None:
    random = np.random.default_rng(0)
    said = 1 / (1 + np.exp(-random.normal(-9, 1.2, 50_000)))
    said[0] = 1.0
    target = (random.random(50_000) < said).astype(np.int32)
    evidence = Evidence.of(rows_tested(target), np.column_stack([1 - said, said]), ("no", "yes"), (0.00047, 0.99953))
    threshold = curves(evidence)["threshold"]
    assert len(threshold["at"]) <= 200
    assert sum(0.0001 < level < 0.01 for level in threshold["at"]) > 50
    place = threshold["at"].index(threshold["current"])
    assert threshold["tp"][place] + threshold["fp"][place] == int((evidence.chosen == 1).sum())
    assert (threshold["at"][-1], threshold["tp"][-1], threshold["fp"][-1]) == (1.0, 0, 0)
    assert threshold["tp"][-2] + threshold["fp"][-2] == 1
    order = np.argsort(-said)
    hits, alarms = np.cumsum(target[order]), np.cumsum(1 - target[order])
    least = (5 * alarms + 5000 * (target.sum() - hits)).min() / 50
    assert with_costs(threshold, Costs(fp=5, fn=5000))["best"]["cost_per_1000"] < 1.05 * least


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


@pytest.mark.parametrize("n_rows", [50, 400, 2000])
def test_what_is_right_is_seldom_called_wrong(n_rows: int) -> None:
    verdicts = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        said = random.uniform(0.1, 0.9, n_rows)
        target = (random.random(n_rows) < said).astype(np.int32)
        found = curves(Evidence.of(rows_tested(target), np.column_stack([1 - said, said]), ("no", "yes")))
        verdicts.append(calibration_verdict(found["calibration"]))
        assert found["calibration"]["chance_error"] < found["calibration"]["chance_limit"]
    assert sum("cannot be" in one or "roughly" in one for one in verdicts) <= 4
    if n_rows >= 2000:
        assert sum(one == "They can be taken at their word." for one in verdicts) >= 36


def test_what_is_wrong_is_called_wrong_where_rows_are_enough() -> None:
    random = np.random.default_rng(0)
    said = random.uniform(0.1, 0.9, 400)
    target = (random.random(400) < np.where(said > 0.5, 0.5, 0.1)).astype(np.int32)
    found = curves(Evidence.of(rows_tested(target), np.column_stack([1 - said, said]), ("no", "yes")))
    assert calibration_verdict(found["calibration"]).startswith("They cannot be taken at their word")


def test_rows_that_belong_together_say_less_about_probabilities() -> None:
    random = np.random.default_rng(0)
    units = np.repeat(np.arange(20), 30)
    said = np.full(600, 0.5)
    target = np.repeat(random.integers(0, 2, 20), 30).astype(np.int32)
    answers = np.column_stack([1 - said, said])
    limits = [
        curves(Evidence.of(rows_tested(target, units=known), answers, ("no", "yes")))["calibration"]["chance_limit"]
        for known in (None, units)
    ]
    assert limits[1] > 3 * limits[0]


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
