"""From the text of an expression to its tree: a Pratt parser (“Top Down Operator Precedence”, 1973)."""

from flowml.data.recipes.expression.syntax import (
    LONGEST,
    Call,
    ColumnName,
    Membership,
    Missing,
    Node,
    Number,
    Text,
    Token,
    Truth,
    tokens,
    wrong,
)
from flowml.domain.errors import InvalidInput

_DEEPEST = 40
_MOST_NODES = 300
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")

# How strongly an operator binds what stands left of it.
_POWERS = {
    "or": 10,
    "and": 20,
    **dict.fromkeys(_COMPARISONS, 40),
    "in": 40,
    "is": 40,
    "not": 40,
    "+": 50,
    "-": 50,
    "*": 60,
    "/": 60,
    "%": 60,
    "^": 80,
}
_NOT, _COMPARISON, _SIGN, _POWER = 30, 40, 70, 80


def parse(text: str) -> Node:
    """The tree of an expression. Raises InvalidInput that says where it cannot be read and what was expected.

    >>> parse("1 + 2").function
    '+'
    """
    if len(text) > LONGEST:
        raise InvalidInput.of_field(
            "expression",
            f"The expression has {len(text):,} characters, and at most {LONGEST:,} are allowed.",
            hint="Compute it in several steps.",
        )
    if not text.strip():
        raise InvalidInput.of_field("expression", "The expression is empty.", hint="Write something like price * 2.")
    return _Parser(list(tokens(text))).whole()


class _Parser:
    def __init__(self, words: list[Token]):
        self._words = words
        self._place = 0
        self._depth = 0
        self._nodes = 0

    def whole(self) -> Node:
        found = self._expression(0)
        left = self._now
        if left.kind != "end":
            raise wrong(f"An operator or the end was expected, and {left.shown} follows", left.at, _hint(left))
        return found

    @property
    def _now(self) -> Token:
        return self._words[self._place]

    def _next(self) -> Token:
        token = self._now
        if token.kind != "end":
            self._place += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._now.kind in ("sign", "word") and self._now.text in texts

    def _expect(self, text: str, after: str) -> None:
        if not self._is(text):
            raise wrong(f"“{text}” was expected {after}, and {self._now.shown} follows", self._now.at)
        self._next()

    def _expression(self, power: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise wrong(f"The expression is nested more than {_DEEPEST} levels deep", self._now.at)
        left = self._operand()
        while self._now.kind in ("sign", "word") and _POWERS.get(self._now.text, 0) > power:
            left = self._operator(left)
        self._depth -= 1
        return left

    def _counted(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise wrong(f"The expression has more than {_MOST_NODES:,} parts", node.at)
        return node

    def _operand(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return self._counted(Number(_number(token), token.at))
        if token.kind == "text":
            return self._counted(Text(token.text, token.at))
        if token.kind == "column":
            return self._counted(ColumnName(token.text, token.at))
        if token.kind == "name":
            if self._is("("):
                return self._call(token)
            return self._counted(ColumnName(token.text, token.at))
        if token.kind == "word":
            if token.text in ("true", "false"):
                return self._counted(Truth(token.text == "true", token.at))
            if token.text in ("missing", "null"):
                return self._counted(Missing(token.at))
            if token.text == "not":
                return self._counted(Call("not", (self._expression(_NOT),), token.at))
        if token.kind == "sign" and token.text == "(":
            found = self._expression(0)
            self._expect(")", "at the end of the brackets")
            return found
        if token.kind == "sign" and token.text in "-+":
            operand = self._expression(_SIGN)
            if token.text == "+":
                return operand
            if isinstance(operand, Number):
                return Number(-operand.value, token.at)
            return self._counted(Call("-", (operand,), token.at))
        raise wrong(f"A column, a number or a text was expected, and {token.shown} follows", token.at)

    def _call(self, name: Token) -> Node:
        self._next()
        operands: list[Node] = []
        while not self._is(")"):
            if operands:
                self._expect(",", f"between the values of {name.text}(…), or “)” at their end")
            operands.append(self._expression(0))
        self._next()
        return self._counted(Call(name.text.lower(), tuple(operands), name.at))

    def _operator(self, left: Node) -> Node:
        token = self._next()
        if token.text == "not":
            if not self._is("in"):
                raise wrong("“in” was expected after this “not”", self._now.at)
            self._next()
            return self._counted(Call("not", (self._membership(left, token),), token.at))
        if token.text == "in":
            return self._membership(left, token)
        if token.text == "is":
            return self._missing(left, token)
        if token.text == "^":
            # From the right: 2 ^ 3 ^ 2 is 2 ^ 9.
            return self._counted(Call("^", (left, self._expression(_POWER - 1)), token.at))
        right = self._expression(_POWERS[token.text])
        if token.text in _COMPARISONS and self._is(*_COMPARISONS, "in", "is", "not"):
            raise wrong(
                "Two comparisons in a row cannot be understood", self._now.at, "Join them: 1 < age and age < 5."
            )
        return self._counted(Call(token.text, (left, right), token.at))

    def _membership(self, left: Node, token: Token) -> Node:
        self._expect("(", "after “in”")
        items = [self._expression(0)]
        while self._is(","):
            self._next()
            items.append(self._expression(0))
        self._expect(")", "at the end of the list")
        return self._counted(Membership(left, tuple(items), token.at))

    def _missing(self, left: Node, token: Token) -> Node:
        negated = self._is("not")
        if negated:
            self._next()
        if not self._is("missing", "null"):
            raise wrong(f"“missing” was expected after “is”, and {self._now.shown} follows", self._now.at)
        self._next()
        found = self._counted(Call("is missing", (left,), token.at))
        return self._counted(Call("not", (found,), token.at)) if negated else found


def _number(token: Token) -> int | float:
    if token.text.isdigit():
        whole = int(token.text) if len(token.text) < 20 else 2**63
        if whole < 2**63:
            return whole
    number = float(token.text)
    if number == float("inf"):
        raise wrong("This number is too large", token.at)
    return number


def _hint(token: Token) -> str | None:
    if token.kind in ("name", "column", "number"):
        return "A column name with blanks is put in `backticks`."
    return None
