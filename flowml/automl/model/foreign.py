"""A model file that may come from anywhere.

Before the process that wants it reads it, another one has read it and had it answer, within bounds of time and memory:
what is in it is checked before anything believes it (`modelfile.py`), and should a library choke on it all the same, or
should it take far more than a model of its size needs, that ends the other process. Where that one is forked from is
there after the first file, which takes milliseconds instead of most of a second.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.domain.errors import InvalidInput
from flowml.machine import child
from flowml.machine.forkserver import Forkserver

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel

_TASK = "flowml.automl.model.foreign_task"
FORKSERVER = Forkserver(_TASK)
_SECONDS = 180.0
_MEMORY_BYTES = 1_000_000_000
_MEMORY_A_BYTE = 100
_MOST_ANSWER = 64 << 10
_HINT = "Download the model again, or train it once more; if it comes from somebody else, do not use it."


def read_foreign(path: Path) -> "FittedModel":
    """The model in a file. Raises InvalidInput, in words, for anything that is not a whole model file, and for one that
    makes the process that tries it crash, takes too long or too much memory."""
    # It imports what it needs while this process does.
    FORKSERVER.warm()
    from flowml.automl.model import modelfile
    from flowml.automl.predictors import libraries

    for name in modelfile.libraries_of(path) & set(libraries.BOOSTERS):
        # Meanwhile, too: the first answer will need it.
        libraries.begin(name)
    tried = try_foreign(path)
    if tried is None:
        return modelfile.read(path)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != tried:
        raise InvalidInput(f"“{path.name}” was changed while it was read.", hint="Read it again.")
    return modelfile.read_bytes(content, path.name, tried=False)


def try_foreign(
    path: Path, *, table: Path | None = None, seconds: float | None = None, forkserver: Forkserver = FORKSERVER
) -> str | None:
    """The hash of the file, once another process has read it and predicted with it; None where none can be started.

    `table`: a Parquet file of ours whose first rows it has to answer as well; `seconds`: how long that may take;
    `forkserver`: where the process is forked from. Raises as `read_foreign` does.
    """
    seconds = _SECONDS if seconds is None else seconds
    size = path.stat().st_size if path.exists() else 0
    bounds = child.Bounds(seconds, _MEMORY_BYTES + _MEMORY_A_BYTE * size, _MOST_ANSWER)
    request = {"path": str(path.absolute()), "table": None if table is None else str(table.absolute())}
    try:
        with child.Child(_TASK, starter=forkserver.start) as process:
            answer = process.ask(request, bounds)
    except child.CannotStart:
        return None
    except child.Ended as ended:
        raise InvalidInput(f"“{path.name}” cannot be read: {_why(ended, seconds)}.", hint=_HINT) from None
    if "problem" in answer:
        raise InvalidInput(answer["problem"], hint=answer["hint"])
    return str(answer["sha256"])


def _why(ended: child.Ended, seconds: float) -> str:
    match ended:
        case child.OutOfTime():
            return f"trying it took longer than {seconds:g} seconds"
        case child.OutOfMemory():
            return "trying it took far more memory than a model of its size should need"
        case child.Lost():
            return "the process that tried it was ended by the system, with others; less may have to run"
        case _:
            return "it made the process that tried it crash"
