"""Which columns a model uses, computed once per model in a process of its own and stored with it."""

from typing import Any

from flowml.data.child import Child
from flowml.domain.errors import NotFound, NotReady, WrongState
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.models import ColumnImportance, Importance, Model, ModelDetails
from flowml.machine.facts import memory_bytes
from flowml.services.context import Context
from flowml.services.tables import FORKSERVER
from flowml.services.turns import CHILDREN, alone

_SECONDS = 20.0
# Reading a large table and starting the process come on top of the computation itself.
_PATIENCE_SECONDS = 60.0
_MEMORY_SHARE = 0.5


def compute_importance(context: Context, model_id: str) -> Importance:
    """Shuffle each column and see what the score loses.

    Raises NotFound, WrongState when the data set is gone, Damaged, NotReady when there is too little time or a better
    moment, and as `Child.perform` does.
    """
    with alone("importance", model_id, left=context.left, turns=context.turns):
        model = context.store.models.get(model_id)
        # Somebody else may have asked for the same while this waited.
        found = model.details.permutation_importance
        if found is None:
            found = Importance("permutation", _in_a_child(context, model))
            with kept_if_there_is_room("which columns matter"):
                keep_importance(context, model, found)
        return found


def keep_importance(context: Context, model: Model, found: Importance) -> None:
    """Store it, unless the model has become another one meanwhile, as the ensemble of a running job does."""
    with context.store.transaction():
        if context.store.models.get(model.id).file == model.file:
            context.store.models.set_details(model.id, ModelDetails(permutation_importance=found).record())


def _in_a_child(context: Context, model: Model) -> tuple[ColumnImportance, ...]:
    job = context.store.jobs.get(model.job_id)
    try:
        context.store.datasets.get(job.dataset_id)
    except NotFound:
        raise WrongState(
            "Which columns matter can no longer be computed: the data set of this run was deleted.",
            hint="Train again on a data set that is still there.",
        ) from None
    request = {"home": str(context.settings.home), "model_id": model.id, "seconds": _SECONDS}
    with (
        CHILDREN.turn(context.left, context.turns),
        Child("flowml.services.importance_task", starter=FORKSERVER.start) as process,
    ):
        items: list[dict[str, Any]] = process.perform(
            "importance",
            request,
            timeout_seconds=_PATIENCE_SECONDS,
            memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
            cancelled=context.left,
        )["items"]
    if not items:
        raise NotReady("Which columns matter could not be computed in time.", hint="Try again when less is running.")
    return tuple(ColumnImportance(**item) for item in items)
