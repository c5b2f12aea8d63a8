"""A stored table with operations done to it, previewed or written; runs in a child process (`tasks`)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.canonical import ROWS_PER_GROUP
from flowml.data.importer import described
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.kinds import Columns, kinds_of_frame
from flowml.data.recipes.observing import HIDDEN, Counter, differs
from flowml.data.recipes.operations.base import Step
from flowml.data.recipes.pipeline import run
from flowml.data.values import plain
from flowml.domain.datasets import HowRead
from flowml.domain.errors import InvalidInput, NotReady
from flowml.domain.recipes import ColumnChange, Operation, Sample, TransformPreview
from flowml.domain.remarks import Remark, loss

_ROW = f"{HIDDEN}row"
_WAS = f"{HIDDEN}was:"
_SAMPLE_ROWS = 20
_ROWS_OF_A_CHANGE = 5


def transform_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do `operations` to the canonical table at `table`. With `preview`, answers a TransformPreview; without, writes
    the new table to `target` and answers as the importer does, with the resolved `operations` beside it.

    Raises InvalidInput that names an operation by its place and field, such as `operations.2.column`.
    """
    operations = check_operations(request["operations"])
    if not operations:
        raise InvalidInput.of_field("operations", "There is no operation to do.", hint="Name at least one.")
    source = pl.scan_parquet(Path(request["table"]))
    with tempfile.TemporaryDirectory(dir=request["scratch"]) as scratch:
        if request["preview"]:
            return asdict(preview(source, operations, Path(scratch), request["max_columns"]))
        return _write(source, operations, Path(scratch), Path(request["target"]), request["max_columns"])


def _write(
    source: pl.LazyFrame, operations: tuple[Operation, ...], scratch: Path, target: Path, max_columns: int
) -> dict[str, Any]:
    counter = Counter(everything=False)
    done = run(source, kinds_of_frame(source), operations, observer=counter, scratch=scratch, max_columns=max_columns)
    try:
        done.frame.select(list(done.columns)).sink_parquet(
            target, compression="zstd", compression_level=1, row_group_size=ROWS_PER_GROUP, statistics=True
        )
    except OSError as error:
        raise NotReady(
            "The table could not be stored on the server.", hint="Its disk may be full; remove what is not needed."
        ) from error
    frame = pl.read_parquet(target)
    if frame.is_empty():
        raise _nothing_left()
    answer = described(frame, format="parquet", remarks=counter.remarks, how_read=HowRead())
    return {**answer, "operations": [dict(operation) for operation in done.operations]}


def transform_frame(
    frame: pl.DataFrame, operations: tuple[Operation, ...]
) -> tuple[pl.DataFrame, tuple[Operation, ...], list[Remark]]:
    """A canonical table in memory with the operations done, the operations with what they learned, and what is worth
    saying. Raises InvalidInput."""
    counter = Counter(everything=False)
    done = run(frame.lazy(), kinds_of_frame(frame), operations, observer=counter)
    result = done.frame.select(list(done.columns)).collect(engine="streaming")
    if result.is_empty():
        raise _nothing_left()
    return result, done.operations, counter.remarks


def _nothing_left() -> InvalidInput:
    return InvalidInput.of_field(
        "operations", "No row would be left.", hint="Look at the preview: it counts what each operation removes."
    )


def preview(
    source: pl.LazyFrame, operations: tuple[Operation, ...], scratch: Path | None, max_columns: int = 100_000
) -> TransformPreview:
    """What the operations would do. Raises InvalidInput."""
    columns = kinds_of_frame(source)
    tracker = _Tracker(columns)
    n_before = int(source.select(pl.len()).collect(engine="streaming").item())
    done = run(
        source.with_row_index(_ROW), columns, operations, observer=tracker, scratch=scratch, max_columns=max_columns
    )
    remarks = tracker.remarks
    if tracker.n_rows == 0:
        remarks = [*remarks, loss("no_row_left", "No row would be left.")]
    origins = tracker.origins
    cells, before, after = _compare(source, done.frame, columns, done.columns, origins)
    kept = {origin for origin in origins.values() if origin is not None}
    return TransformPreview(
        operations=done.operations,
        changes=tracker.changes(),
        n_rows_before=n_before,
        n_rows_after=tracker.n_rows,
        columns_added=tuple(name for name in done.columns if origins[name] is None),
        columns_removed=tuple(name for name in columns if name not in kept),
        columns_renamed={origin: name for name, origin in origins.items() if origin is not None and origin != name},
        columns_changed=tuple(ColumnChange(name, count) for name, count in cells.items() if count),
        before=before,
        after=after,
        remarks=tuple(remarks),
    )


class _Tracker(Counter):
    """Counts, and carries along what columns held at first and what they were called."""

    def __init__(self, columns: Columns):
        super().__init__(everything=True)
        self.origins: dict[str, str | None] = {name: name for name in columns}
        self._carried: set[str] = set()

    def step(
        self, place: int, operation: Operation, before: pl.LazyFrame, columns: Columns, step: Step
    ) -> pl.LazyFrame:
        carried = {
            name: origin
            for name in step.outputs
            if name in columns and (origin := self.origins.get(name)) is not None and origin not in self._carried
        }
        self._carried.update(carried.values())
        before = before.with_columns(pl.col(name).alias(f"{_WAS}{origin}") for name, origin in carried.items())
        origins = {step.renamed.get(name, name): origin for name, origin in self.origins.items()}
        self.origins = {name: origins.get(name) for name in step.columns}
        return super().step(place, operation, before, columns, step)


def _compare(
    source: pl.LazyFrame, result: pl.LazyFrame, had: Columns, has: Columns, origins: Mapping[str, str | None]
) -> tuple[dict[str, int], Sample, Sample]:
    """How many cells of each column differ, and some rows before and after, those that differ first."""
    carried = set(result.collect_schema().names())
    changed = {
        name: differs(f"{_WAS}{origin}", had[origin], name, has[name])
        for name, origin in origins.items()
        if origin is not None and f"{_WAS}{origin}" in carried
    }
    found = result.select(
        *(test.sum().alias(f"cells:{place}") for place, test in enumerate(changed.values())),
        *(
            pl.col(_ROW).filter(test).head(_ROWS_OF_A_CHANGE).implode().alias(f"rows:{place}")
            for place, test in enumerate(changed.values())
        ),
        pl.col(_ROW).head(_SAMPLE_ROWS).implode().alias("first"),
    ).collect(engine="streaming")
    answer = found.row(0, named=True)
    chosen: dict[int, None] = {}
    for key in (*(f"rows:{place}" for place in range(len(changed))), "first"):
        for row in answer[key]:
            if len(chosen) < _SAMPLE_ROWS:
                chosen[row] = None
    rows = list(chosen)
    after = result.filter(pl.col(_ROW).is_in(rows)).select(_ROW, *has).collect(engine="streaming")
    order = pl.DataFrame({_ROW: after[_ROW]})
    numbered = source.with_row_index(_ROW).filter(pl.col(_ROW).is_in(rows)).collect(engine="streaming")
    before = order.join(numbered, on=_ROW, how="left", maintain_order="left")
    cells = {name: int(answer[f"cells:{place}"]) for place, name in enumerate(changed)}
    return cells, _sample(before.drop(_ROW)), _sample(after.drop(_ROW))


def _sample(frame: pl.DataFrame) -> Sample:
    rows = (tuple(plain(value) for value in row) for row in frame.iter_rows())
    return Sample(tuple(frame.columns), tuple(rows))
