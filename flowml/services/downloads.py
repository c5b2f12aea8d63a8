"""A table as a file to take away."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from flowml.services.context import Context
from flowml.services.tables import run_task, workplace
from flowml.services.turns import alone

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_PREFIX = "download-"
_MOST_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Download:
    """A file to send, and what to call it."""

    path: Path
    filename: str
    media_type: str
    etag: str
    """Which content it is: the same for the same, however often it was written."""


def download(context: Context, dataset_id: str, format: str) -> Download:
    """The table of a data set in one of MEDIA_TYPES, written once for all who ask within an hour. Raises NotFound,
    Damaged, InvalidInput when that format cannot hold it (XLSX has a limit of rows), and as `run_task` does."""
    dataset = context.store.datasets.get(dataset_id)
    files = context.store.files
    files.path(dataset.table)
    filename = f"{dataset.name}.{format}"
    etag = f'"{dataset.table[:32]}-{format}"'
    kept = files.cached(_name(dataset.table, format))
    with alone("download", kept.name, left=context.left, turns=context.turns):
        if format == "parquet":
            # It is stored like this.
            kept = files.whole(dataset.table, "stored table")
        elif not kept.exists():
            table = files.whole(dataset.table, "stored table")
            with workplace(context) as place:
                run_task(context, "export", {"table": str(table), "target": str(place.result), "format": format})
                place.result.replace(kept)
            _make_room(kept)
    return Download(kept, filename, MEDIA_TYPES[format], etag)


def forget(context: Context, table: str) -> None:
    """Remove what was written of a table; somebody who is receiving it gets the rest."""
    for format in MEDIA_TYPES:
        context.store.files.cached(_name(table, format)).unlink(missing_ok=True)


def _name(table: str, format: str) -> str:
    return f"{_PREFIX}{table}.{format}"


def _make_room(latest: Path) -> None:
    """Of many that were written within an hour the latest stay."""
    found = []
    for path in latest.parent.glob(f"{_PREFIX}*"):
        # Somebody else may be doing the same.
        with contextlib.suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    kept = 0
    for _, size, path in sorted(found, reverse=True):
        kept += size
        if kept > _MOST_BYTES and path != latest:
            path.unlink(missing_ok=True)
