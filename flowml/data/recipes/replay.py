"""A recipe done again to new rows: only what a row alone can say, and only what the wanted columns need.

Rows come with the columns that the table had before the recipe. Those that have a later column already (somebody sends
the finished table's own) keep it where what it is made of was not given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowml.data.recipes.checking import title_of, type_of
from flowml.data.recipes.coercion import Coerce, coerced_series, coercion
from flowml.data.recipes.kinds import Columns, Kind
from flowml.data.recipes.operations.base import Step
from flowml.data.recipes.pipeline import bind
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_MOST_PLANS = 256
_GIVEN = "\0given:"


@dataclass(frozen=True)
class Plan:
    """What is done to rows that have certain columns.

    `takes` are the columns looked at, `lacks` those that count as missing. `steps` come with the columns that a row
    brings along instead of what the step would make of nothing.
    """

    takes: tuple[tuple[str, Coerce], ...]
    lacks: tuple[str, ...]
    steps: tuple[tuple[Step | None, tuple[str, ...]], ...]


class Replay:
    """The row-wise operations of a recipe, from the columns before it to the wanted ones behind it.

    Raises InvalidInput for operations that do not fit the columns, or have not learned yet what they need.
    `inputs` are the columns that new rows should have; `applied` and `left_out` say in words what is done to them and
    what is not.
    """

    def __init__(self, columns: Columns, operations: Sequence[Operation], wanted: Iterable[str]):
        self._root = dict(columns)
        self._operations = tuple(operations)
        self.wanted = tuple(wanted)
        self._steps, self.applied, self.left_out = self._needed()
        needed = set(self.wanted)
        for step in reversed(self._steps):
            needed = needed.difference(step.outputs).union(step.inputs)
        self.inputs = tuple(name for name in columns if name in needed)
        # A column may change its kind on the way; what a row brings along is taken where it is made first.
        made = {
            name: step.columns[name] for step in reversed(self._steps) for name in step.outputs if name not in columns
        }
        self._kinds = {**made, **{name: columns[name] for name in self.inputs}}
        self._coerce = {name: coercion(kind) for name, kind in self._kinds.items()}
        self._known = frozenset(self._kinds)
        self._plans: dict[frozenset[str], Plan] = {}

    @property
    def known(self) -> frozenset[str]:
        """Every column that a row may bring along and that means something."""
        return self._known

    def kind(self, name: str) -> Kind:
        """What a known column holds."""
        return self._kinds[name]

    def origins(self) -> dict[str, str]:
        """The input that a wanted column is, renamed or mended, by the wanted column's name; not for those that were
        computed from others."""
        found = {name: name for name in self._root}
        for step in self._steps:
            known = {new: found[old] for old, new in step.renamed.items() if old in found}
            known |= {name: found[name] for name in step.outputs if name in step.inputs and name in found}
            found = {name: origin for name, origin in found.items() if name not in step.outputs} | known
        return {name: found[name] for name in self.wanted if name in found}

    def sources(self) -> dict[str, frozenset[str]]:
        """Of each wanted column the inputs that it is made of, computed or not."""
        found = {name: frozenset((name,)) for name in self._root}
        for step in self._steps:
            every = frozenset(one for name in step.inputs for one in found.get(name, ()))
            made = {name: found[name] if name in step.inputs and name in found else every for name in step.outputs}
            found = found | made | {new: found[old] for old, new in step.renamed.items() if old in found}
        return {name: found.get(name, frozenset()) for name in self.wanted}

    def touches(self, name: str) -> bool:
        """Whether an operation writes this column."""
        return any(name in step.outputs for step in self._steps)

    def plan(self, given: Iterable[str]) -> Plan:
        """What to do with rows that have these columns."""
        key = frozenset(self._known.intersection(given))
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            found = self._plans[key] = self._plan(key)
        return found

    def row(self, plan: Plan, values: dict[str, Any]) -> dict[str, Any]:
        """The wanted columns of a row. `values` are those that the plan takes, as their kinds; it is changed."""
        given = {name: values[name] for _, brought in plan.steps for name in brought}
        for name in plan.lacks:
            values[name] = None
        for step, brought in plan.steps:
            if step is not None:
                assert step.row is not None
                step.row(values)
            for name in brought:
                values[name] = given[name]
        return values

    def table(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The wanted columns of a table; what is of another kind than its column counts as missing."""
        import polars as pl

        plan = self.plan(frame.columns)
        columns = [coerced_series(frame[name], self._kinds[name]) for name, _ in plan.takes]
        decimals = {
            column.name: Kind.NUMBER
            for column in columns
            if column.dtype == pl.Float64 and self._root.get(column.name) is Kind.WHOLE
        }
        if decimals:
            # The recipe has only seen whole numbers here: it is done as if these had been numbers from the start.
            return Replay({**self._root, **decimals}, self._operations, self.wanted).table(frame)
        brought = [name for _, names in plan.steps for name in names]
        hidden = [column.alias(f"{_GIVEN}{column.name}") for column in columns if column.name in brought]
        direct = [column for column in columns if column.name not in brought]
        table = pl.DataFrame([*direct, *hidden], height=frame.height).lazy()
        table = table.with_columns(pl.lit(None, self._kinds[name].polars).alias(name) for name in plan.lacks)
        for step, names in plan.steps:
            if step is not None:
                # Columns that the recipe drops are still here, and their names may be given again.
                table = step.table(table.drop(list(step.renamed.values()), strict=False))
            table = table.with_columns(pl.col(f"{_GIVEN}{name}").alias(name) for name in names)
        return table.select(self.wanted).collect()

    def _needed(self) -> tuple[list[Step], tuple[str, ...], tuple[str, ...]]:
        """The steps that the wanted columns need, in order, and their titles; and those of steps that no single row can
        take."""
        bound: list[tuple[int, Columns, Step]] = []
        left_out = []
        columns: Columns = self._root
        for place, operation in enumerate(self._operations):
            step = bind(operation, columns, place)
            if step.learn is not None:
                raise InvalidInput(f"“{title_of(operation)}” has not learned yet what it needs.")
            if step.row is None:
                left_out.append(title_of(operation))
            else:
                bound.append((place, columns, step))
            columns = step.columns
        lost = [name for name in self.wanted if name not in columns]
        if lost:
            raise InvalidInput(f"The recipe does not make the column “{lost[0]}”.")
        needed = set(self.wanted)
        steps: list[Step] = []
        applied: list[str] = []
        for place, before, step in reversed(bound):
            if needed.isdisjoint(step.outputs):
                continue
            step = self._narrowed(place, before, step, needed)
            needed = needed.difference(step.outputs).union(step.inputs)
            steps.append(step)
            applied.append(title_of(self._operations[place]))
        return steps[::-1], tuple(applied[::-1]), tuple(left_out)

    def _narrowed(self, place: int, before: Columns, step: Step, needed: set[str]) -> Step:
        """Of an operation on several columns, only those that are needed."""
        operation = self._operations[place]
        if type_of(operation).field("columns") is None:
            return step
        return bind({**operation, "columns": [name for name in step.outputs if name in needed]}, before, place)

    def _plan(self, given: frozenset[str]) -> Plan:
        certain = set(given.intersection(self.inputs))
        steps: list[tuple[Step, tuple[str, ...]]] = []
        for step in self._steps:
            whole = certain.issuperset(step.inputs)
            made = [name for name in step.outputs if name not in step.inputs]
            brought = () if whole else tuple(name for name in made if name in given and name not in self.inputs)
            steps.append((step, brought))
            certain.difference_update(step.outputs)
            certain.update(step.outputs if whole else brought)
        needed = set(self.wanted)
        kept: list[tuple[Step | None, tuple[str, ...]]] = []
        taken: set[str] = set()
        for step, brought in reversed(steps):
            if needed.isdisjoint(step.outputs):
                continue
            brought = tuple(name for name in brought if name in needed)
            taken.update(brought)
            if needed.intersection(step.outputs).issubset(brought):
                kept.append((None, brought))
                needed.difference_update(brought)
            else:
                kept.append((step, brought))
                needed = needed.difference(step.outputs).union(step.inputs)
        taken.update(needed.intersection(given))
        return Plan(
            takes=tuple((name, self._coerce[name]) for name in self._kinds if name in taken),
            lacks=tuple(name for name in self.inputs if name in needed and name not in given),
            steps=tuple(reversed(kept)),
        )
