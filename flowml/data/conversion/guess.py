"""What one look at a column of texts found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flowml.data.conversion.notation import Notation
from flowml.domain.remarks import Remark

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Guess:
    """`series` is the column in its true type, or None when it is not of this kind; `remark` what is to be said.

    `proof` is what the column proves about the whole file ("," as the decimal point, "day_first"), `thousands` the
    separator it has. `unclear` asks for another look, at dates or at numbers, once the other columns have been seen:
    “list” at the numbers in `series`, whose decimal commas may be those of lists.
    `notation` says how the values of the series were written.
    """

    series: pl.Series | None = None
    remark: Remark | None = None
    proof: str | None = None
    thousands: str | None = None
    unclear: Literal["date", "number", "list"] | None = None
    notation: Notation | None = None


NOTHING = Guess()
