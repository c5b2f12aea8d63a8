"""QIF files as tables: one row per transaction, or a list that the file holds.

A divided transaction stays one row, with its parts as JSON in `splits`: as rows of their own they would count an
amount several times and repeat what belongs to the whole. Who wants a row per part asks for the table “splits”.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flowml.data.entries.amounts import beyond_float, parse_amount, proves_decimal_comma
from flowml.data.entries.qif import ACCOUNTS, TRANSACTIONS, Field, Record, category, records
from flowml.data.entries.qif_dates import DateOrder
from flowml.data.entries.table import Entries
from flowml.data.entries.text import NO_DATE, NO_NUMBER, BadLines, encoding_of, lines, say_encoding
from flowml.data.format import Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, decision, loss, note

SPLITS = "splits"
DATE_ORDERS = ("day_first", "month_first")
_COLUMNS = (
    *("account", "account_type", "account_description", "date", "amount", "payee", "memo", "category", "class"),
    *("transfer_account", "cleared", "number", "address", "splits", "split_count", "action", "security", "price"),
    *("quantity", "commission", "transfer_amount", "name", "symbol", "type", "description", "kind", "tax_related"),
)
# Letter → column, of transactions of any account and of investments; then of the lists.
_TRANSACTION = {"D": "date", "T": "amount", "U": "amount", "P": "payee", "M": "memo", "C": "cleared", "N": "number"}
_TRANSACTION |= {"A": "address", "F": "reimbursable", "K": "kind"}
_INVESTMENT = {"N": "action", "Y": "security", "I": "price", "Q": "quantity", "O": "commission", "$": "transfer_amount"}
_OF_LIST = {
    ACCOUNTS: {"N": "name", "T": "type", "D": "description", "L": "credit_limit", "/": "balance_date", "$": "balance"},
    "categories": {"N": "name", "D": "description", "B": "budget", "R": "tax_schedule"},
    "securities": {"N": "name", "S": "symbol", "T": "type", "G": "goal"},
    "prices": {"symbol": "symbol", "price": "price", "D": "date"},
}
_OTHER_LIST = {"N": "name", "D": "description"}
_SPLIT = {"S": "category", "E": "memo", "$": "amount", "%": "percent", "D": "date", "C": "cleared"}
_MOST_IMPOSSIBLE = 20_000
_SWAPPED = str.maketrans(",.", ".,")
_DATES = frozenset({"date", "balance_date"})
_AMOUNTS = frozenset(
    {"amount", "price", "quantity", "commission", "transfer_amount", "credit_limit", "balance", "budget"}
)


class _Ledger:
    """What is known of a whole file before its rows are made."""

    def __init__(self, source: Source):
        self.source = source
        self.encoding = encoding_of(source)
        self.bad_lines = BadLines()
        self.said: dict[str, str] = {}
        self.dates = DateOrder()
        self.counts: Counter[str] = Counter()
        self.long_amounts = 0
        points = commas = 0
        accounts: set[str] = set()
        for record in self.records():
            if record.table == ACCOUNTS and (name := record.first("N")) is not None:
                # An account is named in the list of them and again before its transactions.
                accounts.add(name.value)
            else:
                self.counts[record.table] += 1
            columns = _columns(record)
            for item in record.fields:
                column = columns.get(item.letter)
                if column in _DATES:
                    self.dates.look(item.value)
                elif column in _AMOUNTS or item.letter == "$":
                    commas += proves_decimal_comma(item.value)
                    points += proves_decimal_comma(item.value.translate(_SWAPPED))
            if record.table in (TRANSACTIONS, "memorized"):
                self.counts[SPLITS] += len(record.divided()[1])
            if self.dates.impossible > _MOST_IMPOSSIBLE:
                raise UnreadableFile(f"More than {_MOST_IMPOSSIBLE:,} dates in the file are none.")
        self.counts[ACCOUNTS] += len(accounts)
        self.counts = +self.counts
        self.decimal_comma = commas > points
        self.dates.asked = source.choice_option("date_order", DATE_ORDERS) or self.said.get("date_order")

    def records(self) -> Iterator[Record]:
        return records(lines(self.source, self.encoding), self.said)

    def value(self, column: str | None, item: Field) -> Any:
        """A field's value in the type of its column; one that is not of it is noted and missing."""
        if not item.value:
            return None
        if column in _DATES:
            moment = self.dates.parse(item.value)
            if moment is None:
                self.bad_lines.add(NO_DATE, item.line, item.letter + item.value)
            return moment and moment.date()
        if column in _AMOUNTS:
            number = parse_amount(item.value, decimal_comma=self.decimal_comma)
            if number is None:
                self.bad_lines.add(NO_NUMBER, item.line, item.letter + item.value)
            elif beyond_float(item.value):
                self.long_amounts += 1
            return number
        return item.value


def read_ledger(source: Source) -> Reading:
    """A table of a QIF file. Raises UnreadableFile where there is none in it."""
    ledger = _Ledger(source)
    if not ledger.counts:
        raise UnreadableFile("The file holds no transactions and no lists.", hint="Export the account again.")
    asked = source.choice_option("table", tuple(ledger.counts))
    table = asked or max(ledger.counts, key=lambda name: (name == TRANSACTIONS, name != SPLITS, ledger.counts[name]))
    entries = Entries(source.limits, _COLUMNS)
    if table == ACCOUNTS:
        _add_accounts(entries, ledger)
    else:
        for record in ledger.records():
            if table == SPLITS and record.table == TRANSACTIONS:
                for row in _split_rows(record, ledger):
                    entries.add(row)
            elif record.table == table:
                entries.add(_row(record, ledger))
    remarks: list[Remark] = []
    reading = Reading(entries.frame(remarks), "qif", typed=True, remarks=remarks)
    return _told(reading, ledger, table)


def _told(reading: Reading, ledger: _Ledger, table: str) -> Reading:
    reading.decided |= {"table": table, "date_order": DATE_ORDERS[not ledger.dates.day_first]}
    reading.choices |= {"table": list(ledger.counts), "date_order": list(DATE_ORDERS)}
    others = [f"{name} ({count:,})" for name, count in ledger.counts.items() if name not in (table, SPLITS)]
    if others:
        said = f"The {table} were read; the file also has {', '.join(others)}. The option “table” chooses."
        reading.remarks.append(decision("table_chosen", said))
    if ledger.counts[SPLITS] and table == TRANSACTIONS:
        said = f"The {ledger.counts[SPLITS]:,} parts of divided transactions stand as JSON in “splits”;"
        reading.remarks.append(note("fields_together", f"{said} the option “table” with “splits” makes each a row."))
    if (remark := ledger.dates.remark(asked_by_file="date_order" not in ledger.source.options)) is not None:
        reading.remarks.append(remark)
    if ledger.decimal_comma:
        reading.remarks.append(note("number_style", "The comma was read as the decimal point."))
    if ledger.long_amounts:
        said = f"{ledger.long_amounts:,} numbers have more digits than can be kept, and were rounded."
        reading.remarks.append(loss("numbers_rounded", said))
    reading.remarks += ledger.bad_lines.remarks()
    say_encoding(reading, ledger.encoding)
    return reading


def _columns(record: Record) -> dict[str, str]:
    if record.table in (TRANSACTIONS, "memorized"):
        return _TRANSACTION | _INVESTMENT if record.is_investment else _TRANSACTION
    return _OF_LIST.get(record.table, _OTHER_LIST)


def _row(record: Record, ledger: _Ledger) -> dict[str, Any]:
    if record.table not in (TRANSACTIONS, "memorized"):
        return _values(record, record.fields, ledger)
    fields, parts = record.divided()
    row = {**_account(record), **_values(record, fields, ledger)}
    if parts:
        splits = [{key: value for key, value in _split(part, ledger).items() if value is not None} for part in parts]
        row["splits"], row["split_count"] = json.dumps(splits, ensure_ascii=False, default=str), len(parts)
    return row


def _account(record: Record) -> dict[str, Any]:
    """Under which account a transaction stands; its type is what the file's section says."""
    row: dict[str, Any] = {"account_type": record.section or None}
    if record.account is not None:
        for letter, column in (("N", "account"), ("D", "account_description")):
            found = record.account.first(letter)
            row[column] = found.value if found else None
    return row


def _values(record: Record, fields: list[Field], ledger: _Ledger) -> dict[str, Any]:
    row: dict[str, Any] = {}
    columns = _columns(record)
    for item in fields:
        if item.letter == "L" and "payee" in columns.values():
            row["category"], row["class"], row["transfer_account"] = category(item.value)
            continue
        if record.table == "categories" and item.letter in "IET":
            row.update({"tax_related": item.value.lower() != "false"} if item.letter == "T" else {})
            row.update({"kind": "income" if item.letter == "I" else "expense"} if item.letter != "T" else {})
            continue
        column = columns.get(item.letter) or f"field_{item.letter.lower()}"
        value = ledger.value(column, item)
        if value is None:
            continue
        if isinstance(value, str) and isinstance(row.get(column), str):
            # The lines of an address.
            row[column] = f"{row[column]}\n{value}"
        else:
            row.setdefault(column, value)
    return row


def _split(part: dict[str, Field], ledger: _Ledger) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for letter, item in part.items():
        if letter == "S":
            row["category"], row["class"], row["transfer_account"] = category(item.value)
        else:
            row[_SPLIT[letter]] = ledger.value(_SPLIT[letter], item)
    return row


def _split_rows(record: Record, ledger: _Ledger) -> Iterator[dict[str, Any]]:
    """The parts of a transaction as rows, each with what belongs to the whole; one that has none is its own part."""
    fields, parts = record.divided()
    whole = {**_account(record), **_values(record, fields, ledger)}
    if not parts:
        yield whole
        return
    for part in parts:
        split = {name: value for name, value in _split(part, ledger).items() if value is not None}
        kept = {name: whole.get(name) for name in whole if name not in ("category", "class", "transfer_account")}
        yield {**kept, "transaction_amount": whole.get("amount"), "transaction_memo": whole.get("memo"), **split}


def _add_accounts(entries: Entries, ledger: _Ledger) -> None:
    """Each account once: a file names it in its list and again before its transactions."""
    rows: dict[Any, dict[str, Any]] = {}
    for position, record in enumerate(ledger.records()):
        if record.table == ACCOUNTS:
            row = _row(record, ledger)
            rows.setdefault(row.get("name", position), {}).update(row)
    for row in rows.values():
        entries.add(row)
