"""JSON Lines: one record per line."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from flowml.data.format import CERTAIN, LIKELY, NO, Format, Pieces, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss

if TYPE_CHECKING:
    import polars as pl

    from flowml.data.nested.records import Columns

_SHOWN_LINES = 5
_TOLERATED_SHARE = 0.1
_LINES_FOR_ORDER = 100
_LARGE_BYTES = 12 << 20
_PIECE_BYTES = 4 << 20
_MARK = b"\xef\xbb\xbf"
# RFC 7464 puts a record separator in front of each.
_AROUND = " \t\r\n,\x1e"
_BETWEEN = re.compile(r"[\s,]*")
# Braces alone are no proof: keys of Windows are in them, too.
_RECORD = re.compile(rb"\{\s*(\".*)?\}", re.DOTALL)


def sniff(head: bytes, path: Path) -> float:
    lines = [line.strip(b" \t\r\n\x1e") for line in head.removeprefix(_MARK).splitlines()[:10]]
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
    from flowml.data.nested.width import check_width, is_scattered

    remarks: list[Remark] = []
    check_width(source.path, source.limits)
    # Polars makes a column of every name before anybody can object to how many there are.
    frame = None if is_scattered(source.path) else _fast(source)
    if frame is not None:
        return Reading(frame, "jsonl", typed=True, remarks=remarks)
    columns = _line_by_line(source, remarks)
    return Reading(columns.frame(remarks), "jsonl", typed=True, remarks=remarks, given=columns.given)


def pieces(source: Source) -> Pieces | None:
    """What is large, by whole lines. A file whose records take several lines is read at once."""
    if source.path.stat().st_size < _LARGE_BYTES:
        return None
    with source.path.open("rb") as file:
        head = [line.removeprefix(_MARK).decode("utf-8", "replace") for line in islice(file, _LINES_FOR_ORDER)]
    whole = [line for line in head if line.strip(_AROUND)]
    if sum(bool(_records(line)) for line in whole) < (1 - _TOLERATED_SHARE) * len(whole):
        return None
    tally = _Tally()
    return Pieces(_readings(source, tally), None, typed=True, check=tally.check)


class _Tally:
    """Lines of all pieces: how many hold records, and how many none."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bad = _Bad()
        self._n_records = 0

    def add(self, n_records: int, bad: _Bad) -> None:
        with self._lock:
            self._n_records += n_records
            self._bad.count += bad.count
            self._bad.shown = self._bad.shown or bad.shown

    def check(self) -> None:
        """Raises UnreadableFile for too many of the latter."""
        if self._bad.are_too_many(self._n_records):
            raise _no_records(self._bad, self._n_records)


def _readings(source: Source, tally: _Tally) -> Iterator[Callable[[], Reading]]:
    first_line = 1
    with source.path.open("rb") as file:
        while content := file.read(_PIECE_BYTES) + file.readline(_PIECE_BYTES):
            yield partial(_piece, source, content, first_line, tally)
            first_line += content.count(b"\n")


def _piece(source: Source, content: bytes, first_line: int, tally: _Tally) -> Reading:
    import polars as pl

    remarks: list[Remark] = []
    n_lines = content.count(b"\n") + (not content.endswith(b"\n"))
    frame: pl.DataFrame | None = None
    with contextlib.suppress(pl.exceptions.PolarsError):
        frame = pl.read_ndjson(content, infer_schema_length=None)
    # Where a line is no record, or several, the lines of the rows are to be counted.
    lines: Sequence[int] = range(first_line, first_line + n_lines)
    given: Mapping[str, pl.Series] = {}
    if frame is None or frame.height != n_lines or _may_be_mixed(frame, content):
        lines = []
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace")
        columns = _of_lines(text, source, remarks, first_line, lines, tally)
        frame, given = columns.frame(remarks), columns.given
    else:
        tally.add(frame.height, _Bad())
    return Reading(frame, "jsonl", typed=True, remarks=remarks, line_of=lines.__getitem__, given=given)


def _may_be_mixed(frame: pl.DataFrame, content: bytes) -> bool:
    """Whether Polars may have made texts of what is none, to have one type for a column."""
    import polars as pl

    fields = [field for name, dtype in frame.schema.items() for field in _fields(name, dtype)]
    if any(dtype == pl.Int128 for _, dtype in fields):
        return True
    texts = dict.fromkeys(json.dumps(name, ensure_ascii=False) for name, dtype in fields if dtype == pl.String)
    if not texts:
        return False
    others = rf"(?:{'|'.join(map(pl.escape_regex, texts))})\s*:\s*[-0-9tf\[{{]"
    try:
        return bool(pl.Series([content], dtype=pl.Binary).cast(pl.String).str.contains(others).any())
    except pl.exceptions.PolarsError:
        # For very many names there is no such pattern.
        return True


def _fields(name: str, dtype: Any) -> Iterator[tuple[str, Any]]:
    """A column, or those of the records in it, as they are called in the file."""
    inner = getattr(dtype, "fields", None)
    if inner is None:
        yield name, dtype
    for each in inner or ():
        yield from _fields(each.name, each.dtype)


def _fast(source: Source) -> pl.DataFrame | None:
    """By Polars, when it finds nothing to object to and nothing that it would silently bend."""
    import polars as pl

    try:
        frame = pl.read_ndjson(source.path, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return None
    # Texts and mixed columns come out alike: only columns that cannot hide a mixture are believed.
    plain = all(dtype.is_numeric() or dtype in (pl.Boolean, pl.Null) for dtype in frame.dtypes)
    large = source.path.stat().st_size > 50_000_000 and not source.expected
    return frame.select(_in_order(source.path, frame.columns)) if plain or large else None


def _in_order(path: Path, names: list[str]) -> list[str]:
    """The names as the first records have them, which Polars leaves in any order; the others after them."""
    with path.open("rb") as file:
        records = [json.loads(line) for line in islice(file, _LINES_FOR_ORDER) if line.strip()]
    order = {name: at for at, name in enumerate(dict.fromkeys(name for record in records for name in record))}
    return sorted(names, key=lambda name: order.get(name, len(order)))


def _line_by_line(source: Source, remarks: list[Remark]) -> Columns:
    from flowml.data.nested.records import Columns

    columns = Columns(source.limits, for_model=bool(source.expected))
    with source.path.open(encoding="utf-8-sig", errors="replace") as file:
        bad = _collect(file, columns, 1)
    if bad.are_too_many(columns.height):
        if (spread := _over_lines(source)) is not None:
            return spread
        raise _no_records(bad, columns.height)
    remarks += bad.remarks()
    return columns


def _of_lines(
    file: Iterable[str], source: Source, remarks: list[Remark], first_line: int, lines: list[int], tally: _Tally
) -> Columns:
    """The records of some lines, whose numbers are added to `lines`. Whether too many hold none, all of them say."""
    from flowml.data.nested.records import Columns

    columns = Columns(source.limits, for_model=bool(source.expected))
    bad = _collect(file, columns, first_line, lines)
    tally.add(columns.height, bad)
    remarks += bad.remarks()
    return columns


@dataclass
class _Bad:
    """Lines that hold no record: how many, and the first of them."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def are_too_many(self, n_records: int) -> bool:
        return self.count > max(1, _TOLERATED_SHARE * (n_records + self.count))

    def remarks(self) -> list[Remark]:
        if not self.count:
            return []
        more = f" (and {self.count - len(self.shown):,} more)" if self.count > len(self.shown) else ""
        lines = (
            "1 line is no valid JSON record and was"
            if self.count == 1
            else f"{self.count:,} lines are no valid JSON records and were"
        )
        return [loss("lines_left_out", f"{lines} left out{more}: {'; '.join(self.shown)}")]


def _collect(file: Iterable[str], columns: Columns, first_line: int, lines: list[int] | None = None) -> _Bad:
    bad = _Bad()
    for number, line in enumerate(file, start=first_line):
        if not line.strip(_AROUND):
            continue
        records = _records(line)
        for record in records:
            columns.add(record)
        if lines is not None:
            lines += [number] * len(records)
        if records:
            continue
        bad.count += 1
        if len(bad.shown) < _SHOWN_LINES:
            bad.shown.append(f"line {number}: “{line.strip()[:80]}”")
    return bad


def _no_records(bad: _Bad, n_records: int) -> UnreadableFile:
    return UnreadableFile(
        f"{bad.count:,} of {n_records + bad.count:,} lines are no valid JSON record, for example {bad.shown[0]}.",
        hint="JSON Lines has one complete record per line.",
    )


def _over_lines(source: Source) -> Columns | None:
    """The records of a file whose records take several lines each; None where it holds anything else."""
    from flowml.data.nested.records import Columns
    from flowml.data.nested.sequence import values

    columns = Columns(source.limits, for_model=bool(source.expected))
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


FORMAT = Format(name="jsonl", title="JSON Lines", extensions=("jsonl", "ndjson"), sniff=sniff, read=read, pieces=pieces)
