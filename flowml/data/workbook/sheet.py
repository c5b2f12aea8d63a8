"""A sheet as a frame: the cells' own types, with as little guessing as a spreadsheet allows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import fastexcel
import polars as pl

from flowml.data.conversion.missing import MISSING
from flowml.data.format import Source
from flowml.data.names import unique_names
from flowml.data.workbook.layout import find_layout
from flowml.data.workbook.mixed_cells import Cells, cells_of, given, typed
from flowml.data.workbook.stored_types import StoredTypes, cast_to_stored, stored_types
from flowml.domain.remarks import Remark, decision, note

_BAD_COLUMN = re.compile(r"for column c(\d+)\b")
_MOST_RETRIES = 100
# Where Excel counts days from: a time of day alone is a moment of this day.
_DAY_ZERO = (date(1899, 12, 30), date(1899, 12, 31), date(1904, 1, 1))


@dataclass
class Sheet:
    """The table of a sheet. `header` is the number of the row that its names are from; 0 when there is none.
    `rows` are the numbers of its rows of values.
    `is_stored`: the workbook itself says the type of each column. `given`: as of `Reading`."""

    frame: pl.DataFrame
    header: int
    rows: Sequence[int]
    remarks: list[Remark] = field(default_factory=list)
    is_stored: bool = False
    given: dict[str, pl.Series] = field(default_factory=dict)


def load(workbook: fastexcel.ExcelReader, name: str, source: Source, asked: int | None) -> Sheet:
    """The table of one sheet; a frame of no height when it has none."""
    texts = _texts(workbook, name, source)
    if texts.width == 0 or texts.height == 0:
        return Sheet(pl.DataFrame(), 0, ())
    rows = _Rows(texts)
    stored = stored_types(source.path) if asked is None else None
    if stored is not None and stored.fits(rows[0]):
        frame = cast_to_stored(_as_stored(workbook, name, texts, stored), stored)
        return Sheet(frame, 1, range(2, frame.height + 2), is_stored=True)
    filled = texts.select(pl.sum_horizontal(pl.all().is_not_null())).to_series().to_list()
    layout = find_layout(rows, filled, asked)
    height = layout.end - layout.first
    if height <= 0:
        return Sheet(pl.DataFrame(), layout.header, ())
    body = _body(workbook, name, texts.width, layout.first, height)
    remarks = list(layout.remarks)
    if layout.names is None and asked is None:
        said = "The first row looks like data, not like column names: the columns were numbered."
        remarks.append(decision("no_header", said))
    names = layout.names or [f"column_{index + 1}" for index in range(body.width)]
    keep = [index for index, column in enumerate(body.get_columns()) if _is_used(column, names[index], layout.names)]
    titles, of_names = unique_names([names[index] for index in keep])
    remarks += of_names
    for index, title in zip(keep, titles, strict=True):
        _say_lost(texts[layout.first : layout.end, index], body[:, index], title, remarks)
    cells = cells_of(workbook, name, body, layout.first)
    columns, kinds = [], {}
    for index, title in zip(keep, titles, strict=True):
        of_kinds = given(body[:, index], cells) if source.expected else None
        if of_kinds is None:
            columns.append(_typed(body[:, index], title, cells, remarks))
        else:
            columns.append(body[:, index].alias(title))
            kinds[title] = of_kinds
    frame = pl.DataFrame(columns)
    numbers: Sequence[int] = range(cells.first, cells.first + frame.height)
    is_full = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series() if frame.width else pl.Series([True])
    if not is_full.all():
        n_empty = len(is_full) - int(is_full.sum())
        said = "1 empty row was left out." if n_empty == 1 else f"{n_empty:,} empty rows were left out."
        remarks.append(note("empty_rows", said))
        frame, numbers = frame.filter(is_full), (is_full.arg_true() + cells.first).to_list()
        kinds = {title: of_kinds.filter(is_full) for title, of_kinds in kinds.items()}
    return Sheet(frame, layout.header, numbers, remarks, given=kinds)


class _Rows:
    """The rows of a frame of texts, one at a time."""

    def __init__(self, frame: pl.DataFrame):
        self._frame = frame

    def __len__(self) -> int:
        return self._frame.height

    def __getitem__(self, at: Any) -> Any:
        return self._frame[at].rows() if isinstance(at, slice) else self._frame.row(at)


def _texts(workbook: fastexcel.ExcelReader, name: str, source: Source) -> pl.DataFrame:
    # From the first row on, so that rows are numbered as the sheet shows them.
    sheet = workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    source.limits.check(max(0, sheet.total_height - 1), sheet.width)
    if sheet.width == 0 or sheet.total_height == 0:
        return pl.DataFrame()
    return sheet.to_polars()


def _as_stored(workbook: fastexcel.ExcelReader, name: str, texts: pl.DataFrame, stored: StoredTypes) -> pl.DataFrame:
    """The rows below the header as texts, and as numbers where texts would lose the last digits of a decimal number."""
    if "Float64" not in stored.dtypes.values():
        return texts[1:]
    dtypes: Any = {
        index: "float" if dtype == "Float64" else "string" for index, dtype in enumerate(stored.dtypes.values())
    }
    return workbook.load_sheet(name, header_row=None, skip_rows=1, dtypes=dtypes).to_polars()


def _say_lost(texts: pl.Series, values: pl.Series, name: str, remarks: list[Remark]) -> None:
    """Texts such as “NA” that the library took for nothing."""
    lost = texts.filter(texts.is_not_null() & values.is_null() & (texts.str.strip_chars() != ""))
    if len(lost):
        shown = ", ".join(f"“{value}”" for value in lost.unique().sort().head(5))
        remarks.append(note("read_as_missing", f"In “{name}”, {shown} was read as missing ({len(lost):,})."))


def _body(workbook: fastexcel.ExcelReader, name: str, width: int, first: int, height: int) -> pl.DataFrame:
    """The rows of values. The type of a column is decided by all of its cells: by a sample, a later text would silently
    become missing. Kinds that have no common type are read as texts."""
    names = [f"c{index}" for index in range(width)]
    dtypes: Any = {}
    with_errors: set[str] = set()
    for _ in range(_MOST_RETRIES):
        try:
            sheet = workbook.load_sheet(
                name,
                header_row=None,
                skip_rows=first,
                n_rows=height,
                column_names=names,
                schema_sample_rows=None,
                dtypes=dtypes or None,
            )
            return _without_errors(workbook, name, sheet.to_polars(), with_errors, first, height)
        except (fastexcel.UnsupportedColumnTypeCombinationError, fastexcel.CalamineCellError) as error:
            found = _BAD_COLUMN.search(str(error))
            if found is None:
                break
            dtypes[f"c{found[1]}"] = "string"
            if isinstance(error, fastexcel.CalamineCellError):
                with_errors.add(f"c{found[1]}")
    return workbook.load_sheet(
        name, header_row=None, skip_rows=first, n_rows=height, column_names=names, dtypes="string"
    ).to_polars()


def _without_errors(
    workbook: fastexcel.ExcelReader, name: str, body: pl.DataFrame, columns: set[str], first: int, height: int
) -> pl.DataFrame:
    """The body with these columns in the types of their cells. The library knows no type for a column in which some
    errors (#NAME?) stand; asked for one, it takes them for missing: the first type that loses nothing else is right."""
    for dtype in ("float", "datetime", "boolean") if columns else ():
        names = [f"c{index}" for index in range(body.width)]
        asked: Any = dict.fromkeys(columns, dtype)
        others: Any = {column: "string" for column in names if column not in columns}
        sheet = workbook.load_sheet(
            name, header_row=None, skip_rows=first, n_rows=height, column_names=names, dtypes=asked | others
        )
        typed = sheet.to_polars()
        whole = [column for column in columns if typed[column].null_count() == body[column].null_count()]
        body = body.with_columns(typed[column] for column in whole)
        columns = columns.difference(whole)
        if not columns:
            break
    return body


def _is_used(column: pl.Series, name: str, header: list[str] | None) -> bool:
    """A column with neither name nor value is only formatting."""
    return column.null_count() < len(column) or (header is not None and bool(name.strip()))


def _typed(column: pl.Series, title: str, cells: Cells, remarks: list[Remark]) -> pl.Series:
    if column.dtype == pl.String:
        column, said = typed(column, title, cells)
        remarks += said
        return _words(column, remarks) if column.dtype == pl.String else column
    column = column.alias(title)
    if column.dtype.is_float():
        return _whole_if_whole(column)
    return _moments(column) if isinstance(column.dtype, pl.Datetime) else column


def _whole_if_whole(column: pl.Series) -> pl.Series:
    """Excel knows no whole numbers, people do."""
    whole = column.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == column.null_count() and (whole == column).all() else column


def _moments(column: pl.Series) -> pl.Series:
    """Days alone as dates, times of day alone as times."""
    days = column.dt.date()
    present = days.drop_nulls()
    if present.is_empty():
        return column
    if all(day in _DAY_ZERO for day in present.unique().head(3)):
        return column.dt.time()
    return days if (days.cast(column.dtype) == column).all() else column


def _words(column: pl.Series, remarks: list[Remark]) -> pl.Series:
    """Texts as they are, without blanks around them and without the spellings of missing."""
    stripped = column.str.strip_chars()
    is_missing = stripped.is_in(list(MISSING)).fill_null(value=False)
    n_spelled = int((is_missing & (stripped != "")).sum())
    if n_spelled:
        shown = ", ".join(
            f"“{value}”" for value in stripped.filter(is_missing & (stripped != "")).unique().sort().head(5)
        )
        remarks.append(note("read_as_missing", f"In “{column.name}”, {shown} was read as missing ({n_spelled:,})."))
    return stripped.set(is_missing, None)
