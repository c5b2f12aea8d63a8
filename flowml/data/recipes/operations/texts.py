"""Texts tidied up and split."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from flowml.data.recipes import scalars
from flowml.data.recipes.kinds import Columns, Kind, kind_of_column, new_name
from flowml.data.recipes.operations.base import Field, FieldKind, OperationType, Step, listed, shown
from flowml.domain.errors import InvalidInput
from flowml.domain.recipes import Operation

if TYPE_CHECKING:
    import polars as pl

_BLANK = re.compile(f"[{re.escape(scalars.BLANKS)}]+")
_WORD = re.compile(f"[^{re.escape(scalars.BLANKS)}]+")
_CASES = ("keep", "lower", "upper", "title")
_CASE_WORDS = {"lower": "small letters", "upper": "capital letters", "title": "capitals at the start of words"}


def _texts_only(columns: Columns, name: str, field: str) -> None:
    kind = kind_of_column(columns, name, field)
    if kind is not Kind.TEXT:
        raise InvalidInput.of_field(
            field, f"“{name}” holds {kind.words}, not texts.", hint="Turn it into texts first, with cast."
        )


def _clean_text(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    names = tuple(operation["columns"])
    for name in names:
        _texts_only(columns, name, "columns")
    clean = _cleaner(operation["trim"], operation["collapse"], operation["case"])

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(scalars.by_value(pl.col(name), clean, Kind.TEXT) for name in names)

    def row(values: dict[str, Any]) -> None:
        for name in names:
            value = values[name]
            if value is not None:
                values[name] = clean(value)

    return Step(columns, table, row, names, names)


def _cleaner(trim: bool, collapse: bool, case: str) -> Callable[[str], str | None]:
    def clean(text: str) -> str | None:
        if trim:
            text = text.strip(scalars.BLANKS)
        if collapse:
            text = _BLANK.sub(" ", text)
        if case == "lower":
            text = text.lower()
        elif case == "upper":
            text = text.upper()
        elif case == "title":
            text = _WORD.sub(_capitalised, text)
        # A text of nothing but blanks says nothing.
        return text or None

    return clean


def _capitalised(word: re.Match[str]) -> str:
    return word[0][:1].upper() + word[0][1:].lower()


def _split(operation: Operation, columns: Columns) -> Step:
    import polars as pl

    name, into = operation["column"], tuple(operation["into"])
    _texts_only(columns, name, "column")
    for made in into:
        new_name(columns, made, "into")
    parts = _splitter(operation, len(into))

    def part(place: int) -> pl.Expr:
        return scalars.by_value(pl.col(name), lambda text: parts(text)[place], Kind.TEXT)

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(part(place).alias(made) for place, made in enumerate(into))

    def row(values: dict[str, Any]) -> None:
        text = values[name]
        found = [None] * len(into) if text is None else parts(text)
        values.update(zip(into, found, strict=True))

    return Step({**columns, **dict.fromkeys(into, Kind.TEXT)}, table, row, (name,), into)


def _splitter(operation: Operation, count: int) -> Callable[[str], list[str | None]]:
    """Cuts a text into so many parts, without blanks around them; what is not there is missing."""
    if ("delimiter" in operation) == ("widths" in operation):
        raise InvalidInput.of_field("delimiter", "Give either a delimiter or widths.")
    if "delimiter" in operation:
        delimiter = operation["delimiter"]
        if not delimiter:
            raise InvalidInput.of_field("delimiter", "The delimiter is empty.", hint="Use widths to cut by places.")

        def cut(text: str) -> list[str]:
            return text.split(delimiter, count - 1)

    else:
        widths = operation["widths"]
        if len(widths) not in (count - 1, count):
            raise InvalidInput.of_field("widths", f"{count} columns need {count - 1} widths; the last takes the rest.")
        ends = list(accumulate(widths))[: count - 1]
        places = list(zip([0, *ends], [*ends, None], strict=True))

        def cut(text: str) -> list[str]:
            return [text[begin:end] for begin, end in places]

    def parts(text: str) -> list[str | None]:
        found: list[str | None] = [part.strip(scalars.BLANKS) or None for part in cut(text)]
        return found + [None] * (count - len(found))

    return parts


def _describe_clean(operation: Operation) -> str:
    what = []
    if operation["trim"] or operation["collapse"]:
        what.append("blanks tidied up")
    if operation["case"] != "keep":
        what.append(_CASE_WORDS[operation["case"]])
    return f"Clean the texts of {listed(operation['columns'])}: {' and '.join(what) or 'nothing'}"


def _describe_split(operation: Operation) -> str:
    by = f"at {shown(operation['delimiter'])}" if "delimiter" in operation else "by places"
    return f"Split “{operation['column']}” {by} into {listed(operation['into'])}"


TYPES = (
    OperationType(
        "clean_text",
        "Clean texts",
        "Makes spellings alike: blanks at the ends and doubled ones, small and capital letters.",
        (
            Field("columns", FieldKind.COLUMNS, "the columns with texts"),
            Field("trim", FieldKind.FLAG, "blanks at the ends are cut off", required=False, default=True),
            Field("collapse", FieldKind.FLAG, "several blanks become one", required=False, default=True),
            Field("case", FieldKind.CHOICE, "small or capital letters", False, _CASES, "keep"),
        ),
        _clean_text,
        _describe_clean,
    ),
    OperationType(
        "split",
        "Split texts",
        "Adds columns with the parts of a text. The last part takes what is left.",
        (
            Field("column", FieldKind.COLUMN, "the column with texts"),
            Field("into", FieldKind.NEW_COLUMNS, "the names of the parts"),
            Field("delimiter", FieldKind.TEXT, "what stands between the parts", required=False),
            Field(
                "widths",
                FieldKind.WIDTHS,
                "how many characters each part has",
                required=False,
                least=1,
                most=10_000,
            ),
        ),
        _split,
        _describe_split,
    ),
)
