"""What a constant guess reaches."""

import numpy as np
import polars as pl
import pytest

from flowml.automl.constant import constant_score
from flowml.automl.metrics import METRICS
from flowml.automl.task import prepare_task
from flowml.domain.datasets import Role


def guess(metric: str, values: list[object]) -> float | None:
    """The constant's score where a column holds these values."""
    frame = pl.DataFrame({"x": range(len(values)), "y": values})
    role = Role.NUMERIC if METRICS[metric].problem_type == "regression" else Role.CATEGORICAL
    task = prepare_task(
        frame,
        {"x": Role.NUMERIC, "y": role},
        target="y",
        problem_type=METRICS[metric].problem_type,
        metric=metric,
        cv_folds=3,
    )
    return constant_score(task)


@pytest.mark.parametrize(
    ("metric", "reached"),
    [
        ("accuracy", 0.7),
        ("balanced_accuracy", 0.5),
        ("roc_auc", 0.5),
        # Always “yes”, the class that it is about: precision 0.3, recall 1.
        ("f1", 2 * 0.3 / 1.3),
        ("log_loss", -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))),
    ],
)
def test_of_two_classes(metric: str, reached: float) -> None:
    assert guess(metric, ["no"] * 70 + ["yes"] * 30) == pytest.approx(reached)


def test_of_three_classes() -> None:
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    assert guess("accuracy", labels) == pytest.approx(0.6)
    assert guess("f1", labels) == pytest.approx(2 * 0.6 / 1.6 / 3)
    assert guess("roc_auc", labels) == pytest.approx(0.5)


def test_of_numbers() -> None:
    values = [1.0] * 50 + [2.0] * 30 + [10.0] * 20
    assert guess("r2", values) == pytest.approx(0.0, abs=1e-12)
    assert guess("rmse", values) == pytest.approx(np.std(values))
    assert guess("mae", values) == pytest.approx(np.mean(np.abs(np.array(values) - 1.5)))
    # Of all constants the one at 1 errs least in proportion to the true value.
    assert guess("mape", values) == pytest.approx((0.5 * 30 + 0.9 * 20) / 100)
