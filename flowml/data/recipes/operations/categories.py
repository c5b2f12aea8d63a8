"""Values replaced by others, and categories made fewer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.kinds import Columns, Kind, kind_of_column
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, in_place, present, shown
from flowml.data.recipes.operations.gaps import fitting
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_MOST_CATEGORIES = 10_000


def _map_values(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name, values = operation["column"], operation["values"]
    kind = kind_of_column(columns, name, "column")
    keeps = operation["other"] == "keep"
    wanted = _kind_of(values.values(), kind) if keeps else _common(values.values()) or kind
    mapping = {
        _key(key, kind, name): None if to is None else fitting(to, wanted, name, "values")[0]
        for key, to in values.items()
    }

    def mapped(value: Any) -> Any:
        if value in mapping:
            return mapping[value]
        if not keeps:
            return None
        if wanted is kind:
            return value
        return scalars.text_of(value) if wanted is Kind.TEXT else float(value)

    return in_place(columns, name, wanted, lambda: scalars.by_value(pl.col(name), mapped, wanted), present(mapped))


def _key(key: str, kind: Kind, name: str) -> Any:
    """A key as a value of the column; 2.5 in a column of whole numbers is one that does not occur."""
    return fitting(key, kind, name, "values")[0]


def _kind_of(values: Iterable[Any], kind: Kind) -> Kind:
    """The kind of a column that keeps its other values: its own if the new ones fit, else texts."""
    wanted = kind
    for value in values:
        if value is None:
            continue
        if kind.is_number and (isinstance(value, bool) or not isinstance(value, int | float)):
            return Kind.TEXT
        if kind is Kind.BOOLEAN and not isinstance(value, bool):
            return Kind.TEXT
        try:
            _, needed = fitting(value, kind, "", "values")
        except InvalidInput:
            return Kind.TEXT
        wanted = needed if needed is not kind else wanted
    return wanted


def _common(values: Iterable[Any]) -> Kind | None:
    """The kind of a column that has only the new values; None where there are none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if all(isinstance(value, bool) for value in known):
        return Kind.BOOLEAN
    if any(isinstance(value, bool | str) for value in known):
        return Kind.TEXT
    return Kind.WHOLE if all(isinstance(value, int) for value in known) else Kind.NUMBER


def _merge(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name, to = operation["column"], operation["to"]
    kind = kind_of_column(columns, name, "column")
    if kind is not Kind.TEXT:
        raise InvalidInput.of_field(
            "column", f"“{name}” holds {kind.words}, not categories.", hint="Turn it into texts first, with cast."
        )
    ways = [way for way in ("values", "min_count", "min_share") if way in operation]
    if len(ways) != 1:
        raise InvalidInput.of_field("values", "Give one of values, min_count and min_share.")
    if ways == ["values"]:
        merged = frozenset(scalars.text_of(value) for value in operation["values"])

        def one(value: str) -> str:
            return to if value in merged else value

        def chosen() -> pl.Expr:
            return pl.col(name).is_in(sorted(merged))

    elif "keep" in operation:
        kept = frozenset(scalars.text_of(value) for value in operation["keep"])

        def one(value: str) -> str:
            return value if value in kept else to

        def chosen() -> pl.Expr:
            return ~pl.col(name).is_in(sorted(kept))

    else:
        return Step(columns, lambda frame: frame, None, (name,), (name,), lambda frame: _learn(operation, frame))

    def table() -> pl.Expr:
        return pl.when(chosen()).then(pl.lit(to)).otherwise(pl.col(name))

    return in_place(columns, name, Kind.TEXT, table, present(one))


def _learn(operation: Operation, frame: pl.LazyFrame) -> Operation:
    import polars as pl

    name = operation["column"]
    counts = frame.select(pl.col(name).drop_nulls().alias("value")).group_by("value").len("count")
    table = counts.sort(["count", "value"], descending=[True, False]).collect(engine="streaming")
    if table.is_empty():
        raise InvalidInput.of_field("column", f"Every value of “{name}” is missing, so there are no categories.")
    least = operation["min_count"] if "min_count" in operation else operation["min_share"] * table["count"].sum()
    kept = table.filter(pl.col("count") >= least)["value"].to_list()
    if len(kept) > _MOST_CATEGORIES:
        raise InvalidInput.of_field(
            "column",
            f"“{name}” would keep {len(kept):,} categories, and at most {_MOST_CATEGORIES:,} are possible.",
            hint="Ask for a greater count or share.",
        )
    # Where all are rare, the category that they become is the only one left.
    return {**operation, "keep": kept or [operation["to"]]}


def _describe_merge(operation: Operation) -> str:
    column, to = operation["column"], shown(operation["to"])
    if "values" in operation:
        values = operation["values"]
        more = f" and {len(values) - 5} more" if len(values) > 5 else ""
        return f"Merge {', '.join(map(shown, values[:5]))}{more} in “{column}” into {to}"
    if "min_count" in operation:
        return f"Merge what occurs less than {operation['min_count']:,} times in “{column}” into {to}"
    return f"Merge what occurs in less than {operation['min_share']:.3%} of “{column}” into {to}"


def _describe_map(operation: Operation) -> str:
    pairs = [
        f"“{key[:30]}” → {'missing' if to is None else shown(to)}" for key, to in list(operation["values"].items())[:3]
    ]
    more = len(operation["values"]) - len(pairs)
    return f"Replace in “{operation['column']}”: {', '.join(pairs)}{f' and {more} more' if more else ''}"


TYPES = (
    OperationType(
        "map_values",
        "Replace values",
        "Puts other values in the place of some. Missing ones stay missing.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("values", FieldKind.MAPPING, "each value and what it becomes; null for missing"),
            Field(
                "other",
                FieldKind.CHOICE,
                "what becomes of all other values",
                required=False,
                choices=("keep", "missing"),
                default="keep",
            ),
        ),
        _map_values,
        _describe_map,
    ),
    OperationType(
        "merge_categories",
        "Merge categories",
        "Makes one category of several, or of all that are rare. Which are frequent is found once and kept, so that"
        " one never seen before counts as rare.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("values", FieldKind.VALUES, "the categories to merge", required=False),
            Field("min_count", FieldKind.WHOLE_NUMBER, "how often one has to occur", False, least=1, most=2**53),
            Field("min_share", FieldKind.NUMBER, "in what share of the values", False, least=0, most=1),
            Field("to", FieldKind.TEXT, "what they become", required=False, default="other"),
            Field("keep", FieldKind.VALUES, "the frequent categories", required=False, learned=True),
        ),
        _merge,
        _describe_merge,
    ),
)
