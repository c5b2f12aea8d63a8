"""Columns of a sheet whose cells are of several kinds: the library knows them as texts only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastexcel
import polars as pl

from flowml.data.conversion.mixed import numbers_among_texts, truths_among_texts, without_words
from flowml.data.given import as_given
from flowml.domain.remarks import Remark

_MOMENT = r"^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?)?$"
_AT_MIDNIGHT = r"^(\d{4}-\d\d-\d\d) 00:00:00$"
_WITH_TIME = r"^\d{4}-\d\d-\d\d "
_TRUTHS = ("true", "false")


@dataclass(frozen=True)
class Cells:
    """Of the columns that may be mixed, by name: which cells are numbers or truth values, and the numbers exactly; as
    texts they are rounded. The rows begin at the row `first` of the sheet, from 1."""

    is_known: dict[str, pl.Series]
    numbers: dict[str, pl.Series]
    first: int

    def row_of(self, row: int) -> int:
        """The sheet's number of a row."""
        return row + self.first


def cells_of(workbook: fastexcel.ExcelReader, sheet: str, body: pl.DataFrame, first: int) -> Cells:
    """What the cells of `body`, which begins at the row `first` of a sheet (from 0), are in its columns of texts."""
    mixed = [column.name for column in body.get_columns() if column.dtype == pl.String and _may_be_mixed(column)]
    if not mixed:
        return Cells({}, {}, first + 1)
    found = []
    for dtype in ("boolean", "float"):
        dtypes: Any = {name: dtype if name in mixed else "string" for name in body.columns}
        loaded = workbook.load_sheet(
            sheet, header_row=None, skip_rows=first, n_rows=body.height, column_names=body.columns, dtypes=dtypes
        )
        found.append(loaded.to_polars().select(mixed))
    # Asked for truth values, the library has none for texts and dates.
    known, numbers = found
    return Cells({name: known[name].is_not_null() for name in mixed}, numbers.to_dict(), first + 1)


def _may_be_mixed(column: pl.Series) -> bool:
    stripped = column.str.strip_chars()
    known = stripped.cast(pl.Float64, strict=False).is_not_null() | stripped.str.to_lowercase().is_in(_TRUTHS)
    return bool(known.any())


def typed(column: pl.Series, title: str, cells: Cells) -> tuple[pl.Series, list[Remark]]:
    """A column of texts, called by its title, in the kind that most of its cells have, or as texts, and what is to be
    said."""
    known, texts = cells.is_known.get(column.name), column.alias(title)
    if known is not None:
        is_truth = known & texts.str.to_lowercase().is_in(_TRUTHS)
        if 2 * int(is_truth.sum()) > int(known.sum()):
            values, remarks = truths_among_texts(texts, row_of=cells.row_of)
        else:
            exact = cells.numbers[column.name].set(is_truth, None)
            # Numbers that were all kept as texts are meant so, except where spellings of missing are among them.
            few = 2 * int(known.sum()) > len(texts) - texts.null_count()
            values, remarks = numbers_among_texts(texts, exact=exact, few=few, row_of=cells.row_of)
            values = values if few or remarks else None
        if values is not None or remarks:
            return (texts.str.strip_chars() if values is None else values), remarks
    moments = texts.drop_nulls().str.contains(_MOMENT)
    if moments.any() and 2 * int(moments.sum()) >= len(moments):
        present, remarks = without_words(texts, row_of=cells.row_of)
        return _alike(present), remarks
    return texts, []


def given(column: pl.Series, cells: Cells) -> pl.Series | None:
    """The cells as JSON texts (`data/given.py`), where some are numbers or truth values and others texts."""
    known = cells.is_known.get(column.name)
    if known is None or not known.any() or known.fill_null(value=False).eq(column.is_not_null()).all():
        return None
    is_truth = known & column.str.to_lowercase().is_in(_TRUTHS)
    numbers = cells.numbers[column.name].cast(pl.String).str.strip_suffix(".0")
    plain = numbers.zip_with(~is_truth.fill_null(value=False), column.str.to_lowercase())
    return as_given(plain.zip_with(known.fill_null(value=False), column), ~known)


def _alike(column: pl.Series) -> pl.Series:
    """Days alone where none has a time of day; with one everywhere else."""
    days = column.str.replace(_AT_MIDNIGHT, "${1}")
    if not days.str.contains(_WITH_TIME).any():
        return days
    return column.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1} 00:00:00")
