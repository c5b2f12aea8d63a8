"""What the owner of a text table may say about it."""

from __future__ import annotations

from dataclasses import dataclass

from flowml.data.delimited.dialect.writing import FIXED, SPACED, WHITESPACE
from flowml.data.format import Option, Source
from flowml.domain.errors import InvalidInput

_MOST_LINES = 1_000_000
_DELIMITERS = {
    "\\t": "\t",
    "tab": "\t",
    "comma": ",",
    "semicolon": ";",
    "space": WHITESPACE,
    " ": WHITESPACE,
    "spaces": SPACED,
    "fixed": FIXED,
    "none": "",
}
DATE_ORDERS = ("day_first", "month_first", "year_first")
THOUSANDS = (",", ".", "'", " ", "none")

OPTIONS = (
    Option("delimiter", "the character between values, or “tab”, “space”, “spaces” (two or more), “fixed” or “none”"),
    Option("quote", "the character around values that contain the delimiter, or “none”"),
    Option("encoding", "such as utf-8 or cp1252"),
    Option("header", "whether there are column names (true or false), or the number of their line"),
    Option("comment", "how lines begin that are not part of the table, such as # or //, or “none”"),
    Option("skip", "how many lines at the start to leave out", "whole"),
    Option("decimal", "the decimal sign", "choice", (".", ",")),
    Option("thousands", "what separates thousands, or “none”", "choice", THOUSANDS),
    Option("missing", "the texts that mean a missing value, instead of the usual ones", "texts"),
    Option("date_order", "which part of a date comes first", "choice", DATE_ORDERS),
    Option("keep_totals", "whether totals and notes below the table are read as rows", "flag"),
)


@dataclass(frozen=True)
class TextOptions:
    """The options of a text table, checked; None where its owner said nothing.

    `header` is a flag or the line number (from 1) of the names; `comment` and `quote` are empty for none.
    """

    delimiter: str | None = None
    quote: str | None = None
    header: bool | int | None = None
    comment: str | None = None
    skip: int = 0
    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] | None = None
    date_order: str | None = None
    keep_totals: bool = False


def text_options(source: Source) -> TextOptions:
    """Raises InvalidInput naming the option that cannot be used."""
    delimiter, quote = _delimiter(source), _quote(source)
    if quote and quote == delimiter:
        raise InvalidInput.of_field("options.quote", "The quotation mark and the delimiter must be different.")
    decimal = source.choice_option("decimal", (".", ","))
    thousands = source.choice_option("thousands", THOUSANDS)
    if decimal is not None and decimal == thousands:
        raise InvalidInput.of_field(
            "options.thousands", f"“{decimal}” cannot be the decimal sign and the thousands separator at once."
        )
    missing = source.texts_option("missing")
    return TextOptions(
        delimiter,
        quote,
        _header(source),
        _comment(source),
        source.whole_option("skip", 0, _MOST_LINES) or 0,
        decimal,
        thousands,
        None if missing is None else tuple(text.strip() for text in missing),
        source.choice_option("date_order", DATE_ORDERS),
        source.flag_option("keep_totals") or False,
    )


def spelled_delimiter(delimiter: str) -> str:
    """A delimiter as the option takes it."""
    return {"\t": "tab", WHITESPACE: "space", SPACED: "spaces", FIXED: "fixed", "": "none"}.get(delimiter, delimiter)


def _delimiter(source: Source) -> str | None:
    asked = source.text_option("delimiter")
    if asked is None:
        return None
    delimiter = _DELIMITERS.get(asked, asked)
    if delimiter in (WHITESPACE, SPACED, FIXED, ""):
        return delimiter if asked else _refuse("delimiter", "The delimiter cannot be empty.")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\x1f\x00':
        return _refuse("delimiter", "The delimiter must be one character, such as , or ; or tab.")
    return delimiter


def _quote(source: Source) -> str | None:
    asked = source.text_option("quote")
    if asked in (None, "", "none"):
        return None if asked is None else ""
    if len(asked) != 1 or not asked.isascii() or asked.isalnum() or asked.isspace() or asked < " ":
        return _refuse("quote", "The quotation mark must be one character such as ' or \", or “none”.")
    return asked


def _header(source: Source) -> bool | int | None:
    asked = source.options.get("header")
    if isinstance(asked, int) and not isinstance(asked, bool):
        return source.whole_option("header", 1, _MOST_LINES)
    if asked is not None and not isinstance(asked, bool):
        raise InvalidInput.of_field(
            "options.header", "The option “header” must be true, false, or the number of the line with the names."
        )
    return asked


def _comment(source: Source) -> str | None:
    asked = source.text_option("comment")
    if asked in (None, "", "none"):
        return None if asked is None else ""
    if len(asked) > 10 or asked.isspace() or any(character in asked for character in '\r\n"'):
        return _refuse("comment", "The option “comment” must be a short text such as # or //, or “none”.")
    return asked


def _refuse(name: str, sentence: str) -> str:
    raise InvalidInput.of_field(f"options.{name}", sentence)
