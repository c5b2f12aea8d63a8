"""OFX files as tables: one row per transaction, or the balances, positions, securities, orders and accounts in them.

Columns have OFX's own names in lower case, after those of the account. What belongs to another party (its address, its
account) or to a currency has the aggregate's name in front; what only groups fields (INVBUY, SECID) has not.
"""

from __future__ import annotations

import re
from typing import Any

from flowml.data.entries.amounts import beyond_float, parse_amount
from flowml.data.entries.ofx import Element, Statements
from flowml.data.entries.ofx_schema import kinds, leaves, parse_date
from flowml.data.entries.opening import opening_text
from flowml.data.entries.table import Entries, add_value
from flowml.data.entries.text import NO_DATE, NO_NUMBER, BadLines, encoding_of, say_encoding, shown, utf8
from flowml.data.format import Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, decision, loss

_BUYS = ("BUYDEBT", "BUYMF", "BUYOPT", "BUYOTHER", "BUYSTOCK")
_SELLS = ("SELLDEBT", "SELLMF", "SELLOPT", "SELLOTHER", "SELLSTOCK")
_INVESTMENTS = (
    *(*_BUYS, *_SELLS, "CLOSUREOPT", "INCOME", "INVBANKTRAN", "INVEXPENSE", "JRNLFUND", "JRNLSEC", "MARGININTEREST"),
    *("REINVEST", "RETOFCAP", "SPLIT", "TRANSFER"),
)
# Table → the aggregates that are its rows, in the order in which tables are looked for.
_TABLES = {
    "transactions": ("STMTTRN", "STMTTRNP", "LOANSTMTTRN", *_INVESTMENTS),
    "positions": ("POSDEBT", "POSMF", "POSOPT", "POSOTHER", "POSSTOCK"),
    "balances": ("LEDGERBAL", "AVAILBAL", "INVBAL", "BAL"),
    "orders": (*(f"OO{name}" for name in (*_BUYS, *_SELLS)), "SWITCHMF"),
    "closings": ("CLOSING", "CCCLOSING"),
    "securities": ("DEBTINFO", "MFINFO", "OPTINFO", "OTHERINFO", "STOCKINFO"),
    "accounts": ("ACCTINFO",),
}
_TABLE_OF = {tag: table for table, tags in _TABLES.items() for tag in tags}
_ACCOUNTS = {
    "BANKACCTFROM": None,
    "CCACCTFROM": "CREDITCARD",
    "INVACCTFROM": "INVESTMENT",
    "LOANACCTFROM": "LOAN",
}
_WANTED = frozenset({*_TABLE_OF, *_ACCOUNTS, "CURDEF", "STATUS"})
_OF_ACCOUNT = {
    "ACCTID": "account_id",
    "ACCTTYPE": "account_type",
    "LOANACCTID": "account_id",
    "LOANACCTTYPE": "account_type",
    "BANKID": "bank_id",
    "BRANCHID": "branch_id",
    "BROKERID": "broker_id",
    "ACCTKEY": "account_key",
}
# Aggregates that only group fields; all others name theirs.
_GROUPS = frozenset({"INVTRAN", "INVBUY", "INVSELL", "INVPOS", "SECID", "SECINFO", "OO", "STMTTRN", *_ACCOUNTS})
_GROUPS |= {"BANKACCTINFO", "CCACCTINFO", "INVACCTINFO", "LOANACCTINFO"}
_COLUMNS = (
    *("account_id", "account_type", "bank_id", "branch_id", "broker_id", "account_key", "currency", "kind"),
    *("trntype", "dtposted", "dtuser", "dtavail", "trnamt", "fitid", "name", "memo", "checknum", "refnum", "sic"),
    *("dttrade", "dtsettle", "uniqueid", "uniqueidtype", "secname", "ticker", "units", "unitprice", "markup"),
    *("commission", "taxes", "fees", "load", "withholding", "total", "subacctsec", "subacctfund", "incometype"),
    *("buytype", "selltype", "tferaction", "postype", "balamt", "dtasof", "mktval", "dtpriceasof"),
)
_CHARSET = re.compile(r"(?:CHARSET:|encoding=[\"'])\s*([\w-]{1,40})", re.IGNORECASE)
_MOST_NESTING = 10
_MOST_PROBLEMS = 5


class _File:
    """The tables of a file as they fill, and of which account the last elements were."""

    def __init__(self, source: Source):
        self.source = source
        self.bad_lines = BadLines()
        self.tables = {name: Entries(source.limits, _COLUMNS) for name in _TABLES}
        self.account: dict[str, Any] = {}
        self.currency: str | None = None
        self.problems: list[str] = []
        self.long_amounts = 0

    def take(self, element: Element) -> None:
        if element.tag == "CURDEF":
            self.currency = element.text or None
        elif element.tag == "STATUS":
            self._take_status(element)
        elif element.tag in _ACCOUNTS:
            self.account = {"account_type": _ACCOUNTS[element.tag], **self.row(element), "currency": self.currency}
            self.currency = None
        elif element.children:
            account = {} if element.tag in _TABLES["securities"] + _TABLES["accounts"] else self.account
            row: dict[str, Any] = {**account, "kind": element.tag}
            if account and not row.get("currency"):
                row["currency"] = self.currency
            self.tables[_TABLE_OF[element.tag]].add({**row, **self.row(element)})

    def _take_status(self, element: Element) -> None:
        said = element.leaves()
        severity, code = said.get("SEVERITY", "").upper(), said.get("CODE", "0")
        if (severity == "ERROR" or (not severity and code.strip("0"))) and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(f"“{shown(said.get('MESSAGE', 'no message'))}” (code {shown(code)})")

    def row(self, element: Element, prefix: str = "", depth: int = 0) -> dict[str, Any]:
        """The fields of an element, those inside of inner ones too."""
        row: dict[str, Any] = {}
        for child in element.children:
            name = child.tag.lower().replace(".", "_")
            if child.children and depth < _MOST_NESTING:
                inner = prefix if child.tag in _GROUPS else f"{prefix}{name}_"
                for key, value in self.row(child, inner, depth + 1).items():
                    add_value(row, key, value)
            elif child.text:
                add_value(row, prefix + _OF_ACCOUNT.get(child.tag, name), self._value(child))
        return row

    def _value(self, element: Element) -> Any:
        text, kind = element.text, kinds().get(element.tag.lower())
        if kind == "date" or (kind is None and element.tag.startswith("DT") and text[:8].isdecimal()):
            moment = parse_date(text)
            if moment is None and text.strip("0"):
                self.bad_lines.add(NO_DATE, element.line, f"<{element.tag}>{text}")
            return moment
        if kind == "amount":
            # A lone comma is the decimal point in OFX.
            number = parse_amount(text, decimal_comma="," in text)
            if number is None:
                self.bad_lines.add(NO_NUMBER, element.line, f"<{element.tag}>{text}")
            self.long_amounts += number is not None and beyond_float(text)
            return number
        if kind == "flag" and text.upper() in ("Y", "N"):
            return text.upper() == "Y"
        return text


def read_statements(source: Source) -> Reading:
    """A table of an OFX file. Raises UnreadableFile where there is none in it."""
    with source.path.open("rb") as head:
        named = _CHARSET.search(opening_text(head.read(4_096)))
    encoding = encoding_of(source, _codec(named[1]) if named else None)
    file = _File(source)
    statements = Statements(utf8(source, encoding), _WANTED, leaves())
    for element in statements:
        file.take(element)
    counts = {name: entries.height for name, entries in file.tables.items() if entries.height}
    if not counts:
        raise _nothing(file)
    table = source.choice_option("table", tuple(counts)) or next(iter(counts))
    _name_securities(file)
    remarks: list[Remark] = []
    frame = file.tables[table].frame(remarks)
    if "kind" in frame and table == "transactions" and frame["kind"].n_unique() == 1 and frame["kind"][0] == "STMTTRN":
        # A bank's statement has no other kind, and `trntype` says the rest.
        frame = frame.drop("kind")
    reading = Reading(frame, "ofx", typed=True, remarks=remarks, decided={"table": table})
    reading.choices["table"] = list(counts)
    others = [f"{name} ({count:,})" for name, count in counts.items() if name != table]
    if others:
        said = f"The {table} were read; the file also has {', '.join(others)}. The option “table” chooses."
        remarks.append(decision("table_chosen", said))
    if file.problems:
        remarks.append(decision("reported_problem", f"The bank reported a problem: {', '.join(file.problems)}."))
    if statements.cut_off:
        remarks.append(loss("cut_off", "The file ends before its last element does: it may be cut off."))
    if file.long_amounts:
        said = f"{file.long_amounts:,} numbers have more digits than can be kept, and were rounded."
        remarks.append(loss("numbers_rounded", said))
    remarks += file.bad_lines.remarks()
    say_encoding(reading, encoding)
    return reading


def _codec(charset: str) -> str | None:
    """What Python calls an encoding that a header names: 1252, ISO-8859-1, 8859-15."""
    name = charset.lower()
    if name.isdecimal():
        return f"cp{name}"
    return f"iso-{name}" if name.startswith("8859") else name


def _nothing(file: _File) -> UnreadableFile:
    if file.problems:
        return UnreadableFile(
            f"The bank sent no statement but a problem: {', '.join(file.problems)}.",
            hint="Download the statement again.",
        )
    return UnreadableFile(
        "The file holds no transactions, balances or positions.", hint="Choose a longer period and download it again."
    )


def _name_securities(file: _File) -> None:
    """Put the name and ticker of each security beside its number."""
    listed = file.tables["securities"]
    if not listed.height:
        return
    columns = [listed.padded(name) for name in ("uniqueid", "uniqueidtype", "secname", "ticker")]
    found = {(number, kind): (name, ticker) for number, kind, name, ticker in zip(*columns, strict=True)}
    for table in ("transactions", "positions", "orders"):
        entries = file.tables[table]
        keys = zip(entries.padded("uniqueid"), entries.padded("uniqueidtype"), strict=True)
        for index, key in enumerate(keys):
            for name, value in zip(("secname", "ticker"), found.get(key, ()), strict=False):
                if value is not None:
                    entries.put(index, name, value)
