"""What stands around every page: navigation, the runs in progress, where the live updates go on from."""

from dataclasses import dataclass
from typing import TypedDict

from starlette.requests import Request

from flowml import __version__
from flowml.domain.access.caller import Permission, Principal
from flowml.services import events, jobs, system
from flowml.services.fleet import cluster
from flowml.web.caller import context_of


@dataclass(frozen=True)
class NavigationItem:
    section: str
    title: str
    icon: str
    url: str
    need: Permission = Permission.READ


class JobProgress(TypedDict):
    id: str
    name: str
    progress: float


MOST_RUNNING = 50
NAVIGATION = (
    NavigationItem("home", "Home", "home", "/"),
    NavigationItem("datasets", "Data", "table", "/datasets"),
    NavigationItem("train", "Train", "spark", "/train"),
    NavigationItem("jobs", "Runs", "pulse", "/jobs"),
    NavigationItem("workers", "Workers", "chip", "/workers"),
    NavigationItem("logs", "Logs", "list", "/logs", Permission.ADMIN),
    NavigationItem("settings", "Settings", "sliders", "/settings", Permission.ADMIN),
)


def navigation_of(caller: Principal) -> tuple[NavigationItem, ...]:
    """The pages that this caller may open."""
    return tuple(item for item in NAVIGATION if item.need in caller.may)


@dataclass(frozen=True)
class Frame:
    """`section` is the item of the navigation that this page belongs to. `last_event_id` is read before anything
    that the page shows, so that whatever happens meanwhile arrives as a live update. `now` is in seconds since the
    epoch. `notices` are what somebody has to see to, `place` is where their data is."""

    section: str
    path: str
    now: float
    last_event_id: int
    running: tuple[JobProgress, ...]
    notices: tuple[str, ...]
    may_log_out: bool = False
    place: str = "on this server"
    version: str = __version__
    navigation: tuple[NavigationItem, ...] = NAVIGATION


def build_frame(request: Request, section: str) -> Frame:
    """Call this first in a handler. Raises Forbidden for who may not look."""
    context = context_of(request)
    # Pages that say what went wrong have it too, whoever they are for.
    context.caller.check(Permission.READ)
    last_event_id = events.last_id(context)
    running = jobs.open_jobs(context, MOST_RUNNING)
    return Frame(
        section=section,
        path=request.scope["path"],
        now=context.clock(),
        last_event_id=last_event_id,
        running=tuple(JobProgress(id=job.id, name=job.name, progress=job.progress) for job in running),
        notices=tuple(system.notices(context)),
        may_log_out=context.caller.session_id is not None,
        # Not “on this machine”: whoever looks may sit at another one.
        navigation=navigation_of(context.caller),
        place="on this server and its workers" if cluster.trains_elsewhere(context) else "on this server",
    )
