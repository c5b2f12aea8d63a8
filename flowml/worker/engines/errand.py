"""What a node is told of a trial, and what comes back from it: plain values and bytes, checked before use."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flowml.domain.channel import JobBrief
from flowml.domain.errors import FlowMLError
from flowml.domain.trials import Lease, TrialReport
from flowml.domain.workers import Share

_MOST_FILES = 4
_MOST_WORDS = 2_000


@dataclass(frozen=True)
class Errand:
    """A trial for a node. `gpus`: what was found there of them, and of the libraries that use them; None where it may
    use none. `tables`: the files that it needs, by their hashes."""

    id: str
    lease: Lease
    brief: JobBrief
    share: Share
    tables: tuple[str, ...]
    gpus: Mapping[str, Any] | None = None

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Done:
    """How an errand ended: with a report and the files that it names; without both it was abandoned, there were tables
    `missing` on the node, its process `broke` down, which may (`retry`) be better another time, or there was a `fault`
    of the node's."""

    report: TrialReport | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    broke: str | None = None
    retry: bool = True
    fault: str | None = None


class Nonsense(FlowMLError):
    """What came back from a node is nothing that comes back from one."""


_ERRAND: TypeAdapter[Errand] = TypeAdapter(Errand)
_REPORT: TypeAdapter[TrialReport] = TypeAdapter(TrialReport)


def parse_errand(text: str) -> Errand:
    """The errand that somebody has written with `text`."""
    return _ERRAND.validate_json(text)


def parse_done(told: Any, errand: Errand) -> Done:
    """What a node says of an errand. Raises Nonsense."""
    if not isinstance(told, dict):
        raise Nonsense(f"A node answered with {type(told).__name__}.")
    files = told.get("files") or {}
    missing = told.get("missing") or ()
    try:
        report = None if told.get("report") is None else _REPORT.validate_json(told["report"])
    except (ValidationError, TypeError):
        raise Nonsense("A node handed in a report that is none.") from None
    if not isinstance(files, dict) or len(files) > _MOST_FILES:
        raise Nonsense("A node handed in other files than those of a trial.")
    for sha256, content in files.items():
        if not isinstance(content, bytes) or hashlib.sha256(content).hexdigest() != sha256:
            raise Nonsense("A file of a node is not what it says of itself.")
    if report is not None and not {report.out_of_fold, report.model} - {None} <= files.keys():
        raise Nonsense("A node names files that it did not hand in.")
    if not isinstance(missing, list | tuple) or any(name not in errand.tables for name in missing):
        raise Nonsense("A node asks for tables that are none of its trial's.")
    broke, fault = (None if why is None else str(why)[:_MOST_WORDS] for why in (told.get("broke"), told.get("fault")))
    return Done(report, files, tuple(missing), broke, bool(told.get("retry", True)), fault)
