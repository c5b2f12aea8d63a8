"""The child process that finds out how a model uses its columns: `python -m flowml.services.importance_task`. It works
as the one of `data.tasks` does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flowml.automl.explain.dependence import dependence
from flowml.automl.explain.importance import permutation_importance
from flowml.automl.explain.summary import shap_importance
from flowml.automl.features import prepared
from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.scoring.decision import objective
from flowml.automl.task.task import Task
from flowml.data.tasks import Task as ChildTask
from flowml.data.tasks import answer_and_end, confine
from flowml.services.dispatch.ledger import brief_of
from flowml.store.store import Store
from flowml.training.tasks import load_task

_NICENESS = 5
# However long it took to read the table.
_LEAST_SHARE = 0.25


TASKS = {
    "importance": ChildTask("flowml.services.importance_task:importance", confines_itself=True),
    "dependence": ChildTask("flowml.services.importance_task:dependence_of", confines_itself=True),
}


def importance(request: Mapping[str, Any]) -> dict[str, Any]:
    """How much each column matters, {"items"} as `permutation_importance` or `shap_importance` have them, as far as
    that can be found out in so many seconds: {"home", "model_id", "seconds", "method"}. Raises NotFound, and Damaged
    for a file that is not what was stored."""
    task, fitted, time_left = _read(request)
    if request["method"] == "shap":
        found = shap_importance(task, fitted, seed=task.seed, time_left=time_left)
    else:
        found = permutation_importance(task, fitted, objective(task.metric), seed=task.seed, time_left=time_left)
    return {"items": [asdict(item) for item in found]}


def dependence_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """What is predicted when one column is something else, as `Dependence` has it: {"home", "model_id", "seconds",
    "feature", "target_class"}. A feature may be named as the column that callers send for it. Raises as `importance`
    does, and InvalidInput."""
    task, fitted, time_left = _read(request)
    schema, name = fitted.schema, request["feature"]
    if schema.recipe is not None and name not in schema.roles:
        name = next((feature for feature, sent in schema.recipe.origins.items() if sent == name), name)
    found = dependence(
        fitted,
        prepared.prepare(task.frame, task.roles),
        name,
        target_class=request["target_class"],
        time_left=time_left,
        seed=task.seed,
    )
    return asdict(replace(found, feature=request["feature"]))


def _read(request: Mapping[str, Any]) -> tuple[Task, FittedModel, Callable[[], float]]:
    """The task, the model, and what is left of the seconds: reading counts, up to three quarters of them."""
    began, seconds = time.monotonic(), float(request["seconds"])
    store = Store(Path(request["home"]), now=time.time())
    model = store.models.get(request["model_id"])
    brief = brief_of(store, store.jobs.get(model.job_id))
    files = [file for file in (brief.table, brief.root_table, model.file) if file is not None]
    reads = [store.files.path(file) for file in files]
    store.close()
    confine(request, reads, niceness=_NICENESS)
    task = load_task(brief, store.files.path)
    fitted = modelfile.read_bytes(store.files.content(model.file))
    until = max(began + seconds, time.monotonic() + _LEAST_SHARE * seconds)
    return task, fitted, lambda: until - time.monotonic()


def main() -> None:
    """Answer one request."""
    answer_and_end(TASKS)


if __name__ == "__main__":
    main()
