"""The child process that finds out which columns a model uses: `python -m flowml.services.importance_task`. It works as
the one of `data.tasks` does."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowml.automl.explain.importance import permutation_importance
from flowml.automl.model import modelfile
from flowml.automl.scoring.decision import objective
from flowml.data.tasks import answer_and_end
from flowml.services.dispatch.ledger import brief_of
from flowml.store.store import Store
from flowml.training.tasks import load_task

_NICENESS = 5


TASKS = {"importance": "flowml.services.importance_task:importance"}


def importance(request: Mapping[str, Any]) -> dict[str, Any]:
    """How much each column matters, {"items"} as `permutation_importance` has them, as far as that can be found out in
    so many seconds: {"home", "model_id", "seconds"}. Raises NotFound, and Damaged for a file that is not what was
    stored."""
    store = Store(Path(request["home"]), now=time.time())
    model = store.models.get(request["model_id"])
    task = load_task(brief_of(store, store.jobs.get(model.job_id)), store.files.path)
    fitted = modelfile.read_bytes(store.files.content(model.file))
    until = time.monotonic() + request["seconds"]
    metric = objective(task.metric)
    found = permutation_importance(task, fitted, metric, seed=task.seed, time_left=lambda: until - time.monotonic())
    return {"items": [asdict(item) for item in found]}


def main() -> None:
    """Answer one request."""
    answer_and_end(TASKS, _NICENESS)


if __name__ == "__main__":
    main()
