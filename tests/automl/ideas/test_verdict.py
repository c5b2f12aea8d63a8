"""What a difference between folds comes to, with the correction for folds that learn from the same rows."""

import math

import numpy as np
import pytest

from flowml.automl.ideas.verdict import difference
from flowml.domain.ideas import Verdict

FIFTH = 0.25
"""Five folds: each tests a quarter of what its models learn from."""


def test_a_steady_gain_helps_and_a_steady_loss_hurts() -> None:
    gains = [0.05, 0.04, 0.06, 0.05, 0.045]
    found = difference(gains, FIFTH)
    assert found.verdict is Verdict.HELPS and found.n_better == 5
    assert found.low is not None and found.high is not None and 0 < found.low < 0.049 < found.high
    lost = difference([-gain for gain in gains], FIFTH)
    assert lost.verdict is Verdict.HURTS and lost.p == found.p and lost.low == -found.high


def test_the_interval_is_nadeau_and_bengios() -> None:
    gains = [0.3, -0.1, 0.2, 0.15, 0.05, 0.1, -0.05, 0.25, 0.12, 0.08]
    found = difference(gains, FIFTH)
    error = math.sqrt((1 / 10 + FIFTH) * np.var(gains, ddof=1))
    # The 97.5 % point of Student's t with nine degrees of freedom.
    assert found.high == pytest.approx(np.mean(gains) + 2.262157 * error, abs=1e-6)
    assert found.low == pytest.approx(np.mean(gains) - 2.262157 * error, abs=1e-6)
    # The plain test would have said that it helps.
    assert found.verdict is Verdict.UNCLEAR and np.mean(gains) - 2.262157 * np.std(gains, ddof=1) / 10**0.5 > 0


def test_useless_ideas_rarely_look_as_if_they_helped() -> None:
    generator = np.random.default_rng(0)
    said = [difference(generator.normal(0, 1, 10).tolist(), FIFTH).verdict for _ in range(400)]
    assert said.count(Verdict.HELPS) + said.count(Verdict.HURTS) <= 20


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([], Verdict.TOO_FEW),
        ([float("nan")] * 5, Verdict.TOO_FEW),
        ([0.1, 0.2], Verdict.TOO_FEW),
        ([0.1, float("nan"), 0.2], Verdict.TOO_FEW),
        ([0.1, 0.1, 0.1], Verdict.TOO_FEW),
        # Fifteen of fifteen are no chance, however alike.
        ([0.1] * 15, Verdict.HELPS),
        ([-0.1] * 15, Verdict.HURTS),
        ([0.0, 0.0, 0.0, 0.0], Verdict.SAME),
        ([0.1, -0.1, 0.1, -0.1], Verdict.UNCLEAR),
    ],
)
def test_too_little_is_said_to_be_too_little(gains: list[float], verdict: Verdict) -> None:
    assert difference(gains, FIFTH).verdict is verdict


def test_a_fold_without_a_score_is_left_out() -> None:
    found = difference([0.05, float("nan"), 0.04, 0.06, 0.05], FIFTH)
    assert found.n_folds == 4 and found.mean == pytest.approx(0.05)
