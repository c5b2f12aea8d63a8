"""What a preview must not leave out. Numbers of changed cells say nothing of rows that are new or come twice, of
places, of the kinds in which the same values are held, and of what only the bits show: each is said, and what remains
after all that was said is looked for once more, column by column, without what the rest of the comparison goes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from flowml.data.recipes.kinds import Kind
from flowml.domain.remarks import Remark, decision, note
from flowml.domain.wording import shortened

_MOST_NAMED = 5


def of_rows(origins: pl.Series, n_before: int) -> list[Remark]:
    """Rows that are new or several times there, those that go in their place, and rows that change places."""
    known = origins.drop_nulls()
    n_new, n_same = origins.null_count(), known.n_unique()
    n_gone, n_again = n_before - n_same, len(known) - n_same
    remarks = []
    if n_new or n_again:
        parts = []
        if n_new:
            parts.append(f"{_rows(n_new)} of the result {_are(n_new)} none of the table")
        if n_again:
            parts.append(f"{_rows(n_again)} {_are(n_again)} there a second time or more often")
        if n_gone:
            parts.append(f"{_rows(n_gone)} of the table {_are(n_gone)} no longer there")
        remarks.append(decision("rows_replaced", f"{'; '.join(parts)}."))
    if not known.is_sorted():
        remarks.append(note("rows_moved", "Rows change places."))
    return remarks


def of_columns(
    origin_of: Mapping[str, str], had: Mapping[str, Kind], has: Mapping[str, Kind], cells: Mapping[str, int]
) -> list[Remark]:
    """Columns that change places, and those whose same values are of another kind."""
    remarks = []
    order = list(had)
    if (stay := [order.index(origin_of[name]) for name in has if name in origin_of]) != sorted(stay):
        remarks.append(note("columns_moved", "Columns change places."))
    changed = [name for name, old in origin_of.items() if had[old] is not has[name] and not cells.get(name)]
    for name in changed[:_MOST_NAMED]:
        words = f"{had[origin_of[name]].words} become {has[name].words}"
        remarks.append(
            note("kinds_changed", f"The values of “{shortened(name)}” stay, but their kind changes: {words}.")
        )
    if len(changed) > _MOST_NAMED:
        said = f"So do the kinds of {len(changed) - _MOST_NAMED:,} more columns."
        remarks.append(note("kinds_changed", said))
    return remarks


def left_over(
    source: pl.DataFrame, result: pl.DataFrame, origins: pl.Series, origin_of: Mapping[str, str], told: Iterable[str]
) -> list[Remark]:
    """Columns in which something differs that was not told. `told`: those of which it was said that they change."""
    is_known = origins.is_not_null()
    known = origins.drop_nulls()
    is_said = set(told)
    found = [
        name
        for name, old in origin_of.items()
        if name not in is_said and not is_same(source[old].gather(known), result[name].filter(is_known))
    ]
    return [_not_accounted(found)] if found else []


def by_place(source: pl.DataFrame, result: pl.DataFrame) -> list[Remark]:
    """Of a result of which nothing was said: whether it is the table, column by column and row by row."""
    if source.columns == result.columns:
        found = [name for name in source.columns if not is_same(source[name], result[name])]
    else:
        found = list(dict.fromkeys([*source.columns, *result.columns]))
    return [_not_accounted(found)] if found else []


def is_same(old: pl.Series, new: pl.Series) -> bool:
    """Whether two columns hold the same to the bit."""
    if old.dtype != new.dtype or not old.equals(new, null_equal=True):
        return False
    if old.dtype != pl.Float64:
        return True
    # −0 equals 0, and is another one.
    bits = [column.fill_null(0.0).to_numpy().view("i8") for column in (old, new)]
    return bool((bits[0] == bits[1]).all())


def _not_accounted(names: list[str]) -> Remark:
    shown = ", ".join(f"“{shortened(name)}”" for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return decision(
        "not_accounted", f"The result differs from the table in a way that is not shown here, in {shown}{more}."
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
