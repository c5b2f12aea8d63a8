"""The few values that are not of their column's kind: when they become missing, and what is said of them.

One rule for all formats and kinds. Up to a twentieth of the values may be something else (“high” among numbers) and
become missing, each named with its place. Where they tell something that a missing value would not, the column stays
text: codes, limits and ranges such as “12E5”, “<5” and “5-10” once there are many or the same ones again and again.
Days that no calendar has (2020-02-31, 0000-00-00) tell nothing, so that more of them may be dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from flowml.data.names import named_like_code, named_like_identifier
from flowml.domain.remarks import Remark, decision, loss, note
from flowml.domain.wording import shortened

# So many of a column's values must be of a kind that the others are worth a remark.
MOSTLY = 0.8
_MOST_ODD, _MOST_TELLING, _SLIPS = 0.05, 0.02, 3
_LEAST_POSSIBLE, _MOST_IMPOSSIBLE, _MOST_ZEROS = 3, 1 - MOSTLY, 0.5
_SHOWN, _SHOWN_PLACES = 3, 3
ZEROS = r"^0{1,4}[-/.]0{1,2}[-/.]0{1,4}(?:[T ]+0{1,2}:00(?::00(?:\.0+)?)?Z?)?$"
_WITH_UNIT = r"^[-+−]?\d[\d.,]*[ \u00a0\u202f]?((?:[\p{L}°µ%‰][\p{L}²³/]{0,5})?)$"
LineOf = Callable[[int], int | None]
RowOf = Callable[[int], int]


def from_one(row: int) -> int:
    """The number of a row where they are counted from one."""
    return row + 1


def are_few(column: pl.Series, odd: pl.Series, *, telling: str = r"\d") -> bool:
    """Whether the `odd` values of a column of texts may become missing; `telling` matches those that may be more than
    noise (by default, whatever has a digit). In a column that is named like a code, none may."""
    count, total = int(odd.sum()), len(column) - column.null_count()
    if count == 0 or count > _MOST_ODD * total:
        return False
    values = column.filter(odd)
    values = values.filter(values.str.contains(telling))
    if len(values) and (named_like_code(column.name) or named_like_identifier(column.name)):
        return False
    # Slips of the pen are rare and hardly repeat; codes do.
    return len(values) <= _SLIPS or (len(values) <= _MOST_TELLING * total and values.n_unique() > len(values) / 2)


def are_few_impossible(column: pl.Series, odd: pl.Series) -> bool:
    """Whether `odd` values that are written as dates, and are none, may become missing."""
    zeros = int((odd & column.str.contains(ZEROS)).sum())
    return may_be_impossible(len(column) - column.null_count(), zeros, int(odd.sum()) - zeros)


def may_be_impossible(total: int, zeros: int, others: int) -> bool:
    """Whether among so many dates there may be so many of zeros only, and so many others that no calendar has."""
    if zeros > _MOST_ZEROS * total or others > _MOST_IMPOSSIBLE * total:
        return False
    return not others or total - zeros - others >= _LEAST_POSSIBLE


def lost(column: pl.Series, odd: pl.Series, kind: str, line_of: LineOf, row_of: RowOf = from_one) -> Remark:
    """What to say of values that became missing; `kind` is the word for what the others are (“number”). Where a row has
    no line, `row_of` gives the number that people know it by."""
    were = "It was" if odd.sum() == 1 else "They were"
    return loss("values_lost", f"{_named(column, odd, f'no {kind}', line_of, row_of)} {were} read as missing.")


def no_quantities(column: pl.Series, probe: pl.Series, line_of: LineOf, row_of: RowOf = from_one) -> Remark | None:
    """What to say of a column of numbers with a unit (“12 kg”) and a few other texts."""
    if (probe.str.contains(_WITH_UNIT).mean() or 0) < MOSTLY:  # type: ignore[operator]
        return None
    units = column.str.extract(_WITH_UNIT)
    commonest = units.drop_nulls().value_counts(sort=True)
    unit, count = commonest.row(0)
    if not unit or count < MOSTLY * (len(column) - column.null_count()):
        return None
    odd = units.is_null() & column.is_not_null()
    return kept(column, odd, f"no number with “{unit}”", line_of, row_of)


def kept(column: pl.Series, odd: pl.Series, what: str, line_of: LineOf, row_of: RowOf = from_one) -> Remark | None:
    """What to say where `odd` values, which are `what` (“no number”), keep a column as text; None where they are so
    many that it is simply something else."""
    count, total = int(odd.sum()), len(column) - column.null_count()
    if count == 0 or count > (1 - MOSTLY) * total:
        return None
    return decision("kept_as_text", f"{_named(column, odd, what, line_of, row_of)} It was kept as text.")


def _named(column: pl.Series, odd: pl.Series, what: str, line_of: LineOf, row_of: RowOf) -> str:
    count, total = int(odd.sum()), len(column) - column.null_count()
    shown = places_of(column, odd, line_of, row_of)
    says = f"is {what}" if count == 1 else f"are {_plural(what)}"
    return f"In “{column.name}”, {count:,} of {total:,} values {says}: {shown}."


def words_for_missing(column: pl.Series, words: pl.Series, line_of: LineOf, row_of: RowOf = from_one) -> Remark:
    """What to say of spellings of missing that are such only among numbers and dates."""
    shown = places_of(column, words, line_of, row_of)
    said = f"In “{column.name}”, {shown} stands between other values and was read as missing."
    return note("read_as_missing", said)


def places_of(column: pl.Series, wanted: pl.Series, line_of: LineOf, row_of: RowOf) -> str:
    """The first of the `wanted` values of a column, each with the places where it is."""
    values = pl.DataFrame({"value": column.filter(wanted), "row": wanted.arg_true()})
    by_value = values.group_by("value", maintain_order=True).agg(pl.col("row").head(_SHOWN_PLACES), n=pl.len())
    shown = [
        f"“{shortened(value)}” ({_places(places, n, line_of, row_of)})"
        for value, places, n in by_value.head(_SHOWN).iter_rows()
    ]
    more = len(values) - int(by_value["n"].head(_SHOWN).sum())
    return f"{', '.join(shown)} and {more:,} more" if more else ", ".join(shown)


def _plural(what: str) -> str:
    noun, *rest = re.split(r"(?= with | written )", what)
    return f"{noun}s{''.join(rest)}"


def _places(rows: list[int], n: int, line_of: LineOf, row_of: RowOf) -> str:
    lines = [line_of(row) for row in rows]
    word, numbers = ("row", [row_of(row) for row in rows]) if None in lines else ("line", lines)
    more = f" and {n - len(rows):,} more" if n > len(rows) else ""
    return f"{word}{'s' if n > 1 else ''} {', '.join(f'{number:,}' for number in numbers)}{more}"
