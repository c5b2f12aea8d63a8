"""Texts that a program wrote as formulas, ="01234", so that Excel does not take them for numbers."""

from __future__ import annotations

import polars as pl

_OPENING = '="'
_FORMULA = r'(?s)^="((?:[^"]|"")*)"$'


def without_formulas(column: pl.Series) -> pl.Series | None:
    """The texts that the formulas stand for; None when there are none, or some that are more than a text.

    >>> without_formulas(pl.Series(['="01234"', "5"])).to_list()
    ['01234', '5']
    """
    is_formula = column.str.starts_with(_OPENING)
    if not is_formula.any():
        return None
    texts = column.str.extract(_FORMULA)
    if texts.null_count() > len(column) - is_formula.sum():
        return None
    texts = texts.str.replace_all('""', '"', literal=True)
    return column.zip_with(~is_formula.fill_null(value=False), texts)
