"""Intervals and sets: how often they hold the truth, where they are wide, and what of a file is refused."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from flowml.automl.conformal.calibrate import half_width, of_classes, of_values
from flowml.automl.conformal.difficulty import CATEGORY, NUMBER
from flowml.automl.conformal.record import LEVELS, Conformal
from flowml.automl.features.prepared import Labels, Numbers, PreparedColumn
from flowml.automl.scoring.decision import weighted

KINDS = {"x": NUMBER, "town": CATEGORY}
Table = tuple[np.ndarray, np.ndarray, dict[str, PreparedColumn]]


def noisy(rows: int, seed: int) -> Table:
    """Truths, predictions and columns: the noise grows with x from 1 to 9, and is twice as much in town b."""
    random = np.random.default_rng(seed)
    x, town = random.random(rows), random.integers(-1, 3, rows)
    predicted = random.normal(0, 3, rows)
    spread = (1 + 8 * x) * np.where(town == 1, 2.0, 1.0)
    columns: dict[str, PreparedColumn] = {
        "x": Numbers(np.where(random.random(rows) < 0.05, np.nan, x)),
        "town": Labels(town.astype(np.int32), ("a", "b", "c")),
    }
    return predicted + spread * random.normal(size=rows), predicted, columns


def learned(rows: int = 3_000, weights: np.ndarray | None = None) -> Conformal:
    truth, predicted, columns = noisy(rows, 0)
    return of_values(truth, predicted, weights, columns=[(KINDS[name], name, one) for name, one in columns.items()])


ADAPTIVE = learned()


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.855, 0.9, 0.95, 0.99])
def test_intervals_hold_the_truth_as_often_as_was_asked(coverage: float) -> None:
    truth, predicted, columns = noisy(20_000, 1)
    low, high = ADAPTIVE.intervals(columns, predicted, coverage)
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(coverage, abs=0.02)


def test_intervals_are_wide_where_the_model_is_unsure_and_narrower_on_average() -> None:
    truth, predicted, columns = noisy(20_000, 1)
    low, high = ADAPTIVE.intervals(columns, predicted)
    x = columns["x"]
    assert isinstance(x, Numbers)
    sure, unsure = x.values < 0.2, x.values > 0.8
    inside = (low <= truth) & (truth <= high)
    assert np.mean(inside[sure]) == pytest.approx(0.9, abs=0.05)
    assert np.mean(inside[unsure]) == pytest.approx(0.9, abs=0.05)
    assert np.mean((high - low)[unsure]) > 2 * np.mean((high - low)[sure])
    assert np.mean(high - low) < 2 * half_width(truth, predicted)


def test_one_row_has_the_interval_that_it_has_among_others() -> None:
    _, predicted, columns = noisy(50, 2)
    low, high = ADAPTIVE.intervals(columns, predicted, 0.83)
    x, town = columns["x"], columns["town"]
    assert isinstance(x, Numbers) and isinstance(town, Labels)
    for at, value in enumerate(predicted):
        label = None if town.codes[at] < 0 else town.levels[town.codes[at]]
        row = {"x": None if np.isnan(x.values[at]) else x.values[at], "town": label}
        assert ADAPTIVE.interval(row, float(value), 0.83) == pytest.approx((low[at], high[at]), rel=1e-12)


def test_a_level_that_was_never_seen_and_a_number_far_outside_have_an_interval() -> None:
    low, high = ADAPTIVE.interval({"x": 1e9, "town": "nowhere"}, 1e6)
    assert low < 1e6 < high < 1e6 + 200


def test_rows_without_weight_say_nothing() -> None:
    truth = np.concatenate([np.linspace(0, 1, 300), np.full(300, 1e6)])
    weights = np.repeat([1.0, 0.0], 300)
    found = of_values(truth, np.zeros(600), weights)
    assert max(found.quantiles[0]) <= 1.0 * 10


def test_what_was_never_negative_stays_so() -> None:
    random = np.random.default_rng(0)
    truth = random.exponential(size=400)
    low, high = of_values(truth, np.full(400, 0.5)).interval({}, 0.5, 0.95)
    assert low == 0.0 and high > 1.0
    # Where the prediction itself is on the other side, the interval still holds it.
    assert of_values(truth, np.full(400, 0.5)).interval({}, -3.0, 0.95)[0] == -3.0


def test_few_rows_have_an_interval_that_is_the_same_for_all() -> None:
    found = of_values(np.arange(20.0), np.arange(20.0)[::-1])
    assert found.difficulty is None and found.at(0.99) == (19.0,)


def shares(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of three classes, of which the last is rare, and probabilities that know them a little."""
    random = np.random.default_rng(seed)
    target = random.choice(3, rows, p=[0.6, 0.35, 0.05])
    scores = random.normal(0, 1, (rows, 3)) + np.log([0.6, 0.35, 0.05])
    scores[np.arange(rows), target] += 1.5
    exponent = np.exp(scores)
    return target, exponent / exponent.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("coverage", [0.6, 0.8, 0.9, 0.95])
def test_sets_hold_each_class_as_often_as_was_asked(coverage: float) -> None:
    found = of_classes(*shares(8_000, 0))
    target, given = shares(20_000, 1)
    chosen = given.argmax(axis=1)
    inside = found.belong(given, chosen, coverage)[np.arange(len(target)), target]
    for code in range(3):
        # What is predicted is in the set: a class that is told more often than was asked is held as often.
        told = np.mean(chosen[target == code] == code)
        assert inside[target == code].mean() == pytest.approx(max(coverage, told), abs=0.05)


@pytest.mark.parametrize("decision", [None, (0.15, 0.25, 0.6)])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_what_is_predicted_is_in_every_set(decision: tuple[float, ...] | None, coverage: float) -> None:
    found = of_classes(*shares(2_000, 0), decision=decision)
    target, given = shares(5_000, 1)
    chosen = weighted(given, decision).argmax(axis=1)
    belong = found.belong(given, chosen, coverage)
    assert belong[np.arange(len(given)), chosen].all()
    assert found.members([0.4, 0.35, 0.25], 2, 0.5)[-1] == 2
    inside = belong[np.arange(len(target)), target]
    assert inside.mean() > coverage - 0.02


def test_one_row_has_the_set_that_it_has_among_others_the_most_likely_first() -> None:
    found = of_classes(*shares(2_000, 0))
    _, given = shares(200, 1)
    chosen = given.argmax(axis=1)
    for row, code, belong in zip(given, chosen, found.belong(given, chosen, 0.93), strict=True):
        members = found.members(row.tolist(), int(code), 0.93)
        assert set(members) == set(np.flatnonzero(belong).tolist())
        assert [row[code] for code in members] == sorted((row[code] for code in members), reverse=True)


@pytest.mark.parametrize("rows", [5, 12, 40])
def test_a_rare_class_is_held_as_often_as_the_others(rows: int) -> None:
    random = np.random.default_rng(rows)

    def drawn(common: int, rare: int) -> tuple[np.ndarray, np.ndarray]:
        # The rare class never has the greater probability, and none that frequent ones have when they are true.
        share = np.append(random.uniform(0.0, 0.02, common), random.uniform(0.01, 0.3, rare))
        return np.repeat([0, 1], [common, rare]), np.stack([1 - share, share], axis=1)

    held = []
    for _ in range(40):
        found = of_classes(*drawn(500, rows))
        _, given = drawn(0, 200)
        held.append(found.belong(given, given.argmax(axis=1), 0.9)[:, 1].mean())
    # With fewer than nine rows it is the smallest probability that any had: as sure as they allow.
    assert np.mean(held) > min(0.9, rows / (rows + 1)) - 0.03
    assert np.mean(held) < 0.97


def test_a_class_of_which_no_row_is_left_has_what_there_was_at_worst() -> None:
    target, given = shares(300, 0)
    weights = (target != 2).astype(float)
    found = of_classes(target, given, weights)
    true = given[np.arange(300), target][target != 2]
    assert found.quantiles[2] == (true.min(),) * len(LEVELS)


def test_an_interval_is_not_wider_than_a_constant_one_at_any_usual_level() -> None:
    random = np.random.default_rng(1)
    predicted = random.normal(0, 3, 2_000)
    # Mostly sure and now and then far off, or always a little: what is narrower at 0.8 would be wider at 0.95.
    seldom = np.where(random.random(2_000) < 0.2, random.choice([-1, 1], 2_000), random.normal(0, 0.05, 2_000))
    truth = predicted + np.where(predicted > 0, random.uniform(-1, 1, 2_000), seldom)
    found = of_values(truth, predicted)
    residuals = np.sort(np.abs(truth - predicted))
    for coverage in (0.8, 0.9, 0.95):
        low, high = found.intervals({}, predicted, coverage)
        assert np.mean(high - low) <= 2.06 * residuals[int(2_001 * coverage)]


@pytest.mark.parametrize(
    ("record", "n_classes"), [(ADAPTIVE, None), (of_classes(*shares(2_000, 0)), 3), (learned(60), None)]
)
def test_it_comes_back_from_json_as_it_was(record: Conformal, n_classes: int | None) -> None:
    state = json.loads(json.dumps(asdict(record)))
    assert Conformal.of(state, n_classes, KINDS) == record


HALF = {"quantiles": [[1.0] * len(LEVELS)], "difficulty": None, "low": None, "high": None}


def broken(**changes: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(asdict(ADAPTIVE))), **changes}


def with_term(**changes: Any) -> dict[str, Any]:
    state = broken()
    state["difficulty"]["terms"][0].update(changes)
    return state


def with_difficulty(**changes: Any) -> dict[str, Any]:
    state = broken()
    state["difficulty"].update(changes)
    return state


@pytest.mark.parametrize(
    ("state", "n_classes"),
    [
        (broken(quantiles=[[1.0] * 49]), None),
        (broken(quantiles=[[1.0] * 49 + [0.5]]), None),
        (broken(quantiles=[[-1.0] + [1.0] * 49]), None),
        (broken(quantiles=[[1.0] * 49 + [float("nan")]]), None),
        (broken(quantiles=[[1.0] * 50] * 2), None),
        (broken(quantiles=[]), None),
        (broken(low=float("inf")), None),
        (broken(low=1.0, high=0.0), None),
        (with_term(kind="code"), None),
        (with_term(name="another"), None),
        (with_term(edges=[2.0, 1.0]), None),
        (with_term(values=[0.0]), None),
        (with_term(values=[float("nan")] * 17), None),
        (with_difficulty(base=1e9), None),
        (with_difficulty(least=5.0, greatest=-5.0), None),
        (with_difficulty(terms=[asdict(ADAPTIVE)["difficulty"]["terms"][0]] * 101), None),
        (broken(), 2),
        ({**HALF, "quantiles": [[2.0] * 50]}, 2),
        ({**HALF, "quantiles": [[0.1] * 49 + [0.2]]}, 2),
        ({**HALF, "quantiles": [[0.5] * 50] * 3}, 2),
        ({**HALF, "low": 0.0}, 2),
    ],
)
def test_what_does_not_fit_together_is_refused(state: dict[str, Any], n_classes: int | None) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Conformal.of(state, n_classes, KINDS)
