"""The child process that answers a file: `python -m flowml.services.scoring.task`. It works as the one of `data.tasks`
does."""

import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from flowml.automl.files.drift import Reference, reference_of
from flowml.automl.files.scoring import Progress, Reporting, open_for, score_pieces
from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.data.conversion.notation import Notation
from flowml.data.expected import Expected
from flowml.data.format import Limits
from flowml.data.in_pieces import open_expected
from flowml.data.sizes import plain_bytes
from flowml.data.tasks import Task, answer_and_end
from flowml.data.writing.writers import SEPARATORS
from flowml.services.background.progress import Told, write_progress
from flowml.services.scoring.flat import flatten

_NICENESS = 5
_REFERENCE_ROWS = 50_000
_SLICES, _SLICE_ROWS = 50, 1_000
_TELL_SECONDS = 0.2
# Of a table that its caller takes back to answer it.
_SMALL_ROWS, _SMALL_BYTES = 2_000, 4_000_000
# What real tables unpack to, and answers to them have, is less.
_FREE_BYTES = 256_000_000
_MOST_EXPANSION = 200

TASKS = {
    "score": Task(
        "flowml.services.scoring.task:score", reads=("path", "model_file", "table"), writes=("target", "progress")
    ),
    "read": Task("flowml.services.scoring.task:read", reads=("path",)),
}


def score(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the rows of `path`, called `filename`, with the model in `model_file`, into `target`, in `format`; what is
    temporary is in `scratch`, and how far it is in `progress`. `table`: the training rows, None where they are gone.
    `coverage`: how often intervals hold the truth. Returns rows, seconds, notes, summary and first."""
    model = modelfile.read(Path(request["model_file"]))
    limits = _limits(request)
    reporting = Reporting(_Teller(Path(request["progress"])).tell)
    with open_for(
        model,
        Path(request["path"]),
        request["format"],
        filename=request["filename"],
        options=request["options"],
        limits=limits,
        now=time.time(),
    ) as table:
        scored = score_pieces(
            model,
            table,
            Path(request["target"]),
            request["format"],
            reference=_reference(model, request["table"]),
            reporting=reporting,
            most_bytes=limits.max_bytes,
            coverage=request["coverage"],
        )
    return {
        "rows": scored.rows,
        "seconds": scored.seconds,
        "notes": list(scored.notes),
        "summary": scored.summary.state(),
        "first": scored.first,
    }


def read(request: Mapping[str, Any]) -> dict[str, Any]:
    """Read the table at `path`, called `filename`, for a model that takes the `expected` columns and a file in `format`
    to come. Returns is_small, and then its frame, features (`flat`), names, given, notes, lines and rows."""
    table = open_expected(
        Path(request["path"]),
        [_expected(column) for column in request["expected"]],
        request["filename"],
        limits=_limits(request),
        now=time.time(),
        typed=request["format"] not in SEPARATORS,
    )
    with table as found:
        pieces = [read() for read in islice(found.pieces, 2)]
        found.check()
    piece = pieces[0]
    height = piece.frame.height
    if len(pieces) > 1 or height > _SMALL_ROWS or plain_bytes(piece.frame) > _SMALL_BYTES:
        return {"is_small": False}
    frame, features = flatten(piece.frame), flatten(piece.features)
    if frame is None or features is None:
        return {"is_small": False}
    return {
        "is_small": True,
        "frame": frame,
        "features": features,
        "names": dict(piece.names),
        "given": {name: column.to_list() for name, column in piece.given.items()},
        "notes": [*found.notes, *piece.notes],
        "lines": [piece.places.line_of(row) for row in range(height)],
        "rows": [piece.places.row_of(row) for row in range(height)],
    }


def _expected(column: Mapping[str, Any]) -> Expected:
    notation, known = column["notation"], column["known"]
    if notation is not None:
        missing = notation["missing"]
        notation = Notation(**{**notation, "missing": None if missing is None else tuple(missing)})
    return Expected(column["name"], column["kind"], notation, None if known is None else tuple(known))


def _limits(request: Mapping[str, Any]) -> Limits:
    most_bytes = max(_FREE_BYTES, _MOST_EXPANSION * Path(request["path"]).stat().st_size)
    return Limits(request["max_rows"], request["max_columns"], max_bytes=most_bytes)


class _Teller:
    """Writes how far it is into a file, some times a second."""

    def __init__(self, path: Path):
        self._path = path
        self._told_at = 0.0

    def tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            write_progress(self._path, Told(progress.rows, progress.total, progress.seconds))


def _reference(model: FittedModel, table: str | None) -> Reference | None:
    """Of a large table some rows from all of it."""
    if table is None:
        return None
    schema = model.schema
    rows = pl.scan_parquet(table, glob=False)
    has = rows.collect_schema().names()
    rows = rows.select(name for name in (*schema.roles, schema.target) if name in has)
    n_rows = int(rows.select(pl.len()).collect().item())
    if n_rows > _REFERENCE_ROWS:
        starts = [part * (n_rows - _SLICE_ROWS) // (_SLICES - 1) for part in range(_SLICES)]
        return reference_of(pl.concat([rows.slice(start, _SLICE_ROWS).collect() for start in starts]), schema)
    return reference_of(rows.collect(), schema)


def main() -> None:
    """Answer one request."""
    answer_and_end(TASKS, _NICENESS)


if __name__ == "__main__":
    main()
