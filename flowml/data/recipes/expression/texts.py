"""Texts and dates in expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.expression.formula import LONGEST_TEXT, Formula, as_kind, guarded, literal, mapped, strict
from flowml.data.recipes.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

_MICROSECOND = timedelta(microseconds=1)
_DAY_MICROSECONDS = 86_400_000_000
_FARTHEST = 2**31


def length(operands: Sequence[Formula]) -> Formula:
    def table(text: pl.Expr) -> pl.Expr:
        import polars as pl

        return text.str.len_chars().cast(pl.Int64)

    return strict(operands, Kind.WHOLE, table, len)


def lower(operands: Sequence[Formula]) -> Formula:
    return mapped(operands, Kind.TEXT, str.lower)


def upper(operands: Sequence[Formula]) -> Formula:
    return mapped(operands, Kind.TEXT, str.upper)


def trim(operands: Sequence[Formula]) -> Formula:
    blanks = scalars.BLANKS
    return strict(operands, Kind.TEXT, lambda text: text.str.strip_chars(blanks), lambda text: text.strip(blanks))


def contains(operands: Sequence[Formula]) -> Formula:
    return strict(
        operands,
        Kind.BOOLEAN,
        lambda text, part: text.str.contains(part, literal=True),
        lambda text, part: part in text,
    )


def starts_with(operands: Sequence[Formula]) -> Formula:
    return strict(operands, Kind.BOOLEAN, lambda text, part: text.str.starts_with(part), str.startswith)


def ends_with(operands: Sequence[Formula]) -> Formula:
    return strict(operands, Kind.BOOLEAN, lambda text, part: text.str.ends_with(part), str.endswith)


def replace(operands: Sequence[Formula]) -> Formula:
    """What is replaced, and by what, are literals."""
    old, new = operands[1].constant, operands[2].constant
    more = len(new) - len(old)

    def table(text: pl.Expr) -> pl.Expr:
        import polars as pl

        made = text.str.len_chars().cast(pl.Int64) + text.str.count_matches(old, literal=True).cast(pl.Int64) * more
        # Only texts that stay short are worked on: the others would be made first, whatever becomes of them.
        fitting = pl.when(made <= LONGEST_TEXT).then(text)
        return fitting.str.replace_all(old, new, literal=True)

    def row(text: str) -> str | None:
        return text.replace(old, new) if len(text) + text.count(old) * more <= LONGEST_TEXT else None

    return guarded(operands[:1], Kind.TEXT, table, row)


def substring(operands: Sequence[Formula]) -> Formula:
    """From a place counted from 1, so many characters or all that follow."""
    if len(operands) == 2:
        operands = [*operands, literal(_FARTHEST, Kind.WHOLE)]

    def table(text: pl.Expr, start: pl.Expr, count: pl.Expr) -> pl.Expr:
        import polars as pl

        given = pl.all_horizontal(start.is_not_null(), count.is_not_null())
        return pl.when(given).then(text.str.slice(start.clip(1, _FARTHEST) - 1, count.clip(0, _FARTHEST)))

    def row(text: str, start: int, count: int) -> str:
        begin = min(max(int(start), 1), _FARTHEST) - 1
        return text[begin : begin + min(max(int(count), 0), _FARTHEST)]

    return guarded(operands, Kind.TEXT, table, row)


def concat(operands: Sequence[Formula]) -> Formula:
    """One text of several values; missing ones are left out."""
    texts = [as_text([operand]) for operand in operands]
    rows = [text.row for text in texts]
    tables = [text.table for text in texts]

    def joined(*values: pl.Expr) -> pl.Expr:
        import polars as pl

        parts = [value.fill_null("") for value in values]
        made = pl.sum_horizontal(part.str.len_chars().cast(pl.Int64) for part in parts)
        fits = made <= LONGEST_TEXT
        return pl.when(fits).then(pl.concat_str([pl.when(fits).then(part) for part in parts], ignore_nulls=True))

    def row(values: Any) -> str | None:
        parts = [part for part in (one(values) for one in rows) if part is not None]
        return "".join(parts) if sum(map(len, parts)) <= LONGEST_TEXT else None

    return Formula(Kind.TEXT, lambda: scalars.once([make() for make in tables], joined, Kind.TEXT), row)


def as_text(operands: Sequence[Formula]) -> Formula:
    found = operands[0]
    return found if found.kind is Kind.TEXT else mapped([found], Kind.TEXT, scalars.text_of)


def as_number(operands: Sequence[Formula]) -> Formula:
    found = operands[0]
    if found.kind is Kind.TEXT:
        return mapped([found], Kind.NUMBER, scalars.number_of)
    if found.kind is Kind.BOOLEAN:
        return strict([found], Kind.WHOLE, _whole, int)
    return found


def _whole(value: pl.Expr) -> pl.Expr:
    import polars as pl

    return value.cast(pl.Int64)


def as_date(operands: Sequence[Formula]) -> Formula:
    found = operands[0]
    if found.kind is Kind.TEXT:
        return mapped([found], Kind.DATE, scalars.date_of)
    if found.kind is Kind.MOMENT:
        return strict([found], Kind.DATE, lambda value: value.dt.date(), datetime.date)
    return found


def date_part(name: str, row: Callable[[Any], int]) -> Callable[[Sequence[Formula]], Formula]:
    """One part of a date, by the name of Polars' method."""

    def part(operands: Sequence[Formula]) -> Formula:
        def table(value: pl.Expr) -> pl.Expr:
            import polars as pl

            return getattr(value.dt, name)().cast(pl.Int64)  # type: ignore[no-any-return]

        return strict(operands, Kind.WHOLE, table, row)

    return part


def quarter_of(value: date) -> int:
    return (value.month + 2) // 3


def week_of(value: date) -> int:
    return value.isocalendar().week


year = date_part("year", lambda value: value.year)
month = date_part("month", lambda value: value.month)
day = date_part("day", lambda value: value.day)
weekday = date_part("weekday", lambda value: value.isoweekday())
hour = date_part("hour", lambda value: value.hour)


def days_between(operands: Sequence[Formula]) -> Formula:
    """From the first to the second, with fractions where they have times."""
    moments = [as_kind(operand, Kind.MOMENT) for operand in operands]
    return strict(
        moments,
        Kind.NUMBER,
        lambda begin, end: (end - begin).dt.total_microseconds() / _DAY_MICROSECONDS,
        lambda begin, end: (end - begin) // _MICROSECOND / _DAY_MICROSECONDS,
    )
