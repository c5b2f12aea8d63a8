"""The file that this server runs from, for workers that ask for it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flowml import __version__
from flowml.domain.errors import NotFound, WrongState
from flowml.domain.protocol import PROTOCOL
from flowml.domain.stored import hash_file
from flowml.machine.program import own_file


@dataclass(frozen=True)
class Program:
    """Which it is. Whatever else workers and servers come to say to each other, this stays as it is: who understands
    nothing else gets here what it lacks."""

    version: str
    protocol: int
    sha256: str
    size_bytes: int


def program() -> Program:
    """Raises WrongState where there is none."""
    path = own_file()
    if path is None:
        raise WrongState(
            "This server runs from an installed FlowML, and has no flowml.pyz to hand out.",
            hint=f"Install FlowML {__version__} on the worker, too.",
        )
    stat = path.stat()
    return Program(__version__, PROTOCOL, _hash_of(path, stat.st_size, stat.st_mtime_ns), stat.st_size)


def program_file(sha256: str) -> Path:
    """The file itself. Raises NotFound where it is no longer that of this hash, and WrongState where there is none."""
    path = own_file()
    if path is None or program().sha256 != sha256:
        raise NotFound("This server's program is another file.", hint="Ask anew which it is.")
    return path


@lru_cache(maxsize=1)
def _hash_of(path: Path, size: int, modified: int) -> str:
    return hash_file(path)
