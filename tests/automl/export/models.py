"""Real models of every algorithm over a table of every kind of column."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from flowml.automl import algorithms
from flowml.automl.features.categorical import CategoryEncoder
from flowml.automl.features.combinations import OPERATIONS
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.numeric import NumberEncoder
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.trees import TreesPredictor
from flowml.automl.task.task import prepare_task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.data.conversion.notation import Notation
from flowml.domain.datasets import Role
from tests.automl.tables import ROLES, people

PLAIN = ("age", "income", "town", "member")
"""Columns that every kind of file can have."""


@cache
def table(rows: int = 240) -> pl.DataFrame:
    """People; the target `y` has two values, `mood` three, and `spent` is a number."""
    frame = people(rows)
    generator = np.random.default_rng(1)
    age = frame["age"].fill_null(40).to_numpy()
    inner = np.digitize(age + generator.normal(0, 6, rows), [35, 60])
    return frame.with_columns(
        mood=pl.Series([("bad", "good", "so-so")[place] for place in inner]),
        spent=pl.Series(
            3 * age + 20 * (frame["town"].fill_null("") == "town 1").to_numpy() + generator.normal(0, 1, rows)
        ),
        code=pl.Series([f"{'PC' if place % 3 else 'X'} {place}" for place in generator.integers(0, 45, rows)]),
    )


_ROLES = {**ROLES, "mood": Role.CATEGORICAL, "spent": Role.NUMERIC, "code": Role.CATEGORICAL}


@cache
def made(algorithm: str, target: str = "y", columns: tuple[str, ...] = PLAIN) -> FittedModel:
    """A bag of two folds, by the first configuration."""
    frame = table().select(*columns, target)
    task = prepare_task(frame, {name: _ROLES[name] for name in frame.columns}, target=target, cv_folds=2)
    found = algorithms.get(algorithm)
    params = found.first_configurations(task.shape)[0]
    folds = EncodedFolds(task)
    return evaluate(task, folds, found, params, seed=0, threads=1, time_left=lambda: 60.0).model


NOTATIONS = {
    "age": Notation("number"),
    "income": Notation("number", ",", ".", "€"),
    "spent": Notation("number", ",", "."),
    "town": Notation("text"),
    "code": Notation("text", missing=("none", "\\\\")),
    "member": Notation("boolean"),
    "since": Notation("date", order="day_first"),
    "note": Notation("text", literal=True),
}


def of_file(model: FittedModel) -> FittedModel:
    """As of a file that wrote its values so."""
    features = tuple(replace(feature, notation=NOTATIONS[feature.name]) for feature in model.schema.features)
    return replace(model, schema=replace(model.schema, features=features))


def combined() -> FittedModel:
    """Trees that look at every kind of combination of two columns, as the view of boosters may have them."""
    base = made("lightgbm", "spent", ("age", "income", "town", "member"))
    state = base.encoders[0].state()
    number = {"kind": "number", **NumberEncoder("n", fill=np.nan).state()}
    means = {"kind": "category", **_means(("6 town 1 1", "1 2 6 town 1", "6 town 1 6 town 2", "6 town 1 0")).state()}
    arithmetic: list[dict[str, Any]] = [{"kind": "arithmetic", "operation": operation} for operation in OPERATIONS]
    how: list[dict[str, Any]] = [*arithmetic, {"kind": "rotation", "weights": [0.8, -0.6]}]
    found = [{**one, "name": "n", "sources": [0, 1]} for one in how]
    found.append(
        {"kind": "deviation", "name": "d", "sources": [0, 2], "levels": ["town 1"], "means": [50.0], "overall": 40.0}
    )
    crosses = [([2, 0], [None, [30.0, 60.0]]), ([0, 2], [[30.0, 60.0], None]), ([2, 2], [None, None])]
    crossed = [{"kind": "cross", "name": "c", "sources": sources, "edges": edges} for sources, edges in crosses]
    state["combined"] = [{"combination": one, "encoder": number} for one in found]
    state["combined"] += [{"combination": one, "encoder": means} for one in crossed]
    encoder = Encoder.of(state)
    # Two trees on each feature, of one question.
    n_features = encoder.n_features
    feature = np.array([[index, -1, -1] for index in range(n_features)] * 2, dtype=np.int32).ravel()
    threshold = np.concatenate([np.full(n_features, 0.7), np.full(n_features, 40.0)]).astype(np.float32)
    values = np.random.default_rng(0).normal(0, 1, (4 * n_features, 1)).astype(np.float32)
    sizes = np.full(2 * n_features, 3, dtype=np.int32)
    trees = TreesPredictor(TreeArrays(feature, threshold, sizes, values), combine="sum", link="identity")
    return FittedModel(base.schema, (encoder,), (Member("combined", {}, 1.0, (Part(0, trees),)),))


def _means(levels: tuple[str, ...]) -> CategoryEncoder:
    table = np.random.default_rng(2).normal(0, 1, (len(levels) + 2, 2))
    return CategoryEncoder("c", levels, table, ("mean", "frequency"), coded=False)


def blend(columns: tuple[str, ...] = PLAIN, pooling: Pooling = Pooling.LOG) -> FittedModel:
    """Three algorithms together, calibrated and decided."""
    several = [made(name, "y", columns) for name in ("logistic_regression", "lightgbm", "random_forest")]
    return replace(combine(several, [3.0, 1.0, 2.0], pooling=pooling), temperature=0.8, decision=(0.3, 0.7))
