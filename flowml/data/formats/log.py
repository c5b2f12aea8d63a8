"""Logs: of web servers, systems and programs, by layouts that are known or learned from the lines."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.decoding.encoding import looks_like_text
from flowml.data.format import LIKELY, NO, POSSIBLE, Format, Option, Reading, Source
from flowml.data.logs.layouts import LAYOUT_NAMES

_SNIFFED_LINES = 100
_LONGEST_LINE = 8_000
_SURE_SHARE = 0.9


def sniff(head: bytes, path: Path) -> float:
    if not head or not looks_like_text(head):
        return NO
    lines = [line for line in _lines(head) if line.strip()]
    if not lines:
        return NO
    from flowml.data.logs.table import best_known

    if lines[0].startswith("#") and any(line[:8].lower() == "#fields:" for line in lines[:20]):
        return LIKELY
    if _looks_delimited(lines):
        return NO
    import polars as pl

    _, share = best_known(pl.Series(lines[:_SNIFFED_LINES]))
    return LIKELY if share >= _SURE_SHARE else POSSIBLE


def _lines(head: bytes) -> list[str]:
    """The first lines, without the one that the head may have cut off."""
    lines = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")[: _SNIFFED_LINES + 1]
    return [line.rstrip()[:_LONGEST_LINE] for line in (lines[:-1] if len(lines) > 1 else lines)]


def _looks_delimited(lines: list[str]) -> bool:
    """Whether lines are a table with a header rather than a log: the same delimiters in each, and names first."""
    if len(lines) < 2:
        return False
    for delimiter in (",", "\t", ";", "|"):
        count = lines[0].count(delimiter)
        names = [cell.strip().strip('"') for cell in lines[0].split(delimiter)]
        if (
            count
            and all(re.fullmatch(r"[^\W\d][\w .()/%#-]{0,60}", name) for name in names)
            and len(set(names)) == len(names)
            and sum(line.count(delimiter) >= count for line in lines) >= 0.95 * len(lines)
            and sum(line.count(delimiter) == count for line in lines) >= 0.8 * len(lines)
        ):
            return True
    return False


def read(source: Source) -> Reading:
    from flowml.data.logs.table import read_log

    return read_log(source)


FORMAT = Format(
    name="log",
    title="log file",
    extensions=("log",),
    sniff=sniff,
    read=read,
    options=(
        Option("layout", "how the lines are built", "choice", LAYOUT_NAMES),
        Option("pattern", "the layout in words of your own, as <Date> <Time> <Level> <Content>"),
        Option("year", "the year of the last entry, where the times have none", "whole"),
        Option("encoding", "such as utf-8 or cp1252"),
    ),
)
