"""Lines of key=value pairs (logfmt) as columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowml.data.formats.base import Limits
from flowml.data.logs.layouts import ascii_classes

if TYPE_CHECKING:
    import polars as pl

_KEY = r"[A-Za-z_@][A-Za-z0-9_.@/-]{0,79}"
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)"
_PAIR = ascii_classes(rf"(?:^|\s)({_KEY}={_VALUE})")
LINE = ascii_classes(rf"^\s*{_KEY}={_VALUE}(?:\s+{_KEY}(?:={_VALUE})?)*\s+{_KEY}={_VALUE}\s*$")
_MOST_KEYS = 200
MOMENTS = ("time", "ts", "timestamp", "t", "@timestamp", "datetime", "date")
MESSAGES = ("msg", "message")


def read_pairs(blocks: Iterable[pl.Series], limits: Limits, warnings: list[str]) -> pl.DataFrame:
    """One row per line, one column per key in the order of appearance; words without a key become `content`.

    Keys beyond 200, the rarer ones, stay in `content` and are counted in a warning. Raises TooLarge.
    """
    import polars as pl

    texts = [block.filter(block.str.contains(r"\S")) for block in blocks]
    keys, left = _keys(texts)
    limits.check(sum(map(len, texts)), len(keys) + 1)
    frame = pl.concat([_columns(text, keys) for text in texts])
    if left:
        warnings.append(f"There are more than {_MOST_KEYS} keys: {left:,} rarer ones were left in “content”.")
    if frame["content"].str.len_bytes().sum() == 0:
        frame = frame.drop("content")
    return frame


def _keys(texts: list[pl.Series]) -> tuple[list[str], int]:
    import polars as pl

    counts: dict[str, int] = {}
    for text in texts:
        found = text.str.extract_all(_PAIR).explode().str.extract(rf"({_KEY})=").drop_nulls().alias("key")
        for key, count in found.to_frame().group_by("key", maintain_order=True).agg(pl.len()).iter_rows():
            counts[key] = counts.get(key, 0) + count
    kept = set(sorted(counts, key=lambda key: -counts[key])[:_MOST_KEYS])
    return [key for key in counts if key in kept], len(counts) - len(kept)


def _columns(text: pl.Series, keys: list[str]) -> pl.DataFrame:
    import polars as pl

    columns = []
    rest = text
    for key in keys:
        pattern = ascii_classes(rf"(?:^|\s){re.escape(key)}=({_VALUE})")
        value = text.str.extract(pattern)
        quoted = value.str.contains('^"')
        if quoted.any():
            inner = value.str.strip_prefix('"').str.strip_suffix('"').str.replace_all(r"\\(.)", "$1")
            value = pl.select(pl.when(quoted).then(inner).otherwise(value)).to_series()
        columns.append(value.alias(key))
        rest = rest.str.replace(pattern, " ")
    words = rest.str.replace_all(r"[ \t]+", " ").str.strip_chars()
    name = "content" if "content" not in keys else "other_content"
    return pl.DataFrame([*columns, words.alias(name)])
