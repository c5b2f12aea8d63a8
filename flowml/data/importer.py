"""The child process that reads an uploaded file: `python -m flowml.data.importer`.

It gets a request as JSON on standard input and answers with JSON on standard output, either what it learned or
{"problem": {"type", "detail", "hint", "fields"}}; the table itself is written as Parquet to the path the request
names. Whatever a file does to this process, the server only sees it end.
"""

import dataclasses
import json
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowml.data.formats.base import Limits
from flowml.domain.errors import FlowMLError, InvalidInput, NotReady, UnreadableFile


def import_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Read `path` (called `filename` by its owner) with `options`, write it to `table`; temporary files go below
    `scratch`. Answers format, n_rows, columns, stats and warnings. Raises what the readers raise."""
    from flowml.data.canonical import write_canonical
    from flowml.data.profile import profile
    from flowml.data.read import load

    limits = Limits(request["max_rows"], request["max_columns"])
    with tempfile.TemporaryDirectory(dir=request["scratch"]) as scratch:
        table = load(Path(request["path"]), request["filename"], request["options"], limits, Path(scratch))
    try:
        write_canonical(table.frame, Path(request["table"]))
    except OSError as error:
        raise NotReady(
            "The table could not be stored on the server.", hint="Its disk may be full; remove what is not needed."
        ) from error
    found = profile(table.frame)
    return {
        "format": table.format,
        "n_rows": table.frame.height,
        "columns": [asdict(column) for column in found.columns],
        "stats": [asdict(column) for column in found.stats],
        "warnings": list(table.warnings),
    }


def problem(error: FlowMLError) -> dict[str, Any]:
    """An error as JSON has it."""
    fields = [dataclasses.asdict(field) for field in error.fields] if isinstance(error, InvalidInput) else []
    return {"problem": {"type": type(error).__name__, "detail": error.detail, "hint": error.hint, "fields": fields}}


def main() -> int:
    """Answer one request."""
    request = json.load(sys.stdin)
    try:
        answer = import_table(request)
    except FlowMLError as error:
        answer = problem(error)
    # Also what Rust panics raise: every ending is an answer, and the cause goes to the server's log.
    except BaseException:
        traceback.print_exc()
        answer = problem(
            UnreadableFile(
                "The file could not be read: its content confuses the reader.",
                hint="Save or export it again, or try another format such as CSV.",
            )
        )
    json.dump(answer, sys.stdout, allow_nan=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
