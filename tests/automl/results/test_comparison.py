"""Comparing models: who is better, and what is a tie."""

import numpy as np
import pytest

from flowml.automl.results.comparison import compare
from flowml.automl.results.evidence import Evidence
from tests.automl.results.evidences import rows_tested, two_classes


def test_models_of_the_same_worth_are_a_tie_and_a_poor_one_is_not() -> None:
    first, second, poor = (two_classes(2000, noise=noise) for noise in (1, 1, 8))
    other = first.predictions + np.random.default_rng(3).normal(0, 0.01, (2000, 1)) * [[1, -1]]
    second = Evidence.of(first.tested, np.clip(other, 0.001, 0.999), first.classes)
    found = compare({"a": first, "b": second, "poor": poor}, "log_loss")

    assert found["n_rows"] == 2000
    ties = {frozenset((pair["better"], pair["worse"])): pair["tie"] for pair in found["pairs"]}
    assert ties[frozenset("ab")]
    assert not ties[frozenset(("a", "poor"))]
    clearest = found["pairs"][0]
    assert clearest["worse"] == "poor"
    assert 0 < clearest["low"] < clearest["difference"] < clearest["high"]
    assert clearest["p_value"] <= clearest["adjusted"]


def test_chance_alone_is_seldom_called_a_lead() -> None:
    verdicts = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        target = random.normal(0, 1, 200)
        models = [
            Evidence.of(rows_tested(target), (target + random.normal(0, 1, 200))[:, None], None) for _ in range(2)
        ]
        verdicts.append(compare({"a": models[0], "b": models[1]}, "rmse")["pairs"][0]["tie"])
    assert sum(verdicts) >= 36


def test_rows_that_belong_together_count_as_one() -> None:
    random = np.random.default_rng(0)
    target = np.repeat(random.normal(0, 1, 12), 50)
    good, poor = (np.repeat(random.normal(0, spread, 12), 50) for spread in (0.4, 0.6))
    units = np.repeat(np.arange(12), 50)
    p_values = []
    for known in (None, units):
        rows = rows_tested(target, units=known)
        models = {name: Evidence.of(rows, (target + off)[:, None], None) for name, off in (("a", good), ("b", poor))}
        p_values.append(compare(models, "mae")["pairs"][0]["p_value"])
    assert p_values[1] > p_values[0]


def test_equal_answers_and_a_metric_that_is_not_defined_are_ties() -> None:
    one = two_classes(100)
    equal = compare({"a": one, "b": one}, "accuracy")["pairs"][0]
    assert (equal["tie"], equal["difference"], equal["disagree"]) == (True, 0.0, 0.0)
    nobody = Evidence.of(rows_tested(np.zeros(50, dtype=np.int32)), np.full((50, 2), 0.5), ("no", "yes"))
    undefined = compare({"a": nobody, "b": nobody}, "roc_auc")
    assert undefined["scores"] == {"a": None, "b": None}
    assert undefined["pairs"][0]["tie"]
    assert undefined["pairs"][0]["p_value"] is None


def test_a_model_that_was_measured_on_fewer_rows_is_compared_on_those() -> None:
    one = two_classes(300)
    answers = one.predictions.copy()
    answers[100:] = np.nan
    part = Evidence.of(one.tested, answers, one.classes)
    found = compare({"whole": one, "part": part}, "accuracy")
    assert found["n_rows"] == 100
    assert (
        found["scores"]["whole"]
        == found["scores"]["part"]
        == pytest.approx(float((one.chosen[:100] == one.target[:100]).mean()), abs=1e-5)
    )
