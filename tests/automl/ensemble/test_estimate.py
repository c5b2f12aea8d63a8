"""What to expect of a model that was chosen."""

import numpy as np
import pytest

from flowml.automl.ensemble.estimate import estimate
from flowml.automl.scoring.metrics import METRICS
from tests.automl.ensemble.contests import judge, select

FOLDS = 5


def guesses(n_models: int, rows: int, seed: int, noise: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """A binary target and models that know a little, all of them equally much."""
    generator = np.random.default_rng(seed)
    score = generator.standard_normal(rows)
    target = (score + generator.standard_normal(rows) > 0).astype(np.int32)
    models = []
    for _ in range(n_models):
        second = 1 / (1 + np.exp(-(score + noise * generator.standard_normal(rows))))
        models.append(np.stack([1 - second, second], axis=1))
    return target, models


def test_it_is_without_the_luck_of_being_the_best() -> None:
    metric = METRICS["roc_auc"]
    flattered, expected = [], []
    # All models are equally good, so what any of them is worth is known.
    target, models = guesses(3, 50_000, 99, 6.0)
    true = np.mean([metric.score(target, one) for one in models])
    for seed in range(30):
        target, models = guesses(20, 300, seed, 6.0)
        folds = np.arange(300) % FOLDS
        judgement = judge(models, target, metric, folds)
        found = estimate(metric.score, judgement.target, judgement.single, judgement.folds, method="")
        assert found is not None
        flattered.append(max(metric.score(target, one) for one in models))
        expected.append(found.score)
    assert np.mean(flattered) > true + 0.04
    assert abs(np.mean(expected) - true) < 0.02


def test_the_range_holds_what_comes_as_often_as_it_says() -> None:
    metric = METRICS["accuracy"]
    generator = np.random.default_rng(0)
    inside, widths = 0, []
    for seed in range(60):
        target = generator.integers(0, 2, 400).astype(np.int32)
        right = generator.random(400) < 0.8
        second = np.where(right, target, 1 - target).astype(float)
        found = estimate(
            metric.score,
            target,
            np.stack([1 - second, second], axis=1),
            np.arange(400) % FOLDS,
            method="",
            seed=seed,
        )
        assert found is not None
        inside += found.low <= 0.8 <= found.high
        widths.append(found.high - found.low)
    assert 47 <= inside <= 60
    assert np.mean(widths) == pytest.approx(2 * 1.645 * np.sqrt(0.8 * 0.2 / 400), rel=0.2)


def test_more_rows_make_it_narrower_also_where_only_some_are_resampled() -> None:
    metric = METRICS["rmse"]
    generator = np.random.default_rng(0)
    widths = []
    for rows in (1_000, 100_000):
        target = generator.standard_normal(rows)
        found = estimate(metric.score, target, np.zeros((rows, 1)), np.arange(rows) % FOLDS, method="")
        assert found is not None and found.low <= found.score <= found.high
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.4)


def test_a_metric_that_is_never_defined_has_no_estimate() -> None:
    target = np.zeros(20, dtype=np.int32)
    assert estimate(METRICS["roc_auc"].score, target, np.full((20, 2), 0.5), np.arange(20) % 2, method="") is None


def test_a_blend_is_judged_as_a_blend() -> None:
    target, models = guesses(8, 2_000, 1, 2.0)
    metric = METRICS["log_loss"]
    folds = np.arange(2_000) % FOLDS
    judgement = judge(models, target, metric, folds)
    blend = estimate(metric.score, judgement.target, judgement.blend, folds, method="")
    single = estimate(metric.score, judgement.target, judgement.single, folds, method="")
    assert blend is not None and single is not None and blend.score < single.score
    assert len(select(models, target, metric)) > 3


def test_the_range_holds_for_the_model_that_is_handed_over() -> None:
    """Least squares with many columns, tested in folds and fitted on all rows, whose error on new rows is known."""
    metric, generator = METRICS["rmse"], np.random.default_rng(0)
    rows, columns, inside = 100, 15, 0
    for seed in range(200):
        inputs, slopes = generator.standard_normal((rows, columns)), generator.standard_normal(columns)
        target = inputs @ slopes + generator.standard_normal(rows)
        folds, answers = np.arange(rows) % FOLDS, np.empty((rows, 1))
        for fold in range(FOLDS):
            fitted = np.linalg.lstsq(inputs[folds != fold], target[folds != fold])[0]
            answers[folds == fold, 0] = inputs[folds == fold] @ fitted
        true = float(np.sqrt(1 + np.sum((np.linalg.lstsq(inputs, target)[0] - slopes) ** 2)))
        found = estimate(metric.score, target, answers, folds, method="", learned=0.8 * rows, seed=seed)
        assert found is not None
        inside += found.low <= true <= found.high
    # The noise of the tested rows alone gives 162.
    assert 172 <= inside <= 194


def test_no_range_goes_beyond_what_a_metric_can_be() -> None:
    target = np.zeros(50, dtype=np.int32)
    answers = np.stack([np.full(50, 0.9), np.full(50, 0.1)], axis=1)
    answers[:1] = answers[:1, ::-1]
    folds = np.arange(50) % FOLDS
    found = estimate(METRICS["accuracy"].score, target, answers, folds, method="", learned=40.0, bounds=(0.0, 1.0))
    assert found is not None and found.low < found.score <= found.high <= 1.0


def test_the_range_of_many_classes_costs_little_more_than_scoring_them_once() -> None:
    """A metric that looks at every row once a class would otherwise take longer than a short run."""
    metric, generator = METRICS["accuracy"], np.random.default_rng(0)
    rows, classes, looked_at = 6_000, 200, []
    target = generator.integers(0, classes, rows).astype(np.int32)
    answers = np.full((rows, classes), 0.1 / classes)
    said = np.where(generator.random(rows) < 0.7, target, generator.integers(0, classes, rows))
    answers[np.arange(rows), said] += 0.9

    def score(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None) -> float:
        looked_at.append(predictions.size)
        return metric.score(target, predictions, weights)

    found = estimate(score, target, answers, np.arange(rows) % FOLDS, method="")
    assert found is not None
    assert sum(looked_at) < 10 * answers.size
    assert found.high - found.low == pytest.approx(2 * 1.645 * np.sqrt(0.7 * 0.3 / rows), rel=0.4)
