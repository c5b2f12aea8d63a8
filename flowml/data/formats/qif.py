"""Account books of Quicken and its kin (QIF), one row per transaction."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.entries.opening import opening_lines
from flowml.data.format import CERTAIN, LIKELY, NO, Format, Option, Reading, Source

# A whole line, so that a table with such a word in it is none.
_HEADER = re.compile(r"!(type\s*:\s*[\w ()/.&-]{1,40}|account|option\s*:\s*\w+|clear\s*:\s*\w+)$", re.IGNORECASE)


def sniff(head: bytes, path: Path) -> float:
    lines = opening_lines(head)
    first = next((line for line in lines if not line.startswith("#") and line != "^"), "")
    if _HEADER.match(first):
        return CERTAIN
    return LIKELY if "^" in lines and any(_HEADER.match(line) for line in lines) else NO


def read(source: Source) -> Reading:
    from flowml.data.entries.qif_tables import read_ledger

    return read_ledger(source)


FORMAT = Format(
    name="qif",
    title="an account book (QIF)",
    extensions=("qif",),
    sniff=sniff,
    read=read,
    options=(
        Option("table", "what to read: transactions, splits, accounts, categories, securities, …"),
        Option("date_order", "whether days or months stand first in dates", "choice", ("day_first", "month_first")),
        Option("encoding", "such as utf-8 or cp1252"),
    ),
)
