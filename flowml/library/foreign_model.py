"""A model file that may come from anywhere, read by a program of the user's.

What is in it was checked before a library sees it (`automl/model/modelfile.py`). Should a booster's library choke on it
all the same, that ends a process beside this one, which has read the file first, within bounds.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.domain.errors import InvalidInput
from flowml.machine import child

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel

_SECONDS = 180.0
_MEMORY_BYTES = 1_500_000_000
_MEMORY_A_BYTE = 100
_HINT = "Download the model again, or train it once more; if it comes from somebody else, do not use it."


def read_foreign(path: Path) -> "FittedModel":
    """The model in a file. Raises InvalidInput, in words, for anything that is not a whole model file, and for one that
    makes the process that tries it crash, takes too long or too much memory."""
    from flowml.automl.model import modelfile
    from flowml.automl.predictors import libraries

    needed = modelfile.libraries_of(path)
    if not needed:
        # Nothing of it reaches anything but Python and numpy.
        return modelfile.read(path)
    for name in needed & set(libraries.BOOSTERS):
        # Meanwhile: this process will need it, too.
        libraries.begin(name)
    tried = _tried(path)
    content = path.read_bytes()
    if tried is not None and hashlib.sha256(content).hexdigest() != tried:
        raise InvalidInput(f"“{path.name}” was changed while it was read.", hint="Read it again.")
    return modelfile.read_bytes(content, path.name)


def _tried(path: Path) -> str | None:
    """The hash of the file, once another process has read it and predicted with it; None where none can be started."""
    memory_bytes = _MEMORY_BYTES + _MEMORY_A_BYTE * path.stat().st_size
    try:
        with child.Child("flowml.library.foreign_model_task") as process:
            answer = process.ask({"path": str(path.absolute())}, child.Bounds(_SECONDS, memory_bytes))
    except child.CannotStart:
        return None
    except child.Ended as ended:
        raise InvalidInput(f"“{path.name}” cannot be read: {_why(ended)}.", hint=_HINT) from None
    if "problem" in answer:
        raise InvalidInput(answer["problem"], hint=answer["hint"])
    return str(answer["sha256"])


def _why(ended: child.Ended) -> str:
    match ended:
        case child.OutOfTime():
            return f"trying it took longer than {_SECONDS:g} seconds"
        case child.OutOfMemory():
            return "trying it took far more memory than a model of its size should need"
        case _:
            return "it made the process that tried it crash"
