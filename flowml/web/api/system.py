"""The server itself over HTTP: health, figures, documentation."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.access.caller import Permission
from flowml.domain.errors import NotReady
from flowml.services import system, turns
from flowml.services.administration import limits
from flowml.services.context import Context
from flowml.services.fleet import cluster
from flowml.services.system import SystemStats
from flowml.web.api.prometheus import metric, of_predictions
from flowml.web.caller import context_of
from flowml.web.live import Hub


async def health(request: Request) -> dict[str, str]:
    """Does the process answer."""
    return {"status": "ok"}


def readiness(context: Context) -> dict[str, Any]:
    """Can the store be read and written too; `notices` are what somebody should see to all the same.

    What is wrong is told to callers who may look at what is stored here, others hear only that something is."""
    may_look = Permission.READ in context.caller.may
    try:
        system.check_ready(context)
    except NotReady:
        if may_look:
            raise
        raise NotReady("This server is not ready.", hint="Whoever may look at it is told why.") from None
    return {"status": "ready", "notices": system.notices(context) if may_look else []}


def stats(context: Context) -> SystemStats:
    """The server in figures."""
    return system.stats(context)


def settings(context: Context) -> dict[str, Any]:
    """Every setting, its value, and where that comes from."""
    found = limits.settings(context)
    return {"items": found, "total": len(found)}


async def metrics(request: Request) -> Response:
    """Figures in Prometheus' text format."""
    hub: Hub = request.app.state.hub
    found = await run_in_threadpool(system.stats, context_of(request))
    load = await run_in_threadpool(cluster.load, context_of(request))
    lines = [
        *metric("flowml_info", "gauge", "The version that runs.", [({"version": found.version}, 1)]),
        *metric("flowml_uptime_seconds", "gauge", "Seconds since the start.", [({}, found.uptime_seconds)]),
        *metric("flowml_datasets", "gauge", "Stored data sets.", [({}, found.datasets)]),
        *metric("flowml_models", "gauge", "Stored models.", [({}, found.models)]),
        *metric(
            "flowml_jobs",
            "gauge",
            "Training runs by status.",
            [({"status": status}, count) for status, count in found.jobs.items()],
        ),
        *metric(
            "flowml_queue_trials",
            "gauge",
            "Trials that wait for a machine, or are worked on, by queue; a run that has not begun waits like a trial.",
            [
                ({"queue": queue.name, "state": state}, count)
                for queue in load.queues
                for state, count in (("waiting", queue.waiting), ("running", queue.running))
            ],
        ),
        *metric(
            "flowml_workers",
            "gauge",
            "Machines that train, by status.",
            [({"status": status}, count) for status, count in load.workers.items()],
        ),
        *metric(
            "flowml_slots",
            "gauge",
            "Trials that the machines that are online can work on at once.",
            [({"state": "free"}, load.slots_free), ({"state": "busy"}, load.slots_total - load.slots_free)],
        ),
        *of_predictions(found.predictions),
        *metric(
            "flowml_child_processes",
            "gauge",
            "Child processes that work on tables and models for a request, and requests that wait for one.",
            [({"state": state}, count) for state, count in turns.child_processes().items()],
        ),
        *metric("flowml_live_connections", "gauge", "Open live connections.", [({}, hub.connections)]),
        *metric(
            "process_resident_memory_bytes",
            "gauge",
            "Memory of the server process.",
            [({}, system.process_memory_bytes())],
        ),
        *metric("flowml_disk_used_bytes", "gauge", "Used on the home folder's disk.", [({}, found.disk.used_bytes)]),
        *metric("flowml_disk_total_bytes", "gauge", "Size of that disk.", [({}, found.disk.total_bytes)]),
    ]
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


async def live_without_websocket(request: Request) -> Response:
    """Live updates, as a WebSocket: send {"subscribe": "job:ID", "after": N}."""
    raise HTTPException(426, "This address speaks WebSocket.", {"Upgrade": "websocket", "Connection": "Upgrade"})
