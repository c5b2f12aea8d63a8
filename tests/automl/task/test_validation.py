"""How models are tested where nobody says: what may be asked for, and what is refused."""

import numpy as np
import polars as pl
import pytest

from flowml.automl.task.task import prepare_task
from flowml.data.profiling.roles import roles_of
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ValidationKind
from tests.automl.tables import people_task
from tests.automl.task.visits import GROUP, SHUFFLED, TIME, days, task_of, visits


def test_the_user_can_overrule() -> None:
    assert task_of(visits(), cv="stratified").validation.kind is SHUFFLED
    assert "patient_id" in task_of(visits(), cv="stratified").frame.columns
    by_blood = task_of(visits(), cv="group:blood", cv_folds=3)
    assert (by_blood.validation.kind, by_blood.validation.column, by_blood.n_folds) == (GROUP, "blood", 3)
    assert "blood" in by_blood.frame.columns
    by_age = task_of(visits(), cv="time:age")
    assert by_age.validation.kind is TIME and "age" in by_age.frame.columns
    assert task_of(days(), cv="stratified").validation.kind is SHUFFLED


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


def test_the_weights_column_cannot_test_models() -> None:
    frame = days().with_columns(w=pl.Series(np.arange(300) % 3 + 1.0))
    with pytest.raises(InvalidInput, match="says how much rows count") as refused:
        prepare_task(frame, roles_of(frame), target="y", cv="group:w", weight_column="w")
    assert refused.value.fields[0].field == "cv"


def test_without_order_or_entities_nothing_changes() -> None:
    task = people_task()
    assert task.validation.kind is ValidationKind.STRATIFIED
    assert np.array_equal(task.validated, np.arange(200))
