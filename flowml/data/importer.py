"""An uploaded file as a stored table, with all that is worth knowing about it; runs in a child process (`tasks`)."""

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.canonical import write_canonical
from flowml.data.format import Limits
from flowml.data.formats.registry import all_formats
from flowml.data.profiling.profile import as_record, profile
from flowml.data.read import load
from flowml.domain.datasets import HowRead
from flowml.domain.errors import NotReady
from flowml.domain.remarks import Remark


def prepare() -> None:
    """Load what most files need, before one is there."""
    all_formats()
    for name in ("delimited.table", "logs.table"):
        importlib.import_module(f"flowml.data.{name}")


def import_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Read `path` (called `filename` by its owner) with `options` at the time `now`, write it to `table`; temporary
    files go below `scratch`. Answers format, n_rows, columns, stats, remarks, how_read and figures. Raises what the
    readers raise."""
    limits = Limits(request["max_rows"], request["max_columns"])
    with tempfile.TemporaryDirectory(dir=request["scratch"]) as scratch:
        table = load(
            Path(request["path"]),
            request["filename"],
            request["options"],
            limits,
            Path(scratch),
            now=request.get("now"),
        )
    try:
        write_canonical(table.frame, Path(request["table"]))
    except OSError as error:
        raise NotReady(
            "The table could not be stored on the server.", hint="Its disk may be full; remove what is not needed."
        ) from error
    return described(table.frame, format=table.format, remarks=table.remarks, how_read=table.how_read)


def described(frame: pl.DataFrame, *, format: str, remarks: Sequence[Remark], how_read: HowRead) -> dict[str, Any]:
    """What there is to know about a canonical table that was just written, as `child.ingested` reads it."""
    found = profile(frame)
    return {
        "format": format,
        "n_rows": frame.height,
        "columns": [vars(column).copy() for column in found.columns],
        "stats": [as_record(column) for column in found.stats],
        "remarks": [asdict(remark) for remark in remarks],
        "how_read": asdict(how_read),
        "figures": dict(found.figures),
    }
