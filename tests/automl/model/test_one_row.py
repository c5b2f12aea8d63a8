"""One row, by the short ways, gets the answer that it gets in a table: of every algorithm, whatever is missing."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Final
from flowml.automl.algorithms.registry import all_algorithms
from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.model.one_row import OneRow
from flowml.automl.predictors import checking
from flowml.automl.predictors.links import apply_link
from flowml.automl.predictors.mlp import RowPerceptrons
from flowml.automl.predictors.nodes import native, quickscorer
from flowml.automl.predictors.nodes.forest import Forest
from flowml.automl.predictors.nodes.native import RowForests
from flowml.automl.predictors.nodes.quickscorer import RowQuickScorer
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.automl.predictors.nodes.symmetric import RowSymmetricForests
from flowml.automl.predictors.nodes.walk import RowTrees
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.domain.jobs import ProblemType
from tests.automl.few_trees import few_trees
from tests.automl.tables import ROLES, people, people_task

TARGETS = {"binary": "y", "multiclass": "town", "regression": "age"}
SHORT_WAYS = {
    "adaboost": RowForests,
    "catboost": RowSymmetricForests,
    "decision_tree": RowForests,
    "extra_trees": RowForests,
    "gradient_boosting": RowForests,
    "lightgbm": RowForests,
    "mlp": RowPerceptrons,
    "random_forest": RowForests,
    "xgboost": RowForests,
}

# With the folds that it was fitted on, which keep their identity while they are here.
FITTED: dict[tuple[Any, ...], tuple[EncodedFolds, FittedModel]] = {}

LOOKED_UP = ("gradient_boosting", "lightgbm", "xgboost")


@pytest.fixture(scope="module")
def tasks() -> dict[str, tuple[Task, EncodedFolds]]:
    found = {}
    for kind, target in TARGETS.items():
        task = people_task(160, target=target, cv_folds=2)
        found[kind] = task, EncodedFolds(task)
    return found


def fitted(task: Task, folds: EncodedFolds, name: str, **more: Any) -> FittedModel:
    """Fitted once, and each time as it is then: what a test prepares is its own."""
    algorithm = algorithms.get(name)
    key = (id(folds), name, *more.items())
    if key not in FITTED:
        params = {**algorithm.first_configurations(task.shape)[0], **more}
        with few_trees():
            found = evaluate(task, folds, algorithm, params, seed=0, threads=1, time_left=lambda: 60.0).model
        FITTED[key] = folds, found
    return replace(FITTED[key][1])


def rows(seed: int = 0, n_rows: int = 60) -> list[dict[str, Any]]:
    """What may come: usual values, extreme ones, missing ones, and categories that nobody has seen."""
    random = np.random.default_rng(seed)

    def one() -> dict[str, Any]:
        since = datetime.fromisoformat("2020-01-01") + timedelta(hours=int(random.integers(-50_000, 90_000)))
        found = {
            "age": float(random.choice([random.integers(18, 80), 0, -5, 1e6, 40.5])),
            "income": float(random.choice([np.exp(random.normal(3, 2)), 0.0, 1e12, -1.0])),
            "town": str(random.choice(["town 0", "town 1", "town 2", "town 3", "nowhere"])),
            "member": bool(random.random() < 0.5),
            "since": since.isoformat(),
            "note": str(random.choice(["Mr. Smith, room 7", "Mrs. Smith", "x", "room room 12"])),
            "y": str(random.choice(["yes", "no"])),
        }
        return {name: None if random.random() < 0.15 else value for name, value in found.items()}

    return [{}, *(one() for _ in range(n_rows))]


def assert_same(model: FittedModel, seed: int = 0) -> None:
    clean = [model.check_row({k: v for k, v in row.items() if k != model.schema.target})[0] for row in rows(seed)]
    names = [feature.name for feature in model.schema.features]
    table = pl.DataFrame({name: [row.get(name) for row in clean] for name in names}, strict=False)
    together = model.predict_features(table)
    alone = [model.predict_row(row) for row in clean]
    for found, answer in zip(alone, together, strict=True):
        np.testing.assert_allclose(found, answer, rtol=1e-6, atol=1e-6)
    assert_alone_or_not(model.one_row, clean, alone)


def assert_alone_or_not(answers: OneRow, clean: list[dict[str, Any]], alone: list[np.ndarray]) -> None:
    """What arrives with a row changes no bit of its answer."""
    for some in (slice(0, 1), slice(1, 3), slice(3, None)):
        for found, answer in zip(answers.many(clean[some]), alone[some], strict=True):
            np.testing.assert_array_equal(found, answer)


KINDS = {
    "binary": ProblemType.CLASSIFICATION, "multiclass": ProblemType.CLASSIFICATION, "regression": ProblemType.REGRESSION
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [(one.name, kind) for one in all_algorithms() for kind, problem in KINDS.items() if problem in one.problem_types],
)
def test_a_row_alone_is_answered_as_in_a_table(
    tasks: dict[str, tuple[Task, EncodedFolds]], monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    task, folds = tasks[kind]
    model = fitted(task, folds, name)
    assert_same(model)
    model.one_row.prepare()
    ((_, steps),) = model.one_row._steps
    if name in SHORT_WAYS and not (name == "adaboost" and kind == "regression"):
        assert [type(step) for _, step in steps] in ([SHORT_WAYS[name]], [RowQuickScorer])
    assert_same(model, seed=1)
    if name in LOOKED_UP or (name == "adaboost" and kind != "regression"):
        monkeypatch.setattr(quickscorer, "FEWEST_TREES", 1)
        # Several blocks of trees, as there are with hundreds.
        monkeypatch.setattr(quickscorer, "_LINE_BYTES", 64)
        assert_looked_up(model)


def assert_looked_up(model: FittedModel) -> None:
    """Shallow trees are looked up, and reach the leaves that a walk does."""
    quick = OneRow(model.encoders, model.members, model.schema.n_outputs, model.pooling, model.temperature)
    quick.prepare()
    ((_, steps),) = quick._steps
    assert [type(step) for _, step in steps] == [RowQuickScorer]
    clean = [model.check_row({k: v for k, v in row.items() if k != model.schema.target})[0] for row in rows(2)]
    for row in clean:
        np.testing.assert_allclose(quick(row), model.predict_row(row), rtol=1e-9, atol=1e-9)
    assert_alone_or_not(quick, clean, [quick(row) for row in clean])
    for part in model.members[0].parts:
        forest = forest_of(part.predictor)
        assert forest is not None
        alone = RowQuickScorer([forest], [np.arange(forest.n_features)])
        values = at_the_borders(forest)
        expected = apply_link(forest.link, forest.raw(values))
        np.testing.assert_allclose([alone(row) for row in values], expected, rtol=1e-12, atol=1e-12)


def at_the_borders(forest: Forest, n_rows: int = 200) -> np.ndarray:
    """Rows whose values are those that trees ask for, those right beside them, codes, and what is no usual number."""
    random = np.random.default_rng(0)
    asked = np.concatenate([tree.threshold[tree.feature >= 0] for tree in forest.trees]).astype(np.float32)
    beside = np.nextafter(asked, np.float32(np.inf)), np.nextafter(asked, np.float32(-np.inf))
    others = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 300.0, -1.0, *range(6)]
    known = np.concatenate([asked, *beside, np.array(others, dtype=np.float32)])
    return random.choice(known, (n_rows, forest.n_features)).astype(np.float32)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_what_columns_say_together_is_made_of_a_row_too(name: str) -> None:
    random = np.random.default_rng(0)
    table = people(1300).with_columns(
        pl.Series("age", random.normal(0, 1, 1300)), pl.Series("income", random.normal(0, 1, 1300))
    )
    table = table.with_columns(
        pl.when(pl.col("age") * pl.col("income") > 0).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("y")
    )
    task = prepare_task(table, ROLES, target="y", cv_folds=2)
    model = fitted(task, EncodedFolds(task), name, wide=True)
    assert any(encoder.combined for encoder in model.encoders)
    model.one_row.prepare()
    assert_same(model)


def test_an_ensemble_works_out_what_its_members_share_once(tasks: dict[str, tuple[Task, EncodedFolds]]) -> None:
    task, folds = tasks["binary"]
    names = ("catboost", "xgboost", "random_forest", "logistic_regression", "lightgbm")
    model = combine([fitted(task, folds, name) for name in names], [1.0] * len(names))
    model.one_row.prepare()
    encoder = model.one_row._encode
    assert encoder.width < sum(len(positions) for positions in encoder.positions)
    assert_same(model)


def test_large_forests_are_walked_at_once(
    tasks: dict[str, tuple[Task, EncodedFolds]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowml.automl.model.one_row._MANY_NODES", 10)
    for kind in TARGETS:
        model = fitted(*tasks[kind], "extra_trees")
        model.one_row.prepare()
        ((_, steps),) = model.one_row._steps
        assert [type(step) for _, step in steps] == [RowTrees]
        assert_same(model)


def test_without_the_library_each_part_answers_its_own_way(
    tasks: dict[str, tuple[Task, EncodedFolds]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(*tasks["binary"], "xgboost")

    def nothing() -> Any:
        raise OSError("It is not there.")

    monkeypatch.setattr(native, "_libraries", nothing)
    monkeypatch.setattr(quickscorer, "FEWEST_TREES", 1_000_000)
    quick = OneRow(model.encoders, model.members, model.schema.n_outputs, model.pooling, model.temperature)
    quick.prepare()
    assert len(quick._steps[0][1]) == len(model.members[0].parts)
    row = model.check_row(rows()[3])[0]
    np.testing.assert_allclose(quick(row), model.predict_row(row), rtol=1e-9)


def test_bags_are_answered_by_one_call() -> None:
    model = fitted(*(lambda task: (task, EncodedFolds(task)))(people_task(120, cv_folds=3)), "lightgbm")
    assert len(model.members[0].parts) == 3 and algorithms.get("lightgbm").final is Final.BAG
    model.one_row.prepare()
    assert len(model.one_row._steps[0][1]) == 1


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_a_file_of_its_own_is_answered_alike_and_only_that_is_believed(
    tasks: dict[str, tuple[Task, EncodedFolds]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = modelfile.write(fitted(*tasks["multiclass"], name))
    rebuilt: list[str] = []
    rebuild = checking.rebuilt
    monkeypatch.setattr(checking, "rebuilt", lambda *given: rebuilt.append(given[0]) or rebuild(*given))
    model = modelfile.read_bytes(content, tried=False)
    assert rebuilt
    rebuilt.clear()
    own = modelfile.read_bytes(content, tried=False, is_own=True)
    assert not rebuilt
    # One of an earlier version may hold what is to be written anew.
    monkeypatch.setattr(modelfile, "FORMAT", modelfile.FORMAT + 1)
    modelfile.read_bytes(content, tried=False, is_own=True)
    assert rebuilt
    own.one_row.prepare()
    for row in rows(seed=2):
        clean, _ = own.check_row({key: value for key, value in row.items() if key != "town"})
        np.testing.assert_allclose(own.predict_row(clean), model.predict_row(clean), rtol=1e-6, atol=1e-6)
