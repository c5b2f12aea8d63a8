"""How the numbers in a column of texts are written: the decimal sign, and the unit beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from flowml.data.recipes.scalars import BLANKS, CURRENCIES, number_of

# One number with a short word before it or behind it: “CHF 12.50”, “42 kg”, “12 m2”.
_PARTS = re.compile(
    r"\(?(?P<before>[^0-9()]{0,14}?)"
    r"(?P<number>[.,]?[0-9](?:[0-9.,'’ \u00a0\u202f\u2009]*[0-9])?[.,]?(?:[eE][-+]?[0-9]{1,3})?)"
    r"(?P<after>[^0-9()]{0,14}[²³]?|[^0-9()]{0,13}[A-Za-z][23])\)?"
)
_AROUND = BLANKS + CURRENCIES + "-+−–"


@dataclass(frozen=True)
class Amount:
    """A text that is one number: `unit` is the word beside it, empty for none; a currency or percent sign is no word.
    `apart`: whether a blank stands between them."""

    number: str
    unit: str
    apart: bool
    leads: bool


@dataclass(frozen=True)
class Written:
    """How most of them are. `sure`: whether some value settles what the decimal sign is, or there is nothing to settle;
    “1,234” alone may be a thousand or little more than one."""

    decimal: str
    unit: str
    sure: bool


def amount(text: str) -> Amount | None:
    """
    >>> amount("1.200,50 kg"), amount("5-10")
    (Amount(number='1.200,50', unit='kg', apart=True, leads=False), None)
    """
    found = _PARTS.fullmatch(text.strip(BLANKS))
    if found is None:
        return None
    before, after = found["before"], found["after"]
    lead, trail = before.strip(_AROUND), after.strip(_AROUND)
    if lead and trail:
        return None
    apart = before[-1:].isspace() if lead else after[:1].isspace()
    return Amount(found["number"], lead or trail, apart, leads=bool(lead))


def how_written(counts: Iterable[tuple[str, int]]) -> Written:
    """Of different texts, each with how often it occurs.

    >>> how_written([("1.200,5 kg", 3), ("7 kg", 1), ("n/a", 9)])
    Written(decimal=',', unit='kg', sure=True)
    """
    units: Counter[str] = Counter({"": 0})
    numbers: Counter[str] = Counter()
    for text, count in counts:
        found = amount(text)
        if found is not None and any(number_of(found.number, sign) is not None for sign in ".,"):
            units[found.unit] += count
            numbers[found.number] += count
    unit, rows = units.most_common(1)[0]
    if 2 * rows < units.total():
        unit = ""
    points, commas = (
        sum(count for number, count in numbers.items() if number_of(number, sign) is not None) for sign in ".,"
    )
    if points != commas:
        return Written("." if points > commas else ",", unit, sure=True)
    return _grouped_or_not(numbers, unit)


def _grouped_or_not(numbers: Counter[str], unit: str) -> Written:
    """Where each number can be read both ways, a sign has three digits behind it: a thousand, or three decimals."""
    signs = {sign for number in numbers for sign in ".," if sign in number}
    if len(signs) != 1:
        return Written(".", unit, sure=not signs)
    sign = signs.pop()
    other = "," if sign == "." else "."
    # 0.125 is no number of thousands, and who writes 1250 beside 1.250 does not group.
    if any(number.startswith(("0", sign)) or re.fullmatch(r"[0-9]{4,}", number) for number in numbers):
        return Written(sign, unit, sure=True)
    return Written(other, unit, sure=any(number.count(sign) > 1 for number in numbers))
