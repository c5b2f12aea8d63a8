"""Columns of text that are really something else: numbers, dates, yes and no. Each conversion holds for every value
of the column or is not made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from flowml.data.conversion.conventions import NO_CONVENTIONS, Conventions
from flowml.data.conversion.converter import ColumnConverter
from flowml.data.conversion.evidence import Evidence
from flowml.data.conversion.flags import without_flags
from flowml.data.conversion.notation import Notation
from flowml.data.conversion.odd import LineOf, RowOf, from_one
from flowml.data.conversion.sentinels import perhaps_missing
from flowml.data.conversion.settling import settle
from flowml.data.threads import each_column
from flowml.domain.remarks import Remark


@dataclass
class Conversion:
    """The frame in its true types, what is worth saying, what was taken for each of the conventions, and how each
    column of texts was read: of columns that have a type of their own, there is no notation."""

    frame: pl.DataFrame
    remarks: list[Remark] = field(default_factory=list)
    decided: dict[str, Any] = field(default_factory=dict)
    notations: dict[str, Notation] = field(default_factory=dict)


def convert_texts(
    frame: pl.DataFrame,
    *,
    typed: bool,
    conventions: Conventions = NO_CONVENTIONS,
    literal: Collection[str] = (),
    delimiter: str | None = None,
    line_of: LineOf = lambda row: None,
    row_of: RowOf = from_one,
) -> Conversion:
    """Give the text columns of a frame their true types.

    Of a file that has types of its own (`typed`), only dates are converted: a number kept as text is meant so. The
    `literal` columns are texts whatever they look like; `delimiter` is what stands between the file's values.
    `line_of` gives the line of the file that a row came from, `row_of` the number that people know it by
    where it has none.
    """

    def convert(column: pl.Series) -> tuple[pl.Series, Evidence]:
        # Each column with a converter of its own, for they run in threads.
        converter = ColumnConverter(conventions, typed, line_of, row_of)
        return column if column.name in literal else converter.convert(column), converter.evidence

    remarks: list[Remark] = []
    if not typed and conventions.missing is None:
        frame, remarks = without_flags(frame, literal)
    converter = ColumnConverter(conventions, typed, line_of, row_of)
    evidence = converter.evidence
    columns: dict[str, pl.Series] = {}
    for column, shown in each_column(convert, frame.get_columns()):
        columns[column.name] = column
        evidence.learn_from(shown)
    if evidence.pending:
        columns |= settle(converter, frame.get_columns(), delimiter)
    if not typed:
        evidence.remarks += perhaps_missing(columns.values())
    return Conversion(
        pl.DataFrame(list(columns.values())),
        remarks + evidence.all_remarks(),
        evidence.decided(conventions),
        evidence.notations_of(columns, literal, conventions, typed=typed),
    )
