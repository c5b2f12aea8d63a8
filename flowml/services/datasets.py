"""Data sets: taking a file in, showing what is in it, letting it go.

Polars is imported where a table is really opened: the web process starts without it.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowml.data.child import ingested
from flowml.data.format import Option
from flowml.data.formats import registry
from flowml.domain.datasets import Dataset, Ingested, ReadingOption
from flowml.domain.errors import WrongState
from flowml.domain.jobs import tested_name
from flowml.domain.names import shown
from flowml.domain.stored import hash_file
from flowml.services import downloads
from flowml.services.context import Context
from flowml.services.dispatch.answers_running import running_of
from flowml.services.dispatch.telling import tell_renamed, tell_system
from flowml.services.naming import free_name, new_name
from flowml.services.tables import FORKSERVER, Workplace, run_task, workplace
from flowml.store.rows import new_id

_LARGE_BYTES = 20_000_000


def import_file(
    context: Context,
    path: Path,
    *,
    filename: str,
    name: str | None,
    options: Mapping[str, Any],
    sha256: str | None = None,
) -> Dataset:
    """Read a file in a child process and store its table as a new data set; the file is taken over (moved) and kept,
    so that it can be read again with other options. `sha256` is its hash where that is known. Where another data set
    has its name already it gets a number.

    Raises UnreadableFile, UnsupportedFormat, TooLarge, InvalidInput for unusable options, NotReady when it is not its
    turn in time or nobody waits for it any more.
    """
    shown_name = _label(filename) or "upload"
    size_bytes = path.stat().st_size
    with _warm_trainers(context, size_bytes), workplace(context) as place:
        found = _read(context, path, shown_name, options, place)
        source, table = sha256 or hash_file(path), hash_file(place.result)
        dataset = Dataset(
            id=new_id(),
            name=_label(name or "") or Path(shown_name).stem or shown_name,
            filename=shown_name,
            format=found.format,
            n_rows=found.n_rows,
            n_columns=len(found.columns),
            size_bytes=size_bytes,
            sha256=source,
            table=table,
            parent_id=None,
            created_at=context.clock(),
            columns=found.columns,
            remarks=found.remarks,
            source=source,
            how_read=found.how_read,
            owner=context.caller.identifier,
        )
        return _add(context, dataset, found, {source: path, table: place.result})


def expect_work() -> None:
    """Get ready to read a file or to work on a table, in the background."""
    FORKSERVER.warm()


class PlaceForUploads:
    """Where files may be put until `import_file` takes them over, as far as there is room."""

    def __init__(self, context: Context):
        self.new_temp = context.store.files.new_temp
        self.promised = context.store.room.promised


def read_again(context: Context, dataset_id: str, options: Mapping[str, Any]) -> Dataset:
    """The uploaded file of a data set, read with other options: a new data set, which has the file with the old one.

    Raises NotFound, WrongState when the file is not kept, and as `import_file` does.
    """
    old = context.store.datasets.get(dataset_id)
    if old.source is None:
        raise WrongState(
            f"The file that “{old.name}” was read from is not kept on this server.",
            hint="Go back to the first version, or upload the file again.",
        )
    path = context.store.files.whole(old.source, "file as it was uploaded")
    with workplace(context) as place:
        found = _read(context, path, old.filename, options, place)
        dataset = replace(
            old,
            id=new_id(),
            format=found.format,
            n_rows=found.n_rows,
            n_columns=len(found.columns),
            table=hash_file(place.result),
            created_at=context.clock(),
            columns=found.columns,
            remarks=found.remarks,
            how_read=found.how_read,
            owner=context.caller.identifier,
        )
        # It may have been deleted meanwhile, and the file with it.
        return _add(context, dataset, found, {dataset.table: place.result}, made_of=dataset_id)


def reading_options(context: Context, dataset_id: str) -> tuple[str, tuple[ReadingOption, ...]]:
    """The title of the format that a data set's file was read as, and what its owner may say about the file. Raises
    NotFound."""
    dataset = context.store.datasets.get(dataset_id)
    how = dataset.how_read
    format = next((format for format in registry.all_formats() if format.name == how.reader), None)
    options = [registry.format_option(), *(format.options if format is not None else ())]
    known = {option.name for option in options}
    # Of the file around the file (which member of an archive), not of its format.
    options += [Option(name, f"which {name} to read", "choice") for name in how.choices if name not in known]
    return format.title if format is not None else dataset.format, tuple(
        ReadingOption(
            option.name,
            option.title,
            "choice" if option.name in how.choices else option.kind,
            tuple(how.choices.get(option.name, option.values)),
            how.options.get(option.name),
            how.reader or None if option.name == "format" else how.decided.get(option.name),
        )
        for option in options
    )


@contextmanager
def _warm_trainers(context: Context, size_bytes: int) -> Iterator[None]:
    """Who brings a table will train on it: the trainers come up while it is read, or where that takes all of the
    machine, right afterwards."""
    if size_bytes < _LARGE_BYTES:
        context.trainers.warm_up()
    yield
    if size_bytes >= _LARGE_BYTES:
        context.trainers.warm_up()


def _add(
    context: Context, dataset: Dataset, found: Ingested, files: Mapping[str, Path], *, made_of: str | None = None
) -> Dataset:
    """Store it with its files, all or nothing. Raises NotFound when what it was `made_of` is gone."""
    store = context.store
    new = [sha256 for sha256 in files if not store.files.has(sha256)]
    announced = store.files.announce(new)
    try:
        with store.transaction():
            if made_of is not None:
                store.datasets.get(made_of)
            for sha256, path in files.items():
                store.files.put_path(path, sha256)
            dataset = replace(dataset, name=free_name(store.datasets, dataset.name))
            store.datasets.add(dataset, found.stats, found.figures)
            size = f"{dataset.n_rows:,} rows, {dataset.n_columns:,} columns"
            tell_system(store, "info", "Data set added", f"{dataset.name}: {size}", context.clock())
    except BaseException:
        store.files.withdraw(new, announced)
        raise
    return dataset


def _read(
    context: Context,
    path: Path,
    filename: str,
    options: Mapping[str, Any],
    place: Workplace,
) -> Ingested:
    request = {
        "path": str(path),
        "filename": filename,
        "options": dict(options),
        "table": str(place.result),
        "scratch": str(place.scratch),
        "now": context.clock(),
    }
    return ingested(run_task(context, "import", request))


def list_datasets(context: Context, limit: int, offset: int) -> tuple[list[Dataset], int]:
    """Newest first, and how many there are in all."""
    return context.store.datasets.page(limit, offset)


def dataset_names(context: Context, dataset_ids: Collection[str]) -> dict[str, str]:
    """What those of these data sets are called that are there, by their ids."""
    return context.store.datasets.names(dataset_ids)


def get_dataset(context: Context, dataset_id: str) -> Dataset:
    """Raises NotFound."""
    return context.store.datasets.get(dataset_id)


def rename_dataset(context: Context, dataset_id: str, name: str) -> Dataset:
    """The data set with another name. Raises NotFound, InvalidInput, and WrongState when another one has it."""
    with context.store.transaction():
        before = context.store.datasets.get(dataset_id).name
        wanted = new_name(context.store.datasets, name, before, "data set")
        dataset = context.store.datasets.rename(dataset_id, wanted)
        tell_renamed(context.store, "dataset", dataset_id, wanted, context.clock())
    return dataset


def delete_dataset(context: Context, dataset_id: str) -> None:
    """Forget a data set. Raises NotFound, and WrongState while a training run still needs it.

    Its files go, unless something else has the same content.
    """
    dataset = context.store.datasets.get(dataset_id)

    def rows() -> None:
        n_jobs = context.store.jobs.using(dataset_id)
        if n_jobs:
            runs = "a training run is" if n_jobs == 1 else f"{n_jobs} training runs are"
            raise WrongState(
                f"“{dataset.name}” cannot be deleted while {runs} using it.",
                hint="Wait for the end of the run, or cancel it.",
            )
        context.store.datasets.delete(dataset_id)
        tell_system(context.store, "info", "Data set deleted", dataset.name, context.clock())

    context.store.delete(rows)
    running_of(context.store).stop(dataset_id=dataset_id)
    # Not at the start: a server of one model deletes nothing, and loads as little as it can.
    from flowml.services.assistant.previewed import SHELF
    from flowml.services.assistant.trying import leave as leave_tries

    leave_tries(context.store, dataset_id)
    SHELF.forget(context.store.files.new_temp().parent, dataset_id)
    downloads.forget(context, dataset.table)
    # It holds the target of every row that tested a model.
    context.store.files.forget_cached(tested_name("*", dataset.table))


def supported_extensions() -> tuple[str, ...]:
    """The extensions of every kind of file that can be uploaded, without dots."""
    return registry.extensions()


def _label(name: str) -> str:
    """A name from outside as it may be shown: no folders."""
    return shown(name.replace("\\", "/").rsplit("/", 1)[-1])
