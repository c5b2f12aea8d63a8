"""The models of the first moment: scored honestly, usable everywhere, and never in the way of better ones."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.support import on_its_device
from flowml.automl.at_once.constant import fit_constant
from flowml.automl.at_once.models import models_at_once
from flowml.automl.at_once.tree import fit_tree
from flowml.automl.features.encoded import Encoded
from flowml.automl.model import modelfile
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.trial.outcome import Outcome
from flowml.domain.datasets import Role
from flowml.domain.errors import DeadlineReached
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import TrialStatus
from tests.automl.tables import people_task


def houses(rows: int = 600, metric: str = "r2") -> Task:
    generator = np.random.default_rng(0)
    size, town = generator.uniform(30, 200, rows), generator.integers(0, 4, rows)
    price = 1000.0 * size + 20_000.0 * town + generator.normal(0, 4000, rows)
    frame = pl.DataFrame({"size": size, "town": [f"t{number}" for number in town], "price": price})
    roles = {"size": Role.NUMERIC, "town": Role.CATEGORICAL, "price": Role.NUMERIC}
    return prepare_task(frame, roles, target="price", metric=metric)


def made(task: Task, quick: bool = True, seconds: float = 60.0) -> dict[str, Outcome]:
    return {found.spec.algorithm: found for found in models_at_once(task, quick=quick, time_left=lambda: seconds)}


@pytest.mark.parametrize("task", [people_task(200), houses()], ids=["classes", "numbers"])
def test_each_is_scored_on_rows_it_has_not_seen_and_can_be_kept(task: Task) -> None:
    found = made(task)
    assert list(found) == ["baseline", "first_linear", "first_tree"]
    for outcome in found.values():
        assert outcome.status is TrialStatus.FINISHED and outcome.load_model is not None
        assert np.isfinite(outcome.predictions()).all()
        model = outcome.load_model()
        again = modelfile.read_bytes(modelfile.write(model))
        answers = again.predict(task.frame)
        assert np.array_equal(answers, model.predict(task.frame))
        assert again.predict_row(task.frame.row(0, named=True)) == pytest.approx(answers[0], rel=1e-5)
    scores = {name: outcome.score or 0.0 for name, outcome in found.items()}
    assert scores["first_linear"] > scores["baseline"] + 0.15 and scores["first_tree"] > scores["baseline"] + 0.1


def test_the_same_comes_of_the_same_table() -> None:
    boards = [[(name, one.score, one.fold_scores) for name, one in made(people_task(200)).items()] for _ in range(2)]
    assert boards[0] == boards[1]


def test_the_baseline_comes_however_late_it_is_and_the_others_do_not() -> None:
    assert list(made(houses(), seconds=0.0)) == ["baseline"]
    assert list(made(houses(), quick=False)) == ["baseline"]


def context(metric: str, weights: np.ndarray | None = None, n_outputs: int = 1) -> FitContext:
    kind = ProblemType.REGRESSION if n_outputs == 1 else ProblemType.CLASSIFICATION
    return FitContext(kind, n_outputs, 0, 1, lambda: 60.0, metric=metric, weights=weights)


def test_the_baseline_is_the_best_constant_by_the_metric() -> None:
    values = np.array([1.0, 2.0, 3.0, 10.0])
    weights = np.array([0.1, 0.1, 0.1, 3.7])
    assert fit_constant(values, context("rmse")).answer == [4.0]
    assert fit_constant(values, context("mae")).answer == [2.5]
    assert fit_constant(values, context("mae", weights)).answer == [10.0]
    assert fit_constant(values, context("rmse", weights)).answer == pytest.approx([(0.6 + 37.0) / 4.0])
    # Relative errors weigh small values more.
    assert fit_constant(values, context("mape")).answer < 2.5
    classes = np.array([0, 0, 1], dtype=np.int32)
    assert fit_constant(classes, context("accuracy", n_outputs=2)).answer == pytest.approx([2 / 3, 1 / 3])
    assert fit_constant(classes, context("accuracy", np.array([0.5, 0.5, 2.0]), 2)).answer == pytest.approx(
        [1 / 3, 2 / 3]
    )


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
def test_what_the_baseline_reaches_of_two_classes(metric: str, reached: float) -> None:
    assert baseline(metric, ["no"] * 70 + ["yes"] * 30) == pytest.approx(reached)


def test_what_the_baseline_reaches_of_three_classes() -> None:
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    assert baseline("accuracy", labels) == pytest.approx(0.6)
    assert baseline("f1", labels) == pytest.approx(2 * 0.6 / 1.6 / 3)
    assert baseline("roc_auc", labels) == pytest.approx(0.5)


def test_what_the_baseline_reaches_of_numbers() -> None:
    values = [1.0] * 60 + [2.0] * 20 + [10.0] * 20
    assert baseline("r2", values) == pytest.approx(0.0, abs=0.1)
    assert baseline("rmse", values) == pytest.approx(np.std(values), rel=0.1)
    assert baseline("mae", values) == pytest.approx(np.mean(np.abs(np.array(values) - 1.0)))
    # Of all constants the one at 1 errs least in proportion to the true value.
    assert baseline("mape", values) == pytest.approx((0.5 * 20 + 0.9 * 20) / 100)


def baseline(metric: str, values: list[object]) -> float | None:
    """What the first model reaches where a column holds these values."""
    frame = pl.DataFrame({"x": range(len(values)), "y": values})
    kind = METRICS[metric].problem_type
    roles = {"x": Role.NUMERIC, "y": Role.NUMERIC if kind == "regression" else Role.CATEGORICAL}
    return made(prepare_task(frame, roles, target="y", metric=metric), quick=False)["baseline"].score


def test_a_tree_splits_where_the_answers_change_and_not_where_they_do_not() -> None:
    values = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    rows = Encoded(values, ("a", "b", "c"))
    step = np.where(values[:, 1] > np.median(values[:, 1]), 5.0, -5.0)
    tree = fit_tree(rows, step, context("rmse"))
    assert np.abs(tree.predict(values)[:, 0] - step).mean() < 0.5
    flat = fit_tree(rows, np.full(400, 1e9 + 0.1), context("rmse"))
    assert len(flat.to_state().arrays["threshold"]) == 0


def test_only_what_the_gpu_did_is_blamed_on_it() -> None:
    remarks: list[str] = []
    base = replace(context("rmse"), device="cuda:0", remark=remarks.append)

    def fit(problem: Exception) -> object:
        def fit_on(device: str) -> str:
            if device != "cpu":
                raise problem
            return device

        return fit_on

    assert on_its_device("XGBoost", base, fit(RuntimeError("no kernel image"))) == "cpu"  # type: ignore[arg-type]
    assert remarks == ["XGBoost was fitted on the CPU, since the GPU could not be used: no kernel image"]
    for problem in (DeadlineReached("over"), MemoryError()):
        with pytest.raises(type(problem)):
            on_its_device("XGBoost", base, fit(problem))  # type: ignore[arg-type]
    with pytest.raises(DeadlineReached):
        late = replace(base, time_left=lambda: 0.0)
        on_its_device("XGBoost", late, fit(RuntimeError("interrupted")))  # type: ignore[arg-type]
    assert len(remarks) == 1
