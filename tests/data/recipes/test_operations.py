"""Every operation does what its words say, the same to a table and to one row."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.recipes.checking import check_operations, title_of
from flowml.data.recipes.kinds import Kind, kinds_of_frame
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.data.recipes.pipeline import bind, run
from flowml.data.recipes.transform import transform_frame
from flowml.domain.errors import InvalidInput
from flowml.domain.remarks import loss
from tests.data.recipes.tables import COLUMNS, OF_KIND, ROWS, TEXTS, table


def done(frame: pl.DataFrame, *operations: dict[str, Any]) -> pl.DataFrame:
    return transform_frame(frame, check_operations(list(operations)))[0]


def column(values: list[Any], *operations: dict[str, Any], name: str = "c") -> list[Any]:
    """What becomes of a column called c."""
    return done(pl.DataFrame({"c": values, "n": range(len(values))}), *operations)[name].to_list()


@pytest.mark.parametrize(
    ("values", "operation", "expected"),
    [
        (["1,200", "5 €", "abc", None, "-3"], {"op": "cast", "to": "number"}, [1200.0, 5.0, None, None, -3.0]),
        (["1.200,5", "7"], {"op": "cast", "to": "number", "decimal": ","}, [1200.5, 7.0]),
        (["210,75", "1.200,00", "n/a"], {"op": "cast", "to": "number"}, [210.75, 1200.0, None]),
        (["1,5 kg", "20 kg", "7", "300 g"], {"op": "cast", "to": "number"}, [1.5, 20.0, 7.0, None]),
        (["12.000 m²", "7.500 m²"], {"op": "cast", "to": "whole_number"}, [12000, 7500]),
        (["1,5", "2"], {"op": "cast", "to": "number", "decimal": "."}, [None, 2.0]),
        (["9007199254740993", "3.0", "3.5"], {"op": "cast", "to": "whole_number"}, [9007199254740993, 3, None]),
        ([1.0, 2.5, None], {"op": "cast", "to": "whole_number"}, [1, None, None]),
        ([1.0, 2.5], {"op": "cast", "to": "text"}, ["1", "2.5"]),
        (["yes", "N", "perhaps"], {"op": "cast", "to": "boolean"}, [True, False, None]),
        ([0, 1, 2], {"op": "cast", "to": "boolean"}, [False, True, None]),
        (["2024-02-29", "2023-02-29"], {"op": "cast", "to": "date"}, [date(2024, 2, 29), None]),
        (["31.12.2024", "1/2/24"], {"op": "parse_dates", "order": "dmy"}, [date(2024, 12, 31), date(2024, 2, 1)]),
        (["12/31/2024", "31/12/2024"], {"op": "parse_dates", "order": "mdy"}, [date(2024, 12, 31), None]),
        (["20241231", "2024-1-2"], {"op": "parse_dates", "order": "ymd"}, [date(2024, 12, 31), date(2024, 1, 2)]),
        (
            ["31.12.2024 23:15", "1.2.2024"],
            {"op": "parse_dates", "order": "dmy"},
            [datetime(2024, 12, 31, 23, 15), datetime(2024, 2, 1)],  # noqa: DTZ001
        ),
        (
            ["Dec 31, 2024 01:05 PM"],
            {"op": "parse_dates", "format": "%b %d, %Y %I:%M %p"},
            [datetime(2024, 12, 31, 13, 5)],  # noqa: DTZ001
        ),
        (["2024-01-01T00:30:00+01:00"], {"op": "parse_dates", "order": "ymd"}, [datetime(2023, 12, 31, 23, 30)]),  # noqa: DTZ001
        ([1, None, 3], {"op": "fill", "value": 7}, [1, 7, 3]),
        ([1, None, 3], {"op": "fill", "value": 2.5}, [1.0, 2.5, 3.0]),
        ([1, None, 3], {"op": "fill", "with": "mean"}, [1, 2, 3]),
        ([1, None, 4], {"op": "fill", "with": "median"}, [1.0, 2.5, 4.0]),
        (["b", "a", "b", "a", None], {"op": "fill", "with": "most_frequent"}, ["b", "a", "b", "a", "a"]),
        ([None, 1, None], {"op": "fill", "with": "previous"}, [None, 1, 1]),
        ([1, 100, None], {"op": "clip", "low": 5, "high": 50}, [5, 50, None]),
        ([1, 100, None], {"op": "clip", "low": 5, "high": 1e308}, [5.0, 100.0, None]),
        ([1, None], {"op": "clip", "low": 2.0**63}, [2.0**63, None]),
        ([1, None], {"op": "fill", "with": "value", "value": 1e308}, [1.0, 1e308]),
        ([0.0, 1.0, 2.0, 3.0, 100.0], {"op": "clip", "high_quantile": 0.75}, [0.0, 1.0, 2.0, 3.0, 3.0]),
        (["m", "f", "x", None], {"op": "map_values", "values": {"m": "male", "x": None}}, ["male", "f", None, None]),
        (["no", "yes", "?"], {"op": "map_values", "values": {"no": 0, "yes": 1}, "other": "missing"}, [0, 1, None]),
        ([1, 2], {"op": "map_values", "values": {"1": "one"}}, ["one", "2"]),
        (["a", "b", "c"], {"op": "merge_categories", "values": ["a", "c"]}, ["other", "b", "other"]),
        (["a", "a", "b", None], {"op": "merge_categories", "min_count": 2, "to": "rare"}, ["a", "a", "rare", None]),
        (["a", "a", "a", "b"], {"op": "merge_categories", "min_share": 0.3}, ["a", "a", "a", "other"]),
        ([5, 3, 4], {"op": "sort"}, [3, 4, 5]),
        ([5, None, 4], {"op": "sort", "descending": True}, [5, 4, None]),
    ],
)
def test_an_operation_on_a_column(values: list[Any], operation: dict[str, Any], expected: list[Any]) -> None:
    found = column(values, {**operation, "column": "c"})
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize(
    ("values", "operation", "expected"),
    [
        (["?", "-", "a"], {"op": "mark_missing", "columns": ["c"], "values": ["?", "-"]}, [None, None, "a"]),
        ([-999, 5], {"op": "mark_missing", "columns": ["c"], "values": [-999]}, [None, 5]),
        (["  Ulm  an  der ", "ULM", " "], {"op": "clean_text", "columns": ["c"]}, ["Ulm an der", "ULM", None]),
        (["uLM an"], {"op": "clean_text", "columns": ["c"], "case": "title"}, ["Ulm An"]),
        ([1, 1, 2], {"op": "drop_duplicates", "columns": ["c"]}, [1, 2]),
        ([1, None, 2], {"op": "drop_missing"}, [1, 2]),
        ([1, 2, None, 3], {"op": "filter", "expression": "c > 1"}, [2, 3]),
        ([1, 2, None, 3], {"op": "filter", "expression": "c > 1", "action": "remove"}, [1, None]),
        ([1, 2], {"op": "filter", "expression": "true"}, [1, 2]),
        ([1, 2], {"op": "derive", "column": "c", "expression": "c * 2"}, [2, 4]),
        ([1, 2], {"op": "derive", "column": "c", "expression": "5"}, [5, 5]),
    ],
)
def test_an_operation_on_rows_or_columns(values: list[Any], operation: dict[str, Any], expected: list[Any]) -> None:
    assert column(values, operation) == expected


def test_columns_are_renamed_dropped_kept_split_and_taken_apart() -> None:
    frame = pl.DataFrame({"name": ["Ada Byron King", "Bo", None], "on": [date(2024, 2, 29)] * 3, "x": [1, 2, 3]})
    found = done(
        frame,
        {"op": "split", "column": "name", "into": ["first", "last"], "delimiter": " "},
        {"op": "date_parts", "column": "on", "parts": ["year", "quarter", "weekday"]},
        {"op": "rename", "column": "x", "to": "y"},
        {"op": "drop", "columns": ["name"]},
        {"op": "keep", "columns": ["y", "first", "last", "on_year", "on_quarter", "on_weekday"]},
    )
    assert found.to_dict(as_series=False) == {
        "y": [1, 2, 3],
        "first": ["Ada", "Bo", None],
        "last": ["Byron King", None, None],
        "on_year": [2024] * 3,
        "on_quarter": [1] * 3,
        "on_weekday": [4] * 3,
    }
    assert done(frame, {"op": "split", "column": "name", "into": ["a", "b"], "widths": [2]})["b"][0] == "a Byron King"


def test_a_sample_is_the_same_for_the_same_seed_and_keeps_the_order() -> None:
    frame = pl.DataFrame({"c": range(100)})
    first = done(frame, {"op": "sample", "n": 10, "seed": 1})["c"].to_list()
    assert first == sorted(first) and len(set(first)) == 10
    assert done(frame, {"op": "sample", "n": 10, "seed": 1})["c"].to_list() == first
    assert done(frame, {"op": "sample", "n": 10, "seed": 2})["c"].to_list() != first
    assert done(frame, {"op": "sample", "share": 0.25}).height == 25


def test_what_was_learned_is_kept_in_the_operation_and_does_the_same_to_other_rows() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, 9.0, None], "s": ["a", "a", "b", None]})
    operations = check_operations(
        [{"op": "fill", "column": "x", "with": "median"}, {"op": "merge_categories", "column": "s", "min_count": 2}]
    )
    _, resolved, _ = transform_frame(frame, operations)
    assert resolved[0]["value"] == 2.0 and resolved[1]["keep"] == ["a"]
    other, again, _ = transform_frame(pl.DataFrame({"x": [None, 100.0], "s": ["z", "a"]}), resolved)
    assert again == resolved
    assert other.to_dict(as_series=False) == {"x": [2.0, 100.0], "s": ["other", "a"]}


def test_values_that_do_not_convert_are_counted_and_shown() -> None:
    frame = pl.DataFrame({"c": ["1", "abc", "abc", "x", None]})
    _, _, remarks = transform_frame(frame, check_operations([{"op": "cast", "column": "c", "to": "number"}]))
    said = "3 values of “c” could not be turned into numbers and became missing: “abc” (2), “x” (1)."
    assert remarks == [loss("values_not_converted", said)]


@pytest.mark.parametrize(
    ("operations", "field", "words"),
    [
        ("drop", "operations", "list"),
        ([{"op": "dropp"}], "operations.0.op", "no operation"),
        ([{}], "operations.0.op", "missing"),
        ([7], "operations.0", "object"),
        ([{"op": "drop"}], "operations.0.columns", "missing"),
        ([{"op": "drop", "columns": []}], "operations.0.columns", "at least one"),
        ([{"op": "drop", "columns": ["a", "a"]}], "operations.0.columns", "repetitions"),
        ([{"op": "drop", "columns": ["a"], "colums": 1}], "operations.0.colums", "not a field"),
        ([{"op": "drop", "columns": ["nope"]}], "operations.0.columns", "no column"),
        ([{"op": "drop", "columns": list(COLUMNS)}], "operations.0.columns", "no column would be left"),
        ([{"op": "rename", "column": "a", "to": "b"}], "operations.0.to", "already"),
        ([{"op": "rename", "column": "a", "to": " "}], "operations.0.to", "name"),
        ([{"op": "rename", "column": "a", "to": "^x$"}], "operations.0.to", "name"),
        ([{"op": "sort", "column": "a"}, {"op": "cast", "column": "a", "to": "x"}], "operations.1.to", "one of"),
        ([{"op": "cast", "column": "d", "to": "number"}], "operations.0.to", "cannot be turned"),
        ([{"op": "fill", "column": "s", "with": "mean"}], "operations.0.with", "no mean"),
        ([{"op": "fill", "column": "a", "value": "x"}], "operations.0.value", "does not fit"),
        ([{"op": "fill", "column": "a"}], "operations.0.value", "missing"),
        ([{"op": "clip", "column": "s", "low": 1}], "operations.0.column", "only numbers"),
        ([{"op": "clip", "column": "a", "low": 2, "high": 1}], "operations.0.low", "above"),
        ([{"op": "clip", "column": "a", "low": float("nan")}], "operations.0.low", "a number"),
        ([{"op": "merge_categories", "column": "s"}], "operations.0.values", "one of"),
        ([{"op": "derive", "column": "z", "expression": "a +"}], "operations.0.expression", "character 4"),
        ([{"op": "filter", "expression": "a + 1"}], "operations.0.expression", "true or false"),
        ([{"op": "parse_dates", "column": "s", "format": "%Q"}], "operations.0.format", "%Q"),
        ([{"op": "parse_dates", "column": "s"}], "operations.0.order", "either"),
        ([{"op": "split", "column": "s", "into": ["a"], "delimiter": ","}], "operations.0.into", "already"),
        ([{"op": "sample"}], "operations.0.n", "either"),
        ([{"op": "sample", "n": 1.5}], "operations.0.n", "whole"),
        ([{"op": "sort", "column": "a"}] * 201, "operations", "200"),
    ],
)
def test_a_mistake_is_named_by_its_place_and_field(operations: Any, field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(table([]).lazy(), COLUMNS, check_operations(operations))
    assert caught.value.fields[0].field == field
    assert words.lower() in caught.value.detail.lower()


def test_every_operation_says_in_words_what_it_is() -> None:
    for kind in OPERATIONS.values():
        assert kind.title and kind.summary.endswith(".")
        assert len({field.name for field in kind.fields}) == len(kind.fields)


def _op(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": st.just(name), **fields})


def _columns(*kinds: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, kind in COLUMNS.items() if kind in kinds])


_ANY = st.sampled_from(list(COLUMNS))
_SMALL = st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.floats(-5, 5).map(lambda value: round(value, 1)))
_ROW_WISE = st.one_of(
    _op("rename", column=_ANY, to=st.just("new")),
    _op("drop", columns=st.lists(_ANY, min_size=1, max_size=3, unique=True)),
    _op("keep", columns=st.lists(_ANY, min_size=1, max_size=3, unique=True)),
    _op(
        "cast",
        column=_ANY,
        to=st.sampled_from(["number", "whole_number", "text", "boolean", "date", "datetime"]),
        decimal=st.sampled_from(".,"),
        unit=st.sampled_from(["", "kg", "a"]),
    ),
    _op(
        "parse_dates",
        column=_columns(Kind.TEXT, Kind.WHOLE),
        order=st.sampled_from(["ymd", "dmy", "mdy"]),
        to=st.sampled_from(["date", "datetime"]),
    ),
    _op("date_parts", column=st.just("m"), parts=st.just(["year", "quarter", "week", "weekday", "hour", "minute"])),
    _op("fill", column=_ANY, value=_SMALL),
    _op("mark_missing", columns=st.just(list(COLUMNS)), values=st.lists(_SMALL, min_size=1, unique_by=str)),
    _op("clip", column=_columns(Kind.WHOLE, Kind.NUMBER), low=st.integers(-3, 0), high=st.floats(0, 3)),
    _op(
        "map_values",
        column=_ANY,
        values=st.dictionaries(st.one_of(TEXTS, st.integers(-3, 3).map(str)), st.none() | _SMALL, min_size=1),
        other=st.sampled_from(["keep", "missing"]),
    ),
    _op("merge_categories", column=_columns(Kind.TEXT), values=st.lists(TEXTS, min_size=1, unique=True)),
    _op(
        "merge_categories",
        column=_columns(Kind.TEXT),
        min_count=st.just(2),
        keep=st.lists(TEXTS, min_size=1, unique=True),
    ),
    _op(
        "clean_text",
        columns=st.just(["s", "two words"]),
        trim=st.booleans(),
        collapse=st.booleans(),
        case=st.sampled_from(["keep", "lower", "upper", "title"]),
    ),
    _op("split", column=_columns(Kind.TEXT), into=st.just(["p", "q", "r"]), delimiter=st.sampled_from(" a1")),
    _op("split", column=_columns(Kind.TEXT), into=st.just(["p", "q"]), widths=st.just([2])),
    _op("derive", column=st.sampled_from(["new", "a", "s"]), expression=st.just("if(t, concat(s, a), text(x / 3))")),
)


@settings(max_examples=300, deadline=None)
@given(_ROW_WISE, ROWS)
def test_a_table_and_its_rows_come_out_the_same(operation: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    try:
        step = bind(check_operations([operation])[0], COLUMNS)
    except InvalidInput as error:
        assert error.fields
        return
    assert step.row is not None
    by_table = step.table(table(rows).lazy()).collect(engine="streaming")
    assert kinds_of_frame(by_table) == step.columns
    by_row = [dict(row) for row in rows]
    for row in by_row:
        step.row(row)
    assert [{name: row[name] for name in step.columns} for row in by_row] == by_table.to_dicts()
    assert title_of(check_operations([operation])[0])


_STEPS = st.lists(
    st.one_of(
        _ROW_WISE,
        _op("filter", expression=st.sampled_from(["a > 0", "s is not missing or t", "x < 1 or a is missing"])),
        _op("drop_duplicates", columns=st.just(["a"])),
        _op("drop_missing", columns=st.just(["t"])),
        _op("fill", column=_columns(Kind.WHOLE, Kind.NUMBER), **{"with": st.sampled_from(["mean", "median"])}),
        _op("sample", n=st.just(3)),
        _op("sort", column=_ANY),
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=80, deadline=None)
@given(_STEPS, ROWS, st.data())
def test_a_recipe_can_be_done_in_two_halves_or_again(
    operations: list[dict[str, Any]], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    frame, middle = table(rows), data.draw(st.integers(1, len(operations) - 1))
    try:
        whole = run(frame.lazy(), COLUMNS, check_operations(operations))
    except InvalidInput:
        return
    first = run(frame.lazy(), COLUMNS, check_operations(operations[:middle]))
    second = run(first.frame, first.columns, check_operations(operations[middle:]))
    assert (*first.operations, *second.operations) == whole.operations
    result = whole.frame.select(list(whole.columns)).collect()
    assert second.frame.select(list(second.columns)).collect().equals(result)
    again = run(frame.lazy(), COLUMNS, whole.operations)
    assert again.frame.select(list(again.columns)).collect().equals(result)
    assert again.operations == whole.operations


def test_kinds_cover_what_tables_hold() -> None:
    assert set(OF_KIND) == set(Kind)


@pytest.mark.parametrize(
    ("operation", "title"),
    [
        (
            {"op": "derive", "column": "fare", "expression": "log1p(`fare`)"},
            "Put “fare” on a logarithmic scale, log(1 + value)",
        ),
        (
            {"op": "derive", "column": "x", "expression": "log1p(`fare`)"},
            "Make “x”: “fare” on a logarithmic scale, log(1 + value)",
        ),
        ({"op": "derive", "column": "x", "expression": "log1p(`a`) + 1"}, "Compute “x” as log1p(`a`) + 1"),
        ({"op": "clip", "column": "x", "high": 14830}, "Keep “x” at most 14,830"),
    ],
)
def test_titles_need_no_training(operation: dict[str, Any], title: str) -> None:
    assert title_of(check_operations([operation])[0]) == title
