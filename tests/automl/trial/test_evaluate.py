"""One trial: every row predicted by a fold that has not seen it, within the time, with a model at the end."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from flowml.automl.algorithms.base import Final, FitContext
from flowml.automl.features.encoded import View
from flowml.automl.scoring.metrics import METRICS
from flowml.automl.task.splits import hold_out_fold
from flowml.automl.task.task import Task
from flowml.automl.trial.evaluate import Abandoned, EncodedFolds, Evaluation, evaluate
from flowml.automl.trial.scores import as_kept, short
from flowml.domain.errors import DeadlineReached, Pruned, TrialFailed
from flowml.domain.jobs import Validation, ValidationKind
from tests.automl.tables import LeastSquares, people_task


class Countdown:
    """A clock that only moves when told."""

    def __init__(self, seconds: float):
        self.left = seconds

    def __call__(self) -> float:
        return self.left

    def pass_by(self, seconds: float) -> Callable[[FitContext], None]:
        def during(context: FitContext) -> None:
            self.left -= seconds

        return during


def run(task: Task, algorithm: LeastSquares, time_left: Callable[[], float] = lambda: 60.0) -> Evaluation:
    folds = EncodedFolds(task)
    return evaluate(task, folds, algorithm, {"penalty": 1.0}, seed=0, threads=1, time_left=time_left)


def test_every_row_is_predicted_by_the_fold_that_has_not_seen_it() -> None:
    task = people_task()
    folds = EncodedFolds(task)
    evaluation = evaluate(task, folds, LeastSquares(), {"penalty": 1.0}, seed=0, threads=1, time_left=lambda: 60.0)
    assert evaluation.out_of_fold.shape == (200, 2) and evaluation.out_of_fold.dtype == np.float64
    assert evaluation.out_of_fold.sum(axis=1) == pytest.approx(np.ones(200))
    part = evaluation.model.members[0].parts[2]
    held = folds.fold(View.DENSE, 2)
    assert np.array_equal(np.flatnonzero(task.folds == 2), held.valid_rows)
    assert np.array_equal(evaluation.out_of_fold[held.valid_rows], as_kept(part.predictor.predict(held.valid.values)))
    assert evaluation.score == pytest.approx(np.mean(evaluation.fold_scores)) and evaluation.score > 0.8
    assert evaluation.fold_scores[2] == METRICS["accuracy"].score(
        task.target[held.valid_rows], evaluation.out_of_fold[held.valid_rows]
    )
    assert evaluation.metrics["roc_auc"] == METRICS["roc_auc"].score(task.target, evaluation.out_of_fold)
    assert evaluation.predict_ms > 0


@pytest.mark.parametrize(("metric", "beyond"), [("accuracy", 1.1), ("log_loss", 0.0)])
def test_a_trial_whose_first_fold_stays_behind_ends_there(metric: str, beyond: float) -> None:
    algorithm, task = LeastSquares(), replace(people_task(), metric=metric)
    whole = run(task, algorithm)
    assert len(algorithm.fits) == 5
    bar = {"bar": whole.fold_scores[0]}
    again = evaluate(
        task, EncodedFolds(task), algorithm, {"penalty": 1.0}, seed=0, threads=1, time_left=lambda: 60.0, **bar
    )
    assert again.fold_scores == whole.fold_scores
    algorithm.fits.clear()
    with pytest.raises(Pruned) as behind:
        evaluate(
            task, EncodedFolds(task), algorithm, {"penalty": 1.0}, seed=0, threads=1, time_left=lambda: 60.0, bar=beyond
        )
    assert len(algorithm.fits) == 1
    assert behind.value.first_score == whole.fold_scores[0]


@pytest.mark.parametrize(
    ("final", "fits", "parts"), [(Final.BAG, [(160, 40)] * 5, 5), (Final.REFIT, [(160, 0)] * 5 + [(200, 0)], 1)]
)
def test_a_trial_ends_as_a_bag_or_as_one_more_fit(final: Final, fits: list[tuple[int, int]], parts: int) -> None:
    algorithm = LeastSquares(final)
    evaluation = run(people_task(), algorithm)
    assert [fit[:2] for fit in algorithm.fits] == fits
    assert len(evaluation.model.members[0].parts) == parts


@pytest.mark.parametrize("final", Final)
def test_each_fit_gets_a_fair_share_of_the_time(final: Final) -> None:
    countdown = Countdown(60.0)
    algorithm = LeastSquares(final, during=countdown.pass_by(8.0))
    run(people_task(), algorithm, countdown)
    shares = [share for _, _, share in algorithm.fits]
    n_fits = 5 if final is Final.BAG else 6
    assert len(shares) == n_fits
    # A little stays for what comes after a fit.
    assert 0.9 < shares[0] / (60 / (5 if final is Final.BAG else 6.25)) < 1
    # What a fit leaves over is for the others.
    assert shares == sorted(shares) and all(share < 60 - 8 * index for index, share in enumerate(shares[:-1]))


def test_without_time_for_the_refit_the_folds_stay() -> None:
    countdown = Countdown(11.0)
    evaluation = run(people_task(), LeastSquares(Final.REFIT, during=countdown.pass_by(2.0)), countdown)
    assert len(evaluation.model.members[0].parts) == 5 and np.isfinite(evaluation.out_of_fold).all()


def test_without_time_for_the_folds_it_says_so() -> None:
    countdown = Countdown(5.0)
    with pytest.raises(DeadlineReached):
        run(people_task(), LeastSquares(during=countdown.pass_by(2.0)), countdown)
    with pytest.raises(DeadlineReached):
        run(people_task(), LeastSquares(), lambda: 0.0)


def test_a_trial_that_nobody_wants_ends_after_the_fold() -> None:
    task, algorithm = people_task(), LeastSquares()
    heard: list[int] = []

    def on_fold(fold: int, score: float) -> bool:
        heard.append(fold)
        return fold < 1

    with pytest.raises(Abandoned):
        evaluate(
            task,
            EncodedFolds(task),
            algorithm,
            {"penalty": 1.0},
            seed=0,
            threads=1,
            time_left=lambda: 9.0,
            on_fold=on_fold,
        )
    assert heard == [0, 1] and len(algorithm.fits) == 2


def test_answers_that_are_no_numbers_fail_the_trial() -> None:
    task = people_task()
    with pytest.raises(TrialFailed, match="not numbers"):
        evaluate(
            task, EncodedFolds(task), LeastSquares(), {"penalty": np.nan}, seed=0, threads=1, time_left=lambda: 9.0
        )


def test_folds_are_encoded_once_for_all_trials_and_make_room_when_large() -> None:
    task = people_task()
    folds = EncodedFolds(task)
    assert folds.fold(View.NATIVE, 1) is folds.fold(View.NATIVE, 1)
    small = EncodedFolds(task, max_bytes=1)
    first = small.fold(View.NATIVE, 0)
    small.fold(View.NATIVE, 1)
    again = small.fold(View.NATIVE, 0)
    assert again is not first and np.array_equal(again.train.values, first.train.values, equal_nan=True)


def test_an_encoder_never_sees_the_rows_held_out() -> None:
    """With categories of their own, the rows of a fold are unseen to the encoder of that fold."""
    task = people_task()
    frame = task.frame.with_columns(
        town=pl.Series([f"fold {fold}" for fold in task.folds]), age=pl.Series(task.folds * 1000.0)
    )
    changed = replace(task, frame=frame)
    for fold in range(task.n_folds):
        data = EncodedFolds(changed).fold(View.DENSE, fold)
        assert f"town = fold {fold}" not in data.train.names
        assert not data.valid.values[:, [name.startswith("town = ") for name in data.valid.names]].any()


@pytest.mark.parametrize("final", Final)
def test_a_hold_out_tests_only_its_own_rows(final: Final) -> None:
    task = held_out_task()
    held, algorithm = task.validated, LeastSquares(final)
    assert 0 < len(held) < 60
    evaluation = run(task, algorithm)
    assert np.isfinite(evaluation.out_of_fold[held]).all()
    assert np.isnan(np.delete(evaluation.out_of_fold, held, axis=0)).all()
    assert evaluation.fold_scores == (evaluation.score,) and evaluation.score > 0.7
    assert evaluation.metrics["accuracy"] == evaluation.score
    rows = [fit[0] for fit in algorithm.fits]
    assert rows == ([400 - len(held)] if final is Final.BAG else [400 - len(held), 400])


def test_what_is_chosen_on_a_hold_out_is_judged_on_parts_of_it() -> None:
    task = held_out_task()
    judges = task.judge_folds
    assert len(judges) == len(task.validated) and set(judges) == set(range(5))
    shares = [task.target[task.validated][judges == judge].mean() for judge in range(5)]
    assert max(shares) - min(shares) < 0.2
    folded = people_task()
    assert np.array_equal(folded.judge_folds, folded.folds)


def held_out_task() -> Task:
    task = people_task(400)
    folds = hold_out_fold(task.target, 0, stratified=True)
    return replace(task, folds=folds, n_folds=1, validation=Validation(ValidationKind.HOLDOUT, None, "", 1))


def test_the_same_seed_gives_the_same_answers() -> None:
    first, second = (run(people_task(), LeastSquares(view=View.ORDINAL)) for _ in range(2))
    assert np.array_equal(first.out_of_fold, second.out_of_fold)


def test_the_interval_covers_most_of_new_rows() -> None:
    task = people_task(600, target="age", metric="rmse")
    evaluation = run(task, LeastSquares())
    half = evaluation.model.schema.interval_half_width
    fresh = people_task(600, seed=5, target="age", metric="rmse")
    answers = evaluation.model.predict(fresh.frame)[:, 0]
    assert half is not None
    assert 0.85 < (np.abs(answers - fresh.target) <= half).mean() < 0.96
    assert evaluation.model.schema.metrics == evaluation.metrics


def test_measuring_a_slow_model_takes_no_longer_than_it_must() -> None:
    task = people_task()
    model = run(task, LeastSquares()).model
    predictor = model.members[0].parts[0].predictor
    predictor.predict_row = lambda values: (time.sleep(0.06), np.zeros(2))[1]  # type: ignore[method-assign]
    started = time.perf_counter()
    assert 50 < type(model)(model.schema, model.encoders, model.members).measure_predict_ms(task.frame) < 500
    assert time.perf_counter() - started < 1.0


def test_what_is_kept_is_short_where_that_keeps_it_apart() -> None:
    random = np.random.default_rng(0)
    plain = random.normal(5, 1, (100, 1))
    assert short(plain).dtype == np.float32
    assert np.abs(as_kept(plain) - plain).max() < 1e-6
    # Seconds since 1970, what is too large, and one answer for all.
    for answers in (1.7e9 + random.normal(0, 20, (100, 1)), plain * 1e153, np.full((5, 1), 1.7e9 + 0.3)):
        assert np.array_equal(as_kept(answers), answers)
    some = np.where(np.arange(100)[:, None] < 50, np.nan, plain)
    assert short(some).dtype == np.float32 and np.isnan(short(some)[:50]).all()
    assert short(np.full((4, 2), 0.5)).dtype == np.float32
