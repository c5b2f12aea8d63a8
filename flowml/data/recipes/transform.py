"""A stored table with operations done to it, previewed or written; runs in a child process (`tasks`)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.canonical import ROWS_PER_GROUP
from flowml.data.importer import described
from flowml.data.recipes.checking import check_operations, type_of
from flowml.data.recipes.kinds import Columns, kinds_of_frame
from flowml.data.recipes.observing import HIDDEN, Counter, differs
from flowml.data.recipes.operations.base import Step
from flowml.data.recipes.pipeline import run
from flowml.data.recipes.spreads import spreads
from flowml.data.values import plain
from flowml.domain.datasets import HowRead
from flowml.domain.errors import InvalidInput, NotReady
from flowml.domain.recipes import ColumnChange, Operation, Sample, Spreads, TransformPreview
from flowml.domain.remarks import Remark, loss

_ROW = f"{HIDDEN}row"
_WAS = f"{HIDDEN}was:"
_SAMPLE_ROWS = 20
_REMOVED_ROWS = 8
_MOST_SPREADS = 4


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
    compared = _compare(source, done.frame, columns, done.columns, origins)
    kept = {origin for origin in origins.values() if origin is not None}
    added = tuple(name for name in done.columns if origins[name] is None)
    changed = [name for name, count in compared.cells.items() if count]
    gone = _removed(done.frame, n_before) if tracker.n_rows < n_before else np.empty(0, dtype=np.int64)
    telling = [*changed, *added] or [name for name in tracker.deciding if origins.get(name) is not None]
    return TransformPreview(
        operations=done.operations,
        changes=tracker.changes(),
        n_rows_before=n_before,
        n_rows_after=tracker.n_rows,
        columns_added=added,
        columns_removed=tuple(name for name in columns if name not in kept),
        columns_renamed={origin: name for name, origin in origins.items() if origin is not None and origin != name},
        columns_changed=tuple(ColumnChange(name, compared.cells[name]) for name in changed),
        before=compared.before,
        after=compared.after,
        rows=compared.rows,
        rows_changed=compared.rows_changed,
        removed=_sample(_rows_of(source, gone[:_REMOVED_ROWS].tolist())),
        removed_rows=tuple(int(row) + 1 for row in gone[:_REMOVED_ROWS]),
        spreads=tuple(_spreads(source, done.frame, name, origins[name]) for name in telling[:_MOST_SPREADS]),
        remarks=tuple(remarks),
    )


def _removed(result: pl.LazyFrame, n_before: int) -> NDArray[np.int64]:
    """The places of the rows that are not in the result."""
    is_gone = np.ones(n_before, dtype=np.bool_)
    is_gone[result.select(_ROW).collect(engine="streaming").to_series().to_numpy()] = False
    return np.flatnonzero(is_gone)


def _spreads(source: pl.LazyFrame, result: pl.LazyFrame, name: str, origin: str | None) -> Spreads:
    before = None if origin is None else source.select(origin).collect(engine="streaming").to_series()
    return Spreads(name, *spreads(before, result.select(name).collect(engine="streaming").to_series()))


class _Tracker(Counter):
    """Counts, and carries along what columns held at first and what they were called."""

    def __init__(self, columns: Columns):
        super().__init__(everything=True)
        self.origins: dict[str, str | None] = {name: name for name in columns}
        self._carried: set[str] = set()
        # The columns by which rows were left out.
        self.deciding: list[str] = []

    def step(
        self, place: int, operation: Operation, before: pl.LazyFrame, columns: Columns, step: Step
    ) -> pl.LazyFrame:
        carried = {
            name: origin
            for name in step.outputs
            if name in columns and (origin := self.origins.get(name)) is not None and origin not in self._carried
        }
        self._carried.update(carried.values())
        if not type_of(operation).row_wise:
            self.deciding += [name for name in step.inputs if name not in self.deciding]
        before = before.with_columns(pl.col(name).alias(f"{_WAS}{origin}") for name, origin in carried.items())
        origins = {step.renamed.get(name, name): origin for name, origin in self.origins.items()}
        self.origins = {name: origins.get(name) for name in step.columns}
        return super().step(place, operation, before, columns, step)


@dataclass(frozen=True)
class _Compared:
    """How many cells of each column differ, in how many rows, and some rows before and after, those that differ
    first; `rows` are their numbers."""

    cells: Mapping[str, int]
    rows_changed: int
    before: Sample
    after: Sample
    rows: tuple[int, ...]


def _compare(
    source: pl.LazyFrame, result: pl.LazyFrame, had: Columns, has: Columns, origins: Mapping[str, str | None]
) -> _Compared:
    carried = set(result.collect_schema().names())
    changed = {
        name: differs(f"{_WAS}{origin}", had[origin], name, has[name])
        for name, origin in origins.items()
        if origin is not None and f"{_WAS}{origin}" in carried
    }
    tests = list(changed.values())
    found = result.select(
        *(test.sum().alias(f"cells:{place}") for place, test in enumerate(tests)),
        *(
            pl.col(_ROW).filter(test).head(_SAMPLE_ROWS).implode().alias(f"rows:{place}")
            for place, test in enumerate(tests)
        ),
        pl.any_horizontal(*tests, pl.lit(value=False)).sum().alias("any"),
        pl.col(_ROW).head(_SAMPLE_ROWS).implode().alias("first"),
    ).collect(engine="streaming")
    answer = found.row(0, named=True)
    by_column = [answer[f"rows:{place}"] for place in range(len(tests))]
    # A row of each column that changes, then a second one of each.
    in_turn = [row for same in zip_longest(*by_column) for row in same if row is not None]
    rows = list(dict.fromkeys([*in_turn, *answer["first"]]))[:_SAMPLE_ROWS]
    return _Compared(
        cells={name: int(answer[f"cells:{place}"]) for place, name in enumerate(changed)},
        rows_changed=int(answer["any"]),
        before=_sample(_rows_of(source.with_row_index(_ROW).select(_ROW, *had), rows, numbered=True)),
        after=_sample(_rows_of(result.select(_ROW, *has), rows, numbered=True)),
        rows=tuple(row + 1 for row in rows),
    )


def _rows_of(frame: pl.LazyFrame, rows: Sequence[int], *, numbered: bool = False) -> pl.DataFrame:
    """These rows, in this order."""
    order = pl.DataFrame({_ROW: pl.Series(rows, dtype=pl.get_index_type())})
    frame = frame if numbered else frame.with_row_index(_ROW)
    found = frame.filter(pl.col(_ROW).is_in(order[_ROW].implode())).collect(engine="streaming")
    return order.join(found, on=_ROW, how="left", maintain_order="left").drop(_ROW)


def _sample(frame: pl.DataFrame) -> Sample:
    rows = (tuple(plain(value) for value in row) for row in frame.iter_rows())
    return Sample(tuple(frame.columns), tuple(rows))
