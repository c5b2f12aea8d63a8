"""How the values of a column are written, as the file said that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Kind = Literal["text", "number", "boolean", "date"]


def kind_of(dtype: str) -> Kind:
    """What the values of a column are whose type Polars calls so.

    >>> kind_of("Int64"), kind_of("Boolean"), kind_of("Datetime"), kind_of("String")
    ('number', 'boolean', 'date', 'text')
    """
    if dtype.startswith(("Int", "UInt", "Float", "Decimal")):
        return "number"
    if dtype == "Boolean":
        return "boolean"
    return "date" if dtype.startswith("Date") else "text"


@dataclass(frozen=True)
class Notation:
    """What a column of texts was taken for, and by which conventions.

    Of numbers: `decimal` is the decimal sign, None where nothing in the file proves one; `thousands` what stands
    between thousands, `currency` the sign beside the amounts, both empty for none; `percent`, whether a percent sign
    follows. Of dates: `order` says which part comes first, None where nothing in the file proves one; `counted` is set
    for numbers that are dates: “ymd” (20240131), or the unit since 1970. Of texts: `literal` ones stand exactly as they
    were written, blanks and the spellings of missing included; in others, `formulas` says that ="01234" is the text in
    the quotes. `missing` are the spellings of missing that the file's owner gave, None for the usual ones.
    """

    kind: Kind
    decimal: str | None = None
    thousands: str = ""
    currency: str = ""
    percent: bool = False
    order: str | None = None
    counted: str | None = None
    literal: bool = False
    formulas: bool = False
    missing: tuple[str, ...] | None = None

    def for_values(self, kind: Kind) -> Notation | None:
        """What it says of values that are used as this kind: 0 and 1, or yes and no, may stand for a truth value."""
        if kind == "boolean":
            return Notation("boolean", missing=self.missing)
        return self if self.kind == kind else None

    def state(self) -> dict[str, Any]:
        """As JSON has it: what is not as usual."""
        return {name: value for name, value in vars(self).items() if value != _USUAL.get(name, self)}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Notation:
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        known = {name: value for name, value in state.items() if name in _USUAL}
        for name, value in known.items():
            usual = _USUAL[name]
            if value is None and usual is None:
                continue
            if name == "missing" and isinstance(value, list | tuple):
                known[name] = tuple(str(text) for text in value)
            elif not isinstance(value, str if usual is None else type(usual)):
                raise ValueError(f"a notation whose {name} is of another kind")
        kind = state["kind"]
        if kind not in ("text", "number", "boolean", "date"):
            raise ValueError("a notation of nothing")
        return cls(kind=kind, **known)


_USUAL = {field.name: field.default for field in fields(Notation) if field.name != "kind"}
