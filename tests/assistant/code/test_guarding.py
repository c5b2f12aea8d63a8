"""Code of which the checker has not looked at everything does not pass, whatever the checker thinks of it."""

import ast

import pytest

from flowml.assistant.code import checker
from flowml.assistant.code.checker import check
from flowml.assistant.code.guarding import overlooked
from flowml.assistant.code.kinds import POLARS, Kind, Value
from flowml.assistant.code.source import Refused

INSIDE = {
    "comprehension": "[{} for x in [1]]",
    "_condition": "[1 for x in [1] if {}]",
    "_repeated": "[1 for x in [{}]]",
    "_call": "pl.lit({})",
    "_attribute": "{}.alias('x')",
    "_subscript": "df[{}]",
    "_list": "[1, {}]",
    "_dict": "{{1: {}}}",
    "_formatted": "f'{{{}}}'",
    "operation": "1 + {}",
    "unary": "-{}",
    "comparison": "1 < {}",
    "_name": "open",
}


@pytest.mark.parametrize("turns_back", INSIDE)
def test_a_checker_that_turns_back_too_early_lets_nothing_through(
    monkeypatch: pytest.MonkeyPatch, turns_back: str
) -> None:
    found = Value(Kind.FUNCTION) if turns_back == "_attribute" else POLARS
    monkeypatch.setattr(checker._Checker, turns_back, lambda *_: found)
    with pytest.raises(Refused, match="may not stand here"):
        check(f"x = {INSIDE[turns_back].format('open(1)')}\ndf = df")


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "df = open",
        "df = df.__class__",
        "df = df.write_csv",
        "df = df.head(_n=1)",
        "df = df.head(**df)",
        "df = df.head(*df)",
        "df = lambda: df",
        "df = (x for x in df)",
        "df = {x for x in df}",
        "df = df if df else df",
        "df = (x := df)",
        "df = df @ df",
        "df = df << 1",
        "df += 1",
        "del df",
        "for x in df: pass",
        "df: int = 1",
        "df = [await x async for x in df]",
    ],
)
def test_what_code_may_not_have_is_found_even_where_all_was_looked_at(code: str) -> None:
    tree = ast.parse(code)
    assert list(overlooked(tree, set(ast.walk(tree)), {"df", "pl", "cs"}))


def test_what_was_looked_at_may_pass() -> None:
    tree = ast.parse('df = df.filter(pl.col("a") > 1).select([n for n in df.columns if n != f"{n}x" and not n])')
    assert not list(overlooked(tree, set(ast.walk(tree)), {"df", "pl", "cs"}))
    assert list(overlooked(tree, set(), {"df", "pl", "cs"}))


def test_a_refused_name_of_a_comprehension_is_told() -> None:
    with pytest.raises(Refused, match="stands for the table") as refused:
        check("x = [df.__class__ for df in [1] if open(1)]\ndf = df")
    assert len(refused.value.refusals) == 3
