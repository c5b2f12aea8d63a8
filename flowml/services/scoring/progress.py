"""How far a child is with a file, from it to the server: a small file that is replaced some times a second."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Told:
    """So many rows are answered, of how many in all, where that is known."""

    rows: int
    total: int | None
    seconds: float


def read_progress(path: Path) -> Told | None:
    """What was told so far; None before that."""
    try:
        return Told(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_progress(path: Path, told: Told) -> None:
    """Whoever reads it meanwhile has the one before."""
    beside = path.with_name(f"{path.name}-next")
    beside.write_text(json.dumps(asdict(told)))
    beside.replace(path)
