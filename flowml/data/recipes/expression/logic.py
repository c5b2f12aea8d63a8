"""Where values of one kind meet: comparisons, true and false, and choices between values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.expression import numbers
from flowml.data.recipes.expression.formula import Formula, Row, as_kind, literal, strict
from flowml.data.recipes.expression.functions import JOINING
from flowml.data.recipes.expression.syntax import Call, wrong
from flowml.data.recipes.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def together(operands: Sequence[Formula], at: int, what: str) -> list[Formula]:
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


def comparison(node: Call, operands: list[Formula]) -> Formula:
    sign = node.function
    for operand in operands:
        if operand.kind is None:
            raise wrong("Nothing is ever equal to “missing”", operand.at, "Write “is missing” or “is not missing”.")
    left, right = together(operands, node.at, f"“{sign}”")
    if left.kind is Kind.BOOLEAN and sign not in ("=", "!="):
        raise wrong("True and false have no order", node.at, "Compare them with = or !=.")
    compare = COMPARISONS[sign]
    return strict([left, right], Kind.BOOLEAN, compare, compare)


def logic(node: Call, operands: list[Formula]) -> Formula:
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


def is_missing(operand: Formula) -> Formula:
    return Formula(Kind.BOOLEAN, lambda: operand.table().is_null(), lambda values: operand.row(values) is None)


def joining(node: Call, operands: list[Formula]) -> Formula:
    name, usage = node.function, JOINING[node.function]
    if name == "if":
        if len(operands) != 3:
            raise wrong(f"if(…) does not take {len(operands)} values", node.at, f"It is written {usage}.")
        condition = operands[0]
        if condition.kind is not Kind.BOOLEAN:
            raise wrong("The first value of if(…) has to be true or false", condition.at, "Such as if(age > 18, 1, 0).")
        return _choice(condition, *together(operands[1:], node.at, "if(…)"))
    if not 1 <= len(operands) <= 100:
        raise wrong(f"{name}(…) does not take {len(operands)} values", node.at, f"It is written {usage}.")
    alike = together(operands, node.at, f"{name}(…)")
    if name == "coalesce":
        return _coalesce(alike)
    if alike[0].kind in (Kind.TEXT, Kind.BOOLEAN):
        assert alike[0].kind is not None
        raise wrong(f"{name}(…) needs numbers or dates, and these are {alike[0].kind.words}", node.at)
    return numbers.least(alike) if name == "min" else numbers.greatest(alike)


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
