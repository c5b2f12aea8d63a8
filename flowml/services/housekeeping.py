"""What has to be done now and then: lost leases, files that nothing refers to, workers that are long gone, old
events and lines of the log, results of code that nobody has approved, when tokens were used."""

from collections.abc import Callable

from flowml.services.access.keys import remember_uses
from flowml.services.assistant.previewed import SHELF
from flowml.services.context import Context
from flowml.services.dispatch.recovery import expire_leases

FILE_AGE_SECONDS = 3600.0
_EVENT_AGE_SECONDS = 14 * 86_400.0
# Machines that are made anew under a name of their own each time, as containers are, would pile up.
_WORKER_AGE_SECONDS = 14 * 86_400.0
# Their results are gone earlier, an hour after somebody has asked for one.
_SCORING_AGE_SECONDS = 86_400.0


def keep_house(context: Context, ages: Callable[[], float]) -> None:
    """Everything that is due. Cheap when there is nothing to do. `ages`: the time of day, as `domain.clock.AgeClock`
    has it for files of `FILE_AGE_SECONDS`."""
    expire_leases(context.store, context.clock(), context.steady())
    if context.store.damage is not None:
        # Who knows what its rows referred to.
        return
    now = ages()
    # Young files are left alone: a trainer stores a model before the row that names it.
    context.store.files.forget_future(now)
    context.store.files.remove_unused(now - FILE_AGE_SECONDS)
    context.store.events.remove_before(now - _EVENT_AGE_SECONDS)
    context.store.workers.remove_offline(now - _WORKER_AGE_SECONDS)
    context.store.scorings.remove_before(now - _SCORING_AGE_SECONDS)
    context.store.logs.trim()
    context.store.files.tell(context.store.events.last_id())
    context.store.take_ballast()
    SHELF.forget_old(context.steady())
    remember_uses(context)
