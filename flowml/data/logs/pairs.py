"""Lines of key=value pairs (logfmt) as columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowml.data.format import Limits
from flowml.data.logs.layouts import ascii_classes
from flowml.domain.remarks import Remark, note

if TYPE_CHECKING:
    import polars as pl

_KEY = r"[A-Za-z_@][A-Za-z0-9_.@/-]{0,79}"
_VALUE = r"\"(?:[^\"\\]|\\.)*\"|[^\s\"]*"
_PAIR = re.compile(rf"(?:^|(?<=\s))({_KEY})=({_VALUE})(?=\s|$)", re.ASCII)
LINE = ascii_classes(rf"^\s*{_KEY}=(?:{_VALUE})(?:\s+{_KEY}(?:=(?:{_VALUE}))?)*\s+{_KEY}=(?:{_VALUE})\s*$")
_MOST_KEYS = 200
_LEARNED_LINES = 500
# A pattern of more keys is slower than to look for the keys of each line.
_MOST_IN_PATTERN = 25
# With blanks in its name it can be no key.
_REST = "rest of the line"
MOMENTS = ("timestamp", "time", "ts", "@timestamp", "t", "datetime", "date")
MESSAGES = ("msg", "message")


def has_few_keys(lines: Iterable[str]) -> bool:
    """Whether the lines share their keys, as those of one log do."""
    return len({found[1] for line in lines for found in _PAIR.finditer(line)}) <= _MOST_KEYS


def read_pairs(blocks: Iterable[pl.Series], limits: Limits, remarks: list[Remark]) -> pl.DataFrame:
    """One row per line, one column per key in the order of appearance; words without a key become `content`.

    Keys beyond the first 200, and repeated ones, stay in `content`; of the former a remark says how many. Raises
    TooLarge.
    """
    import polars as pl

    keys: list[str] = []
    left: set[str] = set()
    frames: list[pl.DataFrame] = []
    height = 0
    for block in blocks:
        lines = block.filter(block.str.contains(r"\S"))
        height += len(lines)
        limits.check(height, len(keys) + 1)
        _meet(lines.head(_LEARNED_LINES), keys)
        frames.append(_columns(lines, keys, left))
    frame = pl.concat(frames, how="diagonal").select(*keys, _REST)
    if frame[_REST].str.len_bytes().sum():
        frame = frame.rename({_REST: "content" if "content" not in keys else "content_2"})
    else:
        frame = frame.drop(_REST)
    if left:
        many = "or more " if len(left) >= _MOST_KEYS else ""
        said = f"Only the first {_MOST_KEYS} keys became columns; {len(left):,} {many}others were left in “content”."
        remarks.append(note("fields_together", said))
    return frame


def _meet(lines: pl.Series, keys: list[str]) -> None:
    """Add the keys of some lines, each behind the one that it follows."""
    for line in lines:
        before = -1
        for found in _PAIR.finditer(line):
            if found[1] not in keys:
                if len(keys) >= _MOST_KEYS:
                    return
                keys.insert(before + 1, found[1])
            before = keys.index(found[1])


def _columns(lines: pl.Series, keys: list[str], left: set[str]) -> pl.DataFrame:
    """The values of lines; those with the usual keys in the usual order at once, the others one by one."""
    import polars as pl

    if len(keys) > _MOST_IN_PATTERN:
        found = _one_by_one(lines, keys, left)
        return found.with_columns(_unquoted(name) for name in found.columns if name != _REST)
    groups = "".join(rf"(?:(?:^|\s+){re.escape(key)}=({_VALUE}))?" for key in keys)
    found = lines.str.extract_groups(ascii_classes(rf"^{groups}()\s*$")).struct.unnest()
    found.columns = [*keys, _REST]
    odd = found[_REST].is_null()
    if odd.any():
        others = _one_by_one(lines.filter(odd), keys, left)
        row = pl.int_range(found.height, eager=True).alias("row of the block")
        both = [found.with_columns(row).filter(~odd), others.with_columns(row.filter(odd))]
        found = pl.concat(both, how="diagonal").sort(row.name).drop(row.name)
    return found.with_columns(_unquoted(name) for name in found.columns if name != _REST)


def _one_by_one(lines: pl.Series, keys: list[str], left: set[str]) -> pl.DataFrame:
    import polars as pl

    known = set(keys)
    values: dict[str, list[str | None]] = {key: [None] * len(lines) for key in keys}
    rests: list[str | None] = []
    for row, line in enumerate(lines):
        rest: list[str] = []
        end = 0
        for found in _PAIR.finditer(line):
            rest.append(line[end : found.start()])
            end = found.end()
            key = found[1]
            if key not in known and len(keys) < _MOST_KEYS:
                known.add(key)
                keys.append(key)
                values[key] = [None] * len(lines)
            if key not in known or values[key][row] is not None:
                rest.append(found[0])
                if key not in known and len(left) < _MOST_KEYS:
                    left.add(key)
            else:
                values[key][row] = found[2]
        rest.append(line[end:])
        rests.append(" ".join(" ".join(rest).split()))
    columns = {**values, _REST: rests}
    return pl.DataFrame([pl.Series(name, texts, dtype=pl.String) for name, texts in columns.items()])


def _unquoted(name: str) -> pl.Expr:
    import polars as pl

    value = pl.col(name)
    inner = value.str.strip_prefix('"').str.strip_suffix('"').str.replace_all(r"\\(.)", "$1")
    return pl.when(value.str.starts_with('"')).then(inner).otherwise(value).alias(name)
