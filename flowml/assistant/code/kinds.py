"""What values in code are, as far as it matters for what may be done with them."""

import ast
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Kind(Enum):
    """What a value is, as far as it matters for what may be done with it."""

    POLARS = auto()
    """A table, a column, an expression, or a value that came out of one."""
    NUMBER = auto()
    TEXT = auto()
    LIST = auto()
    TYPE = auto()
    MODULE = auto()
    SELECTORS = auto()
    NAMESPACE = auto()
    FUNCTION = auto()
    REFUSED = auto()
    """Something that was refused already; what is done with it is looked at as if it were of Polars."""


@dataclass(frozen=True)
class Value:
    """A kind, a number's value where it is known, what a list's elements are, and which namespace it is."""

    kind: Kind
    number: float | None = None
    element: Kind = Kind.POLARS
    name: str = ""


POLARS = Value(Kind.POLARS)
TEXT = Value(Kind.TEXT)
REFUSED = Value(Kind.REFUSED)

WORK_OUT: dict[type[ast.operator], Any] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
    ast.BitAnd: lambda a, b: float(int(a) & int(b)),
    ast.BitOr: lambda a, b: float(int(a) | int(b)),
    ast.BitXor: lambda a, b: float(int(a) ^ int(b)),
}
"""Two numbers, worked out as Python would."""


def common(values: list[Value]) -> Kind:
    """What all of these are; of Polars where they differ."""
    kinds = {value.kind for value in values}
    return kinds.pop() if len(kinds) == 1 else Kind.POLARS
