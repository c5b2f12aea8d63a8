"""XML as records, in two passes of a streaming parser: which element is the record, and what is in each.

Neither entities nor anything outside the file is ever followed (defusedxml).
"""

from __future__ import annotations

import xml.sax
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.entities import html5
from pathlib import Path
from typing import Any
from xml.sax.handler import ContentHandler, feature_external_ges, feature_namespaces

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from flowml.domain.errors import UnreadableFile

_CHUNK = 1 << 18
_MOST_NESTING = 60
_MOST_PATHS = 50_000
_LONGEST_TEXT = 32 << 20
# A tag is parsed as a whole, whatever its attributes.
_LONGEST_PART = 4 << 20
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
# An element of few instances that only holds many of another one groups the records.
_FEW, _MANY = 10, 10
Path_ = tuple[str, ...]


@dataclass
class Tally:
    """One element by its path from the root: how often it is there, how much is below it, and whether one parent has
    several of it."""

    count: int = 0
    content: int = 0
    is_repeated: bool = False


@dataclass
class _Node:
    """An open element. `value` gathers attributes and children by name; `texts` its own text."""

    name: str
    value: dict[str, Any] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class _Watched(ContentHandler, ABC):
    """Keeps the path of the element that is open, within bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:  # noqa: N802
        self.path.append(name[1])
        if len(self.path) > _MOST_NESTING:
            raise UnreadableFile(
                f"The XML is nested more than {_MOST_NESTING} levels deep, too deeply to be a table.",
                hint="Flatten it first.",
            )
        self.opened({key[1]: value for key, value in attrs.items() if key[0] != _SCHEMA})

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802
        self.closed()
        self.path.pop()

    @abstractmethod
    def opened(self, attributes: dict[str, str]) -> None: ...

    @abstractmethod
    def closed(self) -> None: ...


class _Tallying(_Watched):
    def __init__(self) -> None:
        super().__init__()
        self.tallies: dict[Path_, Tally] = {}
        self._siblings: list[set[str]] = [set()]

    def opened(self, attributes: dict[str, str]) -> None:
        path = tuple(self.path)
        tally = self.tallies.get(path)
        if tally is None:
            if len(self.tallies) >= _MOST_PATHS:
                raise UnreadableFile(
                    f"The XML has more than {_MOST_PATHS:,} different elements, so it is hardly a table.",
                    hint="Export the table as CSV.",
                )
            tally = self.tallies[path] = Tally()
        tally.count += 1
        for length in range(1, len(path) + 1):
            self.tallies[path[:length]].content += 1 + len(attributes)
        siblings = self._siblings[-1]
        tally.is_repeated |= path[-1] in siblings
        siblings.add(path[-1])
        self._siblings.append(set())

    def closed(self) -> None:
        self._siblings.pop()


class _Gathering(_Watched):
    def __init__(self, record: Path_, tallies: dict[Path_, Tally], take: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._record = list(record)
        self._tallies = tallies
        self._take = take
        self._open: list[_Node] = []
        self._length = 0

    def opened(self, attributes: dict[str, str]) -> None:
        if self._open or self.path == self._record:
            self._open.append(_Node(self.path[-1], dict(attributes)))

    def characters(self, content: str) -> None:
        if self._open:
            self._length += len(content)
            if self._length > _LONGEST_TEXT:
                raise UnreadableFile(
                    f"One record of the XML holds more than {_LONGEST_TEXT >> 20} MB of text, so it is hardly a table."
                )
            self._open[-1].texts.append(content)

    def skippedEntity(self, name: str) -> None:  # noqa: N802
        """A name for a character (&nbsp;) that the document type elsewhere defines; others stay as they are written."""
        self.characters(html5.get(f"{name};", f"&{name};"))

    def closed(self) -> None:
        if not self._open:
            return
        node = self._open.pop()
        text = "".join(node.texts).strip() or None
        if not self._open:
            self._length = 0
            self._take(_named(node.name, node.value, text))
            return
        value: Any = text
        if node.value:
            value = {**node.value, _TEXT: text} if text else node.value
        parent = self._open[-1].value
        if self._tallies[tuple(self.path)].is_repeated:
            parent.setdefault(node.name, [])
            if not isinstance(parent[node.name], list):
                parent[node.name] = [parent[node.name]]
            parent[node.name].append(_plain(node.name, value))
        elif node.name in parent:
            # An attribute and a child of one name.
            parent[f"{node.name}_2"] = value
        else:
            parent[node.name] = value


_TEXT = ""


def _named(name: str, value: dict[str, Any], text: str | None) -> dict[str, Any]:
    """A record with dotted names; the text of an element that has attributes too is under the element's name."""
    record = dict(_flat("", value))
    if text is not None:
        record[name if name not in record else f"{name}_text"] = text
    return record


def _flat(prefix: str, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        full = f"{prefix}.{name}" if prefix and name else prefix or name
        if isinstance(inner, dict):
            yield from _flat(full, inner)
        else:
            yield full, inner


def _plain(name: str, value: Any) -> Any:
    """An element of a list; its own text goes by its name."""
    return {key or name: inner for key, inner in value.items()} if isinstance(value, dict) else value


def tally(path: Path) -> dict[Path_, Tally]:
    """All elements of a file by their paths. Raises UnreadableFile."""
    handler = _Tallying()
    parse(path, handler)
    return handler.tallies


def candidates(tallies: dict[Path_, Tally]) -> list[Path_]:
    """What may be the record: elements of which one parent has several, the likeliest first."""
    repeated = sorted(
        (path for path, tally in tallies.items() if tally.is_repeated and len(path) > 1),
        key=lambda path: (-tallies[path].content, len(path)),
    )
    if not repeated:
        return []
    best = repeated[0]
    for path in repeated[1:]:
        inside, outside = tallies[path], tallies[best]
        groups = outside.count < _FEW and inside.count >= _MANY * outside.count
        if path[: len(best)] == best and groups and inside.content > 0.8 * outside.content:
            best = path
    return [best, *(path for path in repeated if path != best)]


def gather(path: Path, record: Path_, tallies: dict[Path_, Tally], take: Callable[[dict[str, Any]], None]) -> None:
    """Give every record to `take`, flattened. Raises UnreadableFile."""
    parse(path, _Gathering(record, tallies, take))


def parse(path: Path, handler: ContentHandler) -> None:
    """Give a file's elements to a handler. What is outside of the file is never looked at. Raises UnreadableFile."""
    parser = defusedxml.sax.make_parser()
    parser.forbid_entities = True
    # A document type may be named that lies elsewhere, as it is in much of what is published; it is left alone.
    parser.forbid_external = False
    parser.setFeature(feature_external_ges, False)
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(handler)
    try:
        with path.open("rb") as file:
            open_bytes = 0
            while chunk := file.read(_CHUNK):
                last = chunk.rfind(b">")
                open_bytes = open_bytes + len(chunk) if last < 0 else len(chunk) - last
                if open_bytes > _LONGEST_PART:
                    raise UnreadableFile(
                        f"One tag or text of the XML is longer than {_LONGEST_PART >> 20} MB, so it is hardly a table.",
                        hint="Export the table as CSV or Parquet.",
                    )
                parser.feed(chunk)
            parser.close()
    except DefusedXmlException as error:
        raise UnreadableFile(
            "The XML defines entities or refers to something outside of itself, which FlowML does not follow.",
            hint="Export it again without a document type (<!DOCTYPE …>).",
        ) from error
    except xml.sax.SAXParseException as error:
        raise UnreadableFile(
            f"The file is not valid XML: {error.getMessage()} at line {error.getLineNumber() or 1:,},"
            f" column {(error.getColumnNumber() or 0) + 1:,}.",
            hint="It may be cut off. Export it again.",
        ) from error
    except (ValueError, LookupError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile("The XML is in an encoding that cannot be read.", hint="Save it as UTF-8.") from error
