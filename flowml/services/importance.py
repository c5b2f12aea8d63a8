"""Which columns a model uses, computed once per model in a process of its own and stored with it."""

import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief
from flowml.domain.errors import FlowMLError, NotFound, NotReady, WrongState
from flowml.domain.models import Model
from flowml.services.context import Context
from flowml.training import processes

_SECONDS = 20.0
# Reading a large table and starting the process come on top of the computation itself.
_PATIENCE_SECONDS = 60.0
_one_at_a_time = threading.Lock()


def stored_importance(model: Model) -> Mapping[str, Any] | None:
    """What was computed before, if anything."""
    found: Mapping[str, Any] | None = model.details.get("permutation_importance")
    return found


def compute_importance(context: Context, model_id: str) -> Mapping[str, Any]:
    """Shuffle each column and see what the score loses.

    Raises NotFound, WrongState when the data set is gone, NotReady saying why it cannot be done now.
    """
    with _one_at_a_time:
        model = context.store.models.get(model_id)
        # Somebody else may have asked for the same while this waited.
        found = stored_importance(model)
        if found is None:
            found = {"method": "permutation", "items": _in_a_child(context, model)}
            keep_importance(context, model, found)
        return found


def keep_importance(context: Context, model: Model, found: Mapping[str, Any]) -> None:
    """Store it, unless the model has become another one meanwhile, as the ensemble of a running job does."""
    with context.store.transaction():
        if context.store.models.get(model.id).file == model.file:
            context.store.models.set_details(model.id, {"permutation_importance": found})


def _in_a_child(context: Context, model: Model) -> list[dict[str, Any]]:
    job = context.store.jobs.get(model.job_id)
    try:
        dataset = context.store.datasets.get(job.dataset_id)
        table = context.store.files.path(dataset.table)
    except NotFound:
        raise WrongState(
            "Which columns matter can no longer be computed: the data set of this run was deleted.",
            hint="Train again on a data set that is still there.",
        ) from None
    brief = JobBrief(job.id, job.spec, dataset.table, dataset.columns)
    receiver, sender = processes.context().Pipe(duplex=False)
    child = processes.context().Process(  # type: ignore[attr-defined]
        target=_work, args=(brief, table, context.store.files.path(model.file), sender), daemon=True
    )
    child.start()
    sender.close()
    try:
        items: list[dict[str, Any]] | None = receiver.recv() if receiver.poll(_PATIENCE_SECONDS) else None
    except EOFError:
        items = None
    finally:
        child.kill()
        child.join()
        receiver.close()
    if not items:
        raise NotReady("Which columns matter could not be computed in time.", hint="Try again when less is running.")
    return items


def _work(brief: JobBrief, table: Path, model_file: Path, sender: Connection) -> None:
    """Main function of the child."""
    processes.settle_child()
    from flowml.automl import modelfile
    from flowml.automl.decision import objective
    from flowml.automl.importance import permutation_importance
    from flowml.training.tasks import load_task

    try:
        task = load_task(brief, lambda _: table)
        model = modelfile.read(model_file)
    except FlowMLError:
        # The sender is closed with nothing in it: the caller says that there is no answer.
        return
    until = time.monotonic() + _SECONDS
    metric = objective(task.metric)
    sender.send(permutation_importance(task, model, metric, seed=task.seed, time_left=lambda: until - time.monotonic()))
