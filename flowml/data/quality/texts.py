"""Texts that are something else, or damaged: dates among words, words for nothing, blanks, broken characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from flowml.data.conversion.missing import says_missing
from flowml.data.quality.examined import ColumnView, Found, found
from flowml.domain import wording
from flowml.domain.datasets import Role, Severity

_DAY = (
    r"^\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[-/]\d{1,2}[-/]\d{2}|\d\d\.\d\d\.\d\d"
    r"|\d{1,2}[- ][A-Za-z]{3,9}\.?[- ]\d{4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})(?:[T ].{0,24})?\s*$"
)
_MOSTLY = 0.8
_FEWEST = 20
_ISO = r"^\s*\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
_PARTS = re.compile(r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.](?:\d{4}|\d{2})(?:\D|$)")
# UTF-8 read as Windows-1252: every letter beyond ASCII becomes two or three of these.
_MOJIBAKE = r"[ÃÂ][\u0080-\u00bf\u0152-\u2122]|â€[\u0090-\u2122™œž¢¦]|ï»¿"
_LOST = "\ufffd"
_BLANKS = r"^\s|\s$"


def mixed_dates(column: ColumnView) -> Iterator[Found]:
    """Columns of mostly dates, that a few other texts keep from being such."""
    if not _is_open(column):
        return
    texts = column.texts
    fits = texts["value"].str.contains(_DAY)
    total, fitting = int(texts["count"].sum()), int(texts["count"].filter(fits).sum())
    if fitting == total or fitting < _MOSTLY * total:
        return
    shown = wording.listed([wording.value(text) for text in texts.filter(~fits)["value"].to_list()], most=4)
    order = _order(texts["value"].filter(fits))
    yield found(
        "mixed-types",
        Severity.WARNING,
        [column.name],
        f"“{column.name}” holds dates in {wording.percent(fitting / total)} of the rows that have a value, but also "
        f"{shown}: because of these all of it counts as text.",
        "Turn it into dates; what is none becomes missing.",
        [{"op": "parse_dates", "column": column.name, "order": order}] if order else [],
        size=column.share(total - fitting),
    )


def dates_as_text(column: ColumnView) -> Iterator[Found]:
    """Dates that could not be read, because they are written in several ways or day and month cannot be told apart."""
    if not _is_open(column):
        return
    texts = column.texts["value"]
    if not texts.str.contains(_DAY).all():
        return
    shapes = texts.str.strip_chars().str.replace_all(r"\d+", "0").str.replace_all(r"[A-Za-z]+", "a")
    order = _order(texts)
    several = shapes.n_unique() > 1
    why = "are written in several ways" if several else "could not be read for sure"
    if order is None and not several:
        why = "could mean the day or the month first"
    yield found(
        "dates-as-text",
        Severity.WARNING,
        [column.name],
        f"The dates in “{column.name}” {why}, such as "
        f"{wording.listed([wording.value(text) for text in texts.head(3)])}. They count as text.",
        "Say in which order day, month and year are written, to turn them into dates.",
        [{"op": "parse_dates", "column": column.name, "order": order}] if order and not several else [],
        size=column.share(column.stats.count),
    )


def damaged_characters(column: ColumnView) -> Iterator[Found]:
    """Letters that were lost or doubled because a file was read in the wrong encoding."""
    if not column.is_text:
        return
    texts = column.texts
    damaged = texts.filter(texts["value"].str.contains(f"{_MOJIBAKE}|{_LOST}"))
    if damaged.is_empty():
        return
    repaired = {text: whole for text in damaged["value"].to_list() if (whole := _repaired(text)) is not None}
    complete = len(repaired) == damaged.height and column.has_all_texts and damaged.height <= 500
    rows = int(damaged["count"].sum())
    yield found(
        "damaged-characters",
        Severity.WARNING,
        [column.name],
        f"{wording.plural(rows, 'value')} of “{column.name}” hold broken characters, such as "
        f"{wording.value(damaged['value'][0])}: the text was once read in the wrong encoding.",
        "Read the file again with its true encoding, or replace the broken values.",
        [{"op": "map_values", "column": column.name, "values": repaired}] if complete else [],
        size=column.share(rows),
    )


def _repaired(text: str) -> str | None:
    for encoding in ("cp1252", "latin-1"):
        try:
            whole = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return whole if whole != text else None
    return None


def words_for_missing(column: ColumnView) -> Iterator[Found]:
    """Words among categories that say that nothing is known: “keine Angabe”, “n/a”, “--”."""
    if not column.is_text or column.is_target or column.stats.role is Role.IDENTIFIER:
        return
    texts = column.texts
    said = texts.filter(says_missing(texts["value"]))
    if said.is_empty() or said.height == texts.height:
        return
    rows = int(said["count"].sum())
    shown = wording.listed([wording.value(text) for text in said["value"]], most=4)
    yield found(
        "missing-as-text",
        Severity.INFO,
        [column.name],
        f"“{column.name}” is {shown} in {wording.plural(rows, 'row')}, which seems to mean that nothing is known "
        "there. Now it counts as a category like any other.",
        "Mark it as missing, if that is what it means.",
        [{"op": "mark_missing", "columns": [column.name], "values": said["value"].to_list()}],
        size=column.share(rows),
    )


def blanks(column: ColumnView) -> Iterator[Found]:
    """Blanks around values, which make two categories of one."""
    if not column.is_text or column.stats.role is Role.TEXT:
        return
    texts = column.texts
    spaced = texts.filter(texts["value"].str.contains(_BLANKS))
    if spaced.is_empty():
        return
    rows = int(spaced["count"].sum())
    yield found(
        "blanks",
        Severity.INFO,
        [column.name],
        f"{wording.plural(rows, 'value')} of “{column.name}” {'has' if rows == 1 else 'have'} blanks at an end, such "
        f"as {wording.value(spaced['value'][0])}.",
        "Remove them, so that the same value is written in one way.",
        [{"op": "clean_text", "columns": [column.name], "trim": True, "collapse": True}],
        size=column.share(rows),
    )


def _is_open(column: ColumnView) -> bool:
    """Whether its texts may be something else."""
    roles = (Role.CATEGORICAL, Role.TEXT, Role.IDENTIFIER)
    return column.is_text and column.stats.role in roles and column.stats.count >= _FEWEST and not column.is_target


def _order(texts: pl.Series) -> str | None:
    """In what order day, month and year stand, where a value proves it and none disproves it."""
    if texts.str.contains(_ISO).all():
        return "ymd"
    if not texts.str.contains(_PARTS.pattern).all():
        return None
    first, second = (texts.str.extract(_PARTS.pattern, part).cast(pl.Int64) for part in (1, 2))
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    if day_first == month_first:
        return None
    return "dmy" if day_first else "mdy"
