"""Reads model files and predicts with them, as the server does, for `model_mutations`: a path a line comes in, what
came of it goes out as JSON. Imports nothing but FlowML, so that another version of it can be measured."""

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.model import modelfile
from flowml.domain.errors import FlowMLError


def _status(name: str) -> int:
    """A figure of this process in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def outcome(path: Path, rows: list[dict[str, Any]], read: Callable[[Path], Any]) -> tuple[str, str]:
    """In one word, and with what was said."""
    try:
        model = read(path)
    except FlowMLError as error:
        return "refused", error.detail
    except BaseException as error:
        return "foreign error", f"reading: {type(error).__name__}: {error}"[:300]
    try:
        answers = [model.predict_row(model.check_row(row)[0]) for row in rows]
        answers += list(model.predict(pl.DataFrame(rows)))
    except FlowMLError as error:
        return "refused", f"predicting: {error.detail}"
    except BaseException as error:
        return "foreign error", f"predicting: {type(error).__name__}: {error}"[:300]
    finite = all(math.isfinite(value) for answer in answers for value in np.asarray(answer).reshape(-1).tolist())
    return ("answers" if finite else "not finite"), ""


def main() -> None:
    read: Callable[[Path], Any] = modelfile.read
    if "--tried" in sys.argv:
        from flowml.automl.model.foreign import read_foreign

        read = read_foreign
    rows = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        # Forget the peak of what came before.
        Path("/proc/self/clear_refs").write_text("5")
        started = time.process_time()
        word, said = outcome(Path(line.rstrip("\n")), rows, read)
        seconds, peak = time.process_time() - started, _status("VmHWM") / 1024
        print(json.dumps({"outcome": word, "said": said, "seconds": seconds, "peak_mib": peak}), flush=True)


if __name__ == "__main__":
    main()
