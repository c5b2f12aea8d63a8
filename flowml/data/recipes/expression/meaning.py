"""From the tree of an expression to what it computes, with every kind of value checked on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import eq, ge, gt, itemgetter, le, lt, ne
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.expression import numbers
from flowml.data.recipes.expression.formula import Formula, Row, as_kind, literal, missing, strict
from flowml.data.recipes.expression.functions import FUNCTIONS, JOINING, NAMES, WORDS
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
from flowml.data.recipes.kinds import Columns, Kind, closest

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
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
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
        if node.function in _COMPARISONS:
            return _comparison(node, operands)
        if node.function in ("and", "or", "not"):
            return _logic(node, operands)
        if node.function == "is missing":
            return _is_missing(operands[0])
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
        together = _together([operand, *items], node.at, "“in”")
        operand, values = together[0], frozenset(item.constant for item in together[1:])
        return strict([operand], Kind.BOOLEAN, lambda value: value.is_in(sorted(values)), lambda value: value in values)

    def _function(self, node: Call, operands: list[Formula]) -> Formula:
        if node.function in JOINING:
            return _joining(node, operands)
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


def _together(operands: Sequence[Formula], at: int, what: str) -> list[Formula]:
    """The operands as one kind: numbers, texts, dates. Texts beside dates are read as dates. Raises InvalidInput."""
    kinds = [operand.kind for operand in operands if operand.kind is not None]
    if not kinds:
        raise wrong(f"{what} has no values to work with: all of them are missing", at)
    if any(kind.is_time for kind in kinds):
        operands = [_literal_date(operand) for operand in operands]
        kinds = [operand.kind for operand in operands if operand.kind is not None]
    kind = kinds[0]
    for other, operand in zip(kinds, (one for one in operands if one.kind is not None), strict=True):
        if other is kind:
            continue
        if other.is_number and kind.is_number:
            kind = Kind.NUMBER
        elif other.is_time and kind.is_time:
            kind = Kind.MOMENT
        else:
            raise wrong(
                f"{what} cannot work with {kind.words} and {other.words} at once",
                operand.at,
                "Texts are put in quotes; text(…), number(…) and date(…) change the kind of a value.",
            )
    return [as_kind(operand, kind) for operand in operands]


def _literal_date(operand: Formula) -> Formula:
    if operand.kind is not Kind.TEXT or operand.constant is None:
        return operand
    moment = scalars.moment_of(operand.constant)
    if moment is None:
        raise wrong(
            f"“{operand.constant[:40]}” is not a date", operand.at, "Dates are written “2026-01-31” or with “12:00”."
        )
    if len(operand.constant.strip(scalars.BLANKS)) == len("2026-01-31"):
        return literal(moment.date(), Kind.DATE, operand.at)
    return literal(moment, Kind.MOMENT, operand.at)


def _comparison(node: Call, operands: list[Formula]) -> Formula:
    sign = node.function
    for operand in operands:
        if operand.kind is None:
            raise wrong("Nothing is ever equal to “missing”", operand.at, "Write “is missing” or “is not missing”.")
    left, right = _together(operands, node.at, f"“{sign}”")
    if left.kind is Kind.BOOLEAN and sign not in ("=", "!="):
        raise wrong("True and false have no order", node.at, "Compare them with = or !=.")
    compare = _COMPARISONS[sign]
    return strict([left, right], Kind.BOOLEAN, compare, compare)


def _logic(node: Call, operands: list[Formula]) -> Formula:
    """With three values, as in SQL: missing and false is false, missing and true is missing."""
    known = []
    for operand in operands:
        operand = as_kind(operand, Kind.BOOLEAN) if operand.kind is None else operand
        if operand.kind is not Kind.BOOLEAN:
            assert operand.kind is not None
            raise wrong(
                f"“{node.function}” needs true or false, and these are {operand.kind.words}",
                operand.at,
                "Compare the value with something, such as age > 18.",
            )
        known.append(operand)
    if node.function == "not":
        return strict(known, Kind.BOOLEAN, lambda value: ~value, lambda value: not value)
    left, right = known
    deciding = node.function == "or"

    def row(values: Row) -> Any:
        first = left.row(values)
        if first is deciding:
            return deciding
        second = right.row(values)
        if second is deciding:
            return deciding
        return None if first is None or second is None else not deciding

    def table() -> pl.Expr:
        return left.table() | right.table() if deciding else left.table() & right.table()

    return Formula(Kind.BOOLEAN, table, row)


def _is_missing(operand: Formula) -> Formula:
    return Formula(Kind.BOOLEAN, lambda: operand.table().is_null(), lambda values: operand.row(values) is None)


def _joining(node: Call, operands: list[Formula]) -> Formula:
    name, usage = node.function, JOINING[node.function]
    if name == "if":
        if len(operands) != 3:
            raise wrong(f"if(…) does not take {len(operands)} values", node.at, f"It is written {usage}.")
        condition = operands[0]
        if condition.kind is not Kind.BOOLEAN:
            raise wrong("The first value of if(…) has to be true or false", condition.at, "Such as if(age > 18, 1, 0).")
        return _choice(condition, *_together(operands[1:], node.at, "if(…)"))
    if not 1 <= len(operands) <= 100:
        raise wrong(f"{name}(…) does not take {len(operands)} values", node.at, f"It is written {usage}.")
    together = _together(operands, node.at, f"{name}(…)")
    if name == "coalesce":
        return _coalesce(together)
    if together[0].kind in (Kind.TEXT, Kind.BOOLEAN):
        assert together[0].kind is not None
        raise wrong(f"{name}(…) needs numbers or dates, and these are {together[0].kind.words}", node.at)
    return numbers.least(together) if name == "min" else numbers.greatest(together)


def _choice(condition: Formula, then: Formula, otherwise: Formula) -> Formula:
    def table() -> pl.Expr:
        import polars as pl

        return pl.when(condition.table()).then(then.table()).otherwise(otherwise.table())

    test, yes, no = condition.row, then.row, otherwise.row
    return Formula(then.kind, table, lambda values: yes(values) if test(values) else no(values))


def _coalesce(operands: Sequence[Formula]) -> Formula:
    rows = [operand.row for operand in operands]

    def table() -> pl.Expr:
        import polars as pl

        return pl.coalesce(*(operand.table() for operand in operands))

    def row(values: Row) -> Any:
        return next((value for one in rows if (value := one(values)) is not None), None)

    return Formula(operands[0].kind, table, row)
