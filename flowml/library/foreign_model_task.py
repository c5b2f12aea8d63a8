"""The process that tries a model file before a program reads it: `python -m flowml.library.foreign_model_task`.

It gets {"path"} as JSON on standard input and answers {"sha256"} of the file that it has read and predicted with, or
{"problem", "hint"}.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from flowml.automl.model import modelfile
from flowml.domain.errors import InvalidInput
from flowml.machine.child import settle


def main() -> None:
    """Try one file."""
    settle()
    path = Path(json.load(sys.stdin)["path"])
    try:
        content = path.read_bytes()
        modelfile.read_bytes(content, path.name)
        answer: dict[str, str | None] = {"sha256": hashlib.sha256(content).hexdigest()}
    except InvalidInput as problem:
        answer = {"problem": problem.detail, "hint": problem.hint}
    print(json.dumps(answer), flush=True)
    # Libraries need not tidy up.
    os._exit(0)


if __name__ == "__main__":
    main()
