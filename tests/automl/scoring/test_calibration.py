"""Probabilities that mean what they say."""

from typing import Any

import numpy as np
import pytest

from flowml.automl.scoring import calibration
from flowml.automl.scoring.calibration import choose_temperature, fit_temperature, tempered
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.scoring.temperature import temperature_of


def classes(rows: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities and a target drawn by them."""
    generator = np.random.default_rng(seed)
    scores = 1.5 * generator.standard_normal((rows, n_classes))
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    target = (probabilities.cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1).clip(max=n_classes - 1)
    return target.astype(np.int32), probabilities


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("distortion", [0.5, 2.0])
def test_what_was_distorted_is_set_right(n_classes: int, distortion: float) -> None:
    target, true = classes(8_000, n_classes)
    distorted = tempered(true, distortion)
    assert fit_temperature(distorted, target) == pytest.approx(1 / distortion, rel=0.1)
    folds = np.arange(8_000) % 5
    found = choose_temperature(distorted, target, folds)
    assert found is not None
    loss = METRICS["log_loss"].score
    assert loss(target, tempered(distorted, found[0])) < loss(target, distorted) - 0.01
    assert loss(target, found[1]) == pytest.approx(loss(target, true), abs=0.005)


def test_of_many_classes_some_rows_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at all of them again and again takes longer than a short run has."""
    target, true = classes(6_000, 300)
    looked_at = []

    def search(scores: np.ndarray, *rest: Any, **bounds: Any) -> float:
        looked_at.append(len(scores))
        return temperature_of(scores, *rest, **bounds)

    monkeypatch.setattr(calibration, "temperature_of", search)
    assert fit_temperature(tempered(true, 2.0), target) == pytest.approx(0.5, rel=0.1)
    assert looked_at[0] <= 1_000


def test_what_is_right_stays() -> None:
    kept = sum(
        choose_temperature(true, target, np.arange(len(target)) % 5) is None
        for target, true in (classes(4_000, 2, seed) for seed in range(10))
    )
    assert kept >= 6


@pytest.mark.parametrize(("n_classes", "rows", "enough"), [(2, 2_900, False), (2, 3_100, True), (3, 600, True)])
def test_few_rows_are_not_calibrated_on(n_classes: int, rows: int, enough: bool) -> None:
    target, true = classes(rows, n_classes)
    found = choose_temperature(tempered(true, 3.0), target, np.arange(rows) % 5)
    assert (found is not None) == enough


def test_order_and_most_likely_class_stay() -> None:
    _, true = classes(1_000, 2)
    assert np.array_equal(np.argsort(tempered(true, 0.6)[:, 1]), np.argsort(true[:, 1]))
    _, many = classes(1_000, 5)
    assert np.array_equal(tempered(many, 2.5).argmax(axis=1), many.argmax(axis=1))
    assert tempered(many, 2.5).sum(axis=1) == pytest.approx(1)


def test_certainty_stays_finite() -> None:
    sure = tempered(np.array([[1.0, 0.0]]), 0.3)
    assert np.isfinite(sure).all() and sure[0, 0] > 0.999
