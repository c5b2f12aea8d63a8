"""Classes as texts inside a model, and as the values they were outside of it."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml import AutoMLClassifier, load_model
from flowml.automl.schema.labels import class_values, classes_of, label_type_of
from flowml.automl.task.target import check_target
from flowml.domain.datasets import Role

X = pl.DataFrame({"a": np.arange(60.0)})
HIGH = np.arange(60) > 30
QUICK: dict[str, Any] = {"algorithms": ["decision_tree"], "max_trials": 1, "n_jobs": 1, "cv_folds": 2}


@pytest.mark.parametrize(
    ("values", "label_type", "classes"),
    [
        (pl.Series([10, -2, 9, 10]), "int64", ("-2", "9", "10")),
        (pl.Series([2**63 + 5, 7], dtype=pl.UInt64), "uint64", ("7", "9223372036854775813")),
        (pl.Series([3, -3], dtype=pl.Int8), "int8", ("-3", "3")),
        (pl.Series([10.0, 2.5, -0.0, 0.0]), "float64", ("0", "2.5", "10")),
        (pl.Series([0.1 + 0.2, 0.3, 1e300]), "float64", ("0.3", "0.30000000000000004", str(int(1e300)))),
        (pl.Series([True, False]), "bool", ("false", "true")),
        (pl.Series(["b", "", "ä", "B", "b "]), "object", ("B", "b", "b ", "ä")),
        (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), "object", ("a", "b")),
    ],
)
def test_labels_become_texts_in_the_order_of_the_values_and_come_back(
    values: pl.Series, label_type: str, classes: tuple[str, ...]
) -> None:
    assert (classes_of(values), label_type_of(values)) == (classes, label_type)
    back = class_values(classes, label_type)
    assert back.dtype == label_type
    if label_type != "object":
        assert back.tolist() == sorted(values.unique().to_list())


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=6, unique=True))
def test_no_two_whole_numbers_become_one(labels: list[int]) -> None:
    values = pl.Series("y", labels * 3)
    checked = check_target(values, Role.NUMERIC, problem_type="classification")
    assert checked.classes is not None
    coded = class_values(checked.classes, checked.label_type)[checked.encode(values)]
    assert coded.tolist() == values.to_list()


@pytest.mark.parametrize(
    ("classes", "label_type"), [(("a",), "int64"), (("300",), "int8"), (("yes",), "bool"), (("a",), "datetime64")]
)
def test_what_are_no_labels_of_that_type_is_refused(classes: tuple[str, ...], label_type: str) -> None:
    with pytest.raises((ValueError, OverflowError, KeyError)):
        class_values(classes, label_type)


@pytest.mark.parametrize(
    "labels",
    [
        np.where(HIGH, 2**60, 2**60 + 1),
        np.where(HIGH, np.uint64(2**63 + 5), np.uint64(7)),
        np.where(HIGH, "hi", "lower"),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_a_loaded_model_answers_in_the_type_of_the_labels_as_the_fitted_one(tmp_path: Path, labels: np.ndarray) -> None:
    model = AutoMLClassifier(**QUICK).fit(X, labels)
    assert model.score(X, labels) > 0.9
    model.save(tmp_path / "m.flowml")
    loaded = load_model(tmp_path / "m.flowml")
    assert model.classes_.dtype == loaded.classes_.dtype == loaded.predict(X).dtype == labels.dtype
    assert loaded.classes_.tolist() == model.classes_.tolist() == np.unique(labels).tolist()
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
