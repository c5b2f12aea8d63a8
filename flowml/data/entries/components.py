"""The components (events, cards) between BEGIN and END lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flowml.data.entries.contentlines import Property
from flowml.data.entries.text import BadLines
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import decision, loss

_MOST_NESTING = 20
_MOST_PROPERTIES = 100_000
_MOST_PARTS = 10_000


@dataclass(slots=True)
class Component:
    """What stands between a BEGIN and its END. `parents` names the components around it, the outermost first."""

    name: str
    line: int
    parents: tuple[str, ...] = ()
    properties: list[Property] = field(default_factory=list)
    parts: list[Component] = field(default_factory=list)
    closed: bool = True

    def first(self, name: str) -> Property | None:
        return next((item for item in self.properties if item.name == name), None)

    def all(self, name: str) -> list[Property]:
        return [item for item in self.properties if item.name == name]


def components(
    items: Iterable[Property], outer: str, bad_lines: BadLines, wherever: frozenset[str] = frozenset()
) -> Iterator[Component]:
    """Each component directly inside of an `outer` one (or inside of none), with its own inner ones; then the outer
    ones with the properties of their own. Those named in `wherever` come out of any other. What a file cut off has of
    the last one comes with `closed` false.

    Raises UnreadableFile for components nested or filled as none are.
    """
    stack: list[Component] = []
    for item in items:
        if item.name == "BEGIN":
            name = item.value.strip().upper()
            while _lacks_its_end(stack, name):
                bad_lines.add(decision("broken_nesting", "begins anew what has no end yet"), item.line, f"BEGIN:{name}")
                yield from _close(stack, outer, wherever)
            if len(stack) >= _MOST_NESTING:
                raise UnreadableFile(
                    f"The file's parts are nested more than {_MOST_NESTING} levels deep, at line {item.line:,}."
                )
            stack.append(Component(name, item.line, tuple(parent.name for parent in stack)))
        elif item.name == "END":
            name = item.value.strip().upper()
            if all(component.name != name for component in stack):
                bad_lines.add(decision("broken_nesting", "ends what has not begun"), item.line, f"END:{name}")
                continue
            while stack[-1].name != name:
                bad_lines.add(
                    decision("broken_nesting", "ends what has inner parts without an end"), item.line, f"END:{name}"
                )
                yield from _close(stack, outer, wherever)
            yield from _close(stack, outer, wherever)
        elif not stack:
            bad_lines.add(
                loss("lines_left_out", "stands outside and was left out"), item.line, f"{item.name}:{item.value[:80]}"
            )
        else:
            stack[-1].properties.append(item)
            if len(stack[-1].properties) > _MOST_PROPERTIES:
                raise UnreadableFile(
                    f"The {stack[-1].name} of line {stack[-1].line:,} has more than {_MOST_PROPERTIES:,} properties,"
                    " which none has."
                )
    while stack:
        stack[-1].closed = False
        yield from _close(stack, outer, wherever)


def _lacks_its_end(stack: list[Component], name: str) -> bool:
    """Whether a component of this name cannot begin here: nothing but a card holds another of its kind, its agent."""
    if all(component.name != name for component in stack):
        return False
    last = stack[-1].properties[-1] if stack[-1].properties else None
    return not (name == "VCARD" and last is not None and last.name == "AGENT" and not last.value.strip())


def _close(stack: list[Component], outer: str, wherever: frozenset[str]) -> Iterator[Component]:
    done = stack.pop()
    if not stack or outer in (done.name, stack[-1].name) or done.name in wherever:
        yield done
        return
    stack[-1].parts.append(done)
    if len(stack[-1].parts) > _MOST_PARTS:
        raise UnreadableFile(
            f"The {stack[-1].name} of line {stack[-1].line:,} has more than {_MOST_PARTS:,} parts, which none has."
        )
