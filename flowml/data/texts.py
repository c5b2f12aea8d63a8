"""Columns of text that are really something else: numbers, dates, yes and no. Each conversion holds for every value
of the column or is not made."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from flowml.data.dates import parse_dates
from flowml.data.missing import MISSING, MISSING_AMONG_NUMBERS

_PROBE = 500
_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$"
_DECIMAL_COMMA = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+$|^[-+]?\d+$"
# 007 is a code: as a number it would lose its zeros.
_CODE = r"^[-+]?0\d+$"
_BEYOND_64_BITS = r"^[-+]?\d{19,}$"


def convert_texts(frame: pl.DataFrame, *, typed: bool) -> tuple[pl.DataFrame, list[str]]:
    """Give the text columns of a frame their true types; returns what is worth saying.

    Of a file that has types of its own (`typed`), only dates are converted: a number kept as text is meant so.
    """
    warnings: list[str] = []
    missing: dict[str, int] = {}
    columns: list[pl.Series] = []
    for column in frame.get_columns():
        if column.dtype == pl.String:
            column = _with_missing(column, missing) if not typed else column
            column, remark = _convert(column, typed=typed)
            if remark:
                warnings.append(remark)
        columns.append(column)
    if missing:
        spelled = ", ".join(
            f"“{value}” ({count:,})" for value, count in sorted(missing.items(), key=lambda item: -item[1])[:8]
        )
        warnings.append(f"Read as missing: {spelled}.")
    return pl.DataFrame(columns), warnings


def _with_missing(column: pl.Series, found: dict[str, int]) -> pl.Series:
    """Blanks around values removed, spellings of missing made null and counted in `found`."""
    stripped = column.str.strip_chars()
    is_missing = stripped.is_in(MISSING)
    if not is_missing.any():
        return stripped
    for value, count in stripped.filter(is_missing).value_counts().iter_rows():
        if value:
            found[value] = found.get(value, 0) + count
    return stripped.set(is_missing.fill_null(value=False), None)


def _convert(column: pl.Series, *, typed: bool) -> tuple[pl.Series, str | None]:
    present = column.drop_nulls()
    if present.is_empty():
        return column, None
    probe = pl.concat([present.head(_PROBE), present.tail(_PROBE)]) if len(present) > 2 * _PROBE else present
    conversions: tuple[Callable[[pl.Series, pl.Series], tuple[pl.Series | None, str | None]], ...] = (
        (_dates,) if typed else (_numbers, _booleans, _decimal_commas, _dates)
    )
    for conversion in conversions:
        converted, remark = conversion(column, probe)
        if converted is not None or remark is not None:
            return (column if converted is None else converted), remark
    return column, None


def _numbers(column: pl.Series, probe: pl.Series) -> tuple[pl.Series | None, str | None]:
    odd = probe.filter(~probe.str.contains(_NUMBER))
    if not odd.is_in(MISSING_AMONG_NUMBERS).all() or len(odd) > len(probe) / 2:
        return None, None
    blanked = column.set(column.is_in(MISSING_AMONG_NUMBERS).fill_null(value=False), None)
    if blanked.str.contains(_CODE).any():
        return None, None
    remark = None
    if len(odd) or blanked.null_count() > column.null_count():
        spelled = column.filter(column.is_in(MISSING_AMONG_NUMBERS)).unique().sort().to_list()
        shown = ", ".join(f"“{value}”" for value in spelled)
        remark = f"In “{column.name}”, {shown} stands between numbers and was read as missing."
    whole = blanked.cast(pl.Int64, strict=False)
    if whole.null_count() == blanked.null_count():
        return whole, remark
    numbers = blanked.cast(pl.Float64, strict=False)
    # A whole number that a float cannot hold is an identifier, and keeps its digits as text.
    if numbers.null_count() > blanked.null_count() or blanked.str.contains(_BEYOND_64_BITS).any():
        return None, None
    return numbers, remark


def _booleans(column: pl.Series, probe: pl.Series) -> tuple[pl.Series | None, str | None]:
    if not probe.str.to_lowercase().is_in(("true", "false")).all():
        return None, None
    lower = column.str.to_lowercase()
    if not lower.drop_nulls().is_in(("true", "false")).all():
        return None, None
    return lower == "true", None


def _decimal_commas(column: pl.Series, probe: pl.Series) -> tuple[pl.Series | None, str | None]:
    if (
        not probe.str.contains(_DECIMAL_COMMA).all()
        or not probe.str.contains(",", literal=True).any()
        or column.str.contains(_CODE).any()
    ):
        return None, None
    numbers = (
        column.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    )
    if numbers.null_count() != column.null_count() or not column.drop_nulls().str.contains(_DECIMAL_COMMA).all():
        return None, None
    return numbers, f"In “{column.name}”, the comma was read as the decimal point."


def _dates(column: pl.Series, probe: pl.Series) -> tuple[pl.Series | None, str | None]:
    return parse_dates(column, probe)
