"""A file of rows through another framework, in the Python that has it:
python benchmarks/batch_peers.py NAME TASK_FOLDER SECONDS ROWS.csv OUT

Fits on the task's training file and then times its own way from a CSV file to one with the answers beside the columns:
OUT/result.json has {"seconds", "rows"}. Stands alone: it imports nothing of FlowML, since that Python need not have it.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from peers import PEERS, Task  # type: ignore[import-not-found]


def by_frames(task: Task, predict: Any, rows: Path, target: Path) -> int:
    """As whoever has a model of a Python library does."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(rows)
    answers = predict(frame.drop(columns=[task.target], errors="ignore"))
    if task.kind == "regression":
        frame["prediction"] = answers
    else:
        classes, probabilities = answers
        frame["prediction"] = np.array(classes)[probabilities.argmax(axis=1)]
        for place, label in enumerate(classes):
            frame[f"probability_{label}"] = probabilities[:, place]
    frame.to_csv(target, index=False)
    return len(frame)


def by_h2o(model_file: Path, rows: Path, target: Path) -> int:
    """In its own server, from its own reader to its own writer."""
    import h2o as library

    model = library.load_model(str(model_file))
    frame = library.import_file(str(rows))
    library.export_file(frame.cbind(model.predict(frame)), str(target), force=True)
    return int(frame.nrow)


def main(name: str, folder: str, seconds: str, rows: str, target: str) -> None:
    out = Path(target)
    (out / "model").mkdir(parents=True, exist_ok=True)
    task = Task(Path(folder))
    predict = PEERS[name](task, float(seconds), out)
    began = time.monotonic()
    scored = out / "scored.csv"
    if name == "h2o":
        n_rows = by_h2o(next((out / "model").iterdir()), Path(rows), scored)
    else:
        n_rows = by_frames(task, predict, Path(rows), scored)
    result = {"seconds": time.monotonic() - began, "rows": n_rows}
    (out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
