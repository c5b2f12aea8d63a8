"""Which columns a model uses, computed once per model in a process of its own and stored with it."""

from typing import Any

from flowml.data.child import Child
from flowml.domain.errors import NotFound, NotReady, WrongState
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.models import ColumnImportance, Importance, Model, ModelDetails
from flowml.machine.facts import memory_bytes
from flowml.services.context import Context
from flowml.services.tables import FORKSERVER, room_left, scratch
from flowml.services.turns import CHILDREN, alone

_SECONDS = 20.0
# Reading a large table and starting the process come on top of the computation itself.
_PATIENCE_SECONDS = 60.0
_MEMORY_SHARE = 0.5


PERMUTATION, SHAP = "permutation", "shap"


def kept_importance(details: ModelDetails, method: str) -> Importance | None:
    """What is known already."""
    return details.shap_importance if method == SHAP else details.permutation_importance


def compute_importance(context: Context, model_id: str, method: str = PERMUTATION) -> Importance:
    """Shuffle each column and see what the score loses, or see what each adds to answers.

    Raises NotFound, WrongState when the data set is gone, Damaged, NotReady when there is too little time or a better
    moment, and as `Child.perform` does.
    """
    with alone("importance", model_id, method, left=context.left, turns=context.turns):
        model = context.store.models.get(model_id)
        # Somebody else may have asked for the same while this waited.
        found = kept_importance(model.details, method)
        if found is None:
            items = in_a_child(context, model, "importance", _SECONDS, method=method)["items"]
            if not items:
                raise NotReady("There was not enough time for it.", hint="Try again when less is running.")
            found = Importance(method, tuple(ColumnImportance(**item) for item in items))
            with kept_if_there_is_room("which columns matter"):
                keep_importance(context, model, found)
        return found


def keep_importance(context: Context, model: Model, found: Importance) -> None:
    """Store it, unless the model has become another one meanwhile, as the ensemble of a running job does."""
    known = ModelDetails(shap_importance=found) if found.method == SHAP else ModelDetails(permutation_importance=found)
    with context.store.transaction():
        if context.store.models.get(model.id).file == model.file:
            context.store.models.set_details(model.id, known.record())


def in_a_child(context: Context, model: Model, what: str, seconds: float, **request: Any) -> dict[str, Any]:
    """One of the tasks of `importance_task` for a model, with so many seconds to read and compute. Raises as
    `compute_importance` does."""
    job = context.store.jobs.get(model.job_id)
    try:
        context.store.datasets.get(job.dataset_id)
    except NotFound:
        raise WrongState(
            "The data set of this run was deleted, and this is worked out from its rows.",
            hint="Train again on a data set that is still there.",
        ) from None
    sent = {"home": str(context.settings.home), "model_id": model.id, "seconds": seconds, **request}
    with (
        CHILDREN.turn(context.left, context.turns),
        Child("flowml.services.importance_task", starter=FORKSERVER.start) as process,
        scratch(context, sent) as temporary,
    ):
        found: dict[str, Any] = process.perform(
            what,
            {**sent, **temporary},
            timeout_seconds=_PATIENCE_SECONDS,
            memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
            cancelled=context.left,
            look=room_left(context),
        )
    return found
