"""How much each row moves a score: the derivative of the metric by the row's weight."""

import numpy as np
import pytest

from flowml.automl.results.influence import influence
from flowml.automl.scoring.metrics import METRICS
from flowml.domain.jobs import ProblemType

_STEP = 1e-5


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("name", sorted(METRICS))
def test_it_is_the_derivative_of_the_metric(name: str, is_weighted: bool, n_classes: int) -> None:
    random, n_rows = np.random.default_rng(n_classes), 40
    weights = random.uniform(0.2, 3, n_rows) if is_weighted else None
    if METRICS[name].problem_type is ProblemType.CLASSIFICATION:
        target = random.integers(0, n_classes, n_rows)
        # Rounded, so that there are ties.
        predictions = np.round(random.dirichlet(np.ones(n_classes), n_rows), 1) + 0.01
    else:
        target, predictions = random.normal(2, 1, n_rows), random.normal(2, 1, (n_rows, 1))
    counts = np.ones(n_rows) if weights is None else weights
    found = influence(name, target, predictions, weights)
    expected = []
    for row in range(n_rows):
        sides = []
        for sign in (1, -1):
            moved = counts.copy()
            moved[row] *= 1 + sign * _STEP
            sides.append(METRICS[name].score(target, predictions, moved))
        expected.append((sides[0] - sides[1]) / (2 * _STEP))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert abs(found.sum()) < 1e-9


def test_what_is_not_defined_moves_by_nothing() -> None:
    target, predictions = np.zeros(5, dtype=np.int32), np.full((5, 2), 0.5)
    for name in ("roc_auc", "f1", "precision", "recall"):
        assert not influence(name, target, predictions, None).any()
    assert not influence("rmse", np.ones(4), np.ones((4, 1)), None).any()
    assert not influence("r2", np.ones(4), np.zeros((4, 1)), None).any()
