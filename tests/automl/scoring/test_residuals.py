"""What is kept of residuals is bounded, true to all rows, and counts rows by their weights."""

import json

import numpy as np
import pytest

from flowml.automl.scoring.residuals import residuals
from flowml.domain.models import ModelDetails


def test_of_many_rows_some_are_shown_and_all_are_counted() -> None:
    random = np.random.default_rng(1)
    actual = random.normal(1000, 300, 50_000)
    predicted = actual - random.normal(20, 10, 50_000)
    actual[0] += 1e6
    found = residuals(actual, predicted)
    assert found is not None and found.n_rows == 50_000 and not found.weighted
    assert len(found.actual) == len(found.predicted) == 200
    off = actual - predicted
    assert found.half_within == pytest.approx(np.median(np.abs(off)), rel=1e-3)
    assert found.most_within == pytest.approx(np.quantile(np.abs(off), 0.9), rel=1e-3)
    assert found.greatest == pytest.approx(np.abs(off).max(), rel=1e-5)
    every = found.all_rows
    assert every is not None and every.middle == pytest.approx(np.median(actual), rel=1e-3)
    assert every.guess_within == pytest.approx(np.median(np.abs(actual - np.median(actual))), rel=1e-3)
    assert sum(one.n_rows for one in every.ranges) == 50_000 and every.ranges[0].mean == pytest.approx(20, rel=0.05)
    # The one row that is far off does not squeeze the others into one bar.
    assert found.edges[-1] < 100 and 0.95 < sum(found.shares) < 1
    assert max(found.shares) < 0.3
    stored = json.dumps(ModelDetails(residuals=found).record())
    assert len(stored) < 6_000
    assert ModelDetails.of_record(json.loads(stored)).residuals == found


def test_a_shown_row_has_its_own_prediction() -> None:
    actual = np.arange(5_000.0)
    found = residuals(actual, 2 * actual)
    assert found is not None
    assert found.predicted == tuple(2 * value for value in found.actual)
    assert list(found.actual) == sorted(set(found.actual)), "each once, in the order of the table"


def test_rows_count_by_their_weights() -> None:
    actual, predicted = np.array([10.0, 10.0, 10.0]), np.array([10.0, 6.0, 0.0])
    weights = np.array([1.0, 3.0, 0.0])
    found = residuals(actual, predicted, weights)
    assert found is not None and found.weighted and found.n_rows == 2
    assert (found.mean, found.half_within, found.greatest) == (3.0, 4.0, 4.0)
    assert found.actual == (10.0, 10.0) and found.predicted == (10.0, 6.0)
    assert sum(found.shares) == pytest.approx(1) and max(found.shares) == 0.75
    twice = residuals(np.repeat(actual, [1, 3, 0]), np.repeat(predicted, [1, 3, 0]))
    assert twice is not None and (twice.mean, twice.half_within) == (found.mean, found.half_within)


def test_heavy_rows_are_shown_more_often() -> None:
    actual = np.arange(10_000.0)
    weights = np.where(actual < 5_000, 9.0, 1.0)
    found = residuals(actual, actual, weights)
    assert found is not None
    assert 0.8 < np.mean(np.array(found.actual) < 5_000) < 0.97


@pytest.mark.parametrize("count", [1, 2, 12])
def test_few_rows_are_all_shown(count: int) -> None:
    actual = np.arange(float(count))
    found = residuals(actual, actual + 1)
    assert found is not None and found.n_rows == len(found.actual) == count
    assert sum(found.shares) == pytest.approx(1) and len(found.edges) == len(found.shares) + 1
    assert found.mean == -1.0


def test_rows_without_a_finite_prediction_do_not_count() -> None:
    actual, predicted = np.array([1.0, 2.0, 1e308]), np.array([1.5, np.nan, -1e308])
    found = residuals(actual, predicted)
    assert found is not None and found.n_rows == 1
    assert residuals(actual[1:], predicted[1:]) is None
    assert residuals(actual, predicted, np.zeros(3)) is None
