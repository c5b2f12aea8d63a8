"""Expressions mean the same for a table and for a row, and say what is wrong with them."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.recipes.expression.meaning import columns_of, compile_expression
from flowml.data.recipes.kinds import Kind
from flowml.domain.errors import InvalidInput
from tests.data.recipes.tables import COLUMNS, ROWS, TEXTS, table

ROW: dict[str, Any] = {
    "a": 7,
    "b": None,
    "x": 2.5,
    "y": 0.0,
    "s": "Ulm an der Donau",
    "two words": "x",
    "d": date(2024, 2, 29),
    "m": datetime(2024, 3, 1, 12),  # noqa: DTZ001
    "t": True,
}


def in_table(expression: str, rows: list[dict[str, Any]]) -> list[Any]:
    """What an expression gives for a table; checks that it is of the kind that was promised."""
    formula = compile_expression(expression, COLUMNS)
    assert formula.kind is not None
    found = table(rows).lazy().with_columns(formula.table().alias("result")).collect(engine="streaming")["result"]
    assert found.dtype == formula.kind.polars
    return found.to_list()


def in_row(expression: str, row: dict[str, Any]) -> Any:
    return compile_expression(expression, COLUMNS).row(row)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + 1", 8),
        ("a / 2", 3.5),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 ^ 2", -4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("a % 4", 3),
        ("-a % 4", 1),
        ("x % 1", 0.5),
        ("a / y", None),
        ("a % 0", None),
        ("b + 1", None),
        ("log(y)", None),
        ("log(-1)", None),
        ("sqrt(-1)", None),
        ("exp(1000)", None),
        ("9000000000000000000 + 9000000000000000000", None),
        ("9007199254740993 - 1", 9007199254740992),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(1234.567, 1)", 1234.6),
        ("round(1234.567, -2)", 1200.0),
        ("min(a, b, 3)", 3),
        ("max(a, x)", 7.0),
        ("coalesce(b, a)", 7),
        ("if(a > 5 and t, 'big', 'small')", "big"),
        ("if(b > 5, 1, 0)", 0),
        ("if(b is missing, missing, 1)", None),
        ("b > 1", None),
        ("b > 1 or t", True),
        ("b > 1 and not t", False),
        ("b > 1 and t", None),
        ("t and b > 1", None),
        ("b > 1 or not t", None),
        ("not (b > 1)", None),
        ("b is missing", True),
        ("a is not missing", True),
        ("a in (1, 7)", True),
        ("a not in (1, 7.0)", False),
        ("s in ('x')", False),
        ("d in ('2024-02-29')", True),
        ("d < '2024-03-01'", True),
        ("m > d", True),
        ("days_between(d, m)", 1.5),
        ("year(d) * 100 + month(d)", 202402),
        ("weekday(d)", 4),
        ("hour(m)", 12),
        ("date(m) = date('2024-03-01')", True),
        ("length(s)", 16),
        ("upper(substring(s, 1, 3))", "ULM"),
        ("substring(s, 8)", "der Donau"),
        ("contains(s, 'an') and starts_with(s, 'Ulm') and ends_with(s, 'au')", True),
        ("replace(s, ' ', '')", "UlmanderDonau"),
        ("concat(s, ', ', a, b)", "Ulm an der Donau, 7"),
        ("number('1,200.5 €')", 1200.5),
        ("number('n/a')", None),
        ("text(x)", "2.5"),
        ("text(3.0)", "3"),
        ("`two words` = 'x'", True),
        ('"it""s"', 'it"s'),
        ("trim('  a ')", "a"),
        ("TRUE AND t", True),
    ],
)
def test_an_expression_gives_what_its_words_say(expression: str, expected: Any) -> None:
    assert in_row(expression, ROW) == expected
    assert in_table(expression, [ROW]) == [expected]


@pytest.mark.parametrize(
    ("expression", "place", "words"),
    [
        ("a +", 4, "a column, a number or a text was expected"),
        ("a b", 3, "an operator or the end was expected"),
        ("(a", 3, "“)” was expected"),
        ("agee > 1", 1, "there is no column “agee”"),
        ("a + s", 5, "“+” needs numbers"),
        ("s > 1", 5, "cannot work with texts and whole numbers"),
        ("length(a)", 8, "needs a text"),
        ("log(1, 2)", 1, "does not take 2 values"),
        ("lenght(s)", 1, "there is no function “lenght”"),
        ("a = missing", 5, "nothing is ever equal"),
        ("a < b < 3", 7, "two comparisons"),
        ("d > 'soon'", 5, "is not a date"),
        ("'abc", 1, "has no end"),
        ("a $ b", 3, "means nothing"),
        ("round(x, a)", 10, "has to be written out"),
        ("a in (b)", 7, "written out"),
        ("not a", 5, "needs true or false"),
        ("if(a, 1, 2)", 4, "has to be true or false"),
        ("12abc", 1, "cannot be read"),
    ],
)
def test_an_error_names_the_place_and_what_was_expected(expression: str, place: int, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_expression(expression, COLUMNS)
    assert words in caught.value.detail.lower()
    assert f"(character {place} of the expression)" in caught.value.detail
    assert caught.value.fields[0].field == "expression"


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("Two_words", "two words"),
        ("A + 1", "“a”"),
        ("lenght(s)", "length"),
        ("'a' + 1", "`a`"),
        ("min > 1", "brackets"),
    ],
)
def test_a_hint_says_what_was_probably_meant(expression: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_expression(expression, COLUMNS)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "expression", ["(" * 100 + "a", "a" + "+a" * 500, "not " * 200 + "t", "1" * 3000, "a" + "+1" * 290]
)
def test_expressions_beyond_measure_are_refused_in_words(expression: str) -> None:
    with pytest.raises(InvalidInput):
        compile_expression(expression, COLUMNS)


def test_the_longest_chain_that_is_allowed_computes() -> None:
    assert in_row("a" + "+1" * 140, ROW) == 147
    assert in_table("a" + "+1" * 140, [ROW]) == [147]


def test_a_text_cannot_be_blown_up_beyond_measure() -> None:
    long = {**ROW, "s": "a" * 90_000}
    for expression in ("replace(s, 'a', 'bbb')", "concat(s, s)"):
        assert in_row(expression, long) is None
        assert in_table(expression, [long]) == [None]


def test_columns_of_an_expression_are_found() -> None:
    assert columns_of("if(a in (1, 2), `two words`, s)") == ("a", "two words", "s")


_SIGNS = ("=", "!=", "<", "<=", ">", ">=")
_W, _N, _T, _B, _D, _M = Kind.WHOLE, Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN, Kind.DATE, Kind.MOMENT
# By kind: how an expression of it is made of others, {} for each.
_SHAPES: dict[Kind, tuple[tuple[str, tuple[Kind, ...]], ...]] = {
    _W: (
        *((f"({{}} {sign} {{}})", (_W, _W)) for sign in "+-*%"),
        ("(-{})", (_W,)),
        ("abs({})", (_W,)),
        ("length({})", (_T,)),
        ("year({})", (_D,)),
        ("weekday({})", (_M,)),
        ("min({}, {})", (_W, _W)),
        ("coalesce({}, {})", (_W, _W)),
        ("if({}, {}, {})", (_B, _W, _W)),
        ("number({})", (_B,)),
    ),
    _N: (
        *((f"({{}} {sign} {{}})", (_N, _N)) for sign in "+-*/%^"),
        *((f"({{}} {sign} {{}})", (_W, _N)) for sign in "+/%^"),
        *((f"{name}({{}})", (_N,)) for name in ("abs", "round", "floor", "ceil", "sqrt")),
        *((f"{name}({{}})", (_N,)) for name in ("log", "log10", "log1p", "exp")),
        *((f"round({{}}, {decimals})", (_N,)) for decimals in (-3, 1, 4)),
        ("max({}, {})", (_W, _N)),
        ("number({})", (_T,)),
        ("days_between({}, {})", (_D, _M)),
        ("if({}, {}, {})", (_B, _N, _W)),
    ),
    _T: (
        *((f"{name}({{}})", (_T,)) for name in ("lower", "upper", "trim")),
        *(("text({})", (kind,)) for kind in Kind),
        ("concat({}, {}, {})", (_T, _W, _T)),
        ("substring({}, {})", (_T, _W)),
        ("substring({}, {}, {})", (_T, _W, _W)),
        ("replace({}, 'a', 'bb')", (_T,)),
        ("replace({}, 'aa', '')", (_T,)),
        ("if({}, {}, {})", (_B, _T, _T)),
        ("coalesce({}, {})", (_T, _T)),
    ),
    _B: (
        *((f"({{}} {sign} {{}})", kinds) for sign in _SIGNS for kinds in ((_W, _N), (_W, _W), (_T, _T), (_D, _M))),
        *((f"({{}} {word} {{}})", (_B, _B)) for word in ("and", "or")),
        ("(not {})", (_B,)),
        *(("({} is missing)", (kind,)) for kind in Kind),
        *((f"{name}({{}}, {{}})", (_T, _T)) for name in ("contains", "starts_with", "ends_with")),
        ("({} in (1, 2, 3.5))", (_W,)),
        ("({} not in ('a', ''))", (_T,)),
    ),
    _D: (("date({})", (_T,)), ("date({})", (_M,))),
    _M: (("if({}, {}, {})", (_B, _M, _D)),),
}
_LEAVES: dict[Kind, st.SearchStrategy[str]] = {
    _W: st.one_of(st.sampled_from(["a", "b"]), st.integers(0, 2**63 - 1).map(str)),
    _N: st.one_of(st.sampled_from(["x", "y"]), st.floats(0, 1e300).map(repr)),
    _T: st.one_of(st.sampled_from(["s", "`two words`"]), TEXTS.map(lambda text: "'" + text.replace("'", "''") + "'")),
    _B: st.sampled_from(["t", "true", "false"]),
    _D: st.sampled_from(["d", "date('2020-02-29')"]),
    _M: st.just("m"),
}


def _write(draw: st.DrawFn, kind: Kind, depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(_LEAVES[kind])
    shape, kinds = draw(st.sampled_from(_SHAPES[kind]))
    return shape.format(*(_write(draw, one, depth - 1) for one in kinds))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    return _write(draw, draw(st.sampled_from(list(Kind))), draw(st.integers(1, 4)))


@settings(max_examples=200, deadline=None)
@given(expressions(), ROWS)
def test_a_table_and_its_rows_give_the_same(expression: str, rows: list[dict[str, Any]]) -> None:
    try:
        formula = compile_expression(expression, COLUMNS)
    except InvalidInput as error:
        assert any(word in error.detail for word in ("deep", "parts", "characters")), error.detail
        return
    by_row = [formula.row(row) for row in rows]
    assert in_table(expression, rows) == by_row
    assert not any(isinstance(value, float) and (value != value or abs(value) == float("inf")) for value in by_row)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab `'\"()+-*/^%<>=!,.1e\n$\u00e4iftnots", max_size=40))
def test_any_text_is_computed_or_refused_in_words(text: str) -> None:
    try:
        formula = compile_expression(text, COLUMNS)
    except InvalidInput as error:
        assert error.detail.endswith(".")
    else:
        formula.row(ROW)
        table([ROW]).select(formula.table() if formula.kind else pl.lit(1))
