"""Which row of a table each row of a result was. What the process that ran the code says of it is one answer among
others: each is only a way to tell the difference, and the one is taken by which the least differs, counted in cells.
What all of them leave open is said by `accounting`."""

from __future__ import annotations

import polars as pl

from flowml.assistant.code.matching import alike, is_mostly_new
from flowml.data.recipes.kinds import kinds_of_frame
from flowml.data.recipes.observing import differs

_MOST_CELLS = 0.5


def follow(claimed: pl.Series | None, source: pl.DataFrame, result: pl.DataFrame) -> pl.Series | None:
    """The number, from 0, of the row in `source` that each row of `result` was; null for a new one. None where rows of
    the two have little to do with each other. `claimed` is believed as little as it has to be."""
    is_anew = claimed is not None and claimed.null_count() == len(claimed)
    found = [claimed] if claimed is not None and _is_possible(claimed, source, result) else []
    is_traced = bool(found)
    if result.height == source.height:
        place = pl.int_range(result.height, dtype=pl.UInt32, eager=True)
        if not is_traced or not place.equals(found[0]):
            found.append(place)
    costs = [cells_that_differ(one, source, result) for one in found]
    if not is_traced and costs and not _is_little(costs[0], source, result):
        # What nobody says to be the same rows, and does not look like them.
        found, costs = [], []
    if (
        (not costs or min(costs))
        and (same := alike(source, result)) is not None
        and not (is_anew and same.null_count())
    ):
        found.append(same)
        costs.append(cells_that_differ(same, source, result))
    if not found:
        return None
    best = found[costs.index(min(costs))]
    return None if is_mostly_new(best.null_count(), result) else best


def cells_that_differ(origins: pl.Series, source: pl.DataFrame, result: pl.DataFrame) -> int:
    """Cells of columns of the same name that hold something else, and all of rows that are gone, or new, or there more
    than once; of these one in the place of another counts once."""
    known = origins.drop_nulls()
    n_kinds = known.n_unique()
    unmatched = max(source.height - n_kinds, len(origins) - n_kinds)
    had, has = kinds_of_frame(source), kinds_of_frame(result)
    shared = [name for name in has if name in had]
    if not shared or not len(known):
        return unmatched * max(1, len(shared))
    before = source.select(pl.col(name).alias(f"s{place}") for place, name in enumerate(shared))[known]
    after = result.select(pl.col(name).alias(f"r{place}") for place, name in enumerate(shared))
    after = after.filter(origins.is_not_null())
    tests = [differs(f"s{place}", had[name], f"r{place}", has[name]) for place, name in enumerate(shared)]
    both = pl.concat([before, after], how="horizontal")
    cells = both.select(test.sum().alias(f"{place}") for place, test in enumerate(tests)).row(0)
    return unmatched * len(shared) + sum(map(int, cells))


def _is_little(cost: int, source: pl.DataFrame, result: pl.DataFrame) -> bool:
    n_shared = len({*source.columns} & {*result.columns})
    return n_shared > 0 and cost <= _MOST_CELLS * n_shared * source.height


def _is_possible(claimed: pl.Series, source: pl.DataFrame, result: pl.DataFrame) -> bool:
    if claimed.dtype != pl.UInt32 or len(claimed) != result.height:
        return False
    highest = claimed.max()
    return highest is not None and int(highest) < source.height  # type: ignore[arg-type]
