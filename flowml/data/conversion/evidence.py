"""What the columns of a file prove about how it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from flowml.data.conversion.conventions import Conventions
from flowml.data.conversion.guess import Guess
from flowml.data.conversion.notation import Notation
from flowml.domain.remarks import Remark, note


@dataclass(frozen=True)
class Pending:
    """A column that waits for what the others prove: as it stands, and its `values` without words for “missing”."""

    found: Guess
    original: pl.Series
    values: pl.Series


@dataclass
class Evidence:
    """What was found in columns: `missing` counts the texts read as that, `decimals`, `thousands` and `orders` (of
    dates) the columns that prove each; `pending` are the columns that could not decide for themselves."""

    notations: dict[str, Notation] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    decimals: Counter[str] = field(default_factory=Counter)
    thousands: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    pending: dict[str, Pending] = field(default_factory=dict)

    def learn_from(self, other: Evidence) -> None:
        """Take over what another has found."""
        self.pending |= other.pending
        self.notations |= other.notations
        self.remarks += other.remarks
        self.missing += other.missing
        self.decimals += other.decimals
        self.thousands += other.thousands
        self.orders += other.orders

    def notations_of(
        self, columns: Mapping[str, pl.Series], literal: Collection[str], said: Conventions, *, typed: bool
    ) -> dict[str, Notation]:
        """How each column of texts was read; what one does not prove by itself is as the file's others have it."""
        proved = {notation.decimal for notation in self.notations.values()} - {None}
        decimal = said.decimal or (next(iter(proved)) if len(proved) == 1 else None)
        thousands = said.thousands or sole(self.thousands) or ""
        order = said.date_order or sole(self.orders)
        found = {}
        for name, column in columns.items():
            notation = self.notations.get(name)
            if column.dtype == pl.String and not typed:
                formulas = notation is not None and notation.formulas
                notation = Notation("text", literal=name in literal, formulas=formulas)
            elif notation is None:
                continue
            elif notation.kind == "number":
                sign = notation.decimal or decimal
                between = notation.thousands or ("" if thousands in ("none", sign) else thousands)
                notation = replace(notation, decimal=sign, thousands=between)
            elif notation.kind == "date":
                notation = replace(notation, order=notation.order or order)
            found[name] = replace(notation, missing=None if name in literal else said.missing)
        return found

    def all_remarks(self) -> list[Remark]:
        """What was said of the columns, and which texts were read as missing."""
        if not self.missing:
            return self.remarks
        spelled = ", ".join(
            f"“{value}” ({count:,})"
            for value, count in sorted(self.missing.items(), key=lambda item: (-item[1], item[0]))[:8]
        )
        return [*self.remarks, note("read_as_missing", f"Read as missing: {spelled}.")]

    def decided(self, said: Conventions) -> dict[str, Any]:
        """Each convention as the owner `said`, or as the columns agree."""
        decided: dict[str, Any] = {}
        if decimal := said.decimal or sole(self.decimals):
            decided["decimal"] = decimal
        if thousands := said.thousands or sole(self.thousands):
            decided["thousands"] = thousands
        if order := said.date_order or sole(self.orders):
            decided["date_order"] = order
        decided["missing"] = sorted(self.missing) if said.missing is None else list(dict.fromkeys(said.missing))
        return decided


def sole(counts: Counter[str]) -> str | None:
    """What all columns agree about."""
    return next(iter(counts)) if len(counts) == 1 else None
