"""An idea as operations: what may be one, and the columns that it makes of a table's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from flowml.automl.ideas.parts import is_shared_part
from flowml.data.profiling.roles import roles_of
from flowml.data.recipes.checking import at_place, check_operations, title_of, type_of
from flowml.data.recipes.kinds import Columns, kinds_of_frame
from flowml.data.recipes.operations.base import Step
from flowml.data.recipes.pipeline import run
from flowml.data.recipes.replay import Replay
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

MOST_OPERATIONS = 20
"""Of one idea: more are a recipe, and nobody could say which of them has helped."""
MOST_NEW_COLUMNS = 50


@dataclass(frozen=True)
class Bounds:
    """What an idea has to leave alone: `unread` may not be looked at, `unchanged` stay as they are; of `naming`, which
    tell rows apart, only parts that many rows share may be used. Each column with the reason, as the end of a sentence
    that begins with its name."""

    unread: Mapping[str, str]
    unchanged: Mapping[str, str]
    naming: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Idea:
    """Checked operations, with nothing in them that was learned from rows. `written` are the columns that they make or
    change, by role; `dropped` those that they take away. `learns`: something is found in the rows first, so that it has
    to be found in those that models learn from, and in no others."""

    operations: tuple[Operation, ...]
    written: Mapping[str, Role]
    dropped: frozenset[str]
    learns: bool

    @property
    def titles(self) -> tuple[str, ...]:
        """What each operation does, in words."""
        return tuple(map(title_of, self.operations))

    def columns_beside(self, kept: Mapping[str, Role]) -> dict[str, Role]:
        """The columns to learn from with the idea, where `kept` are those without it. Raises InvalidInput where they
        would be the same."""
        telling = {name: role for name, role in self.written.items() if role not in (Role.IDENTIFIER, Role.CONSTANT)}
        left = {name: role for name, role in kept.items() if name not in self.written and name not in self.dropped}
        if not telling and len(left) == len(kept):
            raise InvalidInput.of_field(
                "operations",
                "These operations make nothing to learn from: no column, or one that is the same in every"
                " row or different in each.",
                hint="Look at the preview of what they change.",
            )
        if not telling and not left:
            raise InvalidInput.of_field("operations", "No column would be left to predict from.")
        # In their old places, because trees take the first of two columns that divide the rows alike.
        in_place = {name: telling.get(name, role) for name, role in kept.items() if name in telling or name in left}
        return {**in_place, **telling}

    def tables(
        self, train: pl.DataFrame, test: pl.DataFrame, wanted: Sequence[str]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The `wanted` columns of both parts. What is learned is learned from the first alone; the second then goes
        the way of rows that a model gets. Raises InvalidInput where the first has nothing to learn from."""
        columns = kinds_of_frame(train)
        learned = run(train.lazy(), columns, self.operations).operations if self.learns else self.operations
        replay = Replay(columns, learned, wanted)
        return replay.table(train), replay.table(test)


def check_idea(
    frame: pl.DataFrame,
    operations: object,
    bounds: Bounds,
    *,
    roles: Mapping[str, Role] | None = None,
    whole: pl.LazyFrame | None = None,
) -> Idea:
    """Operations as an idea on this table; `roles` are those that its columns have, and `whole` all of its rows where
    `frame` holds some: of what role new columns are is seen in all of them, as a training run would see it.

    Raises InvalidInput that names an operation by its place and field for one that is none, does not fit the columns,
    looks at what it may not, leaves out or moves rows, or takes values from other rows.
    """
    checked = tuple(_forgotten(operation) for operation in check_operations(operations))
    if not checked:
        raise InvalidInput.of_field("operations", "There is no operation to try.", hint="Name at least one.")
    if len(checked) > MOST_OPERATIONS:
        raise InvalidInput.of_field(
            "operations", f"An idea has at most {MOST_OPERATIONS} operations, so that it is clear what has helped."
        )
    for place, operation in enumerate(checked):
        if not type_of(operation).row_wise:
            raise at_place(_not_by_row(operation), place, operation)
    source = frame.lazy() if whole is None else whole
    had = kinds_of_frame(frame)
    guard = _Guard(bounds, source, had)
    done = run(source, had, checked, observer=guard)
    for name, reason in bounds.unchanged.items():
        if name in had and done.columns.get(name) is not had[name]:
            raise InvalidInput.of_field("operations", f"“{name}” {reason}, so an idea leaves it as it is.")
    written = [name for name in guard.written if name in done.columns]
    if len(written) > MOST_NEW_COLUMNS:
        raise InvalidInput.of_field(
            "operations",
            f"These operations make {len(written):,} columns, and at most {MOST_NEW_COLUMNS} can be tried.",
        )
    guard.check_names(written)
    found = {}
    for name in written:
        # Of a large table no more than a column or two are in memory.
        made = _role(done.frame.select(name))
        origin = guard.origins.get(name)
        if name in guard.naming:
            made = Role.IDENTIFIER
        elif roles and origin is not None and origin in roles:
            # A column mended in place is what it was, also where somebody has said what it is.
            made = roles[origin] if _role(source.select(pl.col(origin).alias(name))) is made else made
        found[name] = made
    return Idea(checked, found, frozenset(had) - frozenset(done.columns), tuple(done.operations) != tuple(checked))


def _role(column: pl.LazyFrame) -> Role:
    """Of a single column."""
    (role,) = roles_of(column.collect(engine="streaming")).values()
    return role


def _forgotten(operation: Operation) -> Operation:
    """Without what a preview has learned from all rows: it is learned anew from those that models learn from."""
    learned: tuple[str, ...] = ()
    if operation["op"] == "fill" and operation["with"] != "value":
        learned = ("value",)
    elif operation["op"] == "clip":
        learned = tuple(side for side in ("low", "high") if f"{side}_quantile" in operation)
    elif operation["op"] == "merge_categories" and ("min_count" in operation or "min_share" in operation):
        learned = ("keep",)
    return {name: value for name, value in operation.items() if name not in learned}


def _not_by_row(operation: Operation) -> InvalidInput:
    return InvalidInput.of_field(
        "",
        f"“{title_of(operation)}” leaves out or moves rows. With other rows the scores with and without it could not be"
        " compared, and rows that a model is asked about cannot be left out.",
        hint="Do it as a step of the recipe, and look at its preview.",
    )


class _Guard:
    """Looks at each step before it is done. `origins` says which column of the table a column is, renamed or mended;
    `naming` of which columns that tell rows apart it is made, where it tells them apart as well."""

    def __init__(self, bounds: Bounds, source: pl.LazyFrame, columns: Columns):
        self._bounds = bounds
        self._source = source
        self.written: dict[str, None] = {}
        self.origins = {name: name for name in columns}
        self.naming = {name: frozenset((name,)) for name in bounds.naming}

    def step(
        self, place: int, operation: Operation, before: pl.LazyFrame, columns: Columns, step: Step
    ) -> pl.LazyFrame:
        try:
            self._check(operation, columns, step)
        except InvalidInput as error:
            raise at_place(error, place, operation) from None
        for old in step.renamed:
            self.written.pop(old, None)
        self.written.update(dict.fromkeys(step.outputs))
        after = step.table(before)
        self._follow(step, after)
        return after

    def settle(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame

    def check_names(self, written: Sequence[str]) -> None:
        """Raises InvalidInput where all that is made tells rows apart."""
        if written and all(name in self.naming for name in written):
            name = min(self.naming[written[0]])
            raise InvalidInput.of_field(
                "operations",
                f"“{name}” {self._bounds.naming[name]}, and “{written[0]}” does so as well or follows their order: new"
                " rows have other ones.",
                hint="A part that many rows share may be used, such as the region in a code.",
            )

    def _follow(self, step: Step, after: pl.LazyFrame) -> None:
        """Where its columns come from."""
        origins = {name: origin for name, origin in self.origins.items() if name in step.columns}
        naming = {name: names for name, names in self.naming.items() if name in step.columns}
        renamed = {new: old for old, new in step.renamed.items()}
        names = frozenset(one for name in step.inputs for one in self.naming.get(name, ()))
        for name in step.outputs:
            before = renamed.get(name, name if name in step.inputs else None)
            origins.pop(name, None)
            naming.pop(name, None)
            if before in self.origins:
                origins[name] = self.origins[before]
            if names and not self._is_shared(names, after.select(name)):
                naming[name] = names
        self.origins, self.naming = origins, naming

    def _is_shared(self, names: frozenset[str], column: pl.LazyFrame) -> bool:
        made = column.collect(engine="streaming").to_series()
        return all(
            is_shared_part(self._source.select(name).collect(engine="streaming").to_series(), made) for name in names
        )

    def _check(self, operation: Operation, columns: Columns, step: Step) -> None:
        for name in (*step.inputs, *step.outputs):
            if name in self._bounds.unread:
                raise InvalidInput.of_field("column", f"“{name}” {self._bounds.unread[name]}, so no idea may use it.")
        for name in (*step.outputs, *step.renamed, *(name for name in columns if name not in step.columns)):
            if name in self._bounds.unchanged and name in columns:
                raise InvalidInput.of_field(
                    "column", f"“{name}” {self._bounds.unchanged[name]}, so an idea leaves it as it is."
                )
        if step.row is None:
            raise InvalidInput.of_field(
                "",
                f"“{title_of(operation)}” takes values from other rows, and a row that a model gets is alone.",
                hint="Fill with a value, or with the median.",
            )
