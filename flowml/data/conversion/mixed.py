"""Numbers in a column that has texts among them only because something is missing."""

import polars as pl

from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS

_SPELLINGS = [*MISSING, *MISSING_AMONG_NUMBERS]
# 007 is a code: as a number it would lose its zeros.
_CODE = r"^[-+]?0\d+$"


def numbers_among_texts(texts: pl.Series) -> pl.Series | None:
    """The numbers, when everything else is a spelling of missing.

    >>> numbers_among_texts(pl.Series(["1", "NA", "2.5"])).to_list()
    [1.0, None, 2.5]
    """
    is_missing = texts.str.strip_chars().is_in(_SPELLINGS).fill_null(value=False)
    present = texts.set(is_missing, None)
    if present.null_count() == len(texts) or present.str.contains(_CODE).any():
        return None
    for dtype in (pl.Int64, pl.Float64):
        numbers = present.cast(dtype, strict=False)
        if numbers.null_count() == present.null_count():
            return numbers
    return None
