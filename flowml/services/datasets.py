"""Data sets: taking a file in, showing what is in it, letting it go.

Polars is imported where a table is really opened: the web process starts without it.
"""

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

from flowml.data.child import ingested
from flowml.data.formats import registry
from flowml.domain.datasets import Categories, ColumnStats, Correlation, Dataset, Histogram, Ingested
from flowml.domain.errors import NotFound, WrongState
from flowml.services.context import Context
from flowml.services.tables import Workplace, run_task, workplace
from flowml.store.rows import new_id

_LONGEST_NAME = 200


def import_file(
    context: Context,
    path: Path,
    *,
    filename: str,
    name: str | None,
    options: Mapping[str, Any],
    cancelled: Event | None = None,
) -> Dataset:
    """Read a file in a child process and store its table as a new data set; the file is taken over (moved) and kept,
    so that it can be read again with other options.

    Raises UnreadableFile, UnsupportedFormat, TooLarge, InvalidInput for unusable options, NotReady when `cancelled`.
    """
    # Who brings a table will train on it: the trainers come up while it is read.
    context.trainers.warm_up()
    shown_name = _shown(filename) or "upload"
    size_bytes = path.stat().st_size
    with workplace(context) as place:
        found = _read(context, path, shown_name, options, place, cancelled)
        source = context.store.files.put_path(path)
        dataset = Dataset(
            id=new_id(),
            name=_shown(name or "") or Path(shown_name).stem or shown_name,
            filename=shown_name,
            format=found.format,
            n_rows=found.n_rows,
            n_columns=len(found.columns),
            size_bytes=size_bytes,
            sha256=source,
            table=context.store.files.put_path(place.result),
            parent_id=None,
            created_at=context.clock(),
            columns=found.columns,
            warnings=found.warnings,
            source=source,
            how_read=found.how_read,
        )
    context.store.datasets.add(dataset, found.stats, found.figures)
    _tell(context, "Data set added", f"{dataset.name}: {dataset.n_rows:,} rows, {dataset.n_columns:,} columns")
    return dataset


def _read(
    context: Context,
    path: Path,
    filename: str,
    options: Mapping[str, Any],
    place: Workplace,
    cancelled: Event | None = None,
) -> Ingested:
    request = {
        "path": str(path),
        "filename": filename,
        "options": dict(options),
        "table": str(place.result),
        "scratch": str(place.scratch),
        "now": context.clock(),
    }
    return ingested(run_task(context, "import", request, cancelled=cancelled))


def list_datasets(context: Context, limit: int, offset: int) -> tuple[list[Dataset], int]:
    """Newest first, and how many there are in all."""
    return context.store.datasets.page(limit, offset)


def get_dataset(context: Context, dataset_id: str) -> Dataset:
    """Raises NotFound."""
    return context.store.datasets.get(dataset_id)


def delete_dataset(context: Context, dataset_id: str) -> None:
    """Forget a data set. Raises NotFound, and WrongState while a training run still needs it.

    Its file goes with the next housekeeping, unless something else has the same content.
    """
    with context.store.transaction():
        dataset = context.store.datasets.get(dataset_id)
        n_jobs = context.store.jobs.using(dataset_id)
        if n_jobs:
            runs = "a training run is" if n_jobs == 1 else f"{n_jobs} training runs are"
            raise WrongState(
                f"“{dataset.name}” cannot be deleted while {runs} using it.",
                hint="Wait for the end of the run, or cancel it.",
            )
        context.store.datasets.delete(dataset_id)
    _tell(context, "Data set deleted", dataset.name)


def stats(context: Context, dataset_id: str) -> tuple[ColumnStats, ...]:
    """The statistics of every column, as computed when the file came in. Raises NotFound."""
    return context.store.datasets.stats(dataset_id)


def correlation(context: Context, dataset_id: str, method: str = "pearson") -> Correlation:
    """How the columns go together. Raises NotFound, InvalidInput for an unknown method."""
    from flowml.data.correlation import correlation

    dataset = context.store.datasets.get(dataset_id)
    return correlation(context.store.files.path(dataset.table), dataset.columns, method, dataset.n_rows)


def distribution(context: Context, dataset_id: str, column: str, bins: int = 20) -> Histogram | Categories:
    """How the values of a column are spread. Raises NotFound for an unknown data set or column, InvalidInput."""
    from flowml.data.distribution import distribution

    dataset = context.store.datasets.get(dataset_id)
    found = dataset.column(column)
    if found is None:
        raise NotFound(
            f"“{dataset.name}” has no column “{column}”.", hint="Names are compared exactly, capitals included."
        )
    return distribution(context.store.files.path(dataset.table), found, bins)


def supported_extensions() -> tuple[str, ...]:
    """The extensions of every kind of file that can be uploaded, without dots."""
    return registry.extensions()


def _shown(name: str) -> str:
    """A name as it may be shown: no folders, no control characters, not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable()).strip()[:_LONGEST_NAME]


def _tell(context: Context, title: str, detail: str) -> None:
    event = {"level": "info", "title": title, "detail": detail}
    context.store.events.append("system", "system_event", event, context.clock())
