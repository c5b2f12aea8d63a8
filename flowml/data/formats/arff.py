"""ARFF, the tables of Weka and of much of OpenML: a header that declares the columns, then rows of values."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.entries.opening import opening_lines
from flowml.data.format import CERTAIN, NO, Format, Option, Reading, Source

_START = re.compile(r"@relation\b", re.IGNORECASE)


def sniff(head: bytes, path: Path) -> float:
    lines = [line for line in opening_lines(head, count=300) if not line.startswith("%")]
    return CERTAIN if lines and _START.match(lines[0]) else NO


def read(source: Source) -> Reading:
    from flowml.data.nested.arff import read_arff

    return read_arff(source)


FORMAT = Format(
    name="arff",
    title="ARFF",
    extensions=("arff",),
    sniff=sniff,
    read=read,
    options=(Option("encoding", "such as utf-8 or cp1252"),),
)
