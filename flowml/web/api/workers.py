"""The workers' side of training over HTTP: what `domain.channel.Channel` says, by worker, trial and attempt."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse

from flowml.domain.channel import JobBrief
from flowml.domain.errors import MalformedRequest, TooLarge
from flowml.domain.protocol import LENGTH, OFFSET, PIECE_BYTES, PROTOCOL
from flowml.domain.trials import Lease, Offer
from flowml.domain.workers import Share
from flowml.services import workers
from flowml.services.context import Context
from flowml.services.dispatch.waiting_room import WaitingRoom
from flowml.services.workers import HEARTBEAT_SECONDS, OFFLINE_AFTER_SECONDS, Attempt
from flowml.web.bodies import read_body
from flowml.web.caller import context_of
from flowml.web.leaving import gone
from flowml.web.schemas.workers import Ask, AttemptQuery, Heartbeat, Register, Report


def register(context: Context, body: Register) -> dict[str, Any]:
    """Have a machine join, or come back."""
    share = Share(body.slots, body.threads, body.memory_bytes)
    worker = workers.register(
        context, body.name, body.queues, share, body.capabilities, protocol=body.protocol, instance=body.instance
    )
    return {
        "worker_id": worker.id,
        "name": worker.name,
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "offline_after_seconds": OFFLINE_AFTER_SECONDS,
        "protocol": PROTOCOL,
    }


def heartbeat(context: Context, body: Heartbeat) -> dict[str, Any]:
    """Say that a worker is there and how far its trials are."""
    return {"stop": sorted(workers.heartbeat(context, body.worker_id, body.working()))}


async def lease(request: Request) -> dict[str, Lease | None]:
    """Wait for a trial. Answers as soon as there is one, and after the time that was asked for without."""
    body = await read_body(request, Ask)
    context = context_of(request)
    worker = await run_in_threadpool(workers.check_mine, context, body.worker_id)
    offer = Offer(tuple(body.queues), body.memory_bytes, body.vram_gb)
    room: WaitingRoom = request.app.state.waiting_room
    loop, come = asyncio.get_running_loop(), asyncio.Event()
    waiter = room.stand(worker.id, worker.name, offer, lambda: loop.call_soon_threadsafe(come.set))
    coming, leaving = asyncio.ensure_future(come.wait()), asyncio.ensure_future(gone(request))
    has_left = True
    try:
        done, _ = await asyncio.wait({coming, leaving}, timeout=body.wait_seconds, return_when=asyncio.FIRST_COMPLETED)
        has_left = leaving in done
    finally:
        coming.cancel()
        leaving.cancel()
        found = room.leave(waiter)
        if found is not None and has_left:
            await asyncio.shield(run_in_threadpool(room.give_back, found))
    return {"lease": found}


def brief(context: Context, worker_id: str, trial_id: str, query: AttemptQuery) -> JobBrief:
    """What there is to know about the job of a leased trial."""
    return workers.brief(context, Attempt(worker_id, trial_id, query.attempt))


def file(context: Context, worker_id: str, trial_id: str, sha256: str, query: AttemptQuery) -> FileResponse:
    """A file of the job of a leased trial, or with `Range` a part of it."""
    path = workers.file(context, Attempt(worker_id, trial_id, query.attempt), sha256)
    return FileResponse(path, media_type="application/octet-stream", headers={"ETag": f'"{sha256}"'})


def received(
    context: Context, worker_id: str, trial_id: str, sha256: str, query: AttemptQuery
) -> dict[str, int | None]:
    """How far a file has arrived that a worker hands over."""
    return {"received_bytes": workers.received(context, Attempt(worker_id, trial_id, query.attempt), sha256)}


async def append(
    request: Request, worker_id: str, trial_id: str, sha256: str, query: AttemptQuery
) -> dict[str, int | None]:
    """Hand over the next piece of a file: its bytes are the body, its place and the file's length stand in the
    headers."""
    offset, length = (_whole_number(request, name) for name in (OFFSET, LENGTH))
    piece = bytearray()
    async for chunk in request.stream():
        piece += chunk
        if len(piece) > PIECE_BYTES:
            raise TooLarge(f"A piece may have {PIECE_BYTES:,} bytes.")
    attempt = Attempt(worker_id, trial_id, query.attempt)
    take: Callable[[], int | None] = lambda: workers.append(  # noqa: E731
        context_of(request), attempt, sha256, offset, length, bytes(piece)
    )
    return {"received_bytes": await run_in_threadpool(take)}


def report(context: Context, worker_id: str, trial_id: str, query: AttemptQuery, body: Report) -> dict[str, bool]:
    """Hand in the outcome of a trial."""
    return {"accepted": workers.report(context, Attempt(worker_id, trial_id, query.attempt), body.outcome())}


def _whole_number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise MalformedRequest(f"The header “{header.title()}” is a number of bytes.")
    return int(value)
