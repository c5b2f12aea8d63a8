"""Reading what happened, for the live updates."""

from collections.abc import Mapping

from flowml.domain.access.caller import Permission
from flowml.domain.events import Event
from flowml.services.context import Context

BATCH = 500
# What following a room needs, by its kind: what stands before the colon.
_NEEDS = {
    "job": Permission.READ,
    "chat": Permission.READ,
    "system": Permission.READ,
    "workers": Permission.READ,
    "logs": Permission.ADMIN,
}


def check_may_follow(context: Context, room: str) -> None:
    """Raises Forbidden for a room that the caller may not follow, and for one that nobody has heard of."""
    context.caller.check(_NEEDS.get(room.partition(":")[0]))


def last_id(context: Context) -> int:
    """The id of the newest event."""
    return context.store.events.last_id()


def version(context: Context) -> int:
    """A number that changes whenever anything was stored by any process."""
    return context.store.data_version()


def catch_up(context: Context, cursors: Mapping[str, int], head: int) -> tuple[list[Event], dict[str, int]]:
    """The next events of these rooms, each from its own id on, and how far each room has been read.

    Rooms that lag behind are read first; a caller goes on until every cursor has reached `head`.
    """
    behind = {room: cursor for room, cursor in cursors.items() if cursor < head}
    if not behind:
        return [], {}
    lowest = min(behind.values())
    rooms = [room for room, cursor in behind.items() if cursor == lowest]
    # Only up to where the next room joins, so that what is sent stays in the order in which it happened.
    until = min((cursor for cursor in behind.values() if cursor > lowest), default=head)
    events = context.store.events.since(lowest, rooms, BATCH)
    reached = events[-1].id if len(events) == BATCH else until
    reached = min(reached, until)
    return [event for event in events if event.id <= reached], dict.fromkeys(rooms, reached)
