"""Rows of one table that are found again in another one, by what is in them."""

from __future__ import annotations

import polars as pl

_HASH = "hash"
_ORIGIN = "origin"
_TIME = "time"
_MOST_NEW = 0.5


def alike(source: pl.DataFrame, result: pl.DataFrame) -> pl.Series | None:
    """Of rows that were moved, left out or doubled without being told which: each is the next one with the same values,
    and the first of them where there are more than there were. None where columns are not all there, or half of the
    rows are none of them."""
    if any(name not in result.columns or source[name].dtype != result[name].dtype for name in source.columns):
        return None
    result = result.select(source.columns)
    had, has = source.hash_rows().to_frame(_HASH), result.hash_rows().to_frame(_HASH)
    if is_mostly_new(int(has.select((~pl.col(_HASH).is_in(had.get_column(_HASH).implode())).sum()).item()), result):
        return None
    numbered = had.with_columns(_times(had), pl.int_range(pl.len(), dtype=pl.UInt32).alias(_ORIGIN))
    has = has.with_columns(_times(has))
    origins = has.join(numbered, on=[_HASH, _TIME], how="left", maintain_order="left").get_column(_ORIGIN)
    if origins.null_count():
        firsts = numbered.filter(pl.col(_TIME) == 0).drop(_TIME)
        again = has.join(firsts, on=_HASH, how="left", maintain_order="left").get_column(_ORIGIN)
        origins = origins.fill_null(again)
    # Different rows can have the same hash.
    is_same = origins.is_not_null()
    for name in source.columns:
        is_same &= source[name].gather(origins).eq_missing(result[name])
    origins = origins.to_frame().select(pl.when(is_same).then(pl.col(_ORIGIN))).to_series()
    return None if is_mostly_new(origins.null_count(), result) else origins


def _times(hashes: pl.DataFrame) -> pl.Series:
    """How many of the same there are before each. Window functions of as many groups take ten times as long."""
    place = pl.int_range(pl.len(), dtype=pl.UInt32)
    in_turn = hashes.with_columns(place.alias(_ORIGIN)).sort(_HASH, maintain_order=True)
    is_first = pl.col(_HASH).ne_missing(pl.col(_HASH).shift())
    time = (place - pl.when(is_first).then(place).forward_fill()).alias(_TIME)
    return in_turn.select(_ORIGIN, time).sort(_ORIGIN).get_column(_TIME)


def is_mostly_new(n_new: int, result: pl.DataFrame) -> bool:
    """Whether so many rows of a result are none of the table that the two have little to do with each other."""
    return n_new > _MOST_NEW * result.height
