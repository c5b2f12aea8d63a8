"""What operators may do, and numbers worked out where they are known: what takes Python for ever is refused."""

import ast
from abc import ABC, abstractmethod

from flowml.assistant.code.kinds import POLARS, TEXT, WORK_OUT, Kind, Value
from flowml.assistant.code.refusing import Refusing

LARGEST = 2.0**63
_HIGHEST_POWER = 1_000
OPERATORS = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.BitAnd,
    ast.BitOr,
    ast.BitXor,
)


class Operators(Refusing, ABC):
    """The part of the checker for them. `given` are the names that are there at first, `seen` what was looked at,
    `inside` the names of the comprehension that is looked at."""

    def __init__(self, source: str, names: dict[str, Value]):
        super().__init__(source, names)
        self.given = frozenset(names)
        self.seen: set[ast.AST] = set()
        self.inside: dict[str, Value] = {}

    @abstractmethod
    def value(self, node: ast.expr) -> Value:
        """What an expression is."""

    def operation(self, node: ast.BinOp) -> Value:
        """What comes of two values."""
        left, right = self.value(node.left), self.value(node.right)
        kinds = {left.kind, right.kind}
        if not isinstance(node.op, OPERATORS):
            self.refuse(node, "This operator is not allowed.", "There are + - * / // % ** & | and ^.")
        elif isinstance(node.op, ast.Mult) and kinds & {Kind.TEXT, Kind.LIST}:
            self.refuse(node, "Texts and lists are not multiplied here.", "Write it out, or take pl.repeat(…).")
        elif isinstance(node.op, ast.Mod) and left.kind is Kind.TEXT:
            self.refuse(node, "Texts are not put together with %.", 'Write pl.format("{} …", …).')
        elif isinstance(node.op, ast.Pow):
            return self._power(node, left, right)
        elif kinds == {Kind.NUMBER}:
            return self._figure(node, left, right)
        if kinds == {Kind.TEXT}:
            return TEXT
        return Value(Kind.LIST, element=left.element) if kinds == {Kind.LIST} else POLARS

    def _power(self, node: ast.BinOp, left: Value, right: Value) -> Value:
        if right.kind is Kind.NUMBER and (right.number is None or abs(right.number) > _HIGHEST_POWER):
            self.refuse(node, "This power is too high.", f"Up to {_HIGHEST_POWER:,} is allowed.")
            return Value(Kind.NUMBER)
        if left.kind is right.kind is Kind.NUMBER:
            return self._figure(node, left, right)
        return POLARS

    def _figure(self, node: ast.BinOp, left: Value, right: Value) -> Value:
        """Of two numbers, worked out where it is known: what Python would do with whole numbers of any length, is
        not."""
        if left.number is None or right.number is None:
            return Value(Kind.NUMBER)
        try:
            found = WORK_OUT[type(node.op)](left.number, right.number)
        except (ArithmeticError, ValueError, TypeError, KeyError):
            self.refuse(node, "This cannot be worked out.", "Is there a division by zero, or a far too large number?")
            return Value(Kind.NUMBER)
        if isinstance(found, complex) or abs(found) >= 2 * LARGEST:
            self.refuse(node, "This number is too large.", "Columns have 64 bits.")
            return Value(Kind.NUMBER)
        return Value(Kind.NUMBER, found)

    def unary(self, node: ast.UnaryOp) -> Value:
        """What comes of one."""
        found = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            self.refuse(node, "“not” does not work on columns.", "Write ~ in front of it, with brackets.")
            return POLARS
        if found.kind is Kind.NUMBER:
            number = found.number
            return Value(Kind.NUMBER, -number if number is not None and isinstance(node.op, ast.USub) else number)
        return found

    def comparison(self, node: ast.Compare) -> Value:
        """What comes of comparing values."""
        values = [self.value(part) for part in (node.left, *node.comparators)]
        if len(node.ops) > 1:
            self.refuse(node, "Two comparisons in one do not work on columns.", "Write is_between(low, high).")
        in_python = bool(self.inside) or all(value.kind is not Kind.POLARS for value in values)
        for operator in node.ops:
            if isinstance(operator, ast.In | ast.NotIn) and not in_python:
                self.refuse(node, "“in” does not work on columns.", "Write is_in([…]).")
            elif isinstance(operator, ast.Is | ast.IsNot) and not in_python:
                self.refuse(node, "“is” does not work on columns.", "Write is_null() or is_not_null().")
        return POLARS
