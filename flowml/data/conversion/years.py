"""Years of two digits, and years that no calendar in use has."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from flowml.domain.remarks import Remark, decision

# As POSIX reads them (strptime, %y): 69 to 99 are of the last century.
FIRST_YEAR = 1969
_LAST_YEAR = 9999
_SHORT_YEAR = r"^(\d{1,2}[-/.]\d{1,2}[-/.])(\d{2})(\D.*|)$"
_SHORT_YEAR_FIRST = r"^()(\d{2})([-/.]\d{1,2}[-/.]\d{1,2}(?:\D.*|))$"


def has_short_years(texts: pl.Series) -> pl.Series:
    """Which of some dates in numbers have a year of two digits at their end."""
    return texts.str.contains(_SHORT_YEAR)


def with_full_years(texts: pl.Series, *, year_first: bool = False) -> pl.Series:
    """Dates in numbers with a year of four digits where it had two; others as they are.

    >>> with_full_years(pl.Series(["8/17/11", "12/03/2011", "1.2.69 10:00"])).to_list()
    ['8/17/2011', '12/03/2011', '1.2.1969 10:00']
    """
    parts = texts.str.extract_groups(_SHORT_YEAR_FIRST if year_first else _SHORT_YEAR).struct.unnest()
    before, year, after = parts.get_columns()
    full = before + full_years(year) + after
    return full.zip_with(full.is_not_null(), texts).alias(texts.name)


def full_years(years: pl.Series) -> pl.Series:
    """Texts of two digits as years of four digits, from `FIRST_YEAR` on."""
    number = years.cast(pl.Int32, strict=False)
    return ((number + 100 - FIRST_YEAR % 100) % 100 + FIRST_YEAR).cast(pl.String)


def short_years_said(texts: pl.Series, dates: pl.Series, is_short: pl.Series) -> Remark:
    """What is said of years of two digits; the latest date is the example, for it is the likeliest to be wrong."""
    shown = dates.set(~is_short.fill_null(value=False), None)
    example = ""
    if (row := shown.arg_max()) is not None and (latest := dates[row]) is not None:
        example = f": “{texts[row]}” is in {latest.year}"
    said = f"In “{texts.name}”, years of two digits were read as {FIRST_YEAR} to {FIRST_YEAR + 99}{example}."
    return decision("short_years", said)


def without_impossible_years(moments: pl.Series) -> pl.Series:
    """Without the dates that neither ISO 8601 nor Python has: before the year 1, after the year 9999."""
    of = date if moments.dtype == pl.Date else datetime
    least, most = pl.Series([of(1, 1, 1), of(_LAST_YEAR, 12, 31)], dtype=moments.dtype).to_physical().to_list()
    if of is datetime:
        most += 86_400_000_000 - 1
    stored = moments.to_physical()
    if stored.is_empty() or stored.null_count() == len(stored):
        return moments
    if int(stored.min()) >= least and int(stored.max()) <= most:  # type: ignore[arg-type]
        return moments
    return moments.set((stored < least) | (stored > most), None)
