"""Operations done to a table one after the other, lazily: what has to be learned is learned on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowml.data.recipes.checking import at_place, check_operation, type_of
from flowml.data.recipes.kinds import Columns
from flowml.data.recipes.operations.base import Step
from flowml.domain.errors import InvalidInput, TooLarge
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

# Looking at what comes after these would do them again.
_COSTLY = frozenset({"drop_duplicates", "sort", "sample"})


class Observer(Protocol):
    """Whoever wants to know what each step changes."""

    def step(
        self, place: int, operation: Operation, before: pl.LazyFrame, columns: Columns, step: Step
    ) -> pl.LazyFrame:
        """Do the step to the frame that it starts from, of these columns; returns the frame after it."""
        ...

    def settle(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Count what is there to count now: rows are about to change places, or to go."""
        ...


@dataclass(frozen=True)
class Result:
    """The table after all steps, and the operations with what was learned in them."""

    frame: pl.LazyFrame
    columns: Columns
    operations: tuple[Operation, ...]


def bind(operation: Operation, columns: Columns, place: int = 0) -> Step:
    """A checked operation in front of these columns. Raises InvalidInput naming `operations.PLACE.FIELD`."""
    try:
        return type_of(operation).bind(operation, columns)
    except InvalidInput as error:
        raise at_place(error, place, operation) from None


def run(
    frame: pl.LazyFrame,
    columns: Columns,
    operations: Sequence[Operation],
    *,
    observer: Observer | None = None,
    scratch: Path | None = None,
    max_columns: int = 100_000,
) -> Result:
    """Do checked operations to a canonical table. Raises InvalidInput, TooLarge for more columns than allowed.

    `scratch` is a folder for tables on the way; without it they are kept in memory.
    """
    done: list[Operation] = []
    for place, operation in enumerate(operations):
        step = bind(operation, columns, place)
        if step.learn is not None:
            try:
                # Checked as if it had come from outside: what was learned has to pass again as a stored recipe.
                operation = check_operation(step.learn(frame))
            except InvalidInput as error:
                raise at_place(error, place, operation) from None
            step = bind(operation, columns, place)
        if len(step.columns) > max_columns:
            raise TooLarge(
                f"The table would have {len(step.columns):,} columns, and at most {max_columns:,} are possible."
            )
        moves = not type_of(operation).row_wise
        if observer is not None and moves:
            frame = observer.settle(frame)
        frame = step.table(frame) if observer is None else observer.step(place, operation, frame, columns, step)
        if operation["op"] in _COSTLY:
            frame = _set_down(frame, scratch, place)
        columns = step.columns
        done.append(operation)
    if observer is not None:
        frame = observer.settle(frame)
    return Result(frame, columns, tuple(done))


def _set_down(frame: pl.LazyFrame, scratch: Path | None, place: int) -> pl.LazyFrame:
    import polars as pl

    if scratch is None:
        return frame.collect(engine="streaming").lazy()
    path = scratch / f"{place}.parquet"
    frame.sink_parquet(path, compression="lz4")
    return pl.scan_parquet(path)
