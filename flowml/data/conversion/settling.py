"""Columns that could not decide for themselves what they hold, read by what the file's others prove."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from flowml.data.conversion.converter import ColumnConverter
from flowml.data.conversion.dates import settled_dates, unclear_dates
from flowml.data.conversion.evidence import Pending, sole
from flowml.data.conversion.guess import NOTHING
from flowml.data.conversion.numbers import has_long_plain, unclear_commas
from flowml.domain.remarks import decision, note


def settle(converter: ColumnConverter, columns: Collection[pl.Series], delimiter: str | None) -> dict[str, pl.Series]:
    """The columns that could not decide for themselves, read with what all `columns` of the file prove; the converter's
    evidence is that of all of them. `delimiter` is what stands between the file's values."""
    evidence = converter.evidence
    for column in columns:
        if column.dtype == pl.Float64 and not (column.floor() == column).all():
            evidence.decimals["."] += 1
    kinds = ("date", "list", "number")
    waiting = sorted(evidence.pending.items(), key=lambda item: kinds.index(item[1].found.unclear or "date"))
    n_lists = sum(pending.found.unclear == "list" for _, pending in waiting)
    # The commas of lists stand in a file of points; that many would be no accident.
    are_lists = not evidence.decimals[","] and 0 < n_lists <= 2 * evidence.decimals["."]
    settled = {}
    for name, pending in waiting:
        if pending.found.unclear == "date":
            settled[name] = _dates(converter, pending)
        elif pending.found.unclear == "list":
            settled[name] = _commas(converter, pending, are_lists=are_lists)
        else:
            settled[name] = _numbers(converter, pending, delimiter)
    return settled


def _dates(converter: ColumnConverter, pending: Pending) -> pl.Series:
    values = pending.values
    order = sole(converter.evidence.orders)
    found = converter.dates(values, values.drop_nulls(), order) if order else NOTHING
    if found.series is None or order is None:
        converter.evidence.remarks.append(unclear_dates(values.name))
        return pending.original
    converter.evidence.remarks.append(settled_dates(values.name, order))
    return converter.accept(found, pending.original, values)


def _commas(converter: ColumnConverter, pending: Pending, *, are_lists: bool) -> pl.Series:
    if not are_lists:
        return converter.accept(replace(pending.found, unclear=None), pending.original, pending.values)
    converter.evidence.remarks.append(
        unclear_commas(pending.values, "separate the values of a list", converter.evidence.decimals)
    )
    return pending.original


def _numbers(converter: ColumnConverter, pending: Pending, delimiter: str | None) -> pl.Series:
    values = pending.values
    decimal = sole(converter.evidence.decimals)
    if decimal is None and values.str.contains(",", literal=True).any():
        # A file with semicolons may well have decimal commas, and who groups thousands mostly groups them all.
        is_open = delimiter == ";" or has_long_plain(values)
    else:
        is_open = False
    if is_open or (decimal is None and converter.evidence.decimals):
        converter.evidence.remarks.append(unclear_commas(values, "separate thousands", converter.evidence.decimals))
        return pending.original
    found = converter.numbers(values, decimal or ".")
    if found is NOTHING:
        found = converter.numbers_but_few(values, decimal or ".")
    if found.remark and found.series is not None:
        why = "as in the file's other numbers" if decimal else "which nothing in the file proves"
        said = f"{found.remark.text.removesuffix('.')}, {why}. The option “decimal” overrules."
        proof = (note if decimal else decision)("number_style", said)
        found = replace(found, remark=replace(found.remark.or_graver(proof), text=said))
    return converter.accept(replace(found, proof=None), pending.original, values)
