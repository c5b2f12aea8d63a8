"""What has to be done now and then: lost leases, files that nothing refers to, old events."""

from flowml.services.context import Context
from flowml.services.dispatch.recovery import expire_leases

_FILE_AGE_SECONDS = 3600.0
_EVENT_AGE_SECONDS = 14 * 86_400.0


def keep_house(context: Context) -> None:
    """Everything that is due. Cheap when there is nothing to do."""
    now = context.clock()
    expire_leases(context.store, now)
    if context.store.damage is not None:
        # Who knows what its rows referred to.
        return
    # Young files are left alone: a trainer stores a model before the row that names it.
    context.store.files.remove_unused(context.store.used_files(), now - _FILE_AGE_SECONDS)
    context.store.events.remove_before(now - _EVENT_AGE_SECONDS)
