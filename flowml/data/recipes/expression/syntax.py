"""The words of an expression, and the tree that they make."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flowml.domain.errors import InvalidInput

LONGEST = 2_000
"""Characters of an expression."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?(?![\w.]))
    |(?P<name>[^\W\d]\w*)
    |`(?P<column>(?:[^`]|``)+)`
    |"(?P<double>(?:[^"]|"")*)"
    |'(?P<single>(?:[^']|'')*)'
    |(?P<sign>\*\*|==|!=|<>|<=|>=|[-+*/%^=<>(),])""",
    re.VERBOSE,
)
_SAME = {"**": "^", "==": "=", "<>": "!="}
WORDS = frozenset({"and", "or", "not", "in", "is", "missing", "null", "true", "false"})
_OPEN = {'"': "The text that begins", "'": "The text that begins", "`": "The column name that begins"}


@dataclass(frozen=True)
class Token:
    """`kind`: number, name, column, text, sign, word or end. `at` counts from 0."""

    kind: str
    text: str
    at: int

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else f"“{self.text[:40]}”"


@dataclass(frozen=True)
class Number:
    value: int | float
    at: int


@dataclass(frozen=True)
class Text:
    value: str
    at: int


@dataclass(frozen=True)
class Truth:
    value: bool
    at: int


@dataclass(frozen=True)
class Missing:
    at: int


@dataclass(frozen=True)
class ColumnName:
    name: str
    at: int


@dataclass(frozen=True)
class Call:
    """A function, or an operator by its sign: `-` with one operand is the sign in front of it."""

    function: str
    operands: "tuple[Node, ...]"
    at: int


@dataclass(frozen=True)
class Membership:
    """Whether the operand is one of the items."""

    operand: "Node"
    items: "tuple[Node, ...]"
    at: int


Node = Number | Text | Truth | Missing | ColumnName | Call | Membership


def wrong(message: str, at: int, hint: str | None = None) -> InvalidInput:
    """What is wrong with an expression, and where: characters are counted from 1."""
    return InvalidInput.of_field("expression", f"{message} (character {at + 1} of the expression).", hint=hint)


def tokens(text: str) -> Iterator[Token]:
    """The words, with one that marks the end. Raises InvalidInput for characters that mean nothing."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unknown(text, at)
        kind = found.lastgroup or ""
        content = found[kind]
        if kind == "name" and content.lower() in WORDS:
            yield Token("word", content.lower(), at)
        elif kind == "column":
            yield Token("column", content.replace("``", "`"), at)
        elif kind in ("double", "single"):
            quote = found[0][0]
            yield Token("text", content.replace(quote * 2, quote), at)
        elif kind == "sign":
            yield Token("sign", _SAME.get(content, content), at)
        elif kind != "blank":
            yield Token(kind, content, at)
        at = found.end()
    yield Token("end", "", at)


def _unknown(text: str, at: int) -> InvalidInput:
    character = text[at]
    if character in _OPEN:
        return wrong(f"{_OPEN[character]} here has no end: a second {character} is needed", at)
    if character.isdigit():
        return wrong("This number cannot be read", at, "Write 1234.5, without other signs.")
    return wrong(
        f"“{character}” means nothing here", at, "A column whose name has such a character is put in `backticks`."
    )
