"""The check of one row: what is unlike all that training had is said, in the words of whoever sent it."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from flowml.automl.schema.feature import Feature
from flowml.automl.schema.schema import ModelSchema
from flowml.automl.task.describe import describe_recipe
from flowml.data.conversion.notation import Notation
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType

LAST = "of the training data (the last is 2024-01-28)"
GUESSES = ", where predictions are guesses"
FEATURES = (
    Feature("age", Role.NUMERIC, "Float64", 28.0, 0.42, 80.0, count=714),
    Feature("fare", Role.NUMERIC, "Float64", 14.4, 0.0, 512.0, count=891),
    Feature("change", Role.NUMERIC, "Float64", 0.5, -1000.0, 3.0),
    Feature("same", Role.NUMERIC, "Int64", 5, 5.0, 5.0),
    Feature("unknown", Role.NUMERIC, "Float64"),
    Feature("joined", Role.DATETIME, "Date", "2024-01-05", "2024-01-01", "2024-01-28"),
    Feature("city", Role.CATEGORICAL, "String", "Ulm", categories=("Ulm", "Bern")),
)


def schema(features: tuple[Feature, ...] = FEATURES, **more: Any) -> ModelSchema:
    return ModelSchema(features, "y", ProblemType.CLASSIFICATION, ("no", "yes"), "accuracy", **more)


def said(row: dict[str, Any], of: ModelSchema | None = None) -> list[str]:
    return [warning for warning in (of or schema()).check_row(row)[1] if "taken as missing" not in warning]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("age", 81),
        ("age", "85"),
        ("age", 0.1),
        ("fare", 550),
        ("change", 3.2),
        ("change", -1090),
        ("age", None),
        ("same", 5),
        ("unknown", 1e30),
        ("joined", "2024-02-20"),
        ("joined", date(2023, 12, 10)),
        ("joined", ""),
        ("city", "Bern"),
    ],
)
def test_what_is_near_to_what_training_had_needs_no_word(column: str, value: Any) -> None:
    assert said({column: value}) == []


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("age", 95, "“95” in “age” lies above all 714 values of the training data (at most 80)."),
        ("age", "-3", "“-3” in “age” lies below all 714 values of the training data (at least 0.42)."),
        ("age", 150, f"“150” in “age” lies far above all 714 values of the training data (at most 80){GUESSES}."),
        ("age", 200, f"“200” in “age” lies far above all 714 values of the training data (at most 80){GUESSES}."),
        ("age", -74, f"“-74” in “age” lies far below all 714 values of the training data (at least 0.42){GUESSES}."),
        # Of a skewed column the side where most values lie close together is the stricter one.
        ("fare", 600, "“600” in “fare” lies above all 891 values of the training data (at most 512)."),
        ("fare", 1e4, f"“10000” in “fare” lies far above all 891 values of the training data (at most 512){GUESSES}."),
        ("fare", -0.5, "“-0.5” in “fare” lies below all 891 values of the training data (at least 0)."),
        ("change", 4, "“4” in “change” lies above all values of the training data (at most 3)."),
        ("change", -1200, "“-1200” in “change” lies below all values of the training data (at least -1,000)."),
        ("same", 6, f"“6” in “same” lies far above all values of the training data (at most 5){GUESSES}."),
        (
            "joined",
            "2035-01-01T08:00:00",
            f"“2035-01-01T08:00:00” in “joined” lies long after all dates {LAST}.",
        ),
        ("city", "Rom", "“Rom” in “city” did not occur in the training data."),
    ],
)
def test_what_is_unlike_all_of_training_is_named(column: str, value: Any, words: str) -> None:
    assert said({column: value}) == [words]


@pytest.mark.parametrize("value", [1e300, -1e300, "1e300", 10**400, float("inf")])
def test_a_number_that_is_too_large_is_told_to_be_that(value: Any) -> None:
    with pytest.raises(
        InvalidInput, match=r"takes numbers from -3e\+38 to 3e\+38, and “.*” is beyond them\."
    ) as caught:
        schema().check_row({"fare": value})
    assert caught.value.fields[0].field == "fare"


@pytest.mark.parametrize("value", [True, False, float("nan"), "true", "high", [1.0]])
def test_what_is_no_number_is_told_to_be_none(value: Any) -> None:
    shown = re.escape(str(value).lower() if isinstance(value, bool) else str(value))
    with pytest.raises(InvalidInput, match=f"and “{shown}” is not"):
        schema().check_row({"fare": value})


@pytest.mark.parametrize("recipe", [[], [{"op": "derive", "column": "more", "expression": "fare + 1"}]])
def test_a_text_that_counts_as_missing_is_named_and_a_truth_is_no_number(recipe: list[Any]) -> None:
    fare = Feature("fare", Role.NUMERIC, "Float64", 14.4, 0.0, 512.0, notation=Notation("number"))
    found = schema((fare,))
    if recipe:
        found = schema((fare,), recipe=describe_recipe(pl.LazyFrame({"fare": [1.0, 2.5]}), recipe, ["fare"]))
        found = replace(found, recipe=found.recipe and found.recipe.completed((fare,), {"fare": Notation("number")}))
    nothing = ["Not given, taken as missing: fare."]
    said = ["“NaN” in “fare” is taken as missing."]
    for sent, words in (("NaN", said), ("", nothing), (" ", nothing), (None, nothing), (5, [])):
        clean, warnings = found.check_row({"fare": sent})
        assert (clean["fare"], warnings) == (5.0 if sent == 5 else None, words)
    with pytest.raises(InvalidInput, match="takes a number, and “true” is not"):
        found.check_row({"fare": True})


@pytest.mark.parametrize("ends", [("a", "b"), (None, 1.0), (2.0, 1.0), (float("nan"), 1.0), (True, 3.0)])
def test_a_file_whose_ranges_are_none_says_nothing_of_them(ends: tuple[Any, Any]) -> None:
    assert said({"age": 1e9}, schema((Feature("age", Role.NUMERIC, "Float64", 1.0, *ends),))) == []


def test_behind_a_recipe_the_column_that_was_sent_is_named_once() -> None:
    root = pl.LazyFrame({"Alter": [1.0, 40.0, 75.0], "kept": [1.0, 2.0, 3.0]})
    steps = [
        {"op": "derive", "column": "squared", "expression": "Alter ^ 2"},
        {"op": "rename", "column": "Alter", "to": "age"},
    ]
    kept = Feature("kept", Role.NUMERIC, "Float64", 2.0, 1.0, 3.0)
    squared = Feature("squared", Role.NUMERIC, "Float64", 1600.0, 1.0, 5625.0)

    def behind(*features: Feature) -> ModelSchema:
        recipe = describe_recipe(root, steps, [feature.name for feature in features])
        assert recipe is not None
        return schema(features, recipe=recipe.completed(features, {}))

    row = {"Alter": 200, "kept": 2}
    words = [
        "“200” in “Alter” lies far above all 3 values of the training data (at most 75), where predictions are guesses."
    ]
    age = Feature("age", Role.NUMERIC, "Float64", 40.0, 1.0, 75.0, count=3)
    assert said(row, behind(age, squared, kept)) == words
    # Of a column of which only what was computed from it is used, too.
    assert said(row, behind(squared, kept)) == words
    assert said({"Alter": 78, "kept": 2}, behind(squared, kept)) == []


@pytest.mark.parametrize("few", [1_000, 1])
def test_a_known_category_is_read_as_its_column_was_written(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.automl.schema.schema._FEW_CATEGORIES", few)
    categories = ("Bern", " Ulm", "N/A", '="7"')
    town = Feature(
        "town", Role.CATEGORICAL, "String", "Bern", categories=categories, notation=Notation("text", formulas=True)
    )
    found = schema((town,))
    read = {"Bern": "Bern", " Ulm": "Ulm", "N/A": None, '="7"': "7", " Bern ": "Bern"}
    for sent, expected in read.items():
        assert found.check_row({"town": sent})[0] == {"town": expected}


@pytest.mark.parametrize("empty", [None, ""])
def test_what_is_sent_empty_is_named_in_one_sentence_with_what_is_not_sent(empty: Any) -> None:
    row = {feature.name: empty for feature in FEATURES if feature.name != "city"}
    clean, warnings = schema().check_row(row)
    assert warnings == [f"Not given, taken as missing: {', '.join(feature.name for feature in FEATURES)}."]
    assert not any(value is not None for value in clean.values())
