"""Dates with the characters for year, month and day, as China, Japan and Korea write them."""

from __future__ import annotations

import polars as pl

_YEAR = r"^\d{4}\s*[年년]"
DATE = (
    r"^(?P<year>\d{4})\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日일号號]"
    r"(?:\s*[(（]\p{L}+[)）])?(?P<rest>.*)$"
)
_TIME = (
    r"^(?P<hour>\d{1,2})\s*[時时点點시:]\s*(?P<minute>\d{1,2})(?:\s*[分분]|:|$)\s*"
    r"(?:(?P<second>\d{1,2})\s*[秒초]?)?$"
)


def with_plain_signs(column: pl.Series, probe: pl.Series) -> pl.Series | None:
    """Texts like “2024年3月1日 10時20分” as 2024-03-01 10:20:00; None for others."""
    if not probe.head(1).str.contains(_YEAR).any() or not probe.str.contains(DATE).all():
        return None
    parts = column.str.extract_groups(DATE).struct.unnest()
    dates = parts["year"] + "-" + parts["month"].str.zfill(2) + "-" + parts["day"].str.zfill(2)
    rest = parts["rest"].str.strip_chars()
    if not (rest.drop_nulls() != "").any():
        return dates.alias(column.name)
    times = rest.str.extract_groups(_TIME).struct.unnest()
    clock = times["hour"].str.zfill(2) + ":" + times["minute"].str.zfill(2)
    clock = clock + ":" + times["second"].fill_null("0").str.zfill(2)
    return (dates + " " + clock).alias(column.name)
