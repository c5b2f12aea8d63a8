"""Tables that are sent to a model as the body of a request, and answered by one: the same child process as for files,
but nothing is kept of it, so that a server without a store does it too."""

import io
import json
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowml.data.ceiling import PACKED_STARTS, memory_for
from flowml.domain.errors import UnreadableFile
from flowml.services.context import Context
from flowml.services.protocols.rows import typed
from flowml.services.serving import predicting
from flowml.services.serving.figures import milliseconds_since
from flowml.services.serving.loaded import Loaded
from flowml.services.serving.predicting import DEFAULT_COVERAGE
from flowml.services.serving.shelf import models_of
from flowml.services.tables import run_task, workplace

_PIECE_ROWS = 20_000
# What a model and its libraries take, beside the table.
_MODEL_BYTES = 1 << 30
_HEAD_BYTES = 16
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


@dataclass(frozen=True)
class AnsweredTable:
    """`path` is the caller's, to be removed; `notes` are sentences about what was read."""

    path: Path
    rows: int
    notes: tuple[str, ...]


def memory_of_child(path: Path) -> int:
    """Bytes that a child may take for this table and a model."""
    return memory_for(path) + _MODEL_BYTES


def check_begin(path: Path, media_type: str, begin: bytes | None) -> None:
    """Raises UnreadableFile for what is not what it was sent as, in this media type, which begins so (None: a text):
    it is not for its bytes alone to say which reader is set upon them."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    is_so = not head.startswith(PACKED_STARTS) if begin is None else head.startswith(begin)
    if not is_so:
        raise UnreadableFile(
            f"The body is no table in the format that was announced, {media_type}.",
            hint="Send the Content-Type of what it is, unpacked.",
        )


def answer_table(
    context: Context,
    model_id: str | None,
    path: Path,
    *,
    filename: str,
    format: str,
    options: Mapping[str, Any] | None = None,
    coverage: float = DEFAULT_COVERAGE,
) -> AnsweredTable:
    """A table of any format that is read (`filename` says what it is sent as, `options` what its owner says of it),
    with the answers added as `flowml predict` adds them, in one of `downloads.MEDIA_TYPES`; `coverage`: how often
    intervals hold the truth. Bounded in time and memory as reading a file is.

    Raises as `predicting.load` and `tables.run_task` do, and UnreadableFile and InvalidInput for what is in it.
    """
    started = time.perf_counter()
    loaded = predicting.load(context, model_id)
    model_file = models_of(context).file(context, loaded)
    with workplace(context) as place:
        request: dict[str, Any] = {
            "path": str(path),
            "filename": filename,
            "format": format,
            "options": dict(options or {}),
            "model_file": str(model_file),
            "table": None,
            "target": str(place.scratch / "result"),
            "scratch": str(place.scratch),
            "progress": str(place.scratch / "progress"),
            "coverage": coverage,
        }
        most_bytes = memory_of_child(path)
        answer = run_task(context, "score", request, module="flowml.services.scoring.task", most_bytes=most_bytes)
        result = context.store.files.new_temp()
        (place.scratch / "result").replace(result)
    predicting.record(context, answer["rows"], milliseconds_since(started), loaded.id)
    return AnsweredTable(result, answer["rows"], tuple(answer["notes"]))


def as_stream(table: AnsweredTable, target: Path) -> AnsweredTable:
    """The same, in an Arrow file, as an Arrow stream at another path."""
    try:
        with target.open("xb") as file:
            file.writelines(_arrow_stream(table.path))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        table.path.unlink(missing_ok=True)
    return replace(table, path=target)


def as_predictions(table: AnsweredTable, loaded: Loaded, target: Path) -> AnsweredTable:
    """Of the same what was predicted alone, at another path, as MLflow's server answers: classes in the type that they
    had in the training data."""
    try:
        with target.open("xb") as file:
            file.writelines(_predictions(table.path, loaded))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        table.path.unlink(missing_ok=True)
    return replace(table, path=target)


def _predictions(path: Path, loaded: Loaded) -> Iterator[bytes]:
    """JSON, by pieces, of an Arrow file of ours."""
    import polars as pl

    from flowml.automl.model.batch import predicted_column

    rows = pl.scan_ipc(path, glob=False)
    name = predicted_column(loaded.fitted.schema, rows.collect_schema().names())
    n_rows = rows.select(pl.len()).collect().item()
    yield b'{"predictions":['
    for start in range(0, n_rows, _PIECE_ROWS):
        piece = rows.select(name).slice(start, _PIECE_ROWS).collect().to_series()
        values = json.dumps(typed(loaded, piece.to_list()), ensure_ascii=False, separators=(",", ":"))
        yield (("," if start else "") + values[1:-1]).encode()
    yield b"]}"


def _arrow_stream(path: Path) -> Iterator[bytes]:
    """An Arrow file of ours as an Arrow stream, by pieces: the schema, the batches of rows, the mark of its end."""
    import polars as pl

    rows = pl.scan_ipc(path, glob=False)
    n_rows = rows.select(pl.len()).collect().item()
    for start in range(0, max(n_rows, 1), _PIECE_ROWS):
        buffer = io.BytesIO()
        rows.slice(start, _PIECE_ROWS).collect().write_ipc_stream(buffer)
        piece = buffer.getvalue().removesuffix(_END_OF_STREAM)
        # Each is a stream of its own, which begins with the schema: a mark, its length, itself.
        skipped = 8 + struct.unpack_from("<i", piece, 4)[0] if start else 0
        yield piece[skipped:]
    yield _END_OF_STREAM
