"""What is tried first, and how many trials a table is worth."""

import pytest

from flowml.automl.search.portfolio import most_trials, portfolio
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from tests.automl.search.searching import HOURS, LARGE, families, make_search, run

MIDDLE = TaskShape(ProblemType.CLASSIFICATION, 1_000, 10, 2)


def test_a_linear_model_and_lightgbm_come_first() -> None:
    assert [spec.algorithm for spec in run(make_search(MIDDLE), 2)] == ["logistic_regression", "lightgbm"]
    values = TaskShape(ProblemType.REGRESSION, 3_000, 20, 1)
    assert [spec.algorithm for spec in run(make_search(values), 2)] == ["ridge", "lightgbm"]
    # A first look has been taken there.
    assert [spec.algorithm for spec in run(make_search(LARGE), 2)] == ["lightgbm", "catboost"]


@pytest.mark.parametrize("shape", [MIDDLE, LARGE], ids=["middle", "large"])
def test_every_family_gets_its_chance_before_any_search(shape: TaskShape) -> None:
    search = make_search(shape)
    done = run(search, 45)
    expected = {algorithm.name for algorithm in families(shape)} - set(search.not_applicable)
    assert {spec.algorithm for spec in done if spec.origin == "portfolio"} == expected
    origins = [spec.origin for spec in done]
    assert origins == sorted(origins)


def test_small_tables_get_few_trials() -> None:
    for rows, most in ((100, 4), (500, 8), (2_500, 15)):
        shape = TaskShape(ProblemType.CLASSIFICATION, rows, 5, 2)
        search = make_search(shape)
        done = run(search, 500)
        assert len(done) <= len(families(shape)) + most
        assert search.ask(HOURS, 1) is None
    assert most_trials(LARGE, 10) is None


def test_the_portfolio_holds_every_first_configuration_once() -> None:
    chosen = families(LARGE)
    total = sum(len(algorithm.first_configurations(LARGE)) for algorithm in chosen)
    candidates = portfolio(chosen, LARGE)
    assert len(candidates) == total
    assert len({(one.algorithm, str(one.params)) for one in candidates}) == total


CLASSES, VALUES = ProblemType.CLASSIFICATION, ProblemType.REGRESSION


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        pytest.param(TaskShape(CLASSES, 1_000, 20, 2), ["logistic_regression", "lightgbm"], id="small"),
        pytest.param(TaskShape(CLASSES, 30_000, 20, 2), ["lightgbm"], id="many rows"),
        pytest.param(TaskShape(CLASSES, 5_000, 2_000, 2), ["lightgbm"], id="many cells, no more columns than rows"),
        pytest.param(TaskShape(VALUES, 5_000, 2_000, 1), ["lightgbm"], id="many cells of values"),
        pytest.param(TaskShape(CLASSES, 60, 2_000, 2), ["logistic_regression", "lightgbm"], id="wide"),
        pytest.param(TaskShape(VALUES, 60, 2_000, 1), ["ridge", "elastic_net", "lasso", "lightgbm"], id="wide values"),
        pytest.param(TaskShape(CLASSES, 1_000, 20_000, 2), ["logistic_regression", "lightgbm"], id="wide and big"),
    ],
)
def test_what_comes_first_depends_on_rows_and_columns(shape: TaskShape, first: list[str]) -> None:
    order = [candidate.algorithm for candidate in portfolio(families(shape), shape)]
    assert order[: len(first)] == first
