"""Leaderboard, Pareto front, confusion matrix, importance."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.domain.errors import InvalidInput, NotFound, NotReady, WrongState
from flowml.domain.jobs import ProblemType
from flowml.domain.models import ColumnImportance, ConfusionMatrix, Importance, ModelDetails
from flowml.services import results
from flowml.services.context import Context
from flowml.services.serving.exports import model_download
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job, add_model


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path)
    add_dataset(store)
    yield Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    store.close()


def test_the_leaderboard_is_ordered_by_what_is_better(context: Context) -> None:
    job = add_job(context.store)
    for name, score in (("a", 0.8), ("b", 0.9), ("c", 0.7)):
        add_model(context.store, job, name, score, details={"score_std": 0.01})
    board = results.leaderboard(context, job.id)

    assert (board.metric, board.greater_is_better) == ("accuracy", True)
    assert [(row.rank, row.model_id, row.score_std) for row in board.items] == [
        (1, "b", 0.01),
        (2, "a", 0.01),
        (3, "c", 0.01),
    ]


def test_of_an_error_less_is_better(context: Context) -> None:
    job = add_job(context.store)
    number = {"metric": "rmse", "problem_type": ProblemType.REGRESSION, "classes": None}
    add_model(context.store, job, "a", 3.0, **number)
    add_model(context.store, job, "b", 2.0, **number)
    board = results.leaderboard(context, job.id)

    assert not board.greater_is_better
    assert [(row.model_id, row.pareto) for row in board.items] == [("b", True), ("a", False)]


def test_a_guess_is_worth_having_only_where_nothing_is_better(context: Context) -> None:
    job = add_job(context.store)
    add_model(context.store, job, "guess", 0.6, algorithm="baseline", predict_ms=0.01)
    assert [row.pareto for row in results.leaderboard(context, job.id).items] == [True]
    add_model(context.store, job, "worse", 0.5)
    assert [row.pareto for row in results.leaderboard(context, job.id).items] == [True, False]
    add_model(context.store, job, "better", 0.9)
    add_model(context.store, job, "like it", 0.6, predict_ms=0.02)
    board = results.leaderboard(context, job.id)
    assert board.items[0].model_id == "better" and [row.pareto for row in board.items] == [True, False, False, False]


def test_an_empty_leaderboard_names_the_metric_that_was_asked_for(context: Context) -> None:
    job = add_job(context.store, metric="mae")
    board = results.leaderboard(context, job.id)

    assert (board.metric, board.greater_is_better, board.items) == ("mae", False, ())
    assert results.leaderboard(context, add_job(context.store).id).metric is None


def test_models_come_in_pages(context: Context) -> None:
    job = add_job(context.store)
    best, second = (add_model(context.store, job, name, score) for name, score in (("a", 0.9), ("b", 0.8)))

    assert results.list_models(context, job.id, 1, 0) == ([best], 2)
    assert results.list_models(context, job.id, 5, 1) == ([second], 2)


@pytest.mark.parametrize(
    ("models", "front"),
    [
        ([], set()),
        ([(0.9, None)], set()),
        ([(0.9, 5.0), (0.8, 1.0), (0.7, 2.0)], {0, 1}),
        ([(0.9, 5.0), (0.9, 5.0)], {0, 1}),
        ([(0.9, 5.0), (0.9, 4.0)], {1}),
        ([(0.9, None), (0.8, None), (0.7, 3.0)], {2}),
        ([(0.9, 1.0), (0.8, 0.97), (0.7, 0.5)], {0, 2}),
        ([(0.5, 1.0), (0.6, 1.0), (0.7, 1.0)], {2}),
        ([(-2.0, 3.0), (-3.0, 1.0)], {0, 1}),
    ],
)
def test_on_the_front_nobody_is_both_better_and_faster(
    models: list[tuple[float, float | None]], front: set[int]
) -> None:
    assert results.pareto_front(models) == front


def test_stored_figures_are_answered(context: Context) -> None:
    matrix = ConfusionMatrix(("no", "yes"), ((3, 1), (0, 4)), ((0.75, 0.25), (0.0, None)))
    importance = Importance("permutation", (ColumnImportance("x", 0.2, 0.01),))
    job = add_job(context.store)
    details = ModelDetails(confusion_matrix=matrix, permutation_importance=importance)
    model = add_model(context.store, job, "a", 0.9, details=details.record())

    assert results.confusion_matrix(context, model.id) == matrix
    assert results.feature_importance(context, model.id) == importance
    assert model_download(context, model.id, "flowml").path.read_bytes() == b"a model"
    assert results.list_models(context, job.id, 50, 0) == ([model], 1)


def test_what_does_not_apply_is_said_in_words(context: Context) -> None:
    job = add_job(context.store)
    classifier = add_model(context.store, job, "a", 0.9)
    regressor = add_model(context.store, job, "b", 0.9, metric="r2", classes=None)

    with pytest.raises(WrongState, match="predicts numbers"):
        results.confusion_matrix(context, regressor.id)
    with pytest.raises(NotReady):
        results.confusion_matrix(context, classifier.id)
    with pytest.raises(InvalidInput):
        results.feature_importance(context, classifier.id, "magic")


def test_an_unknown_id_is_not_found(context: Context) -> None:
    for answer in (results.leaderboard, results.get_model, results.confusion_matrix):
        with pytest.raises(NotFound):
            answer(context, "none")
    with pytest.raises(NotFound):
        results.list_models(context, "none", 50, 0)
