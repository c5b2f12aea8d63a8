"""What may be tried as an idea, and what it makes of two parts of a table."""

from typing import Any

import polars as pl
import pytest

from flowml.automl.ideas.idea import Bounds, check_idea
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

FRAME = pl.DataFrame(
    {
        "a": [1.0, 2.0, None, 4.0, 5.0, 6.0],
        "b": ["x", "x", "y", "y", "z", "x"],
        "w": [1.0] * 6,
        "left": [3.0, 1.0, 2.0, 5.0, 4.0, 9.0],
        "y": [0, 1, 0, 1, 0, 1],
    }
)
BOUNDS = Bounds(
    {"y": "is what is to be predicted", "left": "is left out of the training"},
    {"y": "is what is to be predicted", "left": "is left out of the training", "b": "decides how models are tested"},
)


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([{"op": "derive", "column": "c", "expression": "a * y"}], "what is to be predicted"),
        ([{"op": "derive", "column": "y", "expression": "1 - y"}], "what is to be predicted"),
        ([{"op": "derive", "column": "y", "expression": "1"}], "what is to be predicted"),
        ([{"op": "rename", "column": "y", "to": "z"}], "what is to be predicted"),
        (
            [
                {"op": "rename", "column": "y", "to": "z"},
                {"op": "derive", "column": "c", "expression": "z * 2"},
            ],
            "Operation 1",
        ),
        ([{"op": "drop", "columns": ["y"]}], "what is to be predicted"),
        ([{"op": "keep", "columns": ["a"]}], "leaves it as it is"),
        ([{"op": "map_values", "column": "y", "values": {"0": 1}}], "what is to be predicted"),
        ([{"op": "fill", "column": "y", "with": "median"}], "what is to be predicted"),
        ([{"op": "derive", "column": "c", "expression": "`left` + 1"}], "left out of the training"),
        ([{"op": "clean_text", "columns": ["b"], "case": "upper"}], "decides how models are tested"),
        ([{"op": "filter", "expression": "a > 2"}], "leaves out or moves rows"),
        ([{"op": "drop_missing", "columns": ["a"]}], "leaves out or moves rows"),
        ([{"op": "drop_duplicates"}], "leaves out or moves rows"),
        ([{"op": "sort", "column": "a"}], "leaves out or moves rows"),
        ([{"op": "sample", "n": 2}], "leaves out or moves rows"),
        ([{"op": "fill", "column": "a", "with": "previous"}], "takes values from other rows"),
        ([{"op": "derive", "column": "c", "expression": "nothing + 1"}], "nothing"),
        ([], "no operation"),
        ("drop", "list"),
        ([{"op": "eval", "code": "1"}], "no operation “eval”"),
        ([{"op": "derive", "column": f"c{at}", "expression": "a"} for at in range(21)], "at most 20"),
    ],
)
def test_what_is_no_idea_is_refused_in_words(operations: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_idea(FRAME, operations, BOUNDS)
    assert words in refused.value.detail
    assert all(problem.field.startswith("operations") for problem in refused.value.fields)


def test_an_idea_says_what_it_writes_and_whether_it_learns() -> None:
    plain = check_idea(FRAME, [{"op": "derive", "column": "c", "expression": "a * 2"}], BOUNDS)
    assert dict(plain.written) == {"c": Role.NUMERIC} and not plain.learns
    assert check_idea(FRAME, [{"op": "fill", "column": "a", "with": "median"}], BOUNDS).learns
    assert not check_idea(FRAME, [{"op": "fill", "column": "a", "value": 3}], BOUNDS).learns


def test_columns_that_say_nothing_are_not_tried() -> None:
    idea = check_idea(FRAME, [{"op": "derive", "column": "c", "expression": "1"}], BOUNDS)
    with pytest.raises(InvalidInput, match="nothing to learn from"):
        idea.columns_beside({"a": Role.NUMERIC})
    without_all = check_idea(FRAME, [{"op": "drop", "columns": ["a"]}], BOUNDS)
    with pytest.raises(InvalidInput, match="No column would be left"):
        without_all.columns_beside({"a": Role.NUMERIC})
    assert without_all.columns_beside({"a": Role.NUMERIC, "b": Role.CATEGORICAL}) == {"b": Role.CATEGORICAL}


@pytest.mark.parametrize(
    ("operation", "name", "seen"),
    [
        ({"op": "fill", "column": "a", "with": "median", "value": 99.0}, "a", [1.5, 9.0]),
        ({"op": "fill", "column": "a", "with": "mean"}, "a", [1.5, 9.0]),
        ({"op": "clip", "column": "a", "high_quantile": 1.0, "high": 99.0}, "a", [None, 2.0]),
        ({"op": "merge_categories", "column": "c", "min_count": 2, "keep": ["q"]}, "c", ["other", "other"]),
    ],
)
def test_what_is_learned_is_learned_from_the_first_part_alone(
    operation: dict[str, Any], name: str, seen: list[Any]
) -> None:
    """Also where a preview has left in the operation what it has learned from all rows."""
    train = pl.DataFrame({"a": [1.0, 2.0, None], "c": ["p", "p", "r"]})
    test = pl.DataFrame({"a": [None, 9.0], "c": ["q", "q"]})
    idea = check_idea(pl.concat([train, test]), [operation], Bounds({}, {}))
    assert idea.learns
    _, answered = idea.tables(train, test, ["a", "c"])
    assert answered[name].to_list() == seen


def test_nothing_of_the_second_part_changes_the_first() -> None:
    idea = check_idea(FRAME, [{"op": "fill", "column": "a", "with": "mean"}], BOUNDS)
    train, test = FRAME.head(3), FRAME.tail(3)
    other = test.with_columns(pl.col("a") * 1000)
    assert idea.tables(train, test, ["a"])[0].equals(idea.tables(train, other, ["a"])[0])


def test_a_column_mended_in_place_keeps_its_role_unless_it_becomes_something_else() -> None:
    frame = pl.DataFrame({"z": [at % 8 for at in range(200)], "text": [f"word {at}" for at in range(200)]})
    roles = {"z": Role.CATEGORICAL, "text": Role.TEXT}

    def role(name: str, *operations: dict[str, Any]) -> Role:
        return check_idea(frame, list(operations), Bounds({}, {}), roles=roles).written[name]

    assert role("z", {"op": "derive", "column": "z", "expression": "z + 0"}) is Role.CATEGORICAL
    assert role("z", {"op": "fill", "column": "z", "with": "median"}) is Role.CATEGORICAL
    assert role("k", {"op": "rename", "column": "z", "to": "k"}) is Role.CATEGORICAL
    assert role("z", {"op": "derive", "column": "z", "expression": "length(text)"}) is Role.NUMERIC
    assert role("text", {"op": "derive", "column": "text", "expression": "substring(text, 6, 1)"}) is Role.CATEGORICAL


def test_what_a_column_is_is_seen_in_all_rows() -> None:
    whole = pl.DataFrame({"user": [f"u{at % 300}" for at in range(3_000)], "a": [at / 7 for at in range(3_000)]})
    some = whole.head(300)
    operations = [{"op": "derive", "column": "who", "expression": 'concat(user, "!")'}]
    assert check_idea(some, operations, Bounds({}, {})).written["who"] is not Role.CATEGORICAL
    found = check_idea(some, operations, Bounds({}, {}), roles={"user": Role.CATEGORICAL}, whole=whole.lazy())
    assert found.written["who"] is Role.CATEGORICAL


CODES = pl.DataFrame(
    {
        "id": [f"{('DE', 'FR', 'IT')[at * 7 % 3]}-{at:04}" for at in range(400)],
        "a": [float(at * 7 % 31) for at in range(400)],
    }
)
NAMING = Bounds({}, {}, {"id": "names the rows"})


@pytest.mark.parametrize(
    "expression",
    [
        "number(substring(id, 4)) / 10",
        "floor(number(substring(id, 4)) / 50)",
        "if(number(substring(id, 4)) > 200, 1, 0)",
        "substring(id, 4, 2)",
        'concat(id, "!")',
    ],
)
def test_numbers_of_rows_are_no_idea_in_whatever_form(expression: str) -> None:
    operation = {"op": "derive", "column": "d", "expression": expression}
    with pytest.raises(InvalidInput, match="“id” names the rows, and “d” does so as well"):
        check_idea(CODES, [operation], NAMING)
    with pytest.raises(InvalidInput, match="names the rows"):
        check_idea(CODES, [{"op": "rename", "column": "id", "to": "size"}], NAMING)
    half = {"op": "derive", "column": "half", "expression": "d"}
    with pytest.raises(InvalidInput, match="names the rows"):
        check_idea(CODES, [operation, half, {"op": "drop", "columns": ["d"]}], NAMING)


def test_a_part_that_many_rows_share_may_be_used_and_made_more_of() -> None:
    split = {"op": "split", "column": "id", "into": ["land", "number"], "delimiter": "-"}
    idea = check_idea(CODES, [split], NAMING)
    assert idea.written == {"land": Role.CATEGORICAL, "number": Role.IDENTIFIER}
    assert idea.columns_beside({"a": Role.NUMERIC}) == {"a": Role.NUMERIC, "land": Role.CATEGORICAL}
    more = {"op": "derive", "column": "german", "expression": 'if(land = "DE", a, 0)'}
    assert check_idea(CODES, [split, more], NAMING).written["german"] is Role.NUMERIC
