"""`flowml predict` and `flowml inspect`; and how every command reads a file."""

import argparse
import codecs
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from flowml.cli.result import ScoringLine
from flowml.cli.serve import settings_of
from flowml.domain.errors import FlowMLError

if TYPE_CHECKING:
    from flowml.data.format import Limits

_MANY_ROWS = 100_000


@contextmanager
def limited(path: Path) -> Iterator["Limits"]:
    """The limits of the server for a file that this command reads itself; what goes beyond them ends the command."""
    from flowml.data.format import Limits
    from flowml.data.guard import guarded

    limits = Limits()
    if any(name in os.environ for name in ("FLOWML_MAX_ROWS", "FLOWML_MAX_COLUMNS", "FLOWML_IMPORT_TIMEOUT_SECONDS")):
        settings = settings_of(argparse.Namespace())
        limits = Limits(settings.max_rows, settings.max_columns, settings.import_timeout_seconds)

    def end(problem: FlowMLError) -> None:
        print(f"flowml: {problem.detail} {problem.hint}", file=sys.stderr, flush=True)
        os._exit(1)

    with guarded(path, timeout_seconds=limits.timeout_seconds, end=end):
        yield limits


def predict(options: argparse.Namespace) -> int:
    """Score a file with a model file."""
    from flowml.automl.files.scoring import Reporting, open_for, score_pieces
    from flowml.automl.model.foreign import read_foreign
    from flowml.data.writing.writers import format_of

    format = "csv" if options.out is None else format_of(options.out)
    model = read_foreign(options.model)
    line = ScoringLine(sys.stderr)
    with ExitStack() as opened, contextlib.closing(line), _ended_in_order():
        with limited(options.file) as limits:
            asked = open_for(model, options.file, format, options=dict(options.options), limits=limits, now=time.time())
            table = opened.enter_context(asked)
        # However large a file is, its pieces are small, and it takes as long as it takes.
        to = _standard_output() if options.out is None else options.out
        scored = score_pieces(model, table, to, format, reporting=Reporting(line.update))
    for note in scored.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.out is not None:
        rate = f", {scored.rows / scored.seconds:,.0f} a second" if scored.rows >= _MANY_ROWS else ""
        print(f"{scored.rows} rows written to {options.out}{rate}", file=sys.stderr)
    return 0


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Who ends this command leaves no half file, as Ctrl-C does."""

    def end(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:
        # In a thread of a program that calls this.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _AsBytes:
    """A text file that takes bytes."""

    def __init__(self, file: TextIO):
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def write(self, content: bytes) -> None:
        self._file.write(self._decoder.decode(content))

    def flush(self) -> None:
        self._file.flush()


def _standard_output() -> Any:
    """As a file of bytes, also where a program has put a text file in its place."""
    return getattr(sys.stdout, "buffer", None) or _AsBytes(sys.stdout)


def inspect(options: argparse.Namespace) -> int:
    """Read a file and say what is in it."""
    from flowml.data.inspect import format_inspection, inspect_file

    with limited(options.file) as limits:
        found = inspect_file(options.file, dict(options.options), limits, now=time.time())
    print(json.dumps(found, ensure_ascii=False, allow_nan=False) if options.json else format_inspection(found))
    return 0
