"""A file of rows, of any size, answered by a model: read in pieces, answered on all cores, written in order.

A piece goes through one thread from its bytes to the bytes of its answers. Nearly all of that is done by libraries that
work without Python's lock (Polars, NumPy, the boosters), so that threads keep all cores busy and share one model; and
no more pieces are in memory than are being worked on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from flowml.automl.conformal.record import DEFAULT
from flowml.automl.files.drift import Reference
from flowml.automl.files.first import FIRST_ROWS, first_rows, more_rows
from flowml.automl.files.outlet import Outlet, outlet
from flowml.automl.files.summary import Part, Summary, part_of
from flowml.automl.model.batch import expected_columns, said_of_extra, said_of_lacking, score_table, shown_notes
from flowml.automl.model.model import FittedModel
from flowml.data.expected import ReadTable
from flowml.data.format import Limits
from flowml.data.in_pieces import TableInPieces, open_expected
from flowml.data.places import Notes
from flowml.data.writing.workbook import check_shape
from flowml.data.writing.writers import SEPARATORS
from flowml.domain.errors import FlowMLError, TooLarge
from flowml.machine.facts import usable_cores

_MOST_THREADS = 32
_PARTS_A_THREAD = 2
_FEWEST_ROWS, _MOST_PART_ROWS = 500, 100_000


class Cancelled(FlowMLError):
    """Nobody wants the answers any more."""

    status = 503


@dataclass(frozen=True)
class Progress:
    """So many rows are answered, of how many in all, where that is known."""

    rows: int
    total: int | None
    seconds: float


@dataclass(frozen=True)
class ScoredFile:
    """What came of it: rows, what to know about them, what they are like, and the first of them (`first_rows`), None of
    a file without rows."""

    rows: int
    notes: tuple[str, ...]
    summary: Summary
    first: Mapping[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class Reporting:
    """Who is told of the progress, and asked whether the answers are still wanted: both about every half second, in any
    thread, but in one at a time."""

    tell: Callable[[Progress], object] = lambda progress: None
    is_cancelled: Callable[[], object] = lambda: False


@dataclass(frozen=True)
class _Piece:
    content: bytes | Path
    rows: int
    notes: list[str]
    totals: dict[str, int]
    lacks: tuple[str, ...]
    extra: tuple[str, ...]
    part: Part
    first: Mapping[str, Any] | None


class _Ahead:
    """How many rows are answered, by all threads."""

    def __init__(self, reporting: Reporting, total: int | None, began: float):
        self._is_over = False
        self._reason: BaseException | None = None
        self._reporting = reporting
        self._total = total
        self._began = began
        self._rows = 0
        self._lock = threading.Lock()

    def end(self, reason: BaseException | None = None) -> None:
        """Nobody wants any more of them; `reason` is raised where that is noticed."""
        self._reason = reason
        self._is_over = True

    def check(self) -> None:
        """Raises Cancelled."""
        with self._lock:
            if self._is_over and self._reason is not None:
                raise self._reason
            if self._is_over or self._reporting.is_cancelled():
                raise Cancelled("It was cancelled.")

    def add(self, n_rows: int) -> None:
        """So many more. Raises Cancelled."""
        with self._lock:
            self._rows += n_rows
            if not self._is_over:
                self._reporting.tell(Progress(self._rows, self._total, time.monotonic() - self._began))
        self.check()


def score_file(
    model: FittedModel,
    path: Path,
    to: Path | Any,
    format: str,
    *,
    filename: str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    now: float | None = None,
    **further: Any,
) -> ScoredFile:
    """Read a file and answer its rows, as `score_pieces` does. Raises as that and `open_expected` do."""
    with open_for(model, path, format, filename=filename, options=options, limits=limits, now=now) as table:
        return score_pieces(model, table, to, format, **further)


def open_for(model: FittedModel, path: Path, format: str, **reading: Any) -> AbstractContextManager[TableInPieces]:
    """A file of rows for this model, of which one in this format is to come; `reading` as of `open_expected`."""
    return open_expected(path, expected_columns(model.schema), typed=format not in SEPARATORS, **reading)


def score_pieces(
    model: FittedModel,
    table: TableInPieces,
    to: Path | Any,
    format: str,
    *,
    reference: Reference | None = None,
    threads: int | None = None,
    reporting: Reporting | None = None,
    most_bytes: int | None = None,
    coverage: float = DEFAULT,
) -> ScoredFile:
    """Write a table with the answers added, as `batch.predict_table` adds them, in one of `writers.FORMATS`.

    `to`: a path, at which a file is there once it is whole and not before, or an open binary file. `reference`: what
    the columns were like in training, to compare these with. `most_bytes`: how much may be written; `coverage`: how
    often intervals hold the truth. Raises as reading the pieces does, InvalidInput when the format cannot hold the
    table, TooLarge for too much, and Cancelled.
    """
    if format == "xlsx":
        # What cannot be written in the end is not worked out.
        check_shape(table.n_rows or 0, len(model.schema.features) + 1)
    reporting = reporting or Reporting()
    threads = threads or max(1, min(_MOST_THREADS, usable_cores()))
    began = time.monotonic()
    with outlet(to, format, table.shape) as out:
        return _score(model, table, _Bounded(out, most_bytes), threads, reporting, reference, began, coverage)


class _Bounded:
    """What takes the pieces, as long as they are not too much."""

    def __init__(self, out: Outlet, most_bytes: int | None):
        self.content = out.content
        self.finish = out.finish
        self._out = out
        self._most_bytes = most_bytes
        self._n_bytes = 0

    def write(self, content: bytes | Path) -> None:
        """Raises TooLarge."""
        self._n_bytes += content.stat().st_size if isinstance(content, Path) else len(content)
        if self._most_bytes is not None and self._n_bytes > self._most_bytes:
            raise TooLarge(
                f"The answer would have more than {self._most_bytes // 1_000_000:,} MB: more than one to a file of this"
                " size may have here.",
                hint="Leave out the columns that the model does not take, or send fewer rows.",
            )
        self._out.write(content)


def _score(
    model: FittedModel,
    table: TableInPieces,
    out: Outlet,
    threads: int,
    reporting: Reporting,
    reference: Reference | None,
    began: float,
    coverage: float,
) -> ScoredFile:
    notes, summary = Notes(), Summary(model.schema, reference)
    notes.add(table.notes)
    lacks: frozenset[str] | None = None
    extra: dict[str, None] = {}
    rows = 0
    first: Mapping[str, Any] | None = None
    ahead = _Ahead(reporting, table.n_rows, began)

    def work(number: int, read: Callable[[], ReadTable]) -> _Piece:
        ahead.check()
        try:
            return answered(number, read())
        except KeyboardInterrupt as interrupt:
            # Polars hands Ctrl-C to any thread that is in the middle of it: the pieces before need not be waited for.
            ahead.end(interrupt)
            raise

    def answered(number: int, read_table: ReadTable) -> _Piece:
        scored = score_table(model, read_table, ahead.add, coverage)
        return _Piece(
            out.content(number, scored.frame, read_table),
            scored.frame.height,
            scored.notes,
            read_table.totals(),
            scored.lacks,
            scored.extra,
            part_of(model, scored, reference),
            first_rows(read_table, scored.frame) if number < FIRST_ROWS else None,
        )

    with closing(_in_order(work, _spread(table.pieces, threads), threads, ahead.end)) as pieces:
        for piece in pieces:
            ahead.check()
            out.write(piece.content)
            notes.add(piece.notes, piece.totals)
            summary.add(piece.part)
            lacks = frozenset(piece.lacks) if lacks is None else lacks & frozenset(piece.lacks)
            extra |= dict.fromkeys(piece.extra)
            rows += piece.rows
            first = more_rows(first, piece.first)
    table.check()
    out.finish()
    missing = [name for name in model.schema.missing_of(()) if name in (lacks or ())]
    said = shown_notes([*notes.sentences(), *said_of_extra(list(extra)), *said_of_lacking(missing)])
    return ScoredFile(rows, said, summary, first, time.monotonic() - began)


def _spread(pieces: Iterator[Callable[[], ReadTable]], threads: int) -> Iterator[Callable[[], ReadTable]]:
    """The pieces; where there is one alone, parts of it for all threads."""
    first, second = next(pieces, None), next(pieces, None)
    if first is None:
        return
    if second is not None:
        yield from chain((first, second), pieces)
        return
    table = first()
    n_rows = table.frame.height
    at_once = min(_MOST_PART_ROWS, max(_FEWEST_ROWS, -(-n_rows // (_PARTS_A_THREAD * threads))))
    for start in range(0, max(n_rows, 1), at_once):
        yield partial(table.part, start, at_once)


def _in_order(
    work: Callable[[int, Callable[[], ReadTable]], _Piece],
    pieces: Iterator[Callable[[], ReadTable]],
    threads: int,
    end: Callable[[], object],
) -> Generator[_Piece]:
    """What comes of each piece, in the order of the pieces; as many are worked on as there are threads, and one more
    waits."""
    waiting: deque[Future[_Piece]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="scoring") as pool:
        try:
            for number, piece in enumerate(pieces):
                waiting.append(pool.submit(work, number, piece))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # When one of them failed, what has not begun is not wanted, and who is in the middle of another need not
            # finish it.
            end()
            for future in waiting:
                future.cancel()
