"""Numbers as people write them: thousands separators, decimal commas, currencies, percent signs, bookkeepers' minus."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

import polars as pl

from flowml.data.conversion.guess import NOTHING, Guess
from flowml.data.conversion.notation import Notation
from flowml.data.conversion.styles import BLANK, CURRENCY, INFINITE, Style
from flowml.domain.remarks import Remark, decision, note

_PLAIN = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$"
# Programs write so as well, but only people when there are other decimal signs in the file.
_GROUPED = r"^[-+]?[1-9]\d{0,2}(\.\d{3})*$"
# 007 is a code: as a number it would lose its zeros.
_CODE = r"^[-+]?0\d+$"
_BEYOND_64_BITS = r"^[-+]?\d{19,}$"
_PHONE_NAME = r"(?i)(^|[^a-z])(tel|phone|telephone|telefon|fax|mobile|handy|gsm)([^a-z]|$)|phone|telefon"
_INTERNATIONAL = r"^\+\d{1,3}[ \u00a0/-]"
_ADDRESS = r"^\d{1,3}(\.\d{1,3}){3}$"

# Money that has no decimals, or is not written with three of them.
_YEN = r"[¥￥円元원₩]|JPY|KRW|CNY|RMB"
_BRACKETS = r"^\((.*\d.*)\)$"
# What programs write with an exponent has a decimal point, a sign behind the E, or a single digit and a small e.
MAYBE_CODE = r"^\d{2,}[eE]\d{1,3}$|^\dE\d{1,3}$"
SURE_EXPONENT = r"[.,]|[eE][-+]"
# 1,7 may be a list of two. What no list has: a minus, a unit, zeros in front, or that many decimals.
_NO_LIST = r"^-|[eE]|^0,\d{2}|,0\d|,\d{5,}"
_LONG_PLAIN = r"^-?\d{4,}$"

# The likelier way first.
_STYLES = tuple(
    Style(decimal, thousands)
    for thousands, decimals in (("", ".,"), (",", "."), (".", ","), (" ", ",."), ("'", ".,"))
    for decimal in decimals
)
_ANY = "|".join(style.pattern for style in _STYLES)
# 1,234 may be a thousand or a little more than one: by the sign, as a decimal point and between thousands.
_TWINS = {",": (Style(",", ""), Style(".", ",")), ".": (Style(".", ""), Style(",", "."))}


def looks_like_number(values: pl.Series) -> pl.Series:
    """Which of some texts are numbers in any way of writing them."""
    return _bare(values).str.contains(f"{_ANY}|{INFINITE}")


def unlike_most(values: pl.Series) -> pl.Series:
    """Which of some numbers are not written in the way that fits most of them: “1,5” among “1.5” and “2.5”."""
    bare = _bare(values)
    fitting = [bare.str.contains(style.pattern).fill_null(value=False) for style in _STYLES]
    most = max(fitting, key=lambda fits: int(fits.sum()))
    return ~(most | values.str.contains(INFINITE)).fill_null(value=True)


def has_long_plain(values: pl.Series) -> bool:
    """Whether some number has four digits or more and nothing between them."""
    return bool(_bare(values).str.contains(_LONG_PLAIN).any())


def unclear_commas(values: pl.Series, otherwise: str, decimals: Collection[str]) -> Remark:
    """What is said of signs that may be decimal signs or else `otherwise` (“separate thousands”); `decimals` are the
    decimal signs of the file's other columns."""
    sign = "," if values.str.contains(",", literal=True).any() else "."
    example = values.filter(values.str.contains(sign, literal=True)).item(0)
    spelled = {",": "comma", ".": "point"}
    proved = " and ".join(f"{spelled[decimal]}s" for decimal in sorted(decimals))
    why = f"the file's other numbers have {proved}" if proved else "nothing in the file settles it"
    said = f"In “{values.name}”, the {spelled[sign]} in “{example}” may be a decimal {spelled[sign]} or {otherwise};"
    return decision("unclear_decimals", f"{said} {why}: it was kept as text. The option “decimal” decides.")


def _maybe_code(present: pl.Series) -> str | None:
    """A value like 12E5 in a column where no other proves that these are numbers with an exponent."""
    suspect = present.str.contains(MAYBE_CODE)
    if not suspect.any() or present.str.contains(SURE_EXPONENT).any():
        return None
    found: str = present.filter(suspect).item(0)
    return found


def plain_numbers(column: pl.Series) -> pl.Series | None:
    """The column as whole or decimal numbers when every text is one as programs write them."""
    if column.str.contains(_CODE).any():
        return None
    whole = column.cast(pl.Int64, strict=False)
    if whole.null_count() == column.null_count():
        return whole
    numbers = column.cast(pl.Float64, strict=False)
    # A whole number that a float cannot hold is an identifier, and keeps its digits as text.
    if numbers.null_count() > column.null_count() or column.str.contains(_BEYOND_64_BITS).any():
        return None
    return numbers if column.drop_nulls().str.contains(_PLAIN).all() else None


def plain_notation(numbers: pl.Series | None) -> Notation:
    """How numbers are written that programs write: only those with decimals prove a decimal sign."""
    return Notation("number", "." if numbers is not None and numbers.dtype.is_float() else None)


def read_numbers(
    column: pl.Series, *, decimal: str | None = None, thousands: str | None = None, sure: bool = False
) -> Guess:
    """The column as numbers when every value is one, all written alike; “inf” is one as well.

    `decimal` and `thousands` are what its owner said or, when not `sure`, what the file's other columns suggest.
    """
    found = _read_finite(column, decimal, thousands, sure=sure)
    if found.series is not None or found.unclear or found.remark:
        return found
    infinite = column.str.contains(INFINITE).fill_null(value=False)
    if not infinite.any() or infinite.sum() == len(column) - column.null_count():
        return NOTHING
    found = _read_finite(column.set(infinite, None), decimal, thousands, sure=sure)
    if found.series is None:
        return found
    numbers = found.series.cast(pl.Float64)
    negative = infinite & column.str.starts_with("-")
    return replace(found, series=numbers.set(infinite, float("inf")).set(negative, float("-inf")))


def _read_finite(column: pl.Series, decimal: str | None, thousands: str | None, *, sure: bool) -> Guess:
    present = column.drop_nulls()
    if not sure and (code := _maybe_code(present)):
        said = f"In “{column.name}”, values such as “{code}” may be codes, or numbers with an exponent: it was kept"
        said += " as text. The option “decimal” says that they are numbers."
        return Guess(remark=decision("codes_or_numbers", said))
    is_grouped = decimal is None and present.str.contains(_GROUPED).all() and present.str.contains(r"\.").any()
    if decimal in (None, ".") and thousands in (None, "none") and not is_grouped and present.str.contains(_PLAIN).all():
        plain = plain_numbers(column)
        if plain is not None or present.str.contains(_CODE).any():
            has_points = (
                plain is not None and plain.dtype == pl.Float64 and present.str.contains(".", literal=True).any()
            )
            return Guess(plain, proof="." if has_points else None, notation=plain_notation(plain))
    if is_no_quantity(present):
        return NOTHING
    bare = _bare(column)
    filled = bare.drop_nulls()
    fitting = [
        style
        for style in _STYLES
        if (decimal is None or not sure or style.decimal == decimal)
        and (thousands is None or style.thousands in ("", thousands.replace("none", "")))
        and filled.str.contains(style.pattern).all()
    ]
    if not fitting or filled.str.contains(_CODE).any() or filled.str.contains(_BEYOND_64_BITS).any():
        return NOTHING
    currencies = present.str.extract(f"({CURRENCY})").drop_nulls().unique().sort().to_list()
    if thousands is None and not sure and any(re.fullmatch(_YEN, currency) for currency in currencies):
        fitting = [style for style in fitting if style != Style(",", "")] or fitting
    style, unclear = _choose(filled, fitting, decimal, thousands)
    if unclear and decimal is None:
        return Guess(unclear="number")
    if len(currencies) > 1:
        shown = ", ".join(f"“{currency}”" for currency in currencies[:5])
        said = f"“{column.name}” has amounts in several currencies ({shown}) and was kept as text."
        return Guess(remark=decision("several_currencies", said))
    percent = present.str.ends_with("%").sum()
    if 0 < percent < len(present):
        said = f"In “{column.name}”, {percent:,} of {len(present):,} numbers have a percent sign and the others have"
        return Guess(remark=decision("some_percent_signs", f"{said} none: it was kept as text."))
    numbers = _as_numbers(bare, style)
    if numbers is None:
        return NOTHING
    remark = _remark(column.name, present, filled, style, currencies, percent=bool(percent))
    proof, used = _proof(filled, style, fitting), _used(filled, style)
    notation = Notation("number", proof, used or "", "".join(currencies), bool(percent))
    may_be_lists = decimal is None and style == Style(",", "") and proof and not (currencies or percent)
    may_be_lists = may_be_lists and not filled.str.contains(_NO_LIST).any()
    found = Guess(numbers, remark, None if unclear else proof, used, notation=notation)
    return replace(found, unclear="list") if may_be_lists else found


def _bare(values: pl.Series) -> pl.Series:
    """The texts without currency and percent signs, with a plain minus in front where they are negative."""
    return (
        values.str.replace(_BRACKETS, "-${1}")
        .str.replace_all("[−–]", "-")
        .str.replace(rf"^([-+]?)\s*{CURRENCY}\s*", "${1}")
        .str.replace(rf"(\d[.,]?){BLANK}*(?:{CURRENCY}|%)(-?)$", "${1}${2}")
        .str.replace(r"^(\d.*)-$", "-${1}")
        .str.replace(rf"^-{BLANK}+", "-")
        .str.replace(r"^\+", "")
    )


def is_no_quantity(present: pl.Series) -> bool:
    """Phone numbers and network addresses look like grouped numbers."""
    if pl.Series([present.name]).str.contains(_PHONE_NAME).item() or present.str.contains(_INTERNATIONAL).any():
        return True
    return bool(present.str.contains(_ADDRESS).all())


def _choose(
    filled: pl.Series, fitting: list[Style], suggested: str | None, thousands: str | None
) -> tuple[Style, bool]:
    """The style that is meant, and whether nothing in the column proves it."""
    for sign, (as_decimal, as_thousands) in _TWINS.items():
        if as_decimal in fitting and as_thousands in fitting and filled.str.contains(sign, literal=True).any():
            if thousands == sign:
                return as_thousands, False
            if thousands is not None or (sign == "." and filled.str.contains(_LONG_PLAIN).any()):
                # What writes 1234 without a separator writes no other thousands with one; only people do, with commas.
                return as_decimal, False
            if suggested is not None:
                return (as_decimal if as_decimal.decimal == suggested else as_thousands), True
            return as_decimal, True
    return fitting[0], False


def _as_numbers(bare: pl.Series, style: Style) -> pl.Series | None:
    digits = bare.str.replace_all(style.thousands_pattern, "") if style.thousands else bare
    if style.decimal == ",":
        digits = digits.str.replace(",", ".", literal=True)
    whole = digits.cast(pl.Int64, strict=False)
    if whole.null_count() == bare.null_count():
        return whole
    if digits.str.contains(_BEYOND_64_BITS).any():
        return None
    numbers = digits.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == bare.null_count() else None


def _used(filled: pl.Series, style: Style) -> str | None:
    return style.thousands if style.thousands and filled.str.contains(rf"\d{style.thousands_pattern}\d").any() else None


def _proof(filled: pl.Series, style: Style, fitting: list[Style]) -> str | None:
    """The file's decimal sign, where this column has one or groups thousands with the other."""
    if filled.str.contains(style.decimal, literal=True).any():
        return style.decimal
    return style.decimal if style.thousands in (",", ".") and len({found.decimal for found in fitting}) == 1 else None


def _remark(
    name: str, present: pl.Series, filled: pl.Series, style: Style, currencies: list[str], *, percent: bool
) -> Remark | None:
    parts = []
    if style.decimal == "," and filled.str.contains(",", literal=True).any():
        parts.append("the comma was read as the decimal point")
    if used := _used(filled, style):
        spelled = {",": "commas", ".": "points", " ": "blanks", "'": "apostrophes"}[used]
        parts.append(f"{spelled} were read as thousands separators")
    if currencies:
        parts.append(f"“{currencies[0]}” was left out of the amounts")
    if percent:
        example = present.item(0)
        parts.append(f"the percent sign was left out and the number kept as written ({example} is {filled.item(0)})")
    if present.str.starts_with("(").any():
        parts.append("numbers in brackets were read as negative")
    return note("number_style", f"In “{name}”, {_joined(parts)}.") if parts else None


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
