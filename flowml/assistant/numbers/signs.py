"""Signs that numbers are written with: spaces, percent signs, digits of other scripts."""

import re
import unicodedata

# Spaces that do not break, thin ones and the common one separate thousands in French, and before units.
SPACES = "\u00a0\u202f\u2009"
GLYPHS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅒"
COUNTED = (
    r"(?:rows?|mistakes?|errors?|misses|cases?|false alarms?|answers?|predictions?|people|persons?|customers?|seconds?"
    r"|minutes?|hours?|days?)\b"
)
PERCENT = (
    rf"[ {SPACES}-]?(?:%|‰|per ?cent(?:age)?(?: points?)?\b|prozent\b|pour ?cent\b|p[eo]r ?ci?ento\b|pp\b"
    r"|percentage points?\b|points?\b)"
)

# Of Arabic script: no other form of them is known to Unicode.
_ARABIC = {"٪": "%", "٫": ".", "٬": ","}
_HAN_DIGITS, _HAN_UNITS = "〇一二三四五六七八九", {"十": 10.0, "百": 100.0, "千": 1_000.0}
_HAN_OTHERS = str.maketrans("零两", "〇二")
_HAN_AMOUNT = f"[{_HAN_DIGITS}零两十百千万]"
HAN = re.compile(
    rf"百分之(?P<share>{_HAN_AMOUNT}{{1,9}})|(?P<percent>{_HAN_AMOUNT}{{1,9}})\s?(?P<per>[%‰])"
    rf"|(?P<count>[{_HAN_DIGITS[1:]}两][十百千万]{_HAN_AMOUNT}{{0,8}}|十[{_HAN_DIGITS[1:]}])"
)


def plain(text: str) -> str:
    """Digits and signs of other widths and scripts as they are written here; as long as before."""
    if text.isascii():
        return text
    return "".join(one if one.isascii() or one in GLYPHS else _common(one) for one in text)


def _common(one: str) -> str:
    if one in _ARABIC:
        return _ARABIC[one]
    common = str(unicodedata.digit(one)) if one.isdecimal() else unicodedata.normalize("NFKC", one)
    return common if len(common) == 1 and (common.isdigit() or common in "%.,-+~") else one


def han_value(written: str) -> float:
    """
    >>> han_value("八十七"), han_value("三万二千")
    (87.0, 32000.0)
    """
    total = part = digit = 0.0
    for one in written.translate(_HAN_OTHERS):
        if one == "万":
            total, part, digit = total + (part + digit or 1.0) * 1e4, 0.0, 0.0
        elif one in _HAN_UNITS:
            part, digit = part + (digit or 1.0) * _HAN_UNITS[one], 0.0
        else:
            digit = 10.0 * digit + _HAN_DIGITS.index(one)
    return total + part + digit
