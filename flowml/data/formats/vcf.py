"""Contacts: vCard (VCF) files of any version, one row per card."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.entries.opening import opening_lines
from flowml.data.format import CERTAIN, LIKELY, NO, Format, Option, Reading, Source

_CARD = re.compile(r"([\w-]+\.)?BEGIN\s*:\s*VCARD$", re.IGNORECASE)


def sniff(head: bytes, path: Path) -> float:
    lines = opening_lines(head)
    if lines and _CARD.match(lines[0]):
        return CERTAIN
    return LIKELY if any(_CARD.match(line) for line in lines) else NO


def read(source: Source) -> Reading:
    from flowml.data.entries.contacts import read_contacts

    return read_contacts(source)


FORMAT = Format(
    name="vcf",
    title="contacts (vCard)",
    extensions=("vcf", "vcard"),
    sniff=sniff,
    read=read,
    options=(Option("encoding", "such as utf-8 or cp1252"),),
)
