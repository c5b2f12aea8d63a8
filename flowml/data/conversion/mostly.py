"""Columns that are dates but for a few values: which those are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from flowml.data.conversion.characters import DATE
from flowml.data.conversion.dates import SHAPE, parse_dates
from flowml.data.conversion.guess import NOTHING, Guess
from flowml.data.conversion.months import PATTERNS
from flowml.data.conversion.odd import MOSTLY, ZEROS, are_few, are_few_impossible

_OPENINGS = tuple(rf"^{opening}{sign}" for opening in (r"\d{4}", r"\d{1,2}") for sign in ("-", "/", r"\."))
_MIDNIGHT = r"^(\S+(?:T|,? +))24:00((?::00(?:[.,]0+)?)?(?:\D.*)?)$"
_SAMPLE = 100


@dataclass(frozen=True)
class Mostly:
    """What the values are once the `odd` ones are set aside. `said` is what those are where they keep the column as
    text (“no date”)."""

    found: Guess
    odd: pl.Series
    said: str | None = None


def written_like_dates(probe: pl.Series) -> list[str]:
    """What most of some texts have in common where they are written like dates; nothing where they are not."""
    sample = probe.gather_every(max(1, len(probe) // _SAMPLE))
    if _is_mostly(sample, SHAPE):
        return [SHAPE, *(opening for opening in _OPENINGS if _is_mostly(sample, opening))]
    return [pattern for pattern in (DATE, *PATTERNS) if _is_mostly(sample, pattern)][:1]


def _is_mostly(sample: pl.Series, pattern: str) -> bool:
    return sample.str.contains(pattern).sum() >= MOSTLY * len(sample)


def _is_written_like(texts: pl.Series, others: pl.Series) -> pl.Series:
    """Which of some texts are as some others but for their digits and letters."""
    skeletons, known = (
        values.str.replace_all(r"\d+", "0").str.replace_all(r"\p{L}+", "a") for values in (texts, others)
    )
    return skeletons.is_in(known.unique().implode())


def mostly_dates(column: pl.Series, probe: pl.Series, order: str | None) -> Mostly | None:
    """The dates of a column that has something else among them; None where it is no column of dates.

    “24:00” is the midnight at the end of its day (ISO 8601).
    """
    alike = written_like_dates(probe)
    if not alike:
        return None
    words = pl.repeat(value=False, n=len(column), dtype=pl.Boolean, eager=True)
    for pattern in alike:
        words |= (~column.str.contains(pattern)).fill_null(value=False)
    impossible = column.str.contains(ZEROS).fill_null(value=False)
    values = column.set(words | impossible, None)
    unlike = words
    late = values.str.contains(_MIDNIGHT).fill_null(value=False)
    if late.any():
        values = values.str.replace(_MIDNIGHT, "${1}00:00${2}")
    if values.null_count() == len(values):
        return None
    found = parse_dates(values, values.drop_nulls(), order=order, slack=1 - MOSTLY)
    if found.series is None and not found.unclear:
        return None
    if (dates := found.series) is not None:
        if late.any():
            dates = dates.dt.offset_by("1d").zip_with(late, dates)
            found = replace(found, series=dates)
        impossible = dates.is_null() & column.is_not_null() & ~words
        unlike = impossible & ~_is_written_like(column, column.filter(dates.is_not_null()))
    otherwise = words | unlike
    otherwise = (otherwise & column.str.contains(SHAPE) & ~column.str.contains(ZEROS)).fill_null(value=False)
    if otherwise.any():
        return Mostly(NOTHING, otherwise, "no date written like the others")
    if (words.any() and not are_few(column, words)) or not are_few_impossible(column, impossible):
        return Mostly(NOTHING, words | impossible, "no date")
    return Mostly(found, words | impossible)
