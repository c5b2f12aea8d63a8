"""Amounts of money as banks and programs write them."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)$")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+$")
_GROUPED_BY_POINTS = re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+$")
_BLANKS = str.maketrans("", "", " \u00a0\u202f\t'’_$€£¥")
_LONGEST = 60
# A double keeps fifteen digits whatever they are.
_EXACT_DIGITS = 15


def parse_amount(text: str, *, decimal_comma: bool) -> float | None:
    """The number, or None where it is none. `decimal_comma` says what a lone comma is where both are possible.

    Whether it is one is known from the file (`proves_decimal_comma`) or from its format.

    >>> parse_amount("-1,234.50", decimal_comma=False), parse_amount("1.234,50", decimal_comma=True)
    (-1234.5, 1234.5)
    >>> parse_amount("1,234", decimal_comma=False), parse_amount("1,234", decimal_comma=True)
    (1234.0, 1.234)
    """
    if len(text) > _LONGEST:
        return None
    if not _PLAIN.match(text) or (decimal_comma and "." in text):
        text = text.translate(_BLANKS)
        if text.endswith("-"):
            text = f"-{text[:-1]}"
        if text.startswith("(") and text.endswith(")"):
            text = f"-{text[1:-1]}"
        text = _with_point(text, decimal_comma=decimal_comma)
    return float(text) if _PLAIN.match(text) and text.isascii() else None


def _with_point(text: str, *, decimal_comma: bool) -> str:
    comma, point = text.rfind(","), text.rfind(".")
    if comma < 0:
        grouped = text.count(".") > 1 or (decimal_comma and _GROUPED_BY_POINTS.match(text))
        return text.replace(".", "") if grouped else text
    if point > comma or (point < 0 and text.count(",") > 1):
        return text.replace(",", "")
    if point < 0 and not decimal_comma and _GROUPED.match(text.lstrip("+-")):
        return text.replace(",", "")
    return text.replace(".", "").replace(",", ".")


def proves_decimal_comma(text: str) -> bool:
    """Whether an amount can only be read with a decimal comma, as 12,5 and 1.234,50 can.

    >>> [proves_decimal_comma(text) for text in ("12,5", "1.234,50", "1,234", "1,234.50")]
    [True, True, False, False]
    """
    whole, comma, fraction = text.strip().rpartition(",")
    return bool(comma) and fraction.isdecimal() and "," not in whole and (len(fraction) != 3 or "." in whole)


def beyond_float(text: str) -> bool:
    """Whether an amount has more digits than a floating-point number keeps."""
    return sum(character.isdecimal() for character in text.strip("+-0 ")) > _EXACT_DIGITS
