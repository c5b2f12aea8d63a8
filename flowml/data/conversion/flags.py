"""Tables of Eurostat: “:” for no value, and letters after the numbers that say how far they can be trusted."""

from __future__ import annotations

import re
from collections.abc import Collection

import polars as pl

from flowml.domain.remarks import Remark, loss, note

_CORNER = re.compile(r"\\time(_period)?\s*$", re.IGNORECASE)
_FLAGGED = r"^\s*(:|[-+]?\d+(?:\.\d+)?)\s+([a-z]{1,3})\s*$"
_CELL = r"^\s*(?::|[-+]?\d+(?:\.\d+)?)(?:\s+[a-z]{1,3})?\s*$"


def without_flags(frame: pl.DataFrame, literal: Collection[str]) -> tuple[pl.DataFrame, list[Remark]]:
    """The frame with nothing but numbers in its columns of years, and what to say of it; any other table as it is."""
    if not frame.width or not _CORNER.search(frame.columns[0]):
        return frame, []
    cleaned, flags, n_flagged, n_missing = [], set[str](), 0, 0
    for column in frame.get_columns()[1:]:
        if column.dtype != pl.String or column.name in literal or not column.drop_nulls().str.contains(_CELL).all():
            continue
        found = column.str.extract(_FLAGGED, 2).drop_nulls()
        flags |= set(found.unique())
        n_flagged += len(found)
        values = column.str.replace(_FLAGGED, "${1}").str.strip_chars()
        is_missing = (values == ":").fill_null(value=False)
        n_missing += int(is_missing.sum())
        cleaned.append(values.set(is_missing, None))
    remarks = []
    if n_flagged:
        shown = ", ".join(f"“{flag}”" for flag in sorted(flags)[:8])
        said = f"As in tables of Eurostat, flags after {n_flagged:,} of the values ({shown}) were left out."
        remarks.append(loss("flags_left_out", said))
    if n_missing:
        said = f"As in tables of Eurostat, “:” was read as missing ({n_missing:,})."
        remarks.append(note("read_as_missing", said))
    return frame.with_columns(cleaned), remarks
