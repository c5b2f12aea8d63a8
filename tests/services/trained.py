"""Small real models for tests, trained once per run of the tests."""

import importlib
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors import libraries
from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.jobs import Job, ProblemType
from flowml.domain.models import Model
from flowml.library import run
from flowml.library.process_runner import ThreadRunner
from flowml.store.store import Store
from tests.automl.few_trees import few_trees
from tests.services.records import add_model

ROLES = {
    "age": Role.NUMERIC,
    "city": Role.CATEGORICAL,
    "member": Role.BOOLEAN,
    "joined": Role.DATETIME,
    "bought": Role.CATEGORICAL,
    "spent": Role.NUMERIC,
}
ROW: dict[str, Any] = {"age": 60, "city": "Ulm", "member": True, "joined": "2024-01-05"}


def customers(n_rows: int, seed: int, ages: tuple[float, float] = (-np.inf, np.inf)) -> pl.DataFrame:
    """Who is older than 40 has bought; what was spent grows with age and is more in Ulm."""
    random = np.random.default_rng(seed)
    age = np.clip(random.normal(40, 10, n_rows), *ages).round(1)
    city = random.choice(["Bern", "Ulm", "Graz"], n_rows)
    days = [f"2024-01-{day:02d}" for day in random.integers(1, 28, n_rows)]
    return pl.DataFrame(
        {
            "age": age,
            "city": city,
            "member": random.random(n_rows) < 0.5,
            "joined": pl.Series(days).str.to_date(),
            "bought": np.where(age > 40, "yes", "no"),
            "spent": 3 * age + 20 * (city == "Ulm") + random.normal(0, 1, n_rows),
        }
    )


@cache
def table() -> pl.DataFrame:
    """The customers that models learn from."""
    return customers(240, 0)


@cache
def trained(target: str, algorithm: str) -> FittedModel:
    """One model of this family that predicts `bought` (classes no, yes) or `spent` (a number)."""
    other = "spent" if target == "bought" else "bought"
    with few_trees(), pytest.MonkeyPatch.context() as patch:
        # In this process: one of its own would have to load the libraries first, and would not hear of few trees.
        patch.setattr(run, "_runner", ThreadRunner)
        if algorithm in libraries.BOOSTERS:
            # Not within the time of a trial, which then has time for one tree.
            importlib.import_module(algorithm)
        return run.train(
            table(),
            ROLES,
            target=target,
            exclude=[other],
            algorithm_names=[algorithm],
            max_trials=1,
            cv_folds=3,
            time_budget_seconds=600,
        ).model


def store_table(store: Store) -> Dataset:
    """The table as dataset `d1`."""
    path = store.files.new_temp()
    table().write_parquet(path)
    size = path.stat().st_size
    sha256 = store.files.put_path(path)
    columns = tuple(Column(name, str(dtype), ROLES[name]) for name, dtype in table().schema.items())
    dataset = Dataset(
        "d1", "customers", "c.csv", "csv", table().height, len(columns), size, sha256, sha256, None, 1.7e9, columns
    )
    store.datasets.add(dataset, ())
    return dataset


def add_trained(store: Store, job: Job, model_id: str, target: str, algorithm: str) -> Model:
    """Such a model with its file in the store."""
    fitted = trained(target, algorithm)
    content = modelfile.write(fitted)
    classes = fitted.schema.classes
    return add_model(
        store,
        job,
        model_id,
        0.9,
        algorithm=algorithm,
        target=target,
        metric="accuracy" if classes else "r2",
        problem_type=ProblemType.CLASSIFICATION if classes else ProblemType.REGRESSION,
        classes=classes,
        feature_names=tuple(feature.name for feature in fitted.schema.features),
        predict_ms=0.1,
        size_bytes=len(content),
        file=store.files.put_bytes(content),
        details={"schema": fitted.schema.describe()},
    )
