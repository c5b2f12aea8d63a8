"""Parts of names that tell rows apart: a region in a code may say something, a number that counts the rows may not.

Who made the table has often numbered its rows in an order that has to do with what is to be predicted (all that were
sold, then all that were not), and no new row has a number like that.
"""

import polars as pl

_SHARED = 0.3
_MOST_NUMBERS = 4
_FOLLOWS = 0.2


def is_shared_part(names: pl.Series, made: pl.Series) -> bool:
    """Whether what was made of these names is a part that many of them share, and does not follow a number in them."""
    table = pl.DataFrame([names.cast(pl.String).alias("name"), made.alias("made")]).drop_nulls("name")
    table = table.unique("name", keep="first", maintain_order=True)
    levels, count = table["made"].n_unique(), table.height
    if levels < 2:
        return True
    if levels > _SHARED * count:
        return False
    shares = table["made"].value_counts(sort=False)["count"].to_numpy() / count
    by_chance = count * (1 - float((shares**2).sum()))
    numbers = table["name"].str.extract_all(r"\d+")
    for place in range(min(_MOST_NUMBERS, int(numbers.list.len().max() or 0))):  # type: ignore[arg-type]
        order = numbers.list.get(place, null_on_oob=True).cast(pl.Float64, strict=False)
        if order.n_unique() <= _SHARED * count:
            continue
        sorted_ = table["made"].gather(order.arg_sort(nulls_last=True))
        changes = int((sorted_.ne_missing(sorted_.shift(1))).slice(1).sum())
        if changes <= max(2 * (levels - 1), _FOLLOWS * by_chance):
            return False
    return True
