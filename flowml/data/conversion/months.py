"""Dates with the month as a word, in the languages that tables come in."""

from __future__ import annotations

import polars as pl

from flowml.data.conversion.years import full_years

_NAMES = (
    "january januar jänner janvier enero gennaio januari janeiro",
    "february februar februari février fevrier febrero febbraio fevereiro",
    "march märz maerz mars marzo maart março marco",
    "april avril abril aprile",
    "may mai mayo maggio mei maio",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août aout agosto augustus",
    "september septembre septiembre settembre setembro setiembre",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember décembre decembre diciembre dicembre dezembro",
)
_SHORT = (
    "jan jän janv ene gen",
    "feb fév fev févr fevr febr",
    "mar mär mrz mrt",
    "apr avr abr",
    "may mai mag mei",
    "jun juin giu",
    "jul juil lug",
    "aug ago aoû",
    "sep sept set",
    "oct okt ott out",
    "nov",
    "dec dez déc dic",
)
MONTHS = {
    word: f"{number:02}"
    for number, words in enumerate(zip(_NAMES, _SHORT, strict=True), start=1)
    for word in f"{words[0]} {words[1]}".split()
}

_WORD = r"\p{L}{3,12}"
_WEEKDAY = r"(?:\p{L}{2,12}\.?,?\s+)?"
_OF = r"(?:de |del |di |of |d')?"
_DAY_FIRST = (
    rf"^{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|º|°|ª|\.)?[-\s./]*{_OF}(?P<month>{_WORD})\.?,?"
    rf"[-\s./]*{_OF}(?P<year>\d{{4}}|\d{{2}})(?P<rest>[^\d].*|)$"
)
_MONTH_FIRST = (
    rf"^{_WEEKDAY}(?P<month>{_WORD})\.?[-\s./]+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[-\s./]+(?P<year>\d{{4}})"
    r"(?P<rest>[^\d].*|)$"
)
_YEAR_FIRST = rf"^(?P<year>\d{{4}})[-\s./]+(?P<month>{_WORD})\.?[-\s./]+(?P<day>\d{{1,2}})(?P<rest>[^\d].*|)$"
PATTERNS = (_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST)


def with_numbered_months(column: pl.Series, probe: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """Texts like “3. März 2024” or “Mar 3, 2024 10:15” as 2024-03-03 and whatever follows, and which of them have a
    year of two digits; None for others."""
    for pattern in PATTERNS:
        if probe.str.contains(pattern).all():
            parts = column.str.extract_groups(pattern).struct.unnest()
            months = parts["month"].str.to_lowercase().replace_strict(MONTHS, default=None)
            is_short = (parts["year"].str.len_chars() == 2).fill_null(value=False)
            years = parts["year"]
            if is_short.any():
                years = full_years(years).zip_with(is_short, years)
            iso = years + "-" + months + "-" + parts["day"].str.zfill(2) + parts["rest"]
            return iso.alias(column.name), is_short
    return None
