"""FlowML's own ideas: found where they matter, with their reasons, and not where nothing is to be found."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.ideas.own import MOST_IDEAS, own_ideas
from flowml.data.profiling.roles import roles_of
from flowml.data.recipes.transform import transform_frame
from flowml.domain.errors import InvalidInput
from flowml.domain.ideas import Idea

ROWS = 1_500
generator = np.random.default_rng(11)
a, b, c = np.exp(generator.normal(1, 0.7, (3, ROWS)))
noise = generator.normal(0, 0.3, ROWS)
town = generator.choice(["Bonn", "Kiel", "Ulm"], ROWS)
other = generator.choice(["Bonn", "Kiel", "Ulm"], ROWS)
middle = generator.choice(["AA", "BB", "CC", "DD"], ROWS)
codes = [f"{at % 900:04}-{part}-{at * 7 % 13}" for at, part in enumerate(middle)]
holes = generator.random((ROWS, 4)) < 0.3
hour = generator.integers(0, 24, ROWS)


def found(frame: dict[str, Any], y: Any) -> dict[str, Idea]:
    table = pl.DataFrame({**frame, "y": y})
    ideas = own_ideas(table, roles_of(table), "y").ideas
    for idea in ideas:
        # Each can be done, and says in its sentence what its figures are.
        transform_frame(table.drop("y"), idea.operations)
        assert idea.reason.endswith(".") and "“y”" in idea.reason and idea.figures
    return {idea.kind: idea for idea in ideas}


def test_a_ratio_that_matters() -> None:
    ideas = found({"a": a, "b": b, "c": c}, np.log(a / b) + noise)
    assert set(ideas["ratio"].columns) == {"a", "b"}
    assert "divided by" in ideas["ratio"].reason


def test_a_product_of_which_neither_alone_says_much() -> None:
    first, second = a - a.mean(), b - b.mean()
    ideas = found({"first": first, "second": second}, np.where(first * second > 0, "yes", "no"))
    assert ideas["product"].operations[0]["expression"] == "`first` * `second`"


def test_a_difference_is_for_trees() -> None:
    low = generator.normal(50, 20, ROWS)
    high = low + generator.normal(0, 2, ROWS)
    ideas = found({"low": low, "high": high}, np.where(high > low, "up", "down"))
    assert "linear model makes it by itself" in ideas["difference"].for_whom


def test_the_sum_of_numbered_columns() -> None:
    scores = generator.normal(10, 2, (5, ROWS))
    ideas = found({f"score_{at}": values for at, values in enumerate(scores, 1)}, scores.sum(axis=0) + noise)
    assert ideas["total"].columns == tuple(f"score_{at}" for at in range(1, 6))
    assert ideas["total"].operations[0]["column"] == "score_total"


def test_two_categories_that_mean_something_together() -> None:
    ideas = found({"town": town, "sex": (sex := generator.choice(["f", "m"], ROWS))}, (town == "Ulm") ^ (sex == "f"))
    assert set(ideas["cross"].columns) == {"town", "sex"}


def test_whether_two_columns_are_equal() -> None:
    ideas = found({"from": town, "to": other}, np.where(town == other, "here", "away"))
    assert "equal" in ideas or "cross" in ideas


def test_codes_whose_second_part_says_something() -> None:
    ideas = found({"code": codes, "c": c}, (middle == "CC") * 3.0 + noise)
    assert ideas["code"].operations[0]["into"] == ["code_part_1", "code_part_2", "code_part_3"]
    assert "part 2" in ideas["code"].reason


def test_how_much_of_a_row_is_missing() -> None:
    columns = {
        f"m{at}": pl.Series(np.where(holes[:, at], np.nan, generator.normal(0, 1, ROWS))).fill_nan(None)
        for at in range(4)
    }
    ideas = found(columns, holes.sum(axis=1) + noise)
    assert set(ideas["missing"].columns) == {"m0", "m1", "m2", "m3"}


def test_a_value_that_stands_for_something_else_and_a_curve_are_for_linear_models() -> None:
    spent = np.where(generator.random(ROWS) < 0.4, 0.0, a)
    ideas = found({"spent": spent}, np.where(spent == 0, 5.0, 10.0 - spent) + noise)
    assert "linear" in ideas["special" if "special" in ideas else "bend"].for_whom
    centred = generator.normal(0, 1, ROWS)
    assert "linear" in found({"x": centred}, centred**2 + noise)["bend"].for_whom


def test_hours_go_round() -> None:
    night = np.minimum(np.abs(hour - 23), 24 - np.abs(hour - 23))
    ideas = found({"hour": hour, "c": c}, night + noise)
    # As far from 23 as from 11 on the other side: a line says the same of both.
    assert ideas["clock"].operations[0]["expression"] in [
        f"min(abs(`hour` - {peak}), 24 - abs(`hour` - {peak}))" for peak in (11, 23)
    ]


def test_how_far_from_the_middle() -> None:
    lat, lon = generator.normal(50, 0.2, ROWS), generator.normal(8, 0.3, ROWS)
    away = np.hypot(111.2 * (lat - 50), 71.5 * (lon - 8))
    assert "km_from_the_middle" in str(found({"latitude": lat, "longitude": lon}, away + noise))


def test_where_nothing_is_to_be_found_there_is_no_idea() -> None:
    columns = {f"x{at}": generator.normal(0, 1, ROWS) for at in range(8)} | {"town": town, "other": other}
    assert found(columns, generator.normal(0, 1, ROWS)) == {}


def test_there_are_few_and_each_of_other_columns() -> None:
    many = {f"v{name}": np.exp(generator.normal(0, 1, ROWS)) for name in "abcdefgh"}
    y = sum(many[f"v{first}"] / many[f"v{second}"] for first, second in ("ab", "cd", "ef", "gh"))
    table = pl.DataFrame({**many, "y": np.log(y)})
    ideas = own_ideas(table, roles_of(table), "y").ideas
    assert 0 < len(ideas) <= MOST_IDEAS
    used = [name for idea in ideas for name in idea.columns]
    assert max(map(used.count, used)) <= 2 and len({frozenset(idea.columns) for idea in ideas}) == len(ideas)


def test_names_that_are_no_words_and_names_that_are_taken() -> None:
    table = pl.DataFrame({"net `price`": a, "if": b, "if_per_net `price`": c, "y": np.log(b / a)})
    ideas = own_ideas(table, roles_of(table), "y").ideas
    ratio = next(idea for idea in ideas if idea.kind == "ratio")
    result, _, _ = transform_frame(table, ratio.operations)
    assert result.width == table.width + 1


def test_what_flowml_does_by_itself_is_said_and_no_idea() -> None:
    days = (np.datetime64("2020-01-01") + generator.integers(0, 900, ROWS).astype("timedelta64[D]")).tolist()
    table = pl.DataFrame(
        {"day": days, "amount": np.exp(generator.normal(0, 2, ROWS)), "y": [at % 2 for at in range(ROWS)]}
    )
    answer = own_ideas(table, roles_of(table), "y")
    assert any("dates apart" in sentence for sentence in answer.by_itself)
    assert all("day" not in idea.columns for idea in answer.ideas)


def test_small_tables_and_targets_that_are_none() -> None:
    few = pl.DataFrame({"x": [1.0, 2.0] * 5, "y": [0, 1] * 5})
    answer = own_ideas(few, roles_of(few), "y")
    assert answer.ideas == () and answer.note is not None and "10 rows" in answer.note
    with pytest.raises(InvalidInput, match="no column"):
        own_ideas(few, roles_of(few), "z")
    dates = pl.DataFrame({"x": np.arange(50.0), "y": [np.datetime64("2020-01-01").item()] * 50})
    with pytest.raises(InvalidInput, match="dates"):
        own_ideas(dates, roles_of(dates), "y")


def test_of_a_target_that_nothing_can_predict_it_says_what_training_says() -> None:
    same = pl.DataFrame({"x": np.arange(60.0), "y": ["a"] * 60})
    note = own_ideas(same, roles_of(same), "y").note
    assert note is not None and "the same in every row" in note and "nothing to predict" in note
    each = pl.DataFrame({"x": np.arange(60.0), "y": [f"id{at}" for at in range(60)]})
    note = own_ideas(each, roles_of(each), "y").note
    assert note is not None and "too many to tell apart" in note


def test_the_target_computed_backwards_is_said_to_be() -> None:
    quantity = generator.integers(1, 50, ROWS)
    idea = found({"revenue": a * quantity, "quantity": quantity, "c": c}, a)["ratio"]
    assert idea.reason.startswith("It is “y” itself in nearly all rows") and "backwards" in idea.reason
