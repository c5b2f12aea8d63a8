"""Very many models: what is chosen of them, and what that reads again."""

from collections import Counter

import numpy as np
import pytest

from flowml.automl.ensemble import selection
from flowml.automl.ensemble.contest import Contest
from flowml.automl.ensemble.selection import MOST_CANDIDATES, Rows, select
from flowml.automl.scoring.metrics import METRICS
from tests.automl.ensemble.contests import contest

FOLDS = 5
ROWS = 300


def guesses(n_models: int, classes: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A target, and what models of unlike quality say: shares of classes, or values where there are none."""
    generator = np.random.default_rng(0)
    if not classes:
        target = 50 + 10 * generator.normal(size=ROWS)
        return target, [
            (target + 2 * (1 + index % 9) * generator.normal(size=ROWS))[:, None] for index in range(n_models)
        ]
    codes = generator.integers(0, classes, ROWS).astype(np.int32)
    models = []
    for index in range(n_models):
        scores = np.exp((0.3 + 0.2 * (index % 9)) * np.eye(classes)[codes] + generator.normal(size=(ROWS, classes)))
        models.append((scores / scores.sum(axis=1, keepdims=True)).astype(np.float32))
    return codes, models


@pytest.mark.parametrize(("name", "classes"), [("roc_auc", 2), ("accuracy", 3), ("rmse", 0), ("mape", 0)])
def test_the_choice_is_that_of_all_models_held_in_memory(name: str, classes: int) -> None:
    """The same as it comes out where every model's predictions are looked at for every fold."""
    target, models = guesses(MOST_CANDIDATES + 20, classes)
    metric, folds = METRICS[name], np.arange(ROWS) % FOLDS
    found, contenders = contest(models, target, metric, folds)

    def best_of(rows: np.ndarray, kept: list[np.ndarray]) -> dict[int, float]:
        on = Rows(metric, target[rows])
        losses = [on.loss(one[rows]) for one in kept]
        first = sorted(np.argsort(losses, kind="stable")[:MOST_CANDIDATES])
        return select(on, {int(index): kept[index][rows] for index in first})

    assert found.select(contenders) == best_of(np.full(ROWS, True), models)
    judged, exact = found.judge(contenders), [one.astype(np.float64) for one in models]
    for fold in range(FOLDS):
        held = folds == fold
        chosen = best_of(~held, exact)
        parts = selection.blend([one[held] for one in exact], chosen, metric.problem_type)
        gains = [metric.gain(metric.score(target[~held], one[~held])) for one in exact]
        assert np.array_equal(judged.blend[held], parts)
        assert np.array_equal(judged.single[held], exact[int(np.argmax(gains))][held])


def test_a_model_is_looked_through_once_and_read_again_only_where_it_is_among_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "MOST_CANDIDATES", 3)
    target, models = guesses(60, 2)
    read: Counter[int] = Counter()

    def reader(index: int) -> np.ndarray:
        read[index] += 1
        return models[index]

    found = Contest(METRICS["roc_auc"], target, np.arange(ROWS) % FOLDS, 2)
    contenders = [found.enter(lambda index=index: reader(index)) for index in range(60)]  # type: ignore[misc]
    assert set(read.values()) == {1}
    found.select(contenders)
    found.judge(contenders)
    assert sum(count > 1 for count in read.values()) <= (3 + 1) * (FOLDS + 1)
    assert max(read.values()) <= 3


BEFORE: list[tuple[int, str, dict[int, float]]] = [
    (2, "roc_auc", {8: 0.111111, 17: 0.333333, 44: 0.444444, 53: 0.111111}),
    (3, "accuracy", {8: 0.173913, 25: 0.043478, 26: 0.130435, 35: 0.26087, 44: 0.130435, 53: 0.26087}),
    (0, "mape", {0: 1 / 6, 18: 1 / 6, 27: 1 / 6, 36: 1 / 6, 45: 1 / 6, 54: 1 / 6}),
]


def test_what_was_chosen_before_is_chosen_still() -> None:
    """As it was when all predictions were held in memory."""
    for classes, name, weights in BEFORE:
        target, models = guesses(MOST_CANDIDATES + 20, classes)
        found, contenders = contest(models, target, METRICS[name], np.arange(ROWS) % FOLDS)
        chosen = found.select(contenders)
        assert chosen == pytest.approx(weights, abs=1e-6), name
        assert list(chosen) == list(weights)
