"""What operations change, counted while they are done: cells, rows, and values that could not be converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.data.recipes.checking import title_of, type_of
from flowml.data.recipes.kinds import Columns, Kind
from flowml.data.recipes.operations.base import Step
from flowml.data.recipes.scalars import text_of
from flowml.domain.recipes import Change, Operation
from flowml.domain.remarks import Remark, loss
from flowml.domain.wording import shortened

if TYPE_CHECKING:
    import polars as pl

# Column names of tables have no such character.
HIDDEN = "\0"
_SHOWN = 5


@dataclass(frozen=True)
class _Lost:
    """Where to look up what could not be converted."""

    frame: pl.LazyFrame
    before: str
    after: str
    column: str
    converts: str


class Counter:
    """An observer of a pipeline. The counts of consecutive row-wise steps take one pass over the table.

    Without `everything`, only conversions are looked at.
    """

    def __init__(self, *, everything: bool):
        self._everything = everything
        self._waiting: dict[str, tuple[int, str]] = {}
        self._lost: dict[int, _Lost] = {}
        self._cells: dict[int, int] = {}
        self._rows: list[tuple[int, int]] = []
        self._operations: list[Operation] = []
        self.remarks: list[Remark] = []
        self._moved: int | None = None

    def step(
        self, place: int, operation: Operation, before: pl.LazyFrame, columns: Columns, step: Step
    ) -> pl.LazyFrame:
        import polars as pl

        self._operations.append(operation)
        if not type_of(operation).row_wise:
            self._moved = place
            return step.table(before)
        watched = [name for name in step.outputs if name in columns] if self._everything else []
        if step.converts is not None and step.converts[0] not in watched:
            watched.append(step.converts[0])
        if not watched:
            return step.table(before)
        kept = {name: f"{HIDDEN}before:{name}" for name in watched}
        after = step.table(before.with_columns(pl.col(name).alias(kept[name]) for name in watched))
        counts: dict[str, pl.Expr] = {}
        for name in watched:
            counts[f"{HIDDEN}cells:{place}:{name}"] = differs(kept[name], columns[name], name, step.columns[name])
        if step.converts is not None:
            name, words = step.converts
            counts[f"{HIDDEN}lost:{place}"] = pl.col(kept[name]).is_not_null() & pl.col(name).is_null()
            self._lost[place] = _Lost(after, kept[name], name, name, words)
        self._waiting.update({name: (place, name.split(":")[0]) for name in counts})
        return after.with_columns(**counts).drop(list(kept.values()))

    def settle(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        import polars as pl

        if not self._waiting and not (self._everything and (self._moved is not None or not self._rows)):
            return frame
        sums = [pl.col(name).sum() for name in self._waiting]
        found = frame.select(pl.len().alias(HIDDEN), *sums).collect(engine="streaming").row(0, named=True)
        self._rows.append((len(self._operations), found[HIDDEN]))
        for name, (place, what) in self._waiting.items():
            count = int(found[name] or 0)
            if what == f"{HIDDEN}lost":
                if count:
                    self.remarks.append(_lost_in_conversion(self._lost[place], count))
            else:
                self._cells[place] = self._cells.get(place, 0) + count
        frame = frame.drop(list(self._waiting))
        self._waiting.clear()
        self._moved = None
        return frame

    def changes(self) -> tuple[Change, ...]:
        """What each operation did, once all is settled."""
        # Rows are counted in front of every operation that may move them, and at the end.
        before = self._rows[0][1]
        known = dict(self._rows)
        found = []
        for place, operation in enumerate(self._operations):
            after = before
            if not type_of(operation).row_wise:
                after = next((known[number] for number in sorted(known) if number > place), before)
            found.append(Change(operation, title_of(operation), before - after, self._cells.get(place, 0)))
            before = after
        return tuple(found)

    @property
    def n_rows(self) -> int:
        """Rows at the end."""
        return self._rows[-1][1]


def differs(before: str, had: Kind, after: str, has: Kind) -> pl.Expr:
    """Whether a value is another one than before. One of another kind is, unless it is the same number."""
    import polars as pl

    old, new = pl.col(before), pl.col(after)
    if had is has:
        return old.ne_missing(new)
    if had.is_number and has.is_number:
        whole, number = (old, new) if had is Kind.WHOLE else (new, old)
        # Beyond 2 ** 53 several whole numbers are the same one as a number.
        back = number.cast(pl.Int64, strict=False)
        return whole.cast(pl.Float64).ne_missing(number) | back.ne_missing(whole)
    return old.is_not_null() | new.is_not_null()


def _lost_in_conversion(lost: _Lost, count: int) -> Remark:
    import polars as pl

    rows = lost.frame.filter(pl.col(lost.before).is_not_null() & pl.col(lost.after).is_null())
    counts = rows.group_by(pl.col(lost.before).alias("value")).len("count")
    top = counts.sort(["count", "value"], descending=[True, False]).head(_SHOWN).collect(engine="streaming")
    shown = ", ".join(f"“{shortened(text_of(value))}” ({times:,})" for value, times in top.iter_rows())
    more = "" if count == top["count"].sum() else ", …"
    values = "1 value" if count == 1 else f"{count:,} values"
    said = f"{values} of “{lost.column}” could not be {lost.converts} and became missing: {shown}{more}."
    return loss("values_not_converted", said)
