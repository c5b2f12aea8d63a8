"""Every algorithm is put through the same claims."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.algorithms.base import Algorithm, ChoiceParameter, Final, FloatParameter, IntParameter
from flowml.automl.algorithms.fitting import forests
from flowml.automl.algorithms.fitting.mlp_training import Network
from flowml.automl.algorithms.registry import get
from flowml.automl.algorithms.support import hold_out
from flowml.automl.at_once.constant import fit_constant
from flowml.automl.features.encoded import View
from flowml.automl.predictors.base import Predictor, load
from flowml.automl.scoring.temperature import temperature_of
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import DeadlineReached, InvalidInput, NotApplicable, TrialFailed
from flowml.domain.jobs import ProblemType
from tests.automl.algorithm_cases import KINDS, OUTPUTS, Case, CountingClock, Stopwatch, first_fit, make_case

EVERY = [
    pytest.param(algorithm, kind, id=f"{algorithm.name}-{kind}")
    for algorithm in algorithms.all()
    for kind in KINDS
    if (ProblemType.REGRESSION if kind == "regression" else ProblemType.CLASSIFICATION) in algorithm.problem_types
]
ONCE = [pytest.param(algorithm, id=algorithm.name) for algorithm in algorithms.all()]


def some_kind(algorithm: Algorithm) -> str:
    return "binary" if ProblemType.CLASSIFICATION in algorithm.problem_types else "regression"


@cache
def fitted(algorithm: Algorithm, kind: str) -> tuple[Case, Predictor]:
    """A table and the first configuration fitted on it, made once: nothing here changes them."""
    case = make_case(kind, algorithm.view, n_rows=240)
    return case, first_fit(algorithm, case, seed=3)


def test_all_the_families_are_there() -> None:
    assert {algorithm.name for algorithm in algorithms.all()} == {
        "adaboost",
        "catboost",
        "decision_tree",
        "elastic_net",
        "extra_trees",
        "gaussian_nb",
        "gradient_boosting",
        "knn",
        "lasso",
        "lightgbm",
        "linear_discriminant",
        "logistic_regression",
        "mlp",
        "random_forest",
        "ridge",
        "svm",
        "xgboost",
    }


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as refused:
        algorithms.get("perceptron")
    assert "perceptron" in refused.value.detail
    assert "lightgbm" in (refused.value.hint or "")


def test_finding_algorithms_imports_nothing_that_trains() -> None:
    code = (
        "import sys; from flowml.automl import algorithms; algorithms.all()\n"
        "heavy = {'sklearn', 'lightgbm', 'xgboost', 'catboost', 'optuna', 'pandas', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})


@pytest.mark.parametrize(("algorithm", "kind"), EVERY)
def test_it_beats_the_constant_and_survives_being_stored(algorithm: Algorithm, kind: str) -> None:
    case, predictor = fitted(algorithm, kind)
    answers = predictor.predict(case.valid.values)

    assert answers.dtype == np.float64
    assert answers.shape == (case.valid.n_rows, OUTPUTS[kind])
    assert np.isfinite(answers).all()
    if kind != "regression":
        assert answers.min() >= 0
        np.testing.assert_allclose(answers.sum(axis=1), 1.0, atol=1e-9)
    constant = fit_constant(case.target, case.context())
    assert case.loss(answers) < 0.8 * case.loss(constant.predict(case.valid.values))

    again = load(predictor.to_state())
    np.testing.assert_array_equal(again.predict(case.valid.values), answers)
    for row in (0, 7, 20):
        one = again.predict_row(case.valid.values[row])
        assert one.shape == (OUTPUTS[kind],)
        np.testing.assert_allclose(one, answers[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("algorithm", "kind"), EVERY)
def test_the_same_seed_gives_the_same_model(algorithm: Algorithm, kind: str) -> None:
    case, first = fitted(algorithm, kind)
    second = first_fit(algorithm, case, seed=3)
    np.testing.assert_array_equal(first.predict(case.valid.values), second.predict(case.valid.values))


@pytest.mark.parametrize(("algorithm", "kind"), EVERY)
def test_thirty_rows_and_a_rare_class_are_enough(algorithm: Algorithm, kind: str) -> None:
    case = make_case(kind, algorithm.view, n_rows=40)
    target = case.target.copy()
    if kind != "regression":
        # The last class keeps a single training row, and none to validate on.
        target[np.flatnonzero(target == OUTPUTS[kind] - 1)[1:]] = 0
        case = replace(case, target=target, valid_target=np.zeros_like(case.valid_target))
    answers = first_fit(algorithm, case).predict(case.valid.values)
    assert answers.shape == (case.valid.n_rows, OUTPUTS[kind])
    assert np.isfinite(answers).all()


@pytest.mark.parametrize(("algorithm", "kind"), EVERY)
def test_one_feature_and_no_validation_rows_are_enough(algorithm: Algorithm, kind: str) -> None:
    case = make_case(kind, algorithm.view, n_rows=200, n_features=1)
    params = algorithm.first_configurations(case.shape)[0]
    predictor = algorithm.fit(params, case.train, case.target, None, None, case.context())
    constant = fit_constant(case.target, case.context())
    assert case.loss(predictor.predict(case.valid.values)) < case.loss(constant.predict(case.valid.values))


@pytest.mark.parametrize(("algorithm", "kind"), EVERY)
def test_a_short_time_gives_a_smaller_model_or_none_at_all(algorithm: Algorithm, kind: str) -> None:
    case = make_case(kind, algorithm.view, n_rows=300)
    params = algorithm.first_configurations(case.shape)[0]

    def fit(time_left: Callable[[], float]) -> None:
        answers = algorithm.fit(
            params, case.train, case.target, case.valid, case.valid_target, case.context(time_left=time_left)
        ).predict(case.valid.values)
        assert np.isfinite(answers).all()

    with pytest.raises(DeadlineReached):
        fit(lambda: 0.0)
    # However early the time ends, the fit ends soon after it: few looks at the clock follow.
    clock = CountingClock(3)
    fit(clock)
    assert clock.taken <= 3 + 4


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost", "gradient_boosting", "random_forest", "mlp"])
def test_a_long_fit_ends_when_its_time_is_over(name: str) -> None:
    algorithm = algorithms.get(name)
    case = make_case("multiclass", algorithm.view, n_rows=12_000, n_features=20)
    params = algorithm.first_configurations(case.shape)[0]
    watch = Stopwatch(0.7)
    algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, case.context(time_left=watch))
    assert watch() > -1.5


@pytest.mark.parametrize("algorithm", ONCE)
@pytest.mark.parametrize("n_rows", [30, 800, 5_000, 60_000, 2_000_000])
def test_first_configurations_lie_in_the_search_space(algorithm: Algorithm, n_rows: int) -> None:
    for problem_type in algorithm.problem_types:
        outputs = 3 if problem_type is ProblemType.CLASSIFICATION else 1
        for n_features in (1, 20, 300):
            shape = TaskShape(problem_type, n_rows, n_features, outputs)
            space = {parameter.name: parameter for parameter in algorithm.search_space(shape)}
            assert algorithm.seconds_per_fit(shape) > 0
            for params in algorithm.first_configurations(shape):
                assert set(params) == set(space)
                for name, value in params.items():
                    match space[name]:
                        case ChoiceParameter(_, choices):
                            assert value in choices
                        case IntParameter(_, low, high) | FloatParameter(_, low, high):
                            assert low <= value <= high, (name, value, low, high)


@pytest.mark.parametrize("algorithm", ONCE)
def test_the_ends_of_the_search_space_can_be_fitted(algorithm: Algorithm) -> None:
    case = make_case(some_kind(algorithm), algorithm.view, n_rows=120)
    for end in (0, -1):
        params = {
            parameter.name: parameter.choices[end]
            if isinstance(parameter, ChoiceParameter)
            else (parameter.low, parameter.high)[end]
            for parameter in algorithm.search_space(case.shape)
        }
        predictor = algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, case.context())
        assert np.isfinite(predictor.predict(case.valid.values)).all()


@pytest.mark.parametrize("algorithm", ONCE)
def test_its_search_space_can_be_shown(algorithm: Algorithm) -> None:
    for entry in algorithms.describe_space(algorithm):
        assert entry["name"]
        assert entry["type"] in ("int", "float", "choice")
        assert entry.get("choices") or entry["low"] < entry["high"]


def test_views_and_ends_are_those_of_the_families() -> None:
    for algorithm in algorithms.all():
        boosters = algorithm.name in ("lightgbm", "xgboost", "catboost")
        assert (algorithm.view is View.NATIVE) is boosters
        assert algorithm.gpu is boosters
        if algorithm.final is Final.REFIT:
            assert not boosters


def test_support_vector_machines_decline_large_tables_with_a_reason() -> None:
    with pytest.raises(NotApplicable, match="10,000 rows"):
        algorithms.get("svm").check(TaskShape(ProblemType.CLASSIFICATION, 10_001, 5, 2))
    algorithms.get("svm").check(TaskShape(ProblemType.CLASSIFICATION, 10_000, 5, 2))
    with pytest.raises(NotApplicable, match="cells"):
        algorithms.get("svm").check(TaskShape(ProblemType.CLASSIFICATION, 5_000, 2_000, 2))
    # Few rows are compared in a moment, however many columns they have.
    algorithms.get("svm").check(TaskShape(ProblemType.CLASSIFICATION, 60, 20_000, 2))


def test_a_library_that_fails_is_quoted() -> None:
    algorithm = algorithms.get("catboost")
    case = make_case("regression", View.NATIVE, n_rows=100, n_features=2)
    flat = replace(case.train, values=np.zeros_like(case.train.values))
    with pytest.raises(TrialFailed, match=r"CatBoost could not be fitted: .*constant"):
        algorithm.fit(
            algorithm.first_configurations(case.shape)[0],
            flat,
            case.target,
            case.valid,
            case.valid_target,
            case.context(),
        )


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_without_a_gpu_the_fit_falls_back_to_the_cpu(name: str) -> None:
    algorithm = algorithms.get(name)
    case = make_case("binary", algorithm.view, n_rows=120)
    remarks: list[str] = []
    context = replace(case.context(), device="cuda", remark=remarks.append)
    params = algorithm.first_configurations(case.shape)[0]
    predictor = algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, context)
    assert np.isfinite(predictor.predict(case.valid.values)).all()
    assert all("GPU" in remark for remark in remarks)


def test_held_out_rows_are_stratified_and_leave_every_class_to_train_on() -> None:
    case = make_case("multiclass", View.DENSE, n_rows=200)
    target = np.where(case.target == 2, 0, case.target).astype(np.int32)
    target[5] = 2
    train, rest, held, held_target, _ = hold_out(case.train, target, case.context())
    assert train.n_rows + held.n_rows == case.train.n_rows
    assert set(rest.tolist()) == {0, 1, 2}
    assert 2 not in held_target
    assert abs((held_target == 1).mean() - (target == 1).mean()) < 0.05


def test_the_temperature_undoes_scores_that_are_too_sure() -> None:
    generator = np.random.default_rng(0)
    honest = generator.standard_normal((5_000, 2))
    share = np.exp(honest[:, 1]) / np.exp(honest).sum(axis=1)
    target = (generator.random(5_000) < share).astype(np.int32)
    assert temperature_of(7.0 * honest, target) == pytest.approx(7.0, rel=0.1)


@pytest.mark.parametrize("target_kind", ["classes", "values"])
def test_gradients_of_the_network_are_those_of_its_loss(target_kind: str) -> None:
    generator = np.random.default_rng(1)
    values = generator.standard_normal((8, 3))
    target = np.arange(8) % 2 if target_kind == "classes" else generator.standard_normal(8)
    network = Network.initial([3, 5, 4, 2 if target_kind == "classes" else 1], generator)
    network.parameters = [one.astype(np.float64) + 0.1 for one in network.parameters]

    def loss() -> float:
        scores = network.scores(values)
        if target_kind == "values":
            return float(0.5 * ((scores[:, 0] - target) ** 2).mean())
        return float((np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(8), target]).mean())

    found = network.gradients(values, target, 0.0, None)
    for parameter, gradient in zip(network.parameters, found, strict=True):
        place = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
        kept = parameter[place]
        parameter[place] = kept + 1e-6
        above = loss()
        parameter[place] = kept - 1e-6
        below = loss()
        parameter[place] = kept
        assert (above - below) / 2e-6 == pytest.approx(gradient[place], rel=1e-4)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_boosters_see_combinations_of_columns_when_asked_to(name: str) -> None:
    algorithm = get(name)
    case = make_case("binary", View.NATIVE, n_rows=200)
    first = algorithm.first_configurations(case.shape)[0]
    assert algorithm.view_of(first) is View.NATIVE and algorithm.view_of({**first, "wide": True}) is View.WIDE
    # The library behind it does not hear of it.
    told = algorithm.fit(
        {**first, "wide": True}, case.train, case.target, case.valid, case.valid_target, case.context()
    )
    plain = algorithm.fit(first, case.train, case.target, case.valid, case.valid_target, case.context())
    np.testing.assert_array_equal(told.predict(case.valid.values), plain.predict(case.valid.values))


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_a_forest_stays_small_however_many_rows_it_is_grown_on(outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees are grown to the end while that fits; then there are fewer of them, then their leaves have more rows."""
    kind = {1: "regression", 2: "binary", 3: "multiclass"}[outputs]
    algorithm = algorithms.get("extra_trees")
    case = make_case(kind, algorithm.view, n_rows=600)
    params = {"max_features": 0.6, "min_samples_leaf": 1}

    def forest(most_bytes: int) -> tuple[int, float, int]:
        monkeypatch.setattr(forests, "BYTES_A_MODEL", most_bytes)
        state = algorithm.fit(params, case.train, case.target, None, None, case.context()).to_state()
        kept = sum(state.arrays[name].nbytes for name in ("feature", "threshold", "values"))
        trees = len(state.arrays["sizes"])
        return trees, len(state.arrays["values"]) / trees, kept

    trees, leaves, full = forest(10**9)
    assert trees == forests.most_trees(case.train.n_rows)
    if outputs == 1:
        assert leaves > 0.95 * case.train.n_rows
    fewer_trees, same_leaves, half = forest(full // 2)
    assert forests.FEWEST_TREES <= fewer_trees < trees and same_leaves == pytest.approx(leaves, rel=0.1)
    assert half < 0.75 * full
    fewest, small_leaves, small = forest(full // 20)
    assert fewest >= forests.FEWEST_TREES and small_leaves < 0.6 * leaves
    assert small < 1.3 * full / 20
