"""The child process that finds out which columns a model uses: `python -m flowml.services.importance_task`.

It gets {"home", "model_id", "seconds"} as JSON on standard input and answers {"items"}, as `permutation_importance` has
them; none where the model or its table cannot be used any more.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowml.automl.explain.importance import permutation_importance
from flowml.automl.model import modelfile
from flowml.automl.scoring.decision import objective
from flowml.domain.errors import FlowMLError
from flowml.domain.models import ColumnImportance
from flowml.machine.child import settle
from flowml.services.dispatch.ledger import brief_of
from flowml.store.store import Store
from flowml.training.tasks import load_task

_NICENESS = 5


def importance(request: Mapping[str, Any]) -> list[ColumnImportance]:
    """How much each column matters, as far as that can be found out in so many seconds."""
    store = Store(Path(request["home"]), now=time.time())
    model = store.models.get(request["model_id"])
    task = load_task(brief_of(store, store.jobs.get(model.job_id)), store.files.path)
    fitted = modelfile.read_bytes(store.files.content(model.file))
    until = time.monotonic() + request["seconds"]
    metric = objective(task.metric)
    return permutation_importance(task, fitted, metric, seed=task.seed, time_left=lambda: until - time.monotonic())


def main() -> None:
    """Answer one request."""
    settle(_NICENESS)
    request = json.load(sys.stdin)
    try:
        items = importance(request)
    except FlowMLError as problem:
        print(problem.detail, file=sys.stderr)
        items = []
    json.dump({"items": [asdict(item) for item in items]}, sys.stdout, allow_nan=False)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
