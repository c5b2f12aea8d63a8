"""JSON Lines: one record per line."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.data.format import CERTAIN, LIKELY, NO, Format, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss

if TYPE_CHECKING:
    import polars as pl

    from flowml.data.nested.records import Columns

_SHOWN_LINES = 5
_TOLERATED_SHARE = 0.1
_LINES_FOR_ORDER = 100
# RFC 7464 puts a record separator in front of each.
_AROUND = " \t\r\n,\x1e"
_BETWEEN = re.compile(r"[\s,]*")
# Braces alone are no proof: keys of Windows are in them, too.
_RECORD = re.compile(rb"\{\s*(\".*)?\}", re.DOTALL)


def sniff(head: bytes, path: Path) -> float:
    lines = [line.strip(b" \t\r\n\x1e") for line in head.removeprefix(b"\xef\xbb\xbf").splitlines()[:10]]
    lines = [line for line in lines if line]
    if not lines or not lines[0].startswith(b"{"):
        return NO
    try:
        first = json.loads(lines[0])
    except (ValueError, RecursionError):
        # A damaged first line: the second still tells a list of records from one document.
        return LIKELY if len(lines) > 1 and all(_RECORD.fullmatch(line) for line in lines[1:-1] or lines[1:]) else NO
    if not isinstance(first, dict):
        return NO
    return CERTAIN if len(lines) > 1 else LIKELY


def read(source: Source) -> Reading:
    remarks: list[Remark] = []
    frame = _fast(source)
    if frame is None:
        frame = _line_by_line(source, remarks)
    return Reading(frame, "jsonl", typed=True, remarks=remarks)


def _fast(source: Source) -> pl.DataFrame | None:
    """By Polars, when it finds nothing to object to and nothing that it would silently bend."""
    import polars as pl

    try:
        frame = pl.read_ndjson(source.path, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return None
    # Texts and mixed columns come out alike: only columns that cannot hide a mixture are believed.
    plain = all(dtype.is_numeric() or dtype in (pl.Boolean, pl.Null) for dtype in frame.dtypes)
    large = source.path.stat().st_size > 50_000_000
    return frame.select(_in_order(source.path, frame.columns)) if plain or large else None


def _in_order(path: Path, names: list[str]) -> list[str]:
    """The names as the first records have them, which Polars leaves in any order; the others after them."""
    with path.open("rb") as file:
        records = [json.loads(line) for line in islice(file, _LINES_FOR_ORDER) if line.strip()]
    order = {name: at for at, name in enumerate(dict.fromkeys(name for record in records for name in record))}
    return sorted(names, key=lambda name: order.get(name, len(order)))


def _line_by_line(source: Source, remarks: list[Remark]) -> pl.DataFrame:
    from flowml.data.nested.records import Columns

    columns = Columns(source.limits)
    bad: list[str] = []
    n_bad = 0
    with source.path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip(_AROUND):
                continue
            records = _records(line)
            for record in records:
                columns.add(record)
            if records:
                continue
            n_bad += 1
            if len(bad) < _SHOWN_LINES:
                bad.append(f"line {number}: “{line.strip()[:80]}”")
    if n_bad > max(1, _TOLERATED_SHARE * (columns.height + n_bad)):
        if (spread := _over_lines(source)) is not None:
            return spread.frame(remarks)
        raise UnreadableFile(
            f"{n_bad:,} of {columns.height + n_bad:,} lines are no valid JSON record, for example {bad[0]}.",
            hint="JSON Lines has one complete record per line.",
        )
    if n_bad:
        more = f" (and {n_bad - len(bad):,} more)" if n_bad > len(bad) else ""
        lines = (
            "1 line is no valid JSON record and was"
            if n_bad == 1
            else f"{n_bad:,} lines are no valid JSON records and were"
        )
        remarks.append(loss("lines_left_out", f"{lines} left out{more}: {'; '.join(bad)}"))
    return columns.frame(remarks)


def _over_lines(source: Source) -> Columns | None:
    """The records of a file whose records take several lines each; None where it holds anything else."""
    from flowml.data.nested.records import Columns
    from flowml.data.nested.sequence import values

    columns = Columns(source.limits)
    try:
        for value in values(source.path):
            if not isinstance(value, dict):
                return None
            columns.add(value)
    except UnreadableFile:
        return None
    return columns


def _records(line: str) -> list[dict[str, Any]]:
    """The records of a line, of which a careless program writes several; none where anything else is in it."""
    line = line.strip(_AROUND)
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return _one_after_another(line) if error.msg == "Extra data" else []
    except (ValueError, RecursionError):
        return []
    return [record] if isinstance(record, dict) else []


def _one_after_another(line: str) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    at = 0
    while (at := _BETWEEN.match(line, at).end()) < len(line):  # type: ignore[union-attr]
        try:
            record, at = decoder.raw_decode(line, at)
        except (ValueError, RecursionError):
            return []
        if not isinstance(record, dict):
            return []
        found.append(record)
    return found


FORMAT = Format(name="jsonl", title="JSON Lines", extensions=("jsonl", "ndjson"), sniff=sniff, read=read)
