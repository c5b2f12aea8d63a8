"""YAML documents as plain values: from PyYAML's events, so that no tag makes an object and no alias a flood.

The scalars are those of YAML 1.2's core schema: “yes” and “12:30” are texts, as their authors mean them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from flowml.data.nested.records import CODE
from flowml.domain.errors import UnreadableFile

_MOST_NESTING = 60
# An alias stands for all that its anchor holds: so many values may be meant in all, beyond those that are written.
_MOST_REPEATED = 1_000_000
_CORE = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(
    f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "omap", "set")
)
_INT = re.compile(r"[-+]?[0-9]{1,4000}$")
_BASED = re.compile(r"0o[0-7]{1,60}$|0x[0-9a-fA-F]{1,60}$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_SPECIAL = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_MERGE = "<<"


@dataclass
class _Open:
    """A list or mapping that is being filled. `size` counts its values, those behind aliases included."""

    value: list[Any] | dict[str, Any]
    anchor: str | None
    size: int = 1
    key: str | None = None
    merged: list[Any] = field(default_factory=list)


class Builder:
    """Documents from events. `tags` are those that were not followed."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self.tags: set[str] = set()
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._repeated = 0

    def build(self, content: bytes | str) -> list[Any]:
        """All documents of a file. Raises yaml.YAMLError for what is no YAML, UnreadableFile for what is hostile."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(content, Loader=loader):
            if isinstance(event, yaml.ScalarEvent):
                self._check_tag(event)
                self._put(_scalar(event), 1, event.anchor)
            elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                self._start(event)
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
        return self.documents

    def _start(self, event: Any) -> None:
        self._check_tag(event)
        if len(self._open) >= _MOST_NESTING:
            raise UnreadableFile(
                f"The YAML is nested more than {_MOST_NESTING} levels deep, too deeply to be a table.",
                hint="Flatten it first.",
            )
        self._open.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event.anchor))

    def _end(self) -> None:
        ended = self._open.pop()
        if isinstance(ended.value, dict):
            for source in reversed(ended.merged):
                ended.value = {**source, **ended.value}
        self._put(ended.value, ended.size, ended.anchor)

    def _alias(self, event: Any) -> None:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise UnreadableFile(
                f"The YAML refers to “{event.anchor[:80]}” at line {event.start_mark.line + 1:,}, but nothing that"
                " is complete by then has that name.",
                hint="Export it again.",
            )
        value, size = found
        self._repeated += size
        if self._repeated > _MOST_REPEATED:
            raise UnreadableFile(
                "The YAML's aliases stand for far more data than the file holds.",
                hint="Write the values out, or export the table as CSV or JSON.",
            )
        self._put(value, size, None)

    def _put(self, value: Any, size: int, anchor: str | None) -> None:
        """A complete value goes to where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._open:
            self.documents.append(value)
            return
        outer = self._open[-1]
        outer.size += size
        if isinstance(outer.value, list):
            outer.value.append(value)
        elif outer.key is None:
            outer.key = value if isinstance(value, str) else _key(value)
        else:
            if outer.key == _MERGE and (sources := _mappings(value)):
                outer.merged += sources
            else:
                outer.value[outer.key] = value
            outer.key = None

    def _check_tag(self, event: Any) -> None:
        tag = event.tag
        if tag is None or tag == "!" or tag in _KNOWN_TAGS:
            return
        if tag.startswith(f"{_CORE}python"):
            raise UnreadableFile(
                f"The YAML asks for a Python object ({tag.removeprefix(_CORE)[:80]}) at line"
                f" {event.start_mark.line + 1:,}; FlowML only reads plain values.",
                hint="Save it as plain data, for example with yaml.safe_dump.",
            )
        self.tags.add(tag.removeprefix(_CORE)[:80])


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)[:1000]


def _mappings(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return values if all(isinstance(each, dict) for each in values) else []


def _scalar(event: Any) -> Any:
    """A scalar by the core schema; texts in quotes and whole numbers that are codes (007) stay texts."""
    text: str = event.value
    plain = event.implicit[0] or event.tag in (f"{_CORE}int", f"{_CORE}float", f"{_CORE}bool", f"{_CORE}null")
    if not plain:
        return text
    lower = text.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    if _INT.match(text):
        return text if CODE.match(text) else int(text)
    if _FLOAT.match(text):
        return text if CODE.match(text.partition(".")[0]) else float(text)
    if _BASED.match(text):
        return int(text, 0)
    return _SPECIAL.get(lower, text)
