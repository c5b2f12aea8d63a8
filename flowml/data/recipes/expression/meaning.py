"""From the tree of an expression to what it computes, with every kind of value checked on the way."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

from flowml.data.recipes.expression import numbers
from flowml.data.recipes.expression.formula import Formula, as_kind, literal, missing, strict
from flowml.data.recipes.expression.functions import FUNCTIONS, JOINING, NAMES, WORDS
from flowml.data.recipes.expression.logic import COMPARISONS, comparison, is_missing, joining, logic, together
from flowml.data.recipes.expression.parser import parse
from flowml.data.recipes.expression.syntax import (
    Call,
    ColumnName,
    Membership,
    Missing,
    Node,
    Number,
    Text,
    Truth,
    wrong,
)
from flowml.data.recipes.kinds import Columns, Kind
from flowml.domain.names import closest

if TYPE_CHECKING:
    import polars as pl

_ARITHMETIC = {
    "+": numbers.sum_of,
    "-": numbers.difference,
    "*": numbers.product,
    "/": numbers.quotient,
    "%": numbers.remainder,
    "^": numbers.power,
}
_HINTS = {
    Kind.TEXT: "Texts are joined by concat(…), and read as numbers by number(…).",
    Kind.DATE: "The time between two dates is days_between(from, to).",
    Kind.MOMENT: "The time between two dates is days_between(from, to).",
    Kind.BOOLEAN: "Make it a number with number(…).",
}


def compile_expression(text: str, columns: Columns) -> Formula:
    """What an expression over these columns computes. Raises InvalidInput that names the place and what was expected.

    >>> compile_expression("if(a > 1, 0, a + 1)", {"a": Kind.WHOLE}).row({"a": 1})
    2
    """
    return _Compiler(columns).formula(parse(text))


def columns_of(text: str) -> tuple[str, ...]:
    """The names that an expression mentions, in order. Raises InvalidInput where it cannot be read."""
    found: dict[str, None] = {}
    waiting = [parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ColumnName):
            found[node.name] = None
        elif isinstance(node, Call):
            waiting.extend(reversed(node.operands))
        elif isinstance(node, Membership):
            waiting.append(node.operand)
    return tuple(found)


class _Compiler:
    def __init__(self, columns: Columns):
        self._columns = columns

    def formula(self, node: Node) -> Formula:
        return replace(self._formula(node), at=node.at)

    def _formula(self, node: Node) -> Formula:
        if isinstance(node, Number):
            return literal(node.value, Kind.WHOLE if isinstance(node.value, int) else Kind.NUMBER)
        if isinstance(node, Text):
            return literal(node.value, Kind.TEXT)
        if isinstance(node, Truth):
            return literal(node.value, Kind.BOOLEAN)
        if isinstance(node, Missing):
            return missing(None)
        if isinstance(node, ColumnName):
            return self._column(node)
        if isinstance(node, Membership):
            return self._membership(node)
        operands = [self.formula(operand) for operand in node.operands]
        if node.function in _ARITHMETIC or node.function == "-":
            return self._arithmetic(node, operands)
        if node.function in COMPARISONS:
            return comparison(node, operands)
        if node.function in ("and", "or", "not"):
            return logic(node, operands)
        if node.function == "is missing":
            return is_missing(operands[0])
        return self._function(node, operands)

    def _column(self, node: ColumnName) -> Formula:
        name = node.name
        if name not in self._columns:
            close = closest(name, list(self._columns))
            if close is not None:
                hint = f"Did you mean “{close}”?"
            elif name.lower() in NAMES:
                hint = "A function is followed by its values in brackets."
            else:
                hint = "A text is put in quotes; the column names are those of the table at this step."
            raise wrong(f"There is no column “{name}”", node.at, hint)

        def table() -> pl.Expr:
            import polars as pl

            return pl.col(name)

        return Formula(self._columns[name], table, itemgetter(name))

    def _arithmetic(self, node: Call, operands: list[Formula]) -> Formula:
        for operand in operands:
            if operand.kind is not None and not operand.kind.is_number:
                hint = _HINTS[operand.kind]
                if operand.kind is Kind.TEXT and operand.constant in self._columns:
                    hint = f"“{operand.constant}” in quotes is a text: the column is written `{operand.constant}`."
                raise wrong(f"“{node.function}” needs numbers, and these are {operand.kind.words}", operand.at, hint)
        known = [as_kind(operand, Kind.NUMBER) if operand.kind is None else operand for operand in operands]
        if len(known) == 1:
            return numbers.negative(known)
        return _ARITHMETIC[node.function](known)

    def _membership(self, node: Membership) -> Formula:
        operand = self.formula(node.operand)
        items = []
        for item in node.items:
            found = self.formula(item)
            if found.constant is None:
                raise wrong("The list after “in” takes numbers, texts, true and false that are written out", item.at)
            items.append(found)
        alike = together([operand, *items], node.at, "“in”")
        operand, values = alike[0], frozenset(item.constant for item in alike[1:])
        return strict([operand], Kind.BOOLEAN, lambda value: value.is_in(sorted(values)), lambda value: value in values)

    def _function(self, node: Call, operands: list[Formula]) -> Formula:
        if node.function in JOINING:
            return joining(node, operands)
        if node.function not in FUNCTIONS:
            close = closest(node.function, NAMES)
            hint = f"Did you mean {close}?" if close else f"The functions are: {', '.join(NAMES)}."
            raise wrong(f"There is no function “{node.function}”", node.at, hint)
        function = FUNCTIONS[node.function]
        if not function.least_operands <= len(operands) <= function.most_operands:
            raise wrong(
                f"{node.function}(…) does not take {len(operands)} values", node.at, f"It is written {function.usage}."
            )
        known = []
        for place, operand in enumerate(operands):
            kinds = function.kinds(place)
            if operand.kind is None:
                # Any of them: the result is missing anyway.
                operand = as_kind(operand, min(kinds))
            if operand.kind not in kinds:
                wanted = WORDS.get(kinds, "another kind of value")
                raise wrong(
                    f"{node.function}(…) needs {wanted} here, and these are {operand.kind and operand.kind.words}",
                    operand.at,
                    f"It is written {function.usage}.",
                )
            if place in function.literal:
                _check_literal(node.function, operand, place)
            known.append(operand)
        return function.make(known)


def _check_literal(function: str, operand: Formula, place: int) -> None:
    if operand.constant is None:
        raise wrong(f"This value of {function}(…) has to be written out, it cannot be computed", operand.at)
    if function == "round" and not -15 <= operand.constant <= 15:
        raise wrong("A number is rounded to -15 to 15 decimals", operand.at)
    if function == "replace" and place == 1 and not operand.constant:
        raise wrong("What is to be replaced is empty", operand.at)
