"""What each column adds, for every family and for ensembles: it adds up, and belongs to the right column."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flowml.automl.explain.additive import ModelExplainer, Output, margin_of
from flowml.automl.explain.margins import margin_of_row
from flowml.automl.explain.scores import LINEAR, SAMPLED, TREE
from flowml.automl.explain.shapley import shapley
from flowml.automl.features.encoder import Encoder
from flowml.automl.model import modelfile
from flowml.automl.model.members import Part
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.nodes.reading import forest_of
from flowml.domain.datasets import Role
from tests.services.trained import trained

ROWS: list[dict[str, Any]] = [
    {"age": 42.5, "city": "Ulm", "member": False, "joined": "2024-01-20"},
    {"age": 38.9, "city": "Atlantis", "joined": "2024-01-02"},
    {},
]
HOW = {
    "lightgbm": TREE,
    "xgboost": TREE,
    "catboost": TREE,
    "random_forest": TREE,
    "gradient_boosting": TREE,
    "logistic_regression": LINEAR,
    "ridge": LINEAR,
    "knn": SAMPLED,
}
CLASSES = [("bought", name) for name in HOW if name != "ridge"]
NUMBERS = [("spent", name) for name in HOW if name != "logistic_regression"]


def explained(model: FittedModel, row: dict[str, Any]) -> tuple[ModelExplainer, np.ndarray, np.ndarray, Output]:
    """The explainer, what it adds up to, what the model says, and in which units."""
    clean, _ = model.check_row(row)
    explainer = ModelExplainer(model)
    found = explainer.explain(clean)
    # As it is served; before, XGBoost answers in single precision.
    model.one_row.prepare()
    return explainer, found.margin, margin_of(found.output, model.predict_row(clean)), found.output


@pytest.mark.parametrize(("target", "algorithm"), [*CLASSES, *NUMBERS])
@pytest.mark.parametrize("row", ROWS)
def test_it_adds_up(target: str, algorithm: str, row: dict[str, Any]) -> None:
    model = trained(target, algorithm)
    _, added_up, said, output = explained(model, row)
    assert added_up == pytest.approx(said, abs=1e-6)
    in_shares = algorithm in ("random_forest", "knn")
    expected = Output.VALUE if target == "spent" else Output.PROBABILITY if in_shares else Output.LOG_ODDS
    assert output is expected


@pytest.mark.parametrize(("target", "algorithm"), [*CLASSES, *NUMBERS])
def test_the_column_that_decides_is_named_and_how(target: str, algorithm: str) -> None:
    model = trained(target, algorithm)
    found = ModelExplainer(model).explain(model.check_row({**ROWS[0], "age": 75})[0])
    assert found.names[int(np.abs(found.added[:, -1]).argmax())] == "age"
    assert found.added[found.names.index("age"), -1] > 0
    assert [method for _, _, method in found.methods] == [HOW[algorithm]]


@pytest.mark.parametrize("pooling", [Pooling.LOG, Pooling.MEAN])
@pytest.mark.parametrize("temperature", [None, 0.7])
def test_ensembles_of_classes_add_up(pooling: Pooling, temperature: float | None) -> None:
    names = ("lightgbm", "catboost", "random_forest", "logistic_regression", "knn")
    model = combine([trained("bought", name) for name in names], [0.3, 0.2, 0.2, 0.2, 0.1], pooling=pooling)
    model = replace(model, temperature=temperature)
    for row in ROWS:
        _, added_up, said, output = explained(model, row)
        assert added_up == pytest.approx(said, abs=1e-6)
    averaged = pooling is Pooling.MEAN and temperature is None
    assert output is (Output.PROBABILITY if averaged else Output.LOG_ODDS)


def test_ensembles_of_numbers_add_up() -> None:
    names = ("lightgbm", "xgboost", "random_forest", "ridge", "knn")
    model = combine([trained("spent", name) for name in names], [1.0] * 5)
    for row in ROWS:
        _, added_up, said, _ = explained(model, row)
        assert added_up == pytest.approx(said, abs=1e-4)


@pytest.mark.parametrize("is_prepared", [False, True])
@pytest.mark.parametrize("target", ["bought", "spent"])
def test_xgboost_adds_up_in_memory_and_on_the_way_there(target: str, is_prepared: bool) -> None:
    # Before its trees are prepared for single rows, it adds up leaves in single precision, and nothing else so.
    model = replace(trained(target, "xgboost"))
    if is_prepared:
        model.one_row.prepare()
    explainer = ModelExplainer(model)
    for age in range(15, 80, 5):
        clean, _ = model.check_row({**ROWS[0], "age": age})
        found, said = explainer.explain(clean), model.predict_row(clean)
        off = np.abs(found.margin - margin_of(found.output, said)).max()
        assert off < (1e-9 if is_prepared else 1e-6 * max(1.0, float(np.abs(found.margin).max())))


def test_two_classes_are_each_other_s_opposite() -> None:
    model = trained("bought", "lightgbm")
    found = ModelExplainer(model).explain(model.check_row(ROWS[0])[0])
    assert found.added[:, 0] == pytest.approx(-found.added[:, 1])


def test_what_is_nearly_certain_adds_up() -> None:
    model = trained("bought", "logistic_regression")
    line = model.members[0].parts[0].predictor
    assert isinstance(line, LinearPredictor)
    steep = LinearPredictor(
        100 * np.hstack([-line.coefficients, line.coefficients]),
        100 * np.append(-line.intercept, line.intercept),
        "softmax",
    )
    model = replace(model, members=(replace(model.members[0], parts=(Part(0, steep),)),))
    _, added_up, said, _ = explained(model, {**ROWS[0], "age": 42.0})
    assert np.abs(said).max() > 30 and added_up == pytest.approx(said, rel=1e-9)


def test_lines_are_compared_with_the_typical_row() -> None:
    model = trained("spent", "ridge")
    typical = {feature.name: feature.example for feature in model.schema.features}
    found = ModelExplainer(model).explain(model.check_row(typical)[0])
    assert not found.added.any() and found.is_exact


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost", "catboost", "random_forest"])
def test_it_is_the_same_from_a_file(algorithm: str) -> None:
    model = trained("spent", algorithm)
    again = modelfile.read_bytes(modelfile.write(model))
    clean, _ = model.check_row(ROWS[0])
    before, after = ModelExplainer(model).explain(clean), ModelExplainer(again).explain(clean)
    assert after.added == pytest.approx(before.added, abs=1e-9) and after.methods == before.methods


def test_every_number_of_a_row_belongs_to_columns() -> None:
    for algorithm in ("lightgbm", "ridge", "knn"):
        encoder: Encoder
        for encoder in trained("spent", algorithm).encoders:
            assert len(encoder.origins) == encoder.n_features
            assert {name for origin in encoder.origins for name in origin} <= set(encoder.column_names)


def game(coalitions: np.ndarray) -> np.ndarray:
    """Each column is worth its number, and the first two something more together."""
    worth = coalitions @ np.arange(1.0, coalitions.shape[1] + 1)
    return np.stack([worth + 6.0 * (coalitions[:, 0] & coalitions[:, 1]), 2.0 * worth], axis=1)


@pytest.mark.parametrize(("n_columns", "error"), [(2, 1e-12), (9, 1e-12), (12, 1.0)])
def test_shapley_values_of_anything(n_columns: int, error: float) -> None:
    base, added = shapley(game, n_columns)
    everything = game(np.ones((1, n_columns), dtype=bool))[0]
    assert base + added.sum(axis=0) == pytest.approx(everything)
    worth = np.arange(1.0, n_columns + 1)
    assert added[2:, 0] == pytest.approx(worth[2:])
    assert added[:2, 0] == pytest.approx(worth[:2] + 3.0, abs=error)
    assert added[:, 1] == pytest.approx(2.0 * worth)


def test_a_row_without_columns_adds_nothing() -> None:
    base, added = shapley(lambda coalitions: np.full((len(coalitions), 1), 3.0), 0)
    assert base.tolist() == [3.0] and added.shape == (0, 1)


@pytest.mark.parametrize(("target", "algorithm"), [("bought", "xgboost"), ("spent", "xgboost"), ("spent", "lightgbm")])
def test_one_row_walks_all_trees_at_once_as_each_by_itself(target: str, algorithm: str) -> None:
    part = trained(target, algorithm).members[0].parts[0]
    forest = forest_of(part.predictor)
    assert forest is not None
    rows = np.random.default_rng(0).normal(20, 30, (30, forest.n_features)).astype(np.float32)
    rows[::3, ::2] = np.nan
    walk = margin_of_row(forest)
    assert np.array([walk(row) for row in rows]) == pytest.approx(forest.raw(rows), rel=1e-12)


def test_no_text_is_typical() -> None:
    model = trained("spent", "ridge")
    features = tuple(replace(one, role=Role.TEXT) if one.name == "city" else one for one in model.schema.features)
    said = ModelExplainer(replace(model, schema=replace(model.schema, features=features))).explain({})
    typical = {one.name: one.example for one in features if one.name != "city"}
    assert said.base == pytest.approx(model.predict_row(model.check_row(typical)[0]))
    assert said.base != pytest.approx(ModelExplainer(model).explain({}).base)
