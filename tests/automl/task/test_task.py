"""A table and a column's name become a task, or a sentence about what is in the way."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.task.target import check_target
from flowml.automl.task.task import prepare_task
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType, ValidationKind

CLASSIFICATION, REGRESSION = ProblemType.CLASSIFICATION, ProblemType.REGRESSION


def table(target: list[Any], dtype: Any = None) -> pl.DataFrame:
    """A target with two columns to predict it from."""
    rows = len(target)
    return pl.DataFrame(
        {
            "x": np.arange(rows) * 0.5,
            "c": [f"c{index % 3}" for index in range(rows)],
            "y": pl.Series(target, dtype=dtype, strict=False),
        }
    )


ROLES = {"x": Role.NUMERIC, "c": Role.CATEGORICAL, "y": Role.CATEGORICAL}


@pytest.mark.parametrize(
    ("values", "expected", "classes"),
    [
        (["a", "b"] * 10, CLASSIFICATION, ("a", "b")),
        ([True, False] * 10, CLASSIFICATION, ("false", "true")),
        ([0, 1] * 3, CLASSIFICATION, ("0", "1")),
        ([1.0, 0.0] * 10, CLASSIFICATION, ("0", "1")),
        ([1, 2, 3, 10] * 50, CLASSIFICATION, ("1", "2", "3", "10")),
        (["01", "1", "10", "2"] * 5, CLASSIFICATION, ("01", "1", "10", "2")),
        ([1, 2, 3, 4] * 5, REGRESSION, None),
        (list(range(40)), REGRESSION, None),
        ([0.5, 1.5] * 50, REGRESSION, None),
        ([0.1 * value for value in range(40)], REGRESSION, None),
    ],
)
def test_what_a_column_means_as_target(
    values: list[Any], expected: ProblemType, classes: tuple[str, ...] | None
) -> None:
    task = prepare_task(table(values), ROLES, target="y")
    assert (task.problem_type, task.classes) == (expected, classes)
    assert task.target.dtype == (np.int32 if classes else np.float64)
    assert task.reason.endswith(".") and "y" in task.reason
    if classes:
        typed = [str(value).lower() if isinstance(value, bool | str) else f"{value:g}" for value in values]
        assert [classes[code] for code in task.target] == typed


def test_rows_without_a_target_are_left_out() -> None:
    frame = table([1.5, None, float("nan"), 2.5, 3.5, 4.5, 5.25, 6.0])
    task = prepare_task(frame, ROLES, target="y")
    assert task.target.tolist() == [1.5, 2.5, 3.5, 4.5, 5.25, 6.0]
    assert task.frame["x"].to_list() == [0.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    assert len(task.folds) == 6
    assert prepare_task(table(["a", "", "b", None] * 5), ROLES, target="y").classes == ("a", "b")


def test_columns_that_say_nothing_are_dropped_with_the_reason() -> None:
    frame = table(["a", "b"] * 10).with_columns(
        key=pl.arange(0, 20), same=pl.lit(3), empty=pl.lit(None, dtype=pl.Float64), lists=pl.lit([1, 2])
    )
    roles = {**ROLES, "key": Role.IDENTIFIER, "same": Role.NUMERIC, "empty": Role.NUMERIC, "lists": Role.TEXT}
    task = prepare_task(frame, roles, target="y", exclude=["c"])
    assert task.frame.columns == ["x"] and list(task.roles) == ["x"]
    assert set(task.dropped) == {"key", "same", "empty", "lists", "c"}
    assert all(reason.endswith(".") for reason in task.dropped.values())


@pytest.mark.parametrize(
    ("values", "options", "field", "words"),
    [
        ([], {"target": "z"}, "target", "no column “z”"),
        ([3] * 20, {}, "target", "the same in every row"),
        ([None] * 20, {}, "target", "empty"),
        (["a"] * 19 + ["rare"], {}, "target", "“rare” occurs in only one row"),
        (["a"] * 17 + ["x", "y", "z"], {}, "target", "“x”, “y” and “z” each occur in only one row"),
        ([f"name {index}" for index in range(20)], {}, "target", "different values"),
        ([f"{index % 1200}" for index in range(4800)], {}, "target", "1200 different values"),
        ([date(2024, 1, 1) + timedelta(index) for index in range(20)], {}, "target", "dates"),
        (["a", "b"] * 10, {"problem_type": "regression"}, "problem_type", "text"),
        (["a", "b"] * 10, {"problem_type": "clustering"}, "problem_type", "clustering"),
        (["a", "b"] * 10, {"metric": "rmse"}, "metric", "rmse"),
        (["a", "b"] * 10, {"metric": "speed"}, "metric", "speed"),
        (["a", "b"] * 10, {"exclude": ["w"]}, "exclude_columns", "“w”"),
        (["a", "b"] * 10, {"exclude": ["y"]}, "exclude_columns", "“y”"),
        (["a", "b"] * 10, {"exclude": ["x", "c"]}, "target", "No column is left"),
        ([1.5, 2.5, float("inf")] * 10, {}, "target", "infinite"),
        ([1e153, -1e153, 2.0] * 10, {"problem_type": "regression"}, "target", "reach 1e+153"),
        ([1.5, 2.5, None, None], {}, "target", "too few"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_words(
    values: list[Any], options: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        prepare_task(table(values), ROLES, **{"target": "y", **options})
    assert [problem.field for problem in caught.value.fields] == [field]
    assert words in caught.value.detail


def test_a_rare_class_leaves_the_folds_as_they_are() -> None:
    task = prepare_task(table(["a"] * 20 + ["b"] * 2), ROLES, target="y", cv_folds=5)
    assert task.n_folds == 5 and set(task.folds) == set(range(5))
    for fold in range(5):
        assert set(task.target[task.train_rows(fold)]) == {0, 1}


def test_the_only_row_of_a_class_is_learned_from_and_named() -> None:
    task = prepare_task(table(["a"] * 20 + ["b"] * 9 + ["rare"]), ROLES, target="y", cv_folds=5)
    assert task.n_folds == 5 and task.folds[-1] == -1 and len(task.validated) == 29
    assert any("“rare” occurs in only one row" in warning for warning in task.warnings)
    checked = check_target(table(["a"] * 20 + ["b"] * 9 + list("vwxyz"))["y"], Role.CATEGORICAL)
    assert "“v”, “w”, “x” and 2 other values each occur in only one row" in " ".join(checked.warnings)


@pytest.mark.parametrize("counts", [(2, 2), (3, 2), (3, 3), (2, 8), (2, 2, 2), (4, 1, 2)])
def test_few_rows_make_folds_that_can_tell_classes_apart(counts: tuple[int, ...]) -> None:
    labels = [label for label, count in zip("abc", counts, strict=False) for _ in range(count)]
    task = prepare_task(table(labels), ROLES, target="y", problem_type="classification")
    tested = [task.target[task.valid_rows(fold)] for fold in range(task.n_folds)]
    assert all(len(rows) >= 2 for rows in tested)
    assert any(len(set(rows)) > 1 for rows in tested)


def test_a_choice_of_the_user_wins() -> None:
    task = prepare_task(table([1, 2, 3] * 40), ROLES, target="y", problem_type="regression", metric="mae")
    assert (task.problem_type, task.metric, task.n_outputs) == (REGRESSION, "mae", 1)
    task = prepare_task(table([1, 2, 3] * 4), ROLES, target="y", problem_type="classification", metric="roc_auc")
    assert (task.classes, task.metric, task.n_outputs) == (("1", "2", "3"), "roc_auc", 3)


@pytest.mark.parametrize(
    ("rows", "kind", "n_folds", "tested"),
    [
        (1_000, ValidationKind.STRATIFIED, 5, 1_000),
        (60_000, ValidationKind.STRATIFIED, 3, 60_000),
        (240_000, ValidationKind.HOLDOUT, 1, 24_000),
    ],
)
def test_more_rows_need_fewer_folds(rows: int, kind: ValidationKind, n_folds: int, tested: int) -> None:
    task = prepare_task(table(["a", "b"] * (rows // 2)), ROLES, target="y")
    assert (task.validation.kind, task.validation.n_folds, task.n_folds) == (kind, n_folds, n_folds)
    assert len(task.validated) == tested
    assert task.validation.reason.endswith(".")
    assert len(task.train_rows(0)) == rows - len(task.valid_rows(0))


@pytest.mark.parametrize(
    ("values", "metric", "expected"),
    [
        ([1, 2, 3] * 100, "rmse", REGRESSION),
        ([0, 1] * 20, "mae", REGRESSION),
        ([1, 2, 3, 4] * 5, "accuracy", CLASSIFICATION),
        ([0.5, 1.5] * 50, "roc_auc", CLASSIFICATION),
        (["a", "b"] * 20, "f1", CLASSIFICATION),
    ],
)
def test_the_metric_says_what_is_to_be_predicted(values: list[Any], metric: str, expected: ProblemType) -> None:
    task = prepare_task(table(values), ROLES, target="y", metric=metric)
    assert (task.problem_type, task.metric) == (expected, metric)
    with pytest.raises(InvalidInput, match=metric):
        other = {CLASSIFICATION: "regression", REGRESSION: "classification"}[expected]
        prepare_task(table([0, 1, 2] * 20), ROLES, target="y", metric=metric, problem_type=other)


@pytest.mark.parametrize(
    ("missing", "said"),
    [(0, []), (1, ["1 row without a value in “y” is left out."]), (2, ["2 rows without a value in “y” are left out."])],
)
def test_rows_without_a_target_are_counted(missing: int, said: list[str]) -> None:
    checked = check_target(table([*["a", "b"] * 10, *[None] * missing])["y"], Role.CATEGORICAL)
    assert list(checked.warnings) == said


@pytest.mark.parametrize(
    "misspelt",
    [{"target": "Survivd"}, {"exclude": ["Survivd"]}, {"weight_column": "survived"}, {"cv": "time:Survivd"}],
)
def test_a_misspelt_column_is_suggested(misspelt: dict[str, Any]) -> None:
    frame = pl.DataFrame({"Survived": [0, 1] * 20, "y": [1, 0] * 20, "x": range(40)})
    with pytest.raises(InvalidInput) as refused:
        prepare_task(frame, dict.fromkeys(frame.columns, Role.NUMERIC), **{"target": "y", **misspelt})
    assert refused.value.hint == "Did you mean “Survived”?"
