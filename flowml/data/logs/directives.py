"""Logs that say in lines of their own which fields they have: W3C extended (IIS) and Zeek."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowml.data.logs.layouts import Layout, ascii_classes
from flowml.domain.errors import UnreadableFile

_FIELDS = re.compile(r"#fields:?[ \t]+(.+)", re.IGNORECASE)
_MOST_FIELDS = 200


def declared_layout(lines: Iterable[str]) -> Layout | None:
    """The layout that a `#Fields:` line among the first lines declares. Raises UnreadableFile for too many fields."""
    for line in lines:
        if not line.startswith("#"):
            return None
        if found := _FIELDS.match(line):
            return _layout(found[1])
    return None


def _layout(declared: str) -> Layout:
    separator, cell = (r"\t", r"[^\t]*") if "\t" in declared.strip() else (r"\s+", r"\"[^\"]*\"|[^\s\"]\S*")
    fields = declared.split("\t") if separator == r"\t" else declared.split()
    if len(fields) > _MOST_FIELDS:
        raise UnreadableFile(
            f"The log declares {len(fields):,} fields; at most {_MOST_FIELDS} are allowed.",
            hint="Keep the fields that matter.",
        )
    names: list[str] = []
    for field in fields:
        name = re.sub(r"\W+", "_", field).strip("_").lower() or "field"
        while name in names:
            name += "_2"
        names.append(name)
    groups = separator.join(f"(?P<f{index}>{cell})" for index in range(len(names)))
    moment = ("date", "time") if {"date", "time"} <= set(names) else tuple({"ts", "time"} & set(names))
    return Layout(
        "declared",
        "a log that declares its fields (W3C extended, IIS, Zeek)",
        ascii_classes(f"^{groups}\\s*$"),
        moment,
        names=tuple(names),
        comment="^#",
    )
