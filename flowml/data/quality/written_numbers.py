"""Numbers that are kept as text: because of a decimal comma, a unit, a currency, or a few words among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from flowml.data.conversion.missing import says_missing
from flowml.data.conversion.numbers import is_no_quantity
from flowml.data.names import named_like_code, named_like_identifier
from flowml.data.quality.examined import ColumnView, Found, found
from flowml.data.quality.numbers import stand_in_values
from flowml.data.recipes.amounts import Amount, Written, amount, how_written
from flowml.data.recipes.scalars import number_of
from flowml.domain import wording
from flowml.domain.datasets import Role, Severity
from flowml.domain.recipes import Operation

_CURRENCY = r"R|US|CHF|EUR|USD|GBP|JPY|INR|Rs\.?|[Kk]r\.?|zł|Kč|Fr\.|SFr\.|SEK|NOK|DKK|PLN|CZK|CAD|AUD|CNY|BRL"
_UNIT = (
    r"‰|°C|°F|°|qm|[mck]?m[²³23]|mm|cm|km|m|in|ft|yd|mi|miles?|mg|kg|g|t|lbs?|oz|ml|cl|l|L|ms|s|sec|min|h|hrs?|hours?"
    r"|minutes?|days?|weeks?|months?|years?|yrs?|Tage?n?|Jahre?n?|Monate?n?|Std\.?|Stück|Stk\.?|St\.|[KMGT]i?B|k?Wh?|mAh"
    r"|V|Hz|[kMG]Hz|mph|km/h|kmh|bpm|pcs|px|hp|PS|cc"
)
_KNOWN = re.compile(rf"(?:{_CURRENCY}|{_UNIT})")
_CODE = re.compile(r"[0-9]+")
# Looked at first, because it takes no time: whether these may be numbers at all.
_MAYBE = r"^\s*\(?[^0-9]{0,14}[0-9][0-9.,'’\s]*(?:[eE][-+]?[0-9]{1,3})?[^0-9]{0,14}[23]?\)?\s*$"
_FEWEST = 20
_MOSTLY, _AT_LEAST = 0.8, 0.5
# Words that stand for one thing each, such as “on request”, may be more than a fifth of the values.
_FEW_WORDS = 3
_ONE_UNIT, _FEWEST_WITH_WORD = 0.98, 5
_FEWEST_NUMBERS_OF_TARGET = 20


@dataclass(frozen=True)
class _Reading:
    """The different texts by what they are, each with how often it occurs."""

    numbers: Mapping[str, float]
    words: Mapping[str, int]
    odd: Mapping[str, int]
    counts: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(self.counts[text] for text in self.numbers)


def numbers_as_text(column: ColumnView) -> Iterator[Found]:
    """Columns of numbers that count as text, for the way in which they are written or for the words among them."""
    if not _may_be(column):
        return
    texts = column.texts
    counts: dict[str, int] = dict(texts.iter_rows())
    absent = dict(texts.filter(says_missing(texts["value"])).iter_rows())
    amounts = {text: found for text in counts if text not in absent and (found := amount(text)) is not None}
    if any(_is_code(one.number) for one in amounts.values()):
        return
    units = _units(amounts, counts)
    if units is None:
        return
    if len(units) > 1:
        yield _mixed_units(column, units)
        return
    written = replace(how_written((text, counts[text]) for text in amounts), unit="".join(units))
    read = {text: number_of(text, written.decimal, written.unit) for text in amounts}
    numbers = {text: number for text, number in read.items() if number is not None}
    odd = {text: count for text, count in counts.items() if text not in numbers and text not in absent}
    reading = _Reading(numbers, absent, odd, counts)
    if _are_numbers(reading) and not (column.is_target and len(numbers) < _FEWEST_NUMBERS_OF_TARGET):
        yield _finding(column, reading, written)


def _may_be(column: ColumnView) -> bool:
    stats = column.stats
    if not column.is_text or stats.role not in (Role.CATEGORICAL, Role.TEXT, Role.IDENTIFIER) or stats.count < _FEWEST:
        return False
    if named_like_code(column.name) or named_like_identifier(column.name):
        return False
    texts = column.texts.filter(~says_missing(column.texts["value"]))
    maybe = texts.filter(texts["value"].str.contains(_MAYBE))
    if int(maybe["count"].sum()) < max(_FEWEST, _AT_LEAST * int(texts["count"].sum())):
        return False
    return not is_no_quantity(maybe["value"].alias(column.name))


def _is_code(number: str) -> bool:
    """007 is none of seven."""
    return number.startswith("0") and len(number) > 1 and _CODE.fullmatch(number) is not None


def _units(amounts: Mapping[str, Amount], counts: Mapping[str, int]) -> list[str] | None:
    """The units that stand beside the numbers; None where these words are more than units, as in “Room 3” and “4th”."""
    rows: Counter[str] = Counter()
    for text, one in amounts.items():
        rows[one.unit] += counts[text]
    known = [unit for unit in rows if unit and _KNOWN.fullmatch(unit)]
    if len(known) > 1:
        return sorted(known)
    other = {unit for unit in rows if unit and unit not in known}
    if not other or sum(rows[unit] for unit in other) < (1 - _ONE_UNIT) * rows.total():
        return known
    unit, count = rows.most_common(1)[0]
    with_it = [one for one in amounts.values() if one.unit == unit]
    is_unit = (
        unit in other
        and count >= _ONE_UNIT * rows.total()
        and all(one.apart and not one.leads for one in with_it)
        and len({one.number for one in with_it}) >= _FEWEST_WITH_WORD
    )
    return [unit] if is_unit else None


def _are_numbers(reading: _Reading) -> bool:
    odd = sum(reading.odd.values())
    if reading.rows < max(_FEWEST, _MOSTLY * (reading.rows + odd)):
        is_worded = len(reading.odd) <= _FEW_WORDS and not any(re.search("[0-9]", text) for text in reading.odd)
        return is_worded and reading.rows >= max(_FEWEST, _AT_LEAST * (reading.rows + odd))
    return True


def _mixed_units(column: ColumnView, units: list[str]) -> Found:
    return found(
        "mixed-units",
        Severity.WARNING,
        [column.name],
        f"“{column.name}” holds amounts in different units ({wording.listed([f'“{sign}”' for sign in units])}) and "
        "counts as text.",
        "Convert them to one unit before they are compared.",
        size=column.share(column.stats.count),
    )


def _finding(column: ColumnView, reading: _Reading, written: Written) -> Found:
    others = [*reading.words, *reading.odd]
    others.sort(key=lambda text: -reading.counts[text])
    example = next(iter(reading.numbers))
    if others:
        shown = wording.listed([wording.value(text) for text in others], most=4)
        share = wording.percent(reading.rows / int(column.texts["count"].sum()))
        message = (
            f"“{column.name}” holds numbers in {share} of the rows that have a value, but also {shown}: because of "
            "these all of it counts as text."
        )
    else:
        message = (
            f"“{column.name}” holds numbers that are written as text, such as {wording.value(example)}. As text they "
            "are only names to a model."
        )
    unit = {"unit": written.unit} if written.unit else {}
    operations: list[Operation] = [
        {"op": "cast", "column": column.name, "to": "number", "decimal": written.decimal, **unit}
    ]
    suggestion = "Turn it into numbers" + ("; what is none becomes missing." if others else ".")
    suggestion += _how(reading, written)
    values = pl.Series([number for text, number in reading.numbers.items() for _ in range(reading.counts[text])])
    stand_ins = stand_in_values(values).counts
    if stand_ins:
        shown = wording.listed([wording.number(value) for value in stand_ins])
        suggestion += f" So does {shown}, which seems to stand for a missing value."
        operations.append({"op": "mark_missing", "columns": [column.name], "values": list(stand_ins)})
    size = column.share(sum(reading.counts[text] for text in others) if others else column.stats.count)
    return found(
        "mixed-types" if others else "numbers-as-text",
        Severity.WARNING,
        [column.name],
        message,
        suggestion,
        operations,
        size=size,
    )


def _how(reading: _Reading, written: Written) -> str:
    """What is taken for granted: decimal sign, unit, percent signs."""
    said = []
    example = next((text for text in reading.numbers if "," in text or "." in text), None)
    if example is not None and (written.decimal == "," or not written.sure):
        said.append(f"{wording.value(example)} is read as {reading.numbers[example]:,}.")
    if written.unit:
        said.append(f"“{written.unit}” is left out.")
    percent = sum(reading.counts[text] for text in reading.numbers if "%" in text)
    if 0 < percent < reading.rows:
        said.append(f"The percent sign of {wording.plural(percent, 'value')} is left out; the others have none.")
    return "".join(f" {sentence}" for sentence in said)
