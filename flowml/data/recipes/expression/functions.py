"""Every function of the language, as one table: what it takes, and who computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowml.data.recipes.expression import numbers, texts
from flowml.data.recipes.expression.formula import Formula
from flowml.data.recipes.kinds import Kind

_NUMBERS = frozenset({Kind.WHOLE, Kind.NUMBER})
_WHOLE = frozenset({Kind.WHOLE})
_TEXTS = frozenset({Kind.TEXT})
_TIMES = frozenset({Kind.DATE, Kind.MOMENT})
_MOMENTS = frozenset({Kind.MOMENT})
_ALL = frozenset(Kind)
WORDS = {
    _NUMBERS: "a number",
    _WHOLE: "a whole number",
    _TEXTS: "a text",
    _TIMES: "a date",
    _MOMENTS: "a date with a time",
    _ALL: "a value",
}


@dataclass(frozen=True)
class Function:
    """`takes` are the kinds of its operands, the last one repeated up to `most`; `literal` which must be written out,
    by place. The last `optional` operands may be left out."""

    usage: str
    takes: tuple[frozenset[Kind], ...]
    make: Callable[[Sequence[Formula]], Formula]
    most: int = 0
    optional: int = 0
    literal: tuple[int, ...] = ()

    @property
    def least_operands(self) -> int:
        return len(self.takes) - self.optional

    @property
    def most_operands(self) -> int:
        return max(self.most, len(self.takes))

    def kinds(self, place: int) -> frozenset[Kind]:
        return self.takes[min(place, len(self.takes) - 1)]


_MANY = 100

FUNCTIONS: dict[str, Function] = {
    "abs": Function("abs(number)", (_NUMBERS,), numbers.absolute),
    "round": Function("round(number, decimals)", (_NUMBERS, _WHOLE), numbers.round_to, optional=1, literal=(1,)),
    "floor": Function("floor(number)", (_NUMBERS,), numbers.floor),
    "ceil": Function("ceil(number)", (_NUMBERS,), numbers.ceil),
    "log": Function("log(number)", (_NUMBERS,), numbers.log),
    "log10": Function("log10(number)", (_NUMBERS,), numbers.log10),
    "log1p": Function("log1p(number)", (_NUMBERS,), numbers.log1p),
    "exp": Function("exp(number)", (_NUMBERS,), numbers.exp),
    "sqrt": Function("sqrt(number)", (_NUMBERS,), numbers.square_root),
    "length": Function("length(text)", (_TEXTS,), texts.length),
    "lower": Function("lower(text)", (_TEXTS,), texts.lower),
    "upper": Function("upper(text)", (_TEXTS,), texts.upper),
    "trim": Function("trim(text)", (_TEXTS,), texts.trim),
    "contains": Function("contains(text, part)", (_TEXTS, _TEXTS), texts.contains),
    "starts_with": Function("starts_with(text, part)", (_TEXTS, _TEXTS), texts.starts_with),
    "ends_with": Function("ends_with(text, part)", (_TEXTS, _TEXTS), texts.ends_with),
    "replace": Function("replace(text, old, new)", (_TEXTS, _TEXTS, _TEXTS), texts.replace, literal=(1, 2)),
    "substring": Function("substring(text, start, length)", (_TEXTS, _WHOLE, _WHOLE), texts.substring, optional=1),
    "concat": Function("concat(value, value, …)", (_ALL,), texts.concat, most=_MANY),
    "text": Function("text(value)", (_ALL,), texts.as_text),
    "number": Function("number(value)", (_ALL - _TIMES,), texts.as_number),
    "date": Function("date(value)", (_TEXTS | _TIMES,), texts.as_date),
    "year": Function("year(date)", (_TIMES,), texts.year),
    "month": Function("month(date)", (_TIMES,), texts.month),
    "day": Function("day(date)", (_TIMES,), texts.day),
    "weekday": Function("weekday(date)", (_TIMES,), texts.weekday),
    "hour": Function("hour(date)", (_MOMENTS,), texts.hour),
    "days_between": Function("days_between(from, to)", (_TIMES, _TIMES), texts.days_between),
}
# These take operands of any kind that go together, and are made by `meaning`.
JOINING = {
    "if": "if(condition, value, otherwise)",
    "coalesce": "coalesce(value, value, …)",
    "min": "min(value, value, …)",
    "max": "max(value, value, …)",
}
NAMES = (*FUNCTIONS, *JOINING)
