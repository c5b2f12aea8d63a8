"""A recipe done again to new rows: one by one, as a table, and for rows that are behind it already."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings

from flowml.automl.schema.recipe import ModelRecipe
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.kinds import Kind, kinds_of_frame
from flowml.data.recipes.replay import Replay
from flowml.data.recipes.transform import transform_frame
from flowml.domain.errors import InvalidInput
from tests.data.recipes.tables import COLUMNS, ROWS, table

TABLE = pl.DataFrame(
    {
        "Age ": ["30", "40 ", "x", None, "30"],
        "city": ["Ulm ", "ulm", "Bern", "Bern", "Graz"],
        "on": ["31.12.2020", "1.1.2021", "2.2.2021", None, "3.3.2021"],
        "sold": ["y", "n", "y", "n", "y"],
        "unused": [1, 2, 3, 4, 5],
    }
)
STEPS = [
    {"op": "drop_duplicates"},
    {"op": "rename", "column": "Age ", "to": "age"},
    {"op": "cast", "column": "age", "to": "number"},
    {"op": "fill", "column": "age", "with": "median"},
    {"op": "clean_text", "columns": ["city", "sold"], "case": "title"},
    {"op": "parse_dates", "column": "on", "order": "dmy"},
    {"op": "date_parts", "column": "on", "parts": ["year"]},
    {"op": "derive", "column": "older", "expression": "age > 35"},
    {"op": "drop", "columns": ["on", "unused"]},
    {"op": "filter", "expression": "city != 'Graz'"},
    {"op": "rename", "column": "sold", "to": "target"},
]
WANTED = ["age", "city", "on_year", "older"]


def replay(steps: list[dict[str, Any]] = STEPS, wanted: list[str] = WANTED) -> Replay:
    _, resolved, _ = transform_frame(TABLE, check_operations(steps))
    return Replay(kinds_of_frame(TABLE), resolved, wanted)


def one(found: Replay, row: dict[str, Any]) -> dict[str, Any]:
    """The wanted columns of a row; that a table of it gives the same is checked on the way."""
    plan = found.plan(row)
    values = found.row(plan, {name: coerce(row[name]) for name, coerce in plan.takes})
    answer = {name: values[name] for name in found.wanted}
    assert found.table(pl.DataFrame([row])).to_dicts() == [answer]
    return answer


def test_only_what_the_features_need_is_asked_for() -> None:
    found = replay()
    assert found.inputs == ("Age ", "city", "on")
    assert found.left_out == ("Drop rows that repeat", "Keep only rows where city != 'Graz'")
    assert not any("sold" in title and "Rename" in title for title in found.applied)


def test_a_raw_row_goes_through_all_steps() -> None:
    row = {"Age ": " 41", "city": "  BERN", "on": "5.6.2022"}
    assert one(replay(), row) == {"age": 41.0, "city": "Bern", "on_year": 2022, "older": True}
    # A number where the file had texts.
    assert one(replay(), {**row, "Age ": 20})["older"] is False


def test_what_is_not_given_counts_as_missing() -> None:
    found = replay()
    assert one(found, {"city": "Ulm"}) == {"age": 30.0, "city": "Ulm", "on_year": None, "older": False}
    assert found.plan(["city"]).lacks == ("Age ", "on")


def test_a_row_of_the_finished_table_is_taken_as_it_is() -> None:
    found = replay()
    row = {"age": 50, "city": "Ulm", "on_year": 1999, "older": True}
    assert one(found, row) == row
    assert found.plan(["age", "city", "on_year"]).lacks == ()


def test_a_column_given_with_all_that_it_is_made_of_is_made_again() -> None:
    row = {"Age ": "50", "city": "Ulm", "on": "1.1.2020", "older": False}
    assert one(replay(), row)["older"] is True


def test_a_name_that_was_freed_and_given_again_means_the_first_column() -> None:
    steps = [
        {"op": "derive", "column": "twice", "expression": "unused * 2"},
        {"op": "drop", "columns": ["unused"]},
        {"op": "rename", "column": "city", "to": "unused"},
    ]
    found = replay(steps, ["twice", "unused"])
    assert one(found, {"unused": 4, "city": "Ulm"}) == {"twice": 8, "unused": "Ulm"}


def test_numbers_with_decimals_pass_where_the_recipe_saw_whole_ones() -> None:
    found = replay([{"op": "derive", "column": "half", "expression": "unused / 2"}], ["half", "unused"])
    assert one(found, {"unused": 2.5}) == {"half": 1.25, "unused": 2.5}


def test_values_of_another_kind_are_named() -> None:
    recipe = ModelRecipe({"a": "Int64"}, check_operations([{"op": "fill", "column": "a", "value": 1}]), ("a",))
    with pytest.raises(InvalidInput) as caught:
        recipe.transform_row({"a": "abc"})
    assert caught.value.fields[0].field == "a" and "takes a number" in caught.value.detail
    assert recipe.transform(pl.DataFrame({"a": ["abc", "7"]}))["a"].to_list() == [1, 7]


def test_a_recipe_that_does_not_fit_is_refused() -> None:
    unlearned = check_operations([{"op": "fill", "column": "a", "with": "mean"}])
    for operations, wanted in (
        (unlearned, ["a"]),
        ((), ["b"]),
        (check_operations([{"op": "sort", "column": "z"}]), []),
    ):
        with pytest.raises(InvalidInput):
            Replay({"a": Kind.WHOLE}, operations, wanted)


_STEPS = check_operations(
    [
        {"op": "fill", "column": "a", "value": 3},
        {"op": "derive", "column": "z", "expression": "if(t, x / y, a)"},
        {"op": "rename", "column": "s", "to": "said"},
        {"op": "clean_text", "columns": ["said", "two words"], "case": "lower"},
        {"op": "map_values", "column": "t", "values": {"true": "yes"}, "other": "missing"},
        {"op": "clip", "column": "z", "low": -100, "high": 100},
        {"op": "date_parts", "column": "m", "parts": ["hour", "weekday"]},
    ]
)


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_rows_one_by_one_are_what_the_transformed_table_holds(rows: list[dict[str, Any]]) -> None:
    # An empty text from outside counts as missing.
    rows = [{name: None if value == "" else value for name, value in row.items()} for row in rows]
    done, _, _ = transform_frame(table(rows), _STEPS)
    found = Replay(COLUMNS, _STEPS, done.columns)
    assert found.table(table(rows)).equals(done)
    plan = found.plan(COLUMNS)
    by_row = [found.row(plan, {name: coerce(row[name]) for name, coerce in plan.takes}) for row in rows]
    assert [{name: row[name] for name in done.columns} for row in by_row] == done.to_dicts()
