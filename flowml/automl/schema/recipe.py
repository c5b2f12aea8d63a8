"""The recipe behind a model's table: what rows from outside go through before the model sees them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowml.automl.schema.feature import Feature
from flowml.data.conversion.cells import cell_reader
from flowml.data.conversion.notation import Notation, kind_of
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.kinds import Kind
from flowml.data.recipes.replay import Replay
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_MOST_COLUMNS = 100_000


@dataclass(frozen=True)
class ModelRecipe:
    """`columns` are those of the table before the recipe, by name and kind; `wanted` what the model's features are
    called. `inputs` describe the columns that a caller sends, as far as they are known."""

    columns: Mapping[str, str]
    operations: tuple[Operation, ...]
    wanted: tuple[str, ...]
    inputs: tuple[Feature, ...] = ()

    @cached_property
    def replay(self) -> Replay:
        kinds = {name: Kind(kind) for name, kind in self.columns.items()}
        return Replay(kinds, self.operations, self.wanted)

    @cached_property
    def origins(self) -> dict[str, str]:
        """The column that a caller sends, by the feature that it becomes without being computed from others."""
        return self.replay.origins()

    @cached_property
    def single_sources(self) -> dict[str, str]:
        """The column that a caller sends, by the feature that is made of it alone, computed or not."""
        return {name: next(iter(found)) for name, found in self.replay.sources().items() if len(found) == 1}

    @property
    def applied(self) -> tuple[str, ...]:
        """What is done to rows before they are predicted, in words."""
        return self.replay.applied

    @property
    def left_out(self) -> tuple[str, ...]:
        """What was done to the table and is not done to rows that are predicted, in words."""
        return self.replay.left_out

    def lacks(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns that count as missing in rows that have these."""
        return self.replay.plan(names).lacks

    def transform_row(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a row from outside has of the columns before the recipe, and the model's features of it. Raises
        InvalidInput naming the column of a value that is of the wrong kind."""
        plan = self.replay.plan(row)
        sent = {}
        for name, coerce in plan.takes:
            try:
                value = row[name]
                if isinstance(value, bool) and name in self._numbers:
                    raise ValueError("not a number")
                read = self._readers.get(name) if isinstance(value, str) else None
                sent[name] = coerce(value if read is None else read(value))
            except (ValueError, OverflowError):
                raise _wrong(name, self.replay.kind(name), row[name]) from None
        return sent, self.replay.row(plan, sent)

    def transform(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """The model's features of a whole table."""
        return self.replay.table(frame)

    def completed(self, features: Sequence[Feature], notations: Mapping[str, Notation]) -> "ModelRecipe":
        """With those features that are columns a caller sends as they are, and how the file wrote what they hold."""
        known = {feature.name: feature for feature in (*features, *self.inputs)}
        inputs = [replace(known[name], notation=notations.get(name)) for name in self.replay.inputs]
        return replace(self, inputs=tuple(inputs))

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(feature.name for feature in self.inputs if feature.role is Role.NUMERIC)

    @cached_property
    def _readers(self) -> dict[str, Callable[[str], Any]]:
        """How a text is read, by the name of an input of which that is known."""
        found = {}
        for feature in self.inputs:
            kind = kind_of(self.replay.kind(feature.name))
            notation = None if feature.notation is None else feature.notation.for_values(kind)
            if notation is not None:
                found[feature.name] = cell_reader(kind, notation)
        return found

    def __getstate__(self) -> dict[str, Any]:
        # Without what is compiled of it.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, state: Mapping[str, Any], wanted: Sequence[str]) -> "ModelRecipe":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        columns = {str(name): str(Kind(kind)) for name, kind in state["columns"].items()}
        if len(columns) > _MOST_COLUMNS:
            raise ValueError("more columns than a table has")
        inputs = tuple(Feature.of(item) for item in state["inputs"])
        try:
            found = cls(columns, check_operations(state["operations"]), tuple(wanted), inputs)
            # Everything fits together, or it is noticed here.
            asked = found.replay.inputs
        except InvalidInput as error:
            raise ValueError(error.detail) from error
        if tuple(feature.name for feature in inputs) != asked:
            raise ValueError("a recipe for other columns")
        return found


_WANTED = {
    Kind.WHOLE: "a number",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.TEXT: "a text or a number",
    Kind.DATE: "a date such as 2026-01-31",
    Kind.MOMENT: "a date such as 2026-01-31 or 2026-01-31T12:00:00",
}


def _wrong(name: str, kind: Kind, value: Any) -> InvalidInput:
    shown = (
        "a list or an object"
        if isinstance(value, dict | list | tuple)
        else f"“{str(value).lower() if isinstance(value, bool) else str(value)[:40]}”"
    )
    return InvalidInput.of_field(
        name,
        f"The column “{name}” takes {_WANTED[kind]}, and {shown} is not.",
        hint="Leave it empty if it is not known.",
    )
