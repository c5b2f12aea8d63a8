"""All machines that train for this server."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from flowml.domain.workers import Worker
from flowml.services.context import Context
from flowml.services.fleet import cluster
from flowml.services.fleet.cluster import Cluster
from flowml.web.caller import address_of, context_of
from flowml.web.schemas.base import PageQuery


def index(context: Context, query: PageQuery) -> dict[str, Any]:
    """List the machines that train, this one included."""
    items, total = cluster.list_workers(context, query.limit, query.offset)
    return {"items": items, "total": total}


def show(context: Context, worker_id: str) -> Worker:
    """One machine that trains."""
    return cluster.get_worker(context, worker_id)


def drain(context: Context, worker_id: str) -> Worker:
    """Have a worker take no new trials."""
    return cluster.drain(context, worker_id)


def resume(context: Context, worker_id: str) -> Worker:
    """Have a worker take trials again that was drained or set aside."""
    return cluster.resume(context, worker_id)


def remove_offline(context: Context) -> None:
    """Remove all workers that are offline; one that comes back joins anew."""
    cluster.remove_offline(context)


async def remove(request: Request, worker_id: str) -> None:
    """Remove a worker; what it works on waits again."""
    await run_in_threadpool(cluster.remove, context_of(request), request.app.state.fleet, worker_id)


async def join_token(request: Request) -> dict[str, str]:
    """Make a worker token; it is shown this once, with the command that it is for."""
    name, secret = await run_in_threadpool(cluster.make_join_token, context_of(request))
    return {"name": name, "token": secret, "command": cluster.join_command(address_of(request), secret)}


async def overview(request: Request) -> Cluster:
    """Machines, slots, queues, and the tailnet of this machine."""
    return await run_in_threadpool(cluster.cluster, context_of(request), address_of(request))
