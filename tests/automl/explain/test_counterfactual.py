"""The smallest change that does what is asked, within what can be changed."""

from typing import Any

import numpy as np
import pytest

from flowml.automl.explain.counterfactual import DOWN, UP, Counterfactual, Goal, Limits, counterfactual
from flowml.domain.errors import InvalidInput
from tests.services.trained import trained

ROW: dict[str, Any] = {"age": 61, "city": "Ulm", "member": False, "joined": "2024-01-20"}


BELOW = Goal(below=190.0)


def asked(target: str = "spent", goal: Goal = BELOW, **options: Any) -> Counterfactual:
    model = trained(target, "ridge" if target == "spent" else "logistic_regression")
    return counterfactual(model, options.pop("row", ROW), goal, **options)


def test_one_column_is_changed_and_by_little() -> None:
    found = asked()
    (change,) = found.changes
    # A year is worth 3, and the row is at 202.
    assert change.feature == "age" and change.before == 61 and 56 < change.after < 57.5
    assert 188 < found.outputs[0] <= 190 and found.row == {**ROW, "age": change.after}


def test_a_class_is_flipped() -> None:
    model = trained("bought", "logistic_regression")
    found = asked("bought", Goal())
    assert [change.feature for change in found.changes] == ["age"]
    assert model.schema.classes is not None
    assert model.schema.classes[int(model.decide(found.outputs))] == "no"
    again = model.predict_row(model.check_row(dict(found.row))[0])
    assert again == pytest.approx(found.outputs, abs=1e-9)
    assert asked("bought", Goal(target_class="no")).changes == found.changes


def test_what_is_not_changeable_stays() -> None:
    (change,) = asked(changeable=["city"]).changes
    assert change.feature == "city" and change.after in ("Bern", "Graz")


def test_several_columns_are_changed_where_one_does_not_do() -> None:
    found = asked(goal=Goal(below=150.0), changeable=["age", "city"], limits={"age": Limits(least=50)})
    assert {change.feature for change in found.changes} == {"age", "city"}
    assert found.outputs[0] <= 150 and found.row["age"] >= 50


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        (Limits(direction=DOWN), lambda age: age < 61),
        (Limits(greatest=45), lambda age: age <= 45),
        (Limits(least=50, greatest=56.5), lambda age: 50 <= age <= 56.5),
        (Limits(allowed=(30, 55, 100)), lambda age: age in (30, 55)),
    ],
)
def test_limits_hold(limits: Limits, holds: Any) -> None:
    (change,) = asked(changeable=["age"], limits={"age": limits}).changes
    assert holds(change.after)


def test_nothing_beyond_the_training_data_is_tried() -> None:
    found = asked(goal=Goal(above=1_000.0))
    assert found.changes == () and found.reason == "No change of up to 4 columns within these limits does it."
    found = asked(changeable=["age"], limits={"age": Limits(direction=UP)})
    assert not found.changes and found.outputs[0] == pytest.approx(202, abs=3)


def test_it_says_when_there_is_nothing_to_do() -> None:
    assert asked(goal=Goal(below=1_000.0)).reason == "The row is predicted as is asked for already."
    assert asked(changeable=["age"], limits={"age": Limits(allowed=())}).reason == (
        "Within these limits no column can be changed."
    )


def test_it_ends_in_time() -> None:
    found = asked(goal=Goal(above=1_000.0), time_left=lambda: -1.0)
    assert found.reason == "Nothing was found in the time there is."
    assert found.tried < 200


def test_a_missing_value_may_become_one() -> None:
    found = asked(row={"city": "Bern"}, goal=Goal(above=170.0), changeable=["age"])
    (change,) = found.changes
    assert change.before is None and change.after > 45


def test_dates_are_changed_as_they_are_written() -> None:
    base = asked(goal=Goal(below=1_000.0)).outputs[0]
    moved = [
        asked(row={**ROW, "joined": day}, goal=Goal(below=1_000.0)).outputs[0] for day in ("2024-01-01", "2024-01-27")
    ]
    goal = (
        Goal(above=float(max(base, *moved)) - 1e-3) if np.argmax(moved) == 1 else Goal(above=float(max(moved)) - 1e-3)
    )
    found = asked(goal=goal, changeable=["joined"])
    assert all(change.feature == "joined" and len(change.after) == 10 for change in found.changes)


@pytest.mark.parametrize(
    ("target", "goal", "options"),
    [
        ("spent", Goal(), {}),
        ("spent", Goal(above=1.0, below=2.0), {}),
        ("bought", Goal(above=1.0), {}),
        ("bought", Goal(target_class="maybe"), {}),
        ("spent", Goal(below=190.0), {"changeable": ["shoe"]}),
        ("spent", Goal(below=190.0), {"limits": {"shoe": Limits()}}),
        ("spent", Goal(below=190.0), {"row": {"age": "old"}}),
    ],
)
def test_what_cannot_be_asked_is_refused(target: str, goal: Goal, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        asked(target, goal, **options)
