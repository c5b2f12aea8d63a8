"""Texts that are something else, or damaged: numbers and dates among words, units, blanks, broken characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from flowml.data.quality.examined import ColumnView, Found, backticked, found
from flowml.domain import wording
from flowml.domain.datasets import Role, Severity

_NUMBER = r"^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?\s*$"
_CURRENCY = r"[$€£¥₹₽₩₺₿]|R\$|US\$|CHF|EUR|USD|GBP|JPY|INR|Rs\.?|kr\.?|zł|Kč"
_UNIT = (
    r"%|‰|°C|°F|°|[mc]?m[²³]|mm|cm|km|m|in|ft|yd|mi|miles?|mg|kg|g|t|lbs?|oz|ml|cl|l|L|ms|s|sec|min|h|hrs?|hours?"
    r"|minutes?|days?|weeks?|months?|years?|yrs?|[KMGT]i?B|k?Wh?|mAh|V|Hz|[kMG]Hz|mph|km/h|kmh|bpm|pcs|px|hp|PS|cc"
)
# An amount of money or of a unit; thousands are separated by commas or not at all.
_AMOUNT = rf"^\s*({_CURRENCY})?\s*([-+]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?)\s*({_CURRENCY}|{_UNIT})?\s*$"
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
_UNSAFE = re.compile(r"[\"\\]")


def mixed_types(column: ColumnView) -> Iterator[Found]:
    """Columns of mostly numbers, or mostly dates, that a few other texts keep from being such."""
    if not _is_open(column):
        return
    texts = column.texts
    for pattern, kind in ((_NUMBER, "numbers"), (_DAY, "dates")):
        fits = texts["value"].str.contains(pattern)
        total, fitting = int(texts["count"].sum()), int(texts["count"].filter(fits).sum())
        if fitting == total or fitting < _MOSTLY * total:
            continue
        odd = texts.filter(~fits)
        shown = wording.listed([wording.value(text) for text in odd["value"].to_list()], most=4)
        operations: list[dict[str, object]] = []
        if kind == "numbers":
            operations = [{"op": "cast", "column": column.name, "to": "number"}]
        elif order := _order(texts["value"].filter(fits)):
            operations = [{"op": "parse_dates", "column": column.name, "order": order}]
        yield found(
            "mixed-types",
            Severity.WARNING,
            [column.name],
            f"“{column.name}” holds {kind} in {wording.percent(fitting / total)} of the rows that have a value, but "
            f"also {shown}: because of these all of it counts as text.",
            f"Turn it into {kind}; what is none becomes missing.",
            operations,
            size=column.share(total - fitting),
        )
        return


def numbers_as_text(column: ColumnView) -> Iterator[Found]:
    """Amounts with a currency, a unit or a percent sign in every value."""
    if not _is_open(column):
        return
    texts = column.texts
    parts = texts["value"].str.extract_groups(_AMOUNT).struct.unnest()
    fits = parts[:, 1].is_not_null() if parts.width == 3 else pl.Series([False])
    if not fits.all() or texts["value"].str.contains(_NUMBER).all():
        return
    signs = sorted({sign for at in (0, 2) for sign in parts[:, at].drop_nulls().unique().to_list()})
    if len(signs) > 1:
        yield found(
            "mixed-units",
            Severity.WARNING,
            [column.name],
            f"“{column.name}” holds amounts in different units ({wording.listed([f'“{sign}”' for sign in signs])}) "
            "and counts as text.",
            "Convert them to one unit before they are compared.",
            size=column.share(column.stats.count),
        )
        return
    term = backticked(column.name)
    operations = []
    if term and not any(_UNSAFE.search(sign) for sign in signs):
        stripped = term
        for sign in [*signs, ","]:
            stripped = f'replace({stripped}, "{sign}", "")'
        operations = [{"op": "derive", "column": column.name, "expression": f"number(trim({stripped}))"}]
    shown = wording.value(texts["value"][0])
    yield found(
        "numbers-as-text",
        Severity.WARNING,
        [column.name],
        f"“{column.name}” holds numbers that are written as text, such as {shown}. As text they are only names to a "
        "model.",
        "Turn them into numbers.",
        operations,
        size=column.share(column.stats.count),
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
