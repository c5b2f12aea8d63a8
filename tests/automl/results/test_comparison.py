"""Comparing models: who is better, and what is a tie."""

from collections.abc import Callable

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


def _leads(metric: str, pair_of: Callable[[int], dict[str, Evidence]], n_tables: int = 24) -> int:
    return sum(not compare(pair_of(seed), metric)["pairs"][0]["tie"] for seed in range(n_tables))


def test_chance_is_no_lead_where_many_rows_belong_to_few() -> None:
    def pair(seed: int) -> dict[str, Evidence]:
        random, n_rows = np.random.default_rng(seed), 20_000
        units = np.sort(np.arange(n_rows) % 100)
        target = random.integers(0, 2, n_rows).astype(np.int32)
        tested, found = rows_tested(target, units=units), {}
        for name in "ab":
            wrong = random.random(n_rows) < np.clip(0.2 + random.normal(0, 0.08, 100)[units], 0, 1)
            said = np.where(wrong ^ (target == 1), 0.8, 0.2)
            found[name] = Evidence.of(tested, np.column_stack([1 - said, said]), ("no", "yes"))
        return found

    assert _leads("accuracy", pair) <= 2


@pytest.mark.parametrize("metric", ["roc_auc", "f1"])
def test_chance_is_no_lead_where_a_class_is_rare(metric: str) -> None:
    def pair(seed: int) -> dict[str, Evidence]:
        random, n_rows = np.random.default_rng(seed), 10_000
        target = np.zeros(n_rows, dtype=np.int32)
        target[random.choice(n_rows, 40, replace=False)] = 1
        tested, found = rows_tested(target), {}
        for name in "ab":
            said = 1 / (1 + np.exp(7 - 2.0 * target - random.normal(0, 1.5, n_rows)))
            found[name] = Evidence.of(tested, np.column_stack([1 - said, said]), ("no", "yes"))
        return found

    assert _leads(metric, pair) <= 2


def test_chance_is_no_lead_where_a_few_rows_are_far_off() -> None:
    def pair(seed: int) -> dict[str, Evidence]:
        random, n_rows = np.random.default_rng(seed), 20_000
        target = random.normal(0, 1, n_rows)
        tested, found = rows_tested(target), {}
        for name in "ab":
            off = np.exp(random.normal(0, 2, n_rows)) * random.choice([-1, 1], n_rows)
            found[name] = Evidence.of(tested, (target + off)[:, None], None)
        return found

    assert _leads("rmse", pair) <= 2


def test_a_lead_is_seen_in_rows_beyond_the_first_thousands() -> None:
    random, n_rows = np.random.default_rng(0), 30_000
    target = random.integers(0, 2, n_rows).astype(np.int32)
    found = {}
    for name, share in (("good", 0.2), ("poor", 0.215)):
        said = np.where((random.random(n_rows) < share) ^ (target == 1), 0.8, 0.2)
        found[name] = Evidence.of(rows_tested(target), np.column_stack([1 - said, said]), ("no", "yes"))
    pair = compare(found, "accuracy")["pairs"][0]
    assert (pair["better"], pair["tie"]) == ("good", False)
    # As the textbook has it: two shares of independent rows, widened for what was learned.
    spread = np.sqrt((0.2 * 0.8 + 0.215 * 0.785) / n_rows * (1 + 1 / 0.8))
    assert pair["high"] - pair["low"] == pytest.approx(2 * 1.96 * spread, rel=0.05)


def test_the_interval_leaves_out_nothing_exactly_where_there_is_a_lead() -> None:
    seen = set()
    for seed in range(12):
        random = np.random.default_rng(seed)
        target = random.normal(0, 1, 300)
        noises = {"a": 1.0, "b": 1.12, "c": 1.25, "d": 1.4}
        models = {
            name: Evidence.of(rows_tested(target), (target + random.normal(0, noise, 300))[:, None], None)
            for name, noise in noises.items()
        }
        for pair in compare(models, "rmse")["pairs"]:
            assert pair["tie"] == (pair["low"] <= 0)
            seen.add((pair["tie"], pair["p_value"] <= 0.05))
    # Also of those that only the correction calls a tie.
    assert seen == {(True, False), (True, True), (False, True)}
