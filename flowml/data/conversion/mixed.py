"""Columns of several kinds in formats that say the kind of every value: numbers, or true and false, with texts among
them. Few texts that are none become missing, by the rule of `odd`."""

from __future__ import annotations

import polars as pl

from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS
from flowml.data.conversion.odd import RowOf, are_few, from_one, kept, lost, words_for_missing
from flowml.domain.remarks import Remark

# 007 is a code: as a number it would lose its zeros.
_CODE = r"^[-+]?0\d+$"
_TRUTHS = {"true": True, "false": False}


def numbers_among_texts(
    texts: pl.Series, *, exact: pl.Series | None = None, few: bool = True, row_of: RowOf = from_one
) -> tuple[pl.Series | None, list[Remark]]:
    """The numbers, when everything else is a spelling of missing or, with `few`, hardly there, and what is to be said;
    no numbers where the column is text. `exact` are the numbers themselves, where texts have lost some of their
    digits. `row_of` gives the number of a row for people.

    >>> numbers_among_texts(pl.Series("x", ["1", "NA", "2.5"]))[0].to_list()
    [1.0, None, 2.5]
    """
    stripped, present, words = _without_words(texts)
    if present.null_count() == len(present) or present.str.contains(_CODE).any():
        return None, []
    floats = present.cast(pl.Float64, strict=False)
    odd = floats.is_null() & present.is_not_null()
    if odd.any() and not few:
        return None, []
    if exact is not None:
        floats = exact.set(odd | present.is_null(), None)
    whole = present.set(odd, None).cast(pl.Int64, strict=False)
    # Excel knows no whole numbers, people do; those of other programs are exact as they are written.
    numbers = whole if whole.null_count() == floats.null_count() and (whole == floats).all() else floats
    return _decided(numbers.alias(texts.name), present, odd, stripped, words, "number", r"\d", row_of)


def truths_among_texts(texts: pl.Series, *, row_of: RowOf = from_one) -> tuple[pl.Series | None, list[Remark]]:
    """The same of true and false, where any other word may be a value of its own unless it is hardly there."""
    stripped, present, words = _without_words(texts)
    truths = present.str.to_lowercase().replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean)
    odd = truths.is_null() & present.is_not_null()
    return _decided(truths, present, odd, stripped, words, "truth value", "", row_of)


def without_words(texts: pl.Series, *, row_of: RowOf = from_one) -> tuple[pl.Series, list[Remark]]:
    """Texts without blanks around them and without the spellings of missing that are such among numbers and dates."""
    stripped, present, words = _without_words(texts)
    return present, [words_for_missing(stripped, words, _no_line, row_of)] if words.any() else []


def _without_words(texts: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    stripped = texts.str.strip_chars()
    words = stripped.is_in(MISSING) | stripped.str.to_lowercase().is_in(MISSING_AMONG_NUMBERS)
    words = words.fill_null(value=False)
    return stripped, stripped.set(words, None), words & (stripped != "")


def _decided(
    values: pl.Series,
    present: pl.Series,
    odd: pl.Series,
    stripped: pl.Series,
    words: pl.Series,
    kind: str,
    telling: str,
    row_of: RowOf,
) -> tuple[pl.Series | None, list[Remark]]:
    if odd.any() and not are_few(present, odd, telling=telling):
        said = kept(present, odd, f"no {kind}", _no_line, row_of)
        return None, [said] if said else []
    remarks = [words_for_missing(stripped, words, _no_line, row_of)] if words.any() else []
    if odd.any():
        remarks.append(lost(present, odd, kind, _no_line, row_of))
    return values, remarks


def _no_line(_: int) -> None:
    return None
