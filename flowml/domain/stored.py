"""Files that are named by their content, and what is said of one that is no longer what was written."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowml.domain.errors import Damaged, FlowMLError, NotFound

_CHUNK = 1 << 20


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def damaged(what: str) -> Damaged:
    """What is said of something stored that is not what was written."""
    return Damaged(
        f"The {what} is damaged: it has changed on this server's disk since it was stored, and is not used.",
        hint="Put it back from a copy of the home folder, or make it again; and look after the disk.",
    )


def gone() -> NotFound:
    """What is said of something stored that is not there."""
    return NotFound("The file behind this is no longer on this server.", hint="It may just have been deleted.")


@contextmanager
def reading(path: Path, sha256: str) -> Iterator[Path]:
    """Around reading a stored table: what goes wrong there is Damaged where the file is not what its hash says, and
    NotFound where it was deleted meanwhile."""
    try:
        yield path
    except Exception as error:
        # Who says what is wrong with a request has been able to read the file.
        is_unexpected = not isinstance(error, FlowMLError) or type(error) is FlowMLError
        if is_unexpected:
            try:
                is_whole = hash_file(path) == sha256
            except FileNotFoundError:
                raise gone() from error
            if not is_whole:
                raise damaged("stored table") from error
        raise
