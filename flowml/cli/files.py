"""`flowml predict` and `flowml inspect`; and how every command reads a file."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.cli.serve import settings_of
from flowml.domain.errors import FlowMLError

if TYPE_CHECKING:
    from flowml.data.format import Limits


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
    from flowml.automl.model.batch import expected_columns, predict_table
    from flowml.automl.model.foreign import read_foreign
    from flowml.data.expected import read_expected
    from flowml.data.writing.writers import write_csv_text, write_table

    model = read_foreign(options.model)
    with limited(options.file) as limits:
        expected = expected_columns(model.schema)
        table = read_expected(options.file, expected, None, dict(options.options), limits, now=time.time())
    scored, notes = predict_table(model, table)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if options.out is None:
        sys.stdout.write(write_csv_text(scored))
    else:
        write_table(scored, options.out)
        print(f"{scored.height} rows written to {options.out}", file=sys.stderr)
    return 0


def inspect(options: argparse.Namespace) -> int:
    """Read a file and say what is in it."""
    from flowml.data.inspect import format_inspection, inspect_file

    with limited(options.file) as limits:
        found = inspect_file(options.file, dict(options.options), limits, now=time.time())
    print(json.dumps(found, ensure_ascii=False, allow_nan=False) if options.json else format_inspection(found))
    return 0
