"""The smallest change that does what is asked, within what can be changed."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.explain.changeable import DOWN, UP, Changeable, Limits
from flowml.automl.explain.counterfactual import Counterfactual, Goal, _Search, counterfactual
from flowml.automl.schema.feature import Feature
from flowml.automl.task.describe import describe_columns
from flowml.domain.datasets import Role
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


@pytest.mark.parametrize(
    "limits",
    [
        Limits(least=50, allowed=(30, 55)),
        Limits(greatest=56, allowed=(55, 58)),
        Limits(direction=DOWN, allowed=(70, 55, 61)),
        Limits(least=50, greatest=56, direction=DOWN),
    ],
)
def test_all_limits_of_a_column_hold_at_once(limits: Limits) -> None:
    (change,) = asked(changeable=["age"], limits={"age": limits}).changes
    assert 50 <= change.after <= 56
    assert limits.allowed is None or change.after in limits.allowed


def test_what_is_missing_lies_in_no_direction() -> None:
    found = asked(
        row={"city": "Bern"}, goal=Goal(above=170.0), changeable=["age"], limits={"age": Limits(direction=UP)}
    )
    assert found.reason == "Within these limits no column can be changed."


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("age", Limits(least="garbage")),
        ("age", Limits(greatest=float("nan"))),
        ("age", Limits(least=True)),
        ("age", Limits(allowed=(30, "old"))),
        ("joined", Limits(least="garbage")),
        ("joined", Limits(allowed=("someday",))),
        ("member", Limits(allowed=("maybe",))),
        ("member", Limits(direction=UP)),
        ("member", Limits(least=0)),
        ("city", Limits(greatest=3)),
        ("city", Limits(direction=DOWN)),
    ],
)
@pytest.mark.parametrize("changeable", [None, ["age"]])
def test_limits_that_mean_nothing_are_refused(name: str, limits: Limits, changeable: list[str] | None) -> None:
    with pytest.raises(InvalidInput, match=name):
        asked(limits={name: limits}, changeable=changeable)


def column(role: Role = Role.NUMERIC, dtype: str = "Float64", now: Any = None, **known: Any) -> Changeable:
    return Changeable(Feature("x", role, dtype, **known), now)


def test_whole_numbers_stay_whole_and_dates_of_seconds_differ() -> None:
    rooms = column(now=4.0, min=1.0, max=8.0, whole=True, spread=1.5)
    assert set(rooms.values()) == {1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0} and rooms.written(4.4) == 4.0
    stamp = column(now=1.7015e9, min=1.7e9, max=1.703e9, spread=8e5)
    assert len(stamp.values()) > 20 and all(1.7e9 <= one <= 1.703e9 for one in stamp.values())
    share = column(now=0.031, min=0.02, max=0.05, spread=0.008)
    assert len(share.values()) > 20


@pytest.mark.parametrize(
    ("now", "example", "other"),
    [
        ("yes", "no", "no"),
        ("No", "yes", "Yes"),
        ("T", "t", "F"),
        (True, True, False),
        (0, 1, 1),
        (1.0, 1.0, 0.0),
        ("1", "1", "0"),
    ],
)
def test_a_flag_becomes_the_other_word_of_its_kind(now: Any, example: Any, other: Any) -> None:
    found = column(Role.BOOLEAN, "String", now=now, example=example).values()
    assert [(type(one), one) for one in found] == [(type(other), other)]
    assert set(column(Role.BOOLEAN, "String", example="yes").values()) == {"yes", "no"}


def test_one_outlier_does_not_make_a_change_small() -> None:
    series = pl.Series("x", [*np.random.default_rng(0).normal(10, 2, 500), 1e6])
    (feature,) = describe_columns(pl.DataFrame([series]), {"x": Role.NUMERIC})
    found = Changeable(feature, 10.0)
    assert found.size(14.0) == pytest.approx(2.0, abs=0.3)
    # Near what it is there are values to try, although the range is nearly empty.
    assert sum(4 < one < 16 for one in found.values()) > 8


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


@pytest.mark.parametrize("first", [(), ("c7",)])
def test_every_column_has_its_turn_where_time_is_short(first: tuple[str, ...]) -> None:
    # One of three hundred columns decides, and there is time for a thousand rows.
    names = [f"c{at}" for at in range(300)]
    search = _Search.__new__(_Search)
    search._together = 50 if first else len(names)
    ordered = sorted(names, key=lambda name: name not in first)
    steps = list(search._steps([{}], {name: list(range(20)) for name in ordered}))
    assert len(steps) == 6_000
    of_seven = [at for at, step in enumerate(steps) if "c7" in step]
    assert of_seven[0] == (0 if first else 7) and (of_seven[-1] < 1_000) is bool(first)


def test_it_looks_at_the_clock_between_few_rows() -> None:
    asked_at: list[int] = []
    model = trained("spent", "ridge")
    now = [0.0]

    class Slow:
        schema, decision = model.schema, model.decision

        def check_row(self, row: Any) -> Any:
            return model.check_row(row)

        def predict_prepared(self, table: Any) -> np.ndarray:
            # A row takes 20 ms.
            asked_at.append(table.n_rows)
            now[0] += 0.02 * table.n_rows
            return model.predict_prepared(table)

    found = counterfactual(Slow(), ROW, Goal(above=1_000.0), time_left=lambda: 5.0 - now[0])  # type: ignore[arg-type]
    assert found.reason == "Nothing was found in the time there is."
    assert now[0] < 5.5 and max(asked_at[2:]) <= 10


def test_it_ends_in_time() -> None:
    found = asked(goal=Goal(above=1_000.0), time_left=lambda: -1.0)
    assert found.reason == "Nothing was found in the time there is."
    assert found.tried < 200


def test_a_missing_value_may_become_one() -> None:
    found = asked(row={"city": "Bern"}, goal=Goal(above=170.0), changeable=["age"])
    (change,) = found.changes
    assert change.before is None and change.after > 45


def test_dates_are_changed_as_they_are_written() -> None:
    start, end = (
        asked(row={**ROW, "joined": day}, goal=Goal(below=1_000.0)).outputs[0] for day in ("2024-01-01", "2024-01-27")
    )
    assert start != end
    # From the worse end of the month nearly to the better one.
    row = {**ROW, "joined": "2024-01-01" if end > start else "2024-01-27"}
    goal = Goal(above=float(max(start, end) - 0.2 * abs(end - start)))
    (change,) = asked(row=row, goal=goal, changeable=["joined"]).changes
    assert change.after == date.fromisoformat(change.after).isoformat() != row["joined"]


@pytest.mark.parametrize(
    ("target", "goal", "options"),
    [
        ("spent", Goal(), {}),
        ("spent", Goal(above=1.0, below=2.0), {}),
        ("bought", Goal(above=1.0), {}),
        ("bought", Goal(target_class="maybe"), {}),
        ("bought", Goal(target_class=0), {}),
        ("spent", Goal(below=190.0), {"changeable": ["shoe"]}),
        ("spent", Goal(below=190.0), {"limits": {"shoe": Limits()}}),
        ("spent", Goal(below=190.0), {"row": {"age": "old"}}),
    ],
)
def test_what_cannot_be_asked_is_refused(target: str, goal: Goal, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        asked(target, goal, **options)
