"""Dates with the month as a word, in the languages that tables come in."""

from __future__ import annotations

import polars as pl

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


def with_numbered_months(column: pl.Series, probe: pl.Series) -> pl.Series | None:
    """Texts like “3. März 2024” or “Mar 3, 2024 10:15” as 2024-03-03 and whatever follows; None for others."""
    for pattern in (_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST):
        if probe.str.contains(pattern).all():
            parts = column.str.extract_groups(pattern).struct.unnest()
            months = parts["month"].str.to_lowercase().replace_strict(MONTHS, default=None)
            if months.null_count() > column.null_count():
                return None
            years = parts["year"]
            # As everywhere: 69 and later are of the last century.
            short = years.str.len_chars() == 2
            if short.any():
                century = pl.select(pl.when(years >= "69").then(pl.lit("19")).otherwise(pl.lit("20"))).to_series()
                years = pl.select(pl.when(short).then(century + years).otherwise(years)).to_series()
            iso = years + "-" + months + "-" + parts["day"].str.zfill(2) + parts["rest"]
            return iso.alias(column.name)
    return None
