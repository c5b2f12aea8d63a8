"""How models are tested: what the table shows, what somebody asks for, and what neither may break."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.algorithms.base import Final
from flowml.automl.features.encoded import View
from flowml.automl.task.splits import group_folds, hold_out_fold, time_folds
from flowml.automl.task.task import Task, prepare_task
from flowml.automl.task.validation import moments_of
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.data.profiling.roles import roles_of
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ValidationKind
from tests.automl.tables import LeastSquares, people, people_task

GROUP, TIME, SHUFFLED = ValidationKind.GROUP, ValidationKind.TIME, ValidationKind.SHUFFLED


def test_times_counted_in_nanoseconds_keep_their_order() -> None:
    first = 2**60
    moments = moments_of(pl.Series("ns", [first + 2, first, None, first + 1, first + 1]))
    assert np.argsort(moments[[0, 1, 3]]).tolist() == [1, 2, 0]
    assert moments[3] == moments[4] and np.isnan(moments[2])


def visits(entity: str = "patient_id", patients: int = 60, each: int = 6, seed: int = 0) -> pl.DataFrame:
    """Several visits of each patient: age and blood group stay, the rest varies, in random order."""
    generator = np.random.default_rng(seed)
    who = generator.permutation(np.repeat(np.arange(patients), each))
    age, health = generator.integers(20, 80, patients), generator.normal(size=patients)
    blood = generator.integers(0, 4, patients)
    return pl.DataFrame(
        {
            entity: who + 4_000,
            "age": age[who],
            "blood": [f"type {kind}" for kind in blood[who]],
            "pulse": generator.normal(70, 9, len(who)),
            "y": health[who] + 0.02 * age[who] + 0.4 * generator.normal(size=len(who)),
        }
    )


def days(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    start = datetime.fromisoformat("2024-01-01")
    x = generator.normal(size=rows)
    return pl.DataFrame(
        {
            "day": [start + timedelta(days=index) for index in range(rows)],
            "x": x,
            "y": x + 0.01 * np.arange(rows) + 0.1 * generator.normal(size=rows),
        }
    )


def task_of(frame: pl.DataFrame, **options: object) -> Task:
    return prepare_task(frame, roles_of(frame), **{"target": "y", **options})  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(10, 200),
    n_groups=st.integers(2, 40),
    n_folds=st.integers(2, 6),
    classes=st.integers(1, 4),
)
def test_no_group_is_split_and_every_class_can_be_learned(
    seed: int, rows: int, n_groups: int, n_folds: int, classes: int
) -> None:
    generator = np.random.default_rng(seed)
    groups = np.unique(generator.integers(0, n_groups, rows), return_inverse=True)[1]
    target = generator.integers(0, classes, rows) if classes > 1 else generator.normal(size=rows)
    for folds in (
        group_folds(groups, target, n_folds, seed, stratified=classes > 1),
        hold_out_fold(target, seed, stratified=classes > 1, groups=groups),
    ):
        assert folds.dtype == np.int8 and len(folds) == rows and folds.max() < n_folds
        for group in set(groups):
            assert len(set(folds[groups == group])) == 1
        if classes > 1:
            for fold in set(folds[folds >= 0]):
                assert set(target[folds != fold]) == set(target)


def test_folds_of_groups_are_even_and_alike() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), generator.integers(1, 9, 200))
    target = (generator.random(200) < 0.2).astype(np.int32)[groups]
    folds = group_folds(groups, target, 5, 0, stratified=True)
    sizes = np.bincount(folds)
    assert sizes.max() < 1.1 * sizes.min()
    shares = [target[folds == fold].mean() for fold in range(5)]
    assert max(shares) - min(shares) < 0.03


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(20, 300),
    moments=st.integers(2, 300),
    n_folds=st.integers(1, 6),
    missing=st.booleans(),
    classes=st.integers(1, 3),
)
def test_time_never_looks_ahead(seed: int, rows: int, moments: int, n_folds: int, missing: bool, classes: int) -> None:
    generator = np.random.default_rng(seed)
    when = generator.integers(0, moments, rows).astype(float)
    if missing:
        when[generator.random(rows) < 0.1] = np.nan
    target = generator.integers(0, classes, rows) if classes > 1 else None
    folds = time_folds(when, n_folds, target)
    if folds is None:
        return
    assert folds.min() == -1 and set(folds) == set(range(-1, folds.max() + 1)) and folds.max() < n_folds
    assert (folds[np.isnan(when)] == -1).all()
    for fold in range(folds.max() + 1):
        learned, tested = when[folds < fold], when[folds == fold]
        assert np.nanmax(learned) < tested.min()
        if target is not None:
            assert set(target[folds < fold]) == set(target)


def test_the_past_is_cut_into_even_blocks() -> None:
    folds = time_folds(np.arange(600.0)[::-1], 5)
    assert folds is not None
    assert np.bincount(folds + 1).tolist() == [100] * 6
    assert folds[0] == 4 and folds[-1] == -1


def test_patients_who_come_again_are_kept_together() -> None:
    task = task_of(visits())
    assert (task.validation.kind, task.validation.column, task.n_folds) == (GROUP, "patient_id", 5)
    assert "patient_id" in task.validation.reason and task.validation.reason.endswith(".")
    who = visits()["patient_id"].to_numpy()
    assert all(len(set(task.folds[who == one])) == 1 for one in set(who))
    assert "patient_id" not in task.frame.columns and "patient_id" in task.dropped


def listings(name: str, kinds: int, each: int, seed: int = 0) -> pl.DataFrame:
    """Prices that depend on what is sold, of which there are so many kinds, each often."""
    generator = np.random.default_rng(seed)
    kind = generator.permutation(np.repeat(np.arange(kinds), each))
    size, age = generator.normal(size=len(kind)), generator.integers(0, 9, len(kind))
    worth = generator.normal(0, 80, kinds)
    return pl.DataFrame(
        {
            name: [f"{name} {number:03d}" for number in kind],
            "size": size,
            "age": age,
            "y": 300 + worth[kind] + 5 * size - 3 * age + generator.normal(0, 5, len(kind)),
        }
    )


@pytest.mark.parametrize(
    ("name", "kinds", "each"),
    [
        ("device", 25, 40),
        ("engine", 12, 60),
        ("vehicle", 200, 6),
        ("driver", 60, 8),
        ("player", 150, 5),
        ("sensor", 40, 25),
        ("case", 15, 40),
        ("customer", 20, 50),
        ("machine_id", 25, 40),
        ("patient_id", 45, 30),
    ],
)
def test_a_column_that_new_rows_may_share_is_kept_and_grouping_by_it_is_advice(
    name: str, kinds: int, each: int
) -> None:
    task = task_of(listings(name, kinds, each))
    assert task.validation.kind is SHUFFLED and name in task.frame.columns and not task.dropped
    (advice,) = task.validation.advice
    assert f"“{name}”" in advice and f"group:{name}" in advice
    asked = task_of(listings(name, kinds, each), cv=f"group:{name}")
    assert asked.validation.kind is GROUP and asked.validation.advice == ()


@pytest.mark.parametrize("name", ["country", "colour", "shop", "product_id", "region"])
def test_categories_that_tell_much_are_no_entities(name: str) -> None:
    task = task_of(listings(name, 40, 10))
    assert task.validation.kind is SHUFFLED and name in task.frame.columns and task.validation.advice == ()


@pytest.mark.parametrize(
    ("entity", "patients", "each", "kept"),
    [
        ("patient", 50, 5, True),
        ("customer_id", 120, 4, False),
        ("SubjectID", 40, 10, False),
        ("device_id", 80, 6, False),
    ],
)
def test_individuals_in_few_rows_each_are_kept_together_by_themselves(
    entity: str, patients: int, each: int, kept: bool
) -> None:
    task = task_of(visits(entity, patients, each))
    assert (task.validation.kind, task.validation.column) == (GROUP, entity)
    assert (entity in task.frame.columns) is kept, "only a number for each is of no use for others"


def test_a_target_that_does_not_agree_within_individuals_groups_nothing() -> None:
    noise = np.random.default_rng(3).normal(size=360)
    task = task_of(visits().with_columns(y=pl.Series(noise)))
    assert task.validation.kind is SHUFFLED and "patient_id" in task.frame.columns


def test_of_sessions_and_their_patients_the_patients_are_kept_together() -> None:
    frame = visits(patients=60, each=8)
    session = pl.concat_str(pl.col("patient_id"), pl.lit("/"), (pl.int_range(pl.len()) // 2).over("patient_id"))
    task = task_of(frame.with_columns(session_id=session))
    assert (task.validation.kind, task.validation.column) == (GROUP, "patient_id")


@pytest.mark.parametrize("seed", range(5))
def test_false_alarms_stay_away(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shuffled = visits(seed=seed).with_columns(patient_id=pl.Series(generator.permutation(visits()["patient_id"])))
    amounts = generator.integers(1, 60, 400)
    household = pl.DataFrame(
        {"household": amounts, "rooms": amounts * 2 + generator.integers(0, 9, 400), "y": amounts * 1.5}
    )
    users, films = generator.integers(0, 100, 1_500), generator.integers(0, 80, 1_500)
    taste, fame = generator.normal(size=100), generator.normal(size=80)
    ratings = pl.DataFrame(
        {
            "user_id": users,
            "film_id": films,
            "hour": generator.random(1_500),
            "y": taste[users] + fame[films] + 0.3 * generator.normal(size=1_500),
        }
    )
    shops = visits("shop", seed=seed)
    for frame in (shuffled, household, ratings, shops, people(300, seed).with_columns(y=generator.random(300))):
        assert task_of(frame).validation.kind is SHUFFLED


def copied(rows: int = 400, copies: int = 100, seed: int = 0) -> pl.DataFrame:
    """Rows of numbers, some of them twice, with an answer of their own each."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, 4))
    values = np.vstack([values, values[:copies]])
    frame = pl.DataFrame({f"x{index}": values[:, index] for index in range(4)})
    return frame.with_columns(y=pl.Series(values.sum(axis=1) + generator.normal(size=len(values))))


def test_copies_are_tested_like_all_rows_and_said() -> None:
    task = task_of(copied())
    folds = task.folds[:100], task.folds[400:]
    assert task.validation.kind is SHUFFLED and (folds[0] != folds[1]).any()
    (advice,) = task.validation.advice
    assert "200 of 500 rows" in advice and "“together”" in advice
    assert task_of(copied(copies=1)).validation.advice == ()
    assert task_of(copied(), cv="stratified").validation.advice == (), "who chose has thought about it"


def test_copies_stay_together_for_whoever_asks() -> None:
    task = task_of(copied(), cv="together")
    assert (task.validation.kind, task.validation.column, task.n_folds) == (ValidationKind.TOGETHER, None, 5)
    assert np.array_equal(task.folds[:100], task.folds[400:])
    assert np.bincount(task.folds).min() > 80
    inner = task.inner_folds(task.train_rows(0))
    assert inner is not None and len(inner) == len(task.train_rows(0))


def test_few_different_rows_make_full_folds_and_cannot_be_kept_together() -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({"a": generator.integers(0, 2, 600), "b": generator.integers(0, 2, 600)})
    frame = frame.with_columns(y=pl.Series(generator.random(600) < 0.3 + 0.4 * frame["a"].to_numpy()))
    task = task_of(frame)
    assert np.bincount(task.folds).tolist() == [120] * 5
    assert task.validation.advice == (), "where rows have to be equal it is no news"
    with pytest.raises(InvalidInput, match="Only 4 of 600 rows differ") as refused:
        task_of(frame, cv="together")
    assert refused.value.fields[0].field == "cv" and "stratified" in str(refused.value.hint)


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_inner_folds_keep_apart_what_the_folds_do_however_many_they_are(n_folds: int) -> None:
    frame = visits()
    task, who = task_of(frame, cv_folds=n_folds), frame["patient_id"].to_numpy()
    for fold in range(n_folds):
        rows = task.train_rows(fold)
        inner = task.inner_folds(rows)
        assert inner is not None and len(set(inner)) == 5
        assert all(len(set(inner[who[rows] == one])) == 1 for one in set(who[rows]))
    by_time = task_of(days(), cv_folds=n_folds)
    for fold in range(n_folds):
        inner = by_time.inner_folds(by_time.train_rows(fold))
        assert inner is not None and len(set(inner)) == 5 and (np.diff(inner) >= 0).all()
    assert task_of(visits(), cv="stratified").inner_folds(np.arange(50)) is None


def test_target_means_of_an_entity_are_told_by_others_at_two_folds() -> None:
    frame = visits("ward", patients=120, each=5)
    frame = frame.with_columns(ward=pl.concat_str(pl.lit("ward "), pl.col("ward")))
    task = task_of(frame, cv="group:ward", cv_folds=2)
    task = replace(task, frame=frame.select("ward", "age"), roles={"ward": Role.CATEGORICAL, "age": Role.NUMERIC})
    data = EncodedFolds(task).fold(View.ORDINAL, 0)
    at = next(index for index, name in enumerate(data.train.names) if name.startswith("ward mean"))
    # Nobody else in a ward's inner fold has told what is usual there, so that all its rows hear of is the whole.
    told = data.train.values[:, at]
    assert np.corrcoef(told, task.target[data.train_rows])[0, 1] < 0.2


def test_the_judges_of_a_hold_out_split_no_entity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.task.validation._ONE_FOLD_ABOVE", 200)
    frame = visits(patients=400, each=6)
    task, who = task_of(frame), frame["patient_id"].to_numpy()
    assert (task.validation.kind, task.n_folds) == (GROUP, 1)
    judged = who[task.validated]
    assert all(len(set(task.judge_folds[judged == one])) == 1 for one in set(judged))
    assert len(set(task.judge_folds)) == 5


def test_rows_in_the_order_of_their_days_are_tested_on_later_ones() -> None:
    for frame in (days(), days().reverse()):
        task = task_of(frame)
        assert (task.validation.kind, task.validation.column, task.n_folds) == (TIME, "day", 5)
        when = frame["day"].to_numpy()
        for fold in range(5):
            assert when[task.train_rows(fold)].max() < when[task.valid_rows(fold)].min()
    assert task_of(days().sample(fraction=1.0, shuffle=True, seed=1)).validation.kind is SHUFFLED
    few_days = days().with_columns(pl.lit(datetime.fromisoformat("2024-01-01")).alias("day"))
    assert task_of(few_days.with_columns(z=pl.col("x") * 2)).validation.kind is SHUFFLED


def test_the_user_can_overrule() -> None:
    assert task_of(visits(), cv="stratified").validation.kind is SHUFFLED
    assert "patient_id" in task_of(visits(), cv="stratified").frame.columns
    by_blood = task_of(visits(), cv="group:blood", cv_folds=3)
    assert (by_blood.validation.kind, by_blood.validation.column, by_blood.n_folds) == (GROUP, "blood", 3)
    assert "blood" in by_blood.frame.columns
    by_age = task_of(visits(), cv="time:age")
    assert by_age.validation.kind is TIME and "age" in by_age.frame.columns
    assert task_of(days(), cv="stratified").validation.kind is SHUFFLED


def test_whoever_is_left_out_still_groups() -> None:
    task = task_of(visits(), exclude=["patient_id"])
    assert task.validation.column == "patient_id" and "patient_id" not in task.frame.columns


@pytest.mark.parametrize(
    ("cv", "words"),
    [
        ("sometimes", "“sometimes” is not a way"),
        ("group", "“group” is not a way"),
        ("group:nothing", "no column “nothing”"),
        ("time:y", "to be predicted"),
        ("time:blood", "neither dates nor numbers"),
        ("group:same", "same in every row"),
        ("time:same", "same in every row"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(cv: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        task_of(visits().with_columns(same=pl.lit(3)), cv=cv)
    assert refused.value.fields[0].field == "cv"


def test_a_class_that_only_the_last_days_have_cannot_be_tested_by_time() -> None:
    late = days().with_columns(y=pl.Series(["new" if index > 295 else "old" for index in range(300)]))
    assert task_of(late).validation.kind is ValidationKind.STRATIFIED
    assert "in the order of “day”, but" in task_of(late).validation.reason
    with pytest.raises(InvalidInput, match="no rows are left to test on"):
        task_of(late, cv="time:day")


def test_the_only_row_of_a_class_does_not_hold_up_time() -> None:
    once = days().with_columns(y=pl.Series(["once" if index == 290 else "ab"[index % 2] for index in range(300)]))
    task = task_of(once)
    assert (task.validation.kind, task.n_folds) == (TIME, 5)
    assert task.folds[290] == -1 and len(task.validated) > 240


@pytest.mark.parametrize("final", Final)
def test_by_time_the_last_model_knows_the_latest_rows(final: Final) -> None:
    task, algorithm = task_of(days()), LeastSquares(final)
    evaluation = evaluate(
        task, EncodedFolds(task), algorithm, {"penalty": 1.0}, seed=0, threads=1, time_left=lambda: 60.0
    )
    stops = final is Final.BAG
    expected = [(50 * fold, 50 * stops) for fold in range(1, 6)] + [(300, 0)]
    assert [fit[:2] for fit in algorithm.fits] == expected
    assert len(evaluation.model.members[0].parts) == 1
    tested = np.isfinite(evaluation.out_of_fold[:, 0])
    assert np.array_equal(np.flatnonzero(tested), task.validated) and tested.sum() == 250
    assert len(evaluation.fold_scores) == 5


def test_an_encoder_by_time_knows_the_past_only() -> None:
    frame = days().with_columns(kind=pl.Series([f"kind {index // 30}" for index in range(300)]))
    task = task_of(frame)
    names = EncodedFolds(task).fold(View.DENSE, 1).train.names
    assert {f"kind = kind {index}" for index in range(4)} <= set(names)
    assert not {f"kind = kind {index}" for index in range(4, 10)} & set(names)


def test_a_big_table_by_time_is_tested_on_its_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.task.validation._ONE_FOLD_ABOVE", 200)
    task = task_of(days())
    assert (task.validation.kind, task.n_folds, len(task.validated)) == (TIME, 1, 30)
    grouped = task_of(visits())
    assert (grouped.validation.kind, grouped.n_folds) == (GROUP, 1)
    assert 20 < len(grouped.validated) < 60


def test_where_most_rows_share_the_last_moment_they_are_the_test() -> None:
    frame = days().with_columns(day=pl.Series([index // 30 if index < 200 else 9 for index in range(300)]))
    task = task_of(frame, cv="time:day", cv_folds=5)
    assert task.validation.kind is TIME
    folds = time_folds(np.array([0.0] * 70 + [1.0] * 130), 1)
    assert folds is not None and np.array_equal(np.flatnonzero(folds == 0), np.arange(70, 200))


def test_the_weights_column_cannot_test_models() -> None:
    frame = days().with_columns(w=pl.Series(np.arange(300) % 3 + 1.0))
    with pytest.raises(InvalidInput, match="says how much rows count") as refused:
        prepare_task(frame, roles_of(frame), target="y", cv="group:w", weight_column="w")
    assert refused.value.fields[0].field == "cv"


def test_without_order_or_entities_nothing_changes() -> None:
    task = people_task()
    assert task.validation.kind is ValidationKind.STRATIFIED
    assert np.array_equal(task.validated, np.arange(200))
