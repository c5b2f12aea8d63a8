"""Individuals who come again: kept together where new rows will not share them, else advised."""

import numpy as np
import polars as pl
import pytest

from tests.automl.tables import people
from tests.automl.task.visits import GROUP, SHUFFLED, task_of, visits


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


def test_whoever_is_left_out_still_groups() -> None:
    task = task_of(visits(), exclude=["patient_id"])
    assert task.validation.column == "patient_id" and "patient_id" not in task.frame.columns
