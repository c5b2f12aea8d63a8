"""Which row of a table each row of a result was. What the process that ran the code says of it is one answer among
others: each is only a way to tell the difference, and the one is taken by which the fewest rows differ. What all of
them leave open is said by `accounting`."""

from __future__ import annotations

import polars as pl

from flowml.data.recipes.kinds import kinds_of_frame
from flowml.data.recipes.observing import differs

_ORIGIN = "origin"
_TIME = "time"
_MOST_NEW = 0.5


def follow(claimed: pl.Series | None, source: pl.DataFrame, result: pl.DataFrame) -> pl.Series | None:
    """The number, from 0, of the row in `source` that each row of `result` was; null for a new one. None where rows of
    the two have little to do with each other. `claimed` is believed as little as it has to be."""
    found = []
    is_traced = claimed is not None and _is_possible(claimed, source, result)
    if claimed is not None and is_traced:
        found.append(claimed)
        is_traced = claimed.null_count() == 0 and claimed.n_unique() == len(claimed)
    if result.height == source.height:
        found.append(pl.int_range(result.height, dtype=pl.UInt32, eager=True))
    if is_traced and (len(found) == 1 or found[0].equals(found[1])):
        return claimed
    costs = [rows_that_differ(one, source, result) for one in found]
    if not is_traced and (not costs or min(costs)) and (alike := _alike(source, result)) is not None:
        found.append(alike)
        costs.append(rows_that_differ(alike, source, result))
    if not found:
        return None
    best = found[costs.index(min(costs))]
    return None if best.null_count() > _MOST_NEW * len(best) else best


def rows_that_differ(origins: pl.Series, source: pl.DataFrame, result: pl.DataFrame) -> int:
    """Rows that are new, gone, there more than once, or in which a column of the same name holds something else."""
    known = origins.drop_nulls()
    n_kinds = known.n_unique()
    unmatched = origins.null_count() + (source.height - n_kinds) + (len(known) - n_kinds)
    had, has = kinds_of_frame(source), kinds_of_frame(result)
    shared = [name for name in has if name in had]
    if not shared or not len(known):
        return unmatched
    before = source.select(pl.col(name).alias(f"s{place}") for place, name in enumerate(shared))[known]
    after = result.select(pl.col(name).alias(f"r{place}") for place, name in enumerate(shared))
    after = after.filter(origins.is_not_null())
    tests = [differs(f"s{place}", had[name], f"r{place}", has[name]) for place, name in enumerate(shared)]
    both = pl.concat([before, after], how="horizontal")
    return unmatched + int(both.select(pl.any_horizontal(*tests).sum()).item())


def _is_possible(claimed: pl.Series, source: pl.DataFrame, result: pl.DataFrame) -> bool:
    if claimed.dtype != pl.UInt32 or len(claimed) != result.height:
        return False
    highest = claimed.max()
    return highest is not None and int(highest) < source.height  # type: ignore[arg-type]


def _alike(source: pl.DataFrame, result: pl.DataFrame) -> pl.Series | None:
    """Of rows that were moved, left out or doubled without being told which: each is the next one with the same values,
    and the first of them where there are more than there were."""
    if any(name not in result.columns or source[name].dtype != result[name].dtype for name in source.columns):
        return None
    names = [f"c{place}" for place in range(source.width)]
    had = source.rename(dict(zip(source.columns, names, strict=True)))
    has = result.select(pl.col(old).alias(new) for old, new in zip(source.columns, names, strict=True))
    time = pl.int_range(pl.len(), dtype=pl.UInt32).over(names).alias(_TIME)
    numbered = had.with_columns(time, pl.int_range(pl.len(), dtype=pl.UInt32).alias(_ORIGIN))
    found = has.with_columns(time).join(
        numbered, on=[*names, _TIME], how="left", nulls_equal=True, maintain_order="left"
    )
    firsts = numbered.filter(pl.col(_TIME) == 0).drop(_TIME)
    again = has.join(firsts, on=names, how="left", nulls_equal=True, maintain_order="left").get_column(_ORIGIN)
    origins = found.select(pl.col(_ORIGIN).fill_null(again)).to_series().cast(pl.UInt32)
    return None if origins.null_count() == len(origins) else origins
