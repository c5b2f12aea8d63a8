"""How far a child is with a file, from it to the server: a small file that is replaced some times a second."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

_MOST_BYTES = 1000


@dataclass(frozen=True)
class Told:
    """So many rows are answered, of how many in all, where that is known."""

    rows: int
    total: int | None
    seconds: float


def read_progress(path: Path) -> Told | None:
    """What was told so far; None before that, and for what is no such thing: a child has written it."""
    try:
        with path.open("rb") as file:
            told = Told(**json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    known = isinstance(told.rows, int) and isinstance(told.total, int | None) and isinstance(told.seconds, int | float)
    return told if known and math.isfinite(told.seconds) else None


def write_progress(path: Path, told: Told) -> None:
    """Whoever reads it meanwhile has the one before."""
    write_whole(path, json.dumps(asdict(told)))


def write_whole(path: Path, text: str) -> None:
    """A file that has all of this, or what it had before."""
    beside = path.with_name(f"{path.name}-next")
    beside.write_text(text)
    beside.replace(path)
