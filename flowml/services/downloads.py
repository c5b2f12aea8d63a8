"""A table as a file to take away."""

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


@dataclass(frozen=True)
class Download:
    """A file to send, and what to call it."""

    path: Path
    filename: str
    media_type: str


def download(context: Context, dataset_id: str, format: str) -> Download:
    """The table of a data set in one of MEDIA_TYPES, written once for all who ask within an hour. Raises NotFound,
    InvalidInput when that format cannot hold it (XLSX has a limit of rows), and as `run_task` does."""
    dataset = context.store.datasets.get(dataset_id)
    table = context.store.files.path(dataset.table)
    filename = f"{dataset.name}.{format}"
    if format == "parquet":
        # It is stored like this.
        return Download(table, filename, MEDIA_TYPES[format])
    kept = context.store.files.cached(f"download-{dataset.table}.{format}")
    with alone("download", kept.name, left=context.left, turns=context.turns):
        if not kept.exists():
            with workplace(context) as place:
                run_task(context, "export", {"table": str(table), "target": str(place.result), "format": format})
                place.result.replace(kept)
    return Download(kept, filename, MEDIA_TYPES[format])
