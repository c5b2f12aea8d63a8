"""The records of a QIF file (Quicken Interchange Format): lines of one letter and a value, up to a line `^`.

Read by hand: quiffen, the only library of the field, does not install beside current Pythons, and it stops at dates
and amounts of other countries. The letters are those of Quicken's own description of the format.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flowml.domain.errors import UnreadableFile

TRANSACTIONS, ACCOUNTS = "transactions", "accounts"
# Section → what a record of it is. A section that is not here holds the transactions of an account of that type.
_LISTS = {
    "cat": "categories",
    "class": "classes",
    "tag": "tags",
    "payee": "payees",
    "security": "securities",
    "prices": "prices",
    "memorized": "memorized",
    "budget": "budgets",
    "template": "templates",
}
_ORDERS = {"mdy": "month_first", "dmy": "day_first"}
_IN_SPLIT = frozenset("SE$%DC")
_TRANSFER = re.compile(r"\[([^\]]*)\]")
_MOST_LINES = 100_000
_MOST_SECTIONS = 500_000
_MOST_EMPTY = 500_000


@dataclass(slots=True)
class Field:
    """One line of a record: its letter (X has a second one), its value, its number in the file."""

    letter: str
    value: str
    line: int


@dataclass(slots=True)
class Record:
    """`section` is what the file calls it (Bank, Invst), `account` the record of the account it stands under."""

    table: str
    section: str
    account: Record | None = None
    fields: list[Field] = field(default_factory=list)

    def first(self, letter: str) -> Field | None:
        return next((item for item in self.fields if item.letter == letter), None)

    @property
    def is_investment(self) -> bool:
        return self.section.lower() in ("invst", "port")

    def divided(self) -> tuple[list[Field], list[dict[str, Field]]]:
        """The fields of a transaction apart from its splits, and each split's by their letter.

        In an investment `$` is a field of the whole: the amount that was transferred.
        """
        plain: list[Field] = []
        splits: list[dict[str, Field]] = []
        for item in self.fields:
            if item.letter == "S" and not self.is_investment:
                splits.append({"S": item})
            elif splits and item.letter in _IN_SPLIT and item.letter not in splits[-1]:
                splits[-1][item.letter] = item
            elif item.letter in ("E", "$", "%") and item.value and not self.is_investment:
                # A split without a category.
                splits.append({item.letter: item})
            else:
                plain.append(item)
        return plain, splits


def records(lines: Iterable[tuple[int, str]], said: dict[str, str]) -> Iterator[Record]:
    """The records of a file. Puts what the file says of itself into `said`: the order of its dates.

    Raises UnreadableFile for what no such file holds.
    """
    current = Record(TRANSACTIONS, "")
    account: Record | None = None
    sections = empty = 0
    for number, line in lines:
        line = line.strip("\r\x1a \t")
        if line == "^" or line.startswith("!"):
            if current.fields:
                yield current
                account = current if current.table == ACCOUNTS else account
            elif (empty := empty + 1) > _MOST_EMPTY:
                raise UnreadableFile(f"The file has more than {_MOST_EMPTY:,} records with nothing in them.")
            table, section = current.table, current.section
            if line != "^":
                table, section = _section(line, current, said)
                sections += 1
                if sections > _MOST_SECTIONS:
                    raise UnreadableFile(f"The file has more than {_MOST_SECTIONS:,} lines with an exclamation mark.")
            current = Record(table, section, account if table == TRANSACTIONS else None)
        elif not line or (not current.section and line.startswith("#")):
            continue
        elif current.table == "prices":
            cells = next(csv.reader([line[:1_000]]), [])
            letters = zip(("symbol", "price", "D"), cells, strict=False)
            yield Record("prices", current.section, None, [Field(name, text.strip(), number) for name, text in letters])
        else:
            letter = line[:2] if line[0] == "X" and len(line) > 1 else line[0]
            current.fields.append(Field(letter, line[len(letter) :].strip(), number))
            if len(current.fields) > _MOST_LINES:
                raise UnreadableFile(f"A record has more than {_MOST_LINES:,} lines, up to line {number:,}.")
    if current.fields:
        yield current


def _section(line: str, current: Record, said: dict[str, str]) -> tuple[str, str]:
    """What the records after a header line are. Options and their ends change nothing but the order of dates."""
    kind, _, name = (part.strip() for part in line[1:].partition(":"))
    if kind.lower() == "account":
        return ACCOUNTS, "Account"
    if kind.lower() == "type":
        return _LISTS.get(name.lower(), TRANSACTIONS), name[:100]
    if kind.lower() == "option" and name.lower() in _ORDERS:
        said["date_order"] = _ORDERS[name.lower()]
    return current.table, current.section


def category(text: str) -> tuple[str | None, str | None, str | None]:
    """Category, class, and the account on the other side of a transfer.

    >>> category("Bills:Phone/Home"), category("[Savings]/Home"), category("--Split--")
    (('Bills:Phone', 'Home', None), (None, 'Home', 'Savings'), (None, None, None))
    """
    account = None
    if match := _TRANSFER.search(text):
        account = match[1].strip() or None
        text = text[: match.start()].rstrip("| ") + text[match.end() :]
    name, _, kind = text.partition("/")
    if name.strip().lower() == "--split--":
        name = ""
    return name.strip() or None, kind.strip() or None, account
