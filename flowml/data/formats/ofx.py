"""Statements of banks, credit cards and brokers: OFX 1 (SGML) and 2 (XML), QFX; one row per transaction."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.entries.opening import opening_text
from flowml.data.format import CERTAIN, LIKELY, NO, Format, Option, Reading, Source

_OPENING = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)*(?:<\?OFX\s|<OFX[\s>]|OFXHEADER\s*:)",
    re.IGNORECASE | re.DOTALL,
)
_HEADER_LINE = re.compile(r"^[ \t]*OFXHEADER\s*:\s*\d+[ \t\r]*(?:$|DATA\s*:)", re.IGNORECASE | re.MULTILINE)
# Whatever a program or a person wrote in front, or cut off there: this element is in no other kind of file.
_ROOT = re.compile(
    r"(?:^|>)[ \t]*<OFX>\s*"
    r"<(?:SIGNON|SIGNUP|BANK|CREDITCARD|INVSTMT|INTERXFER|WIREXFER|BILLPAY|EMAIL|SECLIST|PROF|TAX|LOAN)",
    re.MULTILINE,
)


def sniff(head: bytes, path: Path) -> float:
    text = opening_text(head[:16_384])
    if _OPENING.match(text):
        return CERTAIN
    if _ROOT.search(text[:8_192].upper()):
        return LIKELY
    return LIKELY if _HEADER_LINE.search(text[:4_096]) and "<OFX>" in text.upper() else NO


def read(source: Source) -> Reading:
    from flowml.data.entries.statements import read_statements

    return read_statements(source)


FORMAT = Format(
    name="ofx",
    title="a bank statement (OFX)",
    extensions=("ofx", "qfx"),
    sniff=sniff,
    read=read,
    options=(
        Option("table", "what to read: transactions, balances, positions, securities, orders, accounts"),
        Option("encoding", "such as utf-8 or cp1252"),
    ),
)
