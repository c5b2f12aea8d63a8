"""Versions of a table: what operations would do to it, a new version of it, and how one came of the other.

Going back is looking at an earlier version: each is stored whole, and none changes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from flowml.data.child import ingested
from flowml.data.recipes.checking import MOST_OPERATIONS, check_operations, title_of
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.datasets import Dataset, HowRead, Ingested
from flowml.domain.distributions import Categories, Histogram, distribution_of
from flowml.domain.errors import InvalidInput
from flowml.domain.names import LONGEST_NAME, shown
from flowml.domain.recipes import (
    Change,
    ColumnChange,
    Operation,
    OperationField,
    OperationInfo,
    Sample,
    Spreads,
    TransformPreview,
    lines_of,
)
from flowml.domain.remarks import Remark
from flowml.services.context import Context
from flowml.services.dispatch.telling import tell_system
from flowml.services.naming import ROOM_FOR_A_NUMBER, free_name
from flowml.services.tables import Workplace, run_task, workplace
from flowml.store.rows import new_id

CODE = "code"
"""In a history, a step that no operation can say: {"op": "code", "code": its text}."""

_MOST_STEPS = 1_000
_NUMBERED = re.compile(r" \(version \d+\)$")


@dataclass(frozen=True)
class Step:
    """An operation, and what it does in words. Of code, a step that is no operation, `operation` has the text."""

    operation: Operation
    title: str


@dataclass(frozen=True)
class Version:
    """A data set, and what was done to the one before it to make it. Where that one is gone, all since the file was
    read."""

    dataset: Dataset
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Table:
    """A table as it was read, or what is left of it, and the versions that were made from it, the newest last; `older`
    are not among them."""

    first: Dataset
    versions: tuple[Dataset, ...]
    older: int


@dataclass(frozen=True)
class Lineage:
    """How a data set came about: the versions that lead to it, the first one first and itself last, and those that were
    made from it."""

    versions: tuple[Version, ...]
    children: tuple[Version, ...]

    @property
    def start(self) -> int:
        """The place among `versions` of the one that the recipe starts from: the last one that was made by code, or the
        first of all."""
        return max(
            (place for place, version in enumerate(self.versions) if version.dataset.code is not None), default=0
        )


def list_operations() -> list[OperationInfo]:
    """Every kind of operation, in the order in which they are offered."""
    return [
        OperationInfo(
            kind.name,
            kind.title,
            kind.summary,
            kind.row_wise,
            tuple(
                OperationField(
                    field.name,
                    str(field.kind),
                    field.title,
                    field.required,
                    field.choices,
                    field.default,
                    field.learned,
                    field.least,
                    field.most,
                )
                for field in kind.fields
            ),
        )
        for kind in OPERATIONS.values()
    ]


def preview_transform(context: Context, dataset_id: str, operations: Sequence[Any]) -> TransformPreview:
    """What the operations would do. Raises NotFound, and InvalidInput naming `operations.PLACE.FIELD`."""
    dataset = context.store.datasets.get(dataset_id)
    with workplace(context) as place:
        answer = _transform(context, dataset, operations, place, preview=True)
    return preview_of(answer)


def preview_of(answer: Mapping[str, Any]) -> TransformPreview:
    """What a child answers about a difference between two tables."""
    return TransformPreview(
        operations=tuple(answer["operations"]),
        changes=tuple(Change(**change) for change in answer["changes"]),
        n_rows_before=answer["n_rows_before"],
        n_rows_after=answer["n_rows_after"],
        columns_added=tuple(answer["columns_added"]),
        columns_removed=tuple(answer["columns_removed"]),
        columns_renamed=answer["columns_renamed"],
        columns_changed=tuple(ColumnChange(**change) for change in answer["columns_changed"]),
        before=sample_of(answer["before"]),
        after=sample_of(answer["after"]),
        rows=tuple(answer["rows"]),
        rows_changed=answer["rows_changed"],
        removed=sample_of(answer["removed"]),
        removed_rows=tuple(answer["removed_rows"]),
        spreads=tuple(
            Spreads(item["column"], _spread(item["before"]), _spread(item["after"])) for item in answer["spreads"]
        ),
        remarks=tuple(map(Remark.of_record, answer["remarks"])),
    )


def apply_transform(
    context: Context, dataset_id: str, operations: Sequence[Any], *, name: str | None = None
) -> Dataset:
    """A new data set with the operations done. The recipe of any other data set may be given as well: what it has
    learned from that one's rows is taken as it is. Raises as `preview_transform` does, and when no row is left."""
    store = context.store
    parent = store.datasets.get(dataset_id)
    if len(parent.recipe) + len(operations) > MOST_OPERATIONS:
        raise InvalidInput.of_field(
            "operations",
            f"With these, “{parent.name}” would have more than {MOST_OPERATIONS} operations since it was read.",
            hint="Download the table and upload it as a new one.",
        )
    with workplace(context) as place:
        answer = _transform(context, parent, operations, place, preview=False)
        found = ingested(answer)
        return store_version(
            context,
            parent,
            place.result,
            found,
            name=name,
            recipe=(*parent.recipe, *answer["operations"]),
            root_table=parent.root_table or parent.table,
        )


def store_version(
    context: Context,
    parent: Dataset,
    result: Path,
    found: Ingested,
    *,
    name: str | None,
    recipe: tuple[Operation, ...],
    root_table: str | None,
    code: str | None = None,
    how_read: HowRead | None = None,
) -> Dataset:
    """A new data set made of `parent`, whose canonical table is the file `result`, which is taken over. Raises NotFound
    where `parent` is gone by now."""
    store = context.store
    size_bytes = result.stat().st_size
    made: list[Dataset] = []

    def add(table: str) -> None:
        # Once more, because it may have been deleted meanwhile.
        before = store.datasets.get(parent.id)
        called = free_name(store.datasets, shown(name)) if name and shown(name) else _next_name(context, before)
        dataset = replace(
            before,
            id=new_id(),
            name=called,
            n_rows=found.n_rows,
            n_columns=len(found.columns),
            size_bytes=size_bytes,
            sha256=table,
            table=table,
            parent_id=parent.id,
            created_at=context.clock(),
            columns=found.columns,
            remarks=found.remarks,
            # The file belongs to the first version, which can be read again.
            source=None,
            how_read=how_read or before.how_read,
            recipe=recipe,
            root_table=root_table,
            code=code,
            owner=context.caller.identifier,
        )
        store.datasets.add(dataset, found.stats, found.figures)
        tell_system(store, "info", "New version of a data set", dataset.name, context.clock())
        made.append(dataset)

    store.files.put_path(result, naming=add)
    return made[0]


def list_tables(context: Context, limit: int, offset: int, shown: int) -> tuple[list[Table], int]:
    """Tables with the newest `shown` of their versions, first the table that changed last; and how many there are."""
    families, total = context.store.datasets.tables(limit, offset)
    found = []
    for first, *made in families:
        newest = [context.store.datasets.get(one) for one in made[-shown:]]
        found.append(Table(context.store.datasets.get(first), tuple(newest), len(made) - len(newest)))
    return found, total


def lineage(context: Context, dataset_id: str) -> Lineage:
    """Where a data set comes from and what was made of it. Raises NotFound."""
    line = [context.store.datasets.get(dataset_id)]
    while (parent_id := line[0].parent_id) is not None and len(line) < _MOST_STEPS:
        line.insert(0, context.store.datasets.get(parent_id))
    versions = [_version(dataset, parent) for parent, dataset in zip([None, *line[:-1]], line, strict=True)]
    children = context.store.datasets.children(dataset_id)
    return Lineage(tuple(versions), tuple(_version(child, line[-1]) for child in children))


def steps_of(operations: Sequence[Operation]) -> tuple[Step, ...]:
    """Stored operations in words."""
    return tuple(Step(operation, _title(operation)) for operation in operations)


def _title(operation: Operation) -> str:
    try:
        return title_of(check_operations([operation])[0])
    except InvalidInput:
        # Stored by a version that knew other operations.
        return str(operation.get("op", "An operation"))


def _version(dataset: Dataset, parent: Dataset | None) -> Version:
    if dataset.code is not None:
        return Version(dataset, (Step({"op": CODE, "code": dataset.code}, lines_of(dataset.code)),))
    own = dataset.recipe if parent is None else dataset.recipe[len(parent.recipe) :]
    return Version(dataset, steps_of(own))


def _transform(
    context: Context,
    dataset: Dataset,
    operations: Sequence[Any],
    place: Workplace,
    *,
    preview: bool,
) -> dict[str, Any]:
    # What can be seen without the table is said without a child process.
    checked = check_operations(operations)
    request = {
        "table": str(context.store.files.path(dataset.table)),
        "operations": checked,
        "preview": preview,
        "target": str(place.result),
        "scratch": str(place.scratch),
    }
    return run_task(context, "transform", request)


def _spread(answer: Mapping[str, Any] | None) -> Histogram | Categories | None:
    return None if answer is None else distribution_of(answer)


def sample_of(answer: Mapping[str, Any]) -> Sample:
    """What a child answers about some rows."""
    return Sample(tuple(answer["columns"]), tuple(tuple(row) for row in answer["rows"]))


def _next_name(context: Context, parent: Dataset) -> str:
    """“people” → “people (version 2)” → “people (version 3)”; of two made from the same one the second gets the number
    after those that there are."""
    number = 2
    ancestor = parent
    while ancestor.parent_id is not None and number < _MOST_STEPS:
        ancestor = context.store.datasets.get(ancestor.parent_id)
        number += 1
    table = _NUMBERED.sub("", parent.name)[: LONGEST_NAME - ROOM_FOR_A_NUMBER]
    taken = context.store.datasets.names_from(table)
    return next(name for at in count(number) if (name := f"{table} (version {at})") not in taken)
