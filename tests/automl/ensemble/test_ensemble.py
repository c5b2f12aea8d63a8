"""Blending by out-of-fold predictions."""

import time

import numpy as np
import pytest

from flowml.automl.ensemble.contest import Judgement
from flowml.automl.ensemble.selection import MOST_MEMBERS
from flowml.automl.scoring.decision import objective
from flowml.automl.scoring.metrics import METRICS
from tests.automl.ensemble.contests import judge, select

FOLDS = 5


def classes(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A binary target and the score behind it."""
    generator = np.random.default_rng(seed)
    score = generator.standard_normal(n_rows)
    return (score > 0).astype(np.int32), score


def probabilities(score: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """What a model of this quality says."""
    generator = np.random.default_rng(1_000 + seed)
    second = 1.0 / (1.0 + np.exp(-(2.0 * score + noise * generator.standard_normal(len(score)))))
    return np.stack([1.0 - second, second], axis=1)


def blend(out_of_folds: list[np.ndarray], weights: dict[int, float]) -> np.ndarray:
    return np.asarray(sum(weight * out_of_folds[index] for index, weight in weights.items()))


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "log_loss", "f1", "balanced_accuracy"])
def test_models_that_err_differently_are_blended(name: str) -> None:
    metric = objective(name)
    target, score = classes(3_000)
    models = [probabilities(score, 2.0, seed) for seed in range(6)] + [probabilities(score, 9.0, 9)]
    weights = select(models, target, metric)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert len(weights) >= 4
    single = max(metric.gain(metric.score(target, one)) for one in models)
    assert metric.gain(metric.score(target, blend(models, weights))) > single
    folds = np.arange(len(target)) % FOLDS
    assert judge(models, target, metric, folds).worth_it


def test_values_are_blended() -> None:
    generator = np.random.default_rng(0)
    target = generator.standard_normal(2_000) * 10
    models = [(target + 5 * generator.standard_normal(2_000)).reshape(-1, 1) for _ in range(4)]
    weights = select(models, target, METRICS["rmse"])
    assert len(weights) == 4
    assert all(0.1 < weight < 0.45 for weight in weights.values())
    assert judge(models, target, METRICS["rmse"], np.arange(2_000) % FOLDS).worth_it


def test_a_model_much_better_than_all_others_stays_alone() -> None:
    target, score = classes(2_000)
    models = [probabilities(score, 0.1, 0)] + [probabilities(score, 12.0, seed) for seed in range(1, 6)]
    folds = np.arange(len(target)) % FOLDS
    weights = select(models, target, METRICS["accuracy"])
    assert weights[0] > 0.5
    if judge(models, target, METRICS["roc_auc"], folds).worth_it:
        assert select(models, target, METRICS["roc_auc"])[0] > 0.5


def test_the_same_model_twice_is_no_ensemble() -> None:
    target, score = classes(500)
    model = probabilities(score, 2.0, 1)
    weights = select([model, model], target, METRICS["roc_auc"])
    assert weights == {0: 1.0}


def test_a_blend_that_is_clearly_worse_is_seen_through() -> None:
    """Where the blend fails on every fold that it was not chosen on, the best single model stays."""
    rows = 400
    answers, target = np.full((rows, 2), 0.5), np.zeros(rows, dtype=np.int32)
    folds = np.arange(rows) % FOLDS

    def judged(*differences: float) -> bool:
        return Judgement(slice(None), target, folds, answers, answers, differences).worth_it

    assert not judged(-0.02, -0.03, -0.02, -0.01, -0.02)
    assert judged(-0.02, 0.03, -0.02, 0.01, -0.02)
    assert judged(0.02, 0.01, 0.0, 0.03, 0.02)
    assert not judged(0.5)


def test_one_model_is_never_an_ensemble() -> None:
    target, score = classes(100)
    assert select([probabilities(score, 1.0, 0)], target, METRICS["accuracy"]) == {0: 1.0}


def test_three_classes_and_a_model_that_gives_no_numbers() -> None:
    generator = np.random.default_rng(0)
    target = generator.integers(0, 3, 600).astype(np.int32)
    models = []
    for _ in range(3):
        scores = 1.5 * np.eye(3)[target] + generator.standard_normal((600, 3))
        models.append(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))
    models.append(np.full((600, 3), np.nan))
    weights = select(models, target, METRICS["log_loss"])
    assert 3 not in weights
    assert len(weights) == 3


def test_the_choice_is_the_same_each_time() -> None:
    target, score = classes(60_000)
    models = [probabilities(score, 3.0, seed) for seed in range(4)]
    assert select(models, target, METRICS["accuracy"], seed=1) == select(models, target, METRICS["accuracy"], seed=1)


def test_forty_models_on_forty_thousand_rows_take_seconds_at_most() -> None:
    target, score = classes(39_000)
    models = [probabilities(score, 3.0, seed) for seed in range(40)]
    started = time.process_time()
    select(models, target, METRICS["accuracy"])
    assert time.process_time() - started < 5


def test_an_ensemble_has_few_members() -> None:
    target, score = classes(4_000)
    models = [probabilities(score, 3.0, seed) for seed in range(15)]
    weights = select(models, target, METRICS["log_loss"])
    assert len(weights) == MOST_MEMBERS and sum(weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["mae", "mape"])
def test_absolute_errors_are_shortlisted_by_themselves(name: str) -> None:
    """A model with rare gross errors is good by its absolute and bad by its squared error."""
    generator = np.random.default_rng(0)
    target = generator.uniform(50, 150, 1_500)
    poor = [(target + 4 * generator.standard_normal(1_500)).reshape(-1, 1) for _ in range(12)]
    sharp = target + 0.2 * generator.standard_normal(1_500)
    sharp[:40] += 60
    weights = select([*poor, sharp.reshape(-1, 1)], target, METRICS[name])
    assert weights.get(12, 0.0) > 0.5


def test_the_judgement_does_not_flatter() -> None:
    """Of models that know nothing the best looks good on the rows that it was chosen on, and only there."""
    generator = np.random.default_rng(3)
    chosen, judged = [], []
    for _ in range(10):
        target = generator.integers(0, 2, 300).astype(np.int32)
        second = generator.random((30, 300))
        models = [np.stack([1 - one, one], axis=1) for one in second]
        metric = METRICS["roc_auc"]
        chosen.append(max(metric.score(target, one) for one in models))
        found = judge(models, target, metric, np.arange(300) % FOLDS)
        judged.append(
            np.mean(
                [metric.score(target[rows], found.single[rows]) for rows in (found.folds == k for k in range(FOLDS))]
            )
        )
    assert np.mean(chosen) > 0.55 and abs(np.mean(judged) - 0.5) < 0.03
