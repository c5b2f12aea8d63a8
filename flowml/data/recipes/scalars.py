"""One value of one kind as another kind. Tables are converted by the same functions, value by value, so that a row and
a table agree to the last digit; a column's repeated texts are converted once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flowml.data.recipes.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

BLANKS = (
    " \t\n\r\x0b\x0c\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000\ufeff"
)
"""What is blank, written out: Unicode's own list changes between versions of libraries."""

LEAST_WHOLE, LARGEST_WHOLE = -(2**63), 2**63 - 1
CURRENCIES = "$€£¥₹₽₩₺₪%"
"""Signs beside numbers that are left out, the percent sign among them."""
_GROUPS = {".": "[,'’ \u00a0\u202f\u2009]", ",": "[.'’ \u00a0\u202f\u2009]"}
_NUMBER = {
    decimal: re.compile(
        rf"[-+]?(?:[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+|[0-9]+|(?=\{decimal}[0-9]))(?:\{decimal}[0-9]*)?(?:[eE][-+]?[0-9]{{1,3}})?"
    )
    for decimal, groups in _GROUPS.items()
}
_DROPPED = {decimal: re.compile(groups) for decimal, groups in _GROUPS.items()}
_LONGEST_NUMBER = 400
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")
# Times are kept in UTC without a zone.
_FIRST_MOMENT, _LAST_MOMENT = datetime.min, datetime.max  # noqa: DTZ901
_TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}

Convert = Callable[[Any], Any]


def text_of(value: Any) -> str:
    """The value as a person would type it.

    >>> text_of(3.0), text_of(True), text_of(date(2020, 1, 2)), text_of(1e-7)
    ('3', 'true', '2020-01-02', '1e-07')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def number_of(text: str, decimal: str = ".", unit: str = "") -> float | None:
    """The number that a text is, with thousands separators, a currency or percent sign and the unit left out.

    >>> number_of(" 1,200.50 € "), number_of("1.200,5", ","), number_of("12 %"), number_of("n/a")
    (1200.5, 1200.5, 12.0, None)
    >>> number_of("42 kg", unit="kg"), number_of("-CHF 42", unit="CHF"), number_of("42 g", unit="kg"), number_of("(42)")
    (42.0, -42.0, None, -42.0)
    """
    digits = _digits(text, decimal, unit)
    if digits is None:
        return None
    number = float(digits)
    return number if math.isfinite(number) else None


def whole_of(text: str, decimal: str = ".", unit: str = "") -> int | None:
    """The whole number that a text is, every digit kept; None for one with decimals or beyond 64 bits.

    >>> whole_of("9007199254740993"), whole_of("3.0"), whole_of("3.5")
    (9007199254740993, 3, None)
    """
    digits = _digits(text, decimal, unit)
    if digits is None:
        return None
    if digits.lstrip("+-").isdigit():
        whole = int(digits)
        return whole if LEAST_WHOLE <= whole <= LARGEST_WHOLE else None
    return whole_of_number(float(digits))


def whole_of_number(number: float) -> int | None:
    """The same whole number in another form; None for one that has decimals."""
    if not math.isfinite(number) or not number.is_integer() or not -(2.0**63) <= number < 2.0**63:
        return None
    return int(number)


def truth_of(text: str) -> bool | None:
    """Yes and no in their spellings.

    >>> truth_of(" Yes"), truth_of("0"), truth_of("maybe")
    (True, False, None)
    """
    return _TRUTH.get(text.strip(BLANKS).lower())


def date_of(text: str) -> date | None:
    """An ISO 8601 date; of one with a time, its day."""
    moment = moment_of(text)
    return None if moment is None else moment.date()


def moment_of(text: str) -> datetime | None:
    """An ISO 8601 date with or without a time, without a zone.

    >>> moment_of("2020-01-31 12:30"), moment_of("2020-02-31")
    (datetime.datetime(2020, 1, 31, 12, 30), None)
    """
    text = text.strip(BLANKS)
    if not _DATE.fullmatch(text) and not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _digits(text: str, decimal: str, unit: str = "") -> str | None:
    text = text.strip(BLANKS)
    if len(text) > _LONGEST_NUMBER:
        return None
    if text.startswith("(") and text.endswith(")"):
        # How bookkeepers write a negative number.
        text = f"-{text[1:-1]}"
    text = text.strip(BLANKS + CURRENCIES).removesuffix(unit).removeprefix(unit).strip(BLANKS + CURRENCIES)
    for minus in "-+−–":
        # “-€12”, “- 12”
        if text.startswith(minus):
            sign = "+" if minus == "+" else "-"
            text = sign + text[1:].lstrip(BLANKS + CURRENCIES).removeprefix(unit).lstrip(BLANKS + CURRENCIES)
    if not _NUMBER[decimal].fullmatch(text):
        return None
    return _DROPPED[decimal].sub("", text).replace(decimal, ".")


def in_range(values: pl.Series) -> pl.Series:
    """Dates that Python knows as well; those before the year 1 and after 9999 are made missing."""
    import polars as pl

    if not values.dtype.is_temporal() or values.is_empty():
        return values
    low, high = (date.min, date.max) if values.dtype == pl.Date else (_FIRST_MOMENT, _LAST_MOMENT)
    return values.set(~values.is_between(low, high), None)


def by_value(expression: pl.Expr, convert: Convert, kind: Kind) -> pl.Expr:
    """Each present value converted by a Python function; what it gives None for is missing."""
    import polars as pl

    dtype = kind.polars

    def converted(values: pl.Series) -> pl.Series:
        if values.dtype == pl.String:
            known = {value: convert(value) for value in values.drop_nulls().unique().to_list()}
            known[None] = None
            return pl.Series(values.name, [known[value] for value in values.to_list()], dtype=dtype)
        found = [None if value is None else convert(value) for value in in_range(values).to_list()]
        return pl.Series(values.name, found, dtype=dtype)

    return expression.map_batches(converted, return_dtype=dtype, is_elementwise=True)


def by_values(expressions: list[pl.Expr], convert: Callable[..., Any], kind: Kind) -> pl.Expr:
    """The same for several values of a row; missing where one of them is."""
    import polars as pl

    dtype = kind.polars

    def converted(rows: pl.Series) -> pl.Series:
        columns = [column.to_list() for column in rows.struct.unnest().get_columns()]
        found = [None if None in row else convert(*row) for row in zip(*columns, strict=True)]
        return pl.Series(rows.name, found, dtype=dtype)

    together = pl.struct(expression.alias(str(place)) for place, expression in enumerate(expressions))
    return together.map_batches(converted, return_dtype=dtype, is_elementwise=True)


def once(expressions: list[pl.Expr], compute: Callable[..., pl.Expr], kind: Kind) -> pl.Expr:
    """An expression that names its operands several times. They are computed once: an expression of expressions that
    each name theirs twice would double with every level."""
    import polars as pl

    names = [str(place) for place in range(len(expressions))]
    inner = compute(*map(pl.col, names)).alias("result")
    dtype = kind.polars

    def computed(rows: pl.Series) -> pl.Series:
        return rows.struct.unnest().select(inner)["result"].cast(dtype).alias(rows.name)

    together = pl.struct(expression.alias(name) for name, expression in zip(names, expressions, strict=True))
    return together.map_batches(computed, return_dtype=dtype, is_elementwise=True)
