"""Numbers kept within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.data.recipes.kinds import Columns, Kind, is_whole, kind_of_column
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, in_place, present, shown
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_SIDES = ("low", "high")


def _clip(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name = operation["column"]
    kind = kind_of_column(columns, name, "column")
    if not kind.is_number:
        raise InvalidInput.of_field(
            "column", f"“{name}” holds {kind.words}, and only numbers have bounds.", hint="Turn it into numbers first."
        )
    if not any(field in operation for side in _SIDES for field in (side, f"{side}_quantile")):
        raise InvalidInput.of_field("low", "Give at least one bound: low, high, low_quantile or high_quantile.")
    if any(f"{side}_quantile" in operation and side not in operation for side in _SIDES):
        return Step(columns, lambda frame: frame, None, (name,), (name,), lambda frame: _learn(operation, frame))
    low, high = operation.get("low"), operation.get("high")
    if low is not None and high is not None and low > high:
        raise InvalidInput.of_field("low", f"The low bound ({low:g}) is above the high one ({high:g}).")
    bounds = [bound for bound in (low, high) if bound is not None]
    whole = kind is Kind.WHOLE and all(map(is_whole, bounds))
    wanted = Kind.WHOLE if whole else Kind.NUMBER
    convert = int if whole else float
    least, most = (None if bound is None else convert(bound) for bound in (low, high))

    def clipped(value: float) -> float:
        value = value if whole else float(value)
        if least is not None and value < least:
            return least
        return most if most is not None and value > most else value

    def table() -> pl.Expr:
        value = pl.col(name).cast(wanted.polars)
        if least is not None:
            value = pl.when(value < least).then(pl.lit(least, wanted.polars)).otherwise(value)
        if most is not None:
            value = pl.when(value > most).then(pl.lit(most, wanted.polars)).otherwise(value)
        return value

    return in_place(columns, name, wanted, table, present(clipped))


def _learn(operation: Operation, frame: pl.LazyFrame) -> Operation:
    import polars as pl

    name = operation["column"]
    wanted = {
        side: pl.col(name).quantile(operation[f"{side}_quantile"], "linear").cast(pl.Float64)
        for side in _SIDES
        if f"{side}_quantile" in operation and side not in operation
    }
    found = frame.select(**wanted).collect(engine="streaming").row(0, named=True)
    if None in found.values():
        raise InvalidInput.of_field("column", f"Every value of “{name}” is missing, so it has no quantiles.")
    return {**operation, **found}


def _describe(operation: Operation) -> str:
    parts = []
    for side, words in (("low", "at least"), ("high", "at most")):
        share = operation.get(f"{side}_quantile")
        if side in operation:
            bound = operation[side]
            parts.append(f"{words} {f'{bound:,}' if isinstance(bound, int) else shown(bound)}")
        elif share is not None:
            parts.append(f"{words} the {share:.3g} quantile")
    return f"Keep “{operation['column']}” {' and '.join(parts)}"


def _share(name: str, title: str) -> Field:
    return Field(name, FieldKind.NUMBER, title, required=False, least=0, most=1)


TYPES = (
    OperationType(
        "clip",
        "Limit numbers",
        "Puts the bound in the place of numbers beyond it. Bounds from quantiles are found once and kept.",
        (
            Field("column", FieldKind.COLUMN, "the column"),
            Field("low", FieldKind.NUMBER, "the least value", required=False, learned=True),
            Field("high", FieldKind.NUMBER, "the greatest value", required=False, learned=True),
            _share("low_quantile", "the share of values below the low bound"),
            _share("high_quantile", "the share of values up to the high bound"),
        ),
        _clip,
        _describe,
    ),
)
