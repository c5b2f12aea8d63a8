"""The workers' side of training over HTTP: what `domain.channel.Channel` says, by worker, trial and attempt."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse

from flowml.domain.channel import JobBrief
from flowml.domain.errors import MalformedRequest, TooLarge
from flowml.domain.protocol import LENGTH, OFFSET, PIECE_BYTES, PROTOCOL
from flowml.domain.trials import Lease
from flowml.domain.workers import Caller, Share, Worker, WorkerStatus
from flowml.services.access.keys import is_still_valid
from flowml.services.context import Context
from flowml.services.fleet import program as fleet_program
from flowml.services.fleet import workers
from flowml.services.fleet.attendance import OFFLINE_AFTER_SECONDS
from flowml.services.fleet.program import Program
from flowml.services.fleet.workers import HEARTBEAT_SECONDS, Attempt, Fleet
from flowml.web.bodies import read_body
from flowml.web.caller import context_of
from flowml.web.leaving import for_a_worker, gone, in_bulk
from flowml.web.schemas.workers import Ask, AttemptQuery, GiveBack, Heartbeat, Leave, Register, Report, Watch


async def register(request: Request) -> dict[str, Any]:
    """Have a machine join, or come back."""
    body = await read_body(request, Register)
    context, fleet = context_of(request), _fleet(request)

    def join() -> Worker:
        return workers.register(
            context,
            fleet,
            body.name,
            body.queues,
            Share(body.slots, body.threads, body.memory_bytes),
            body.capabilities,
            protocol=body.protocol,
            instance=body.instance,
            life=body.life,
        )

    worker = await for_a_worker(request, join)
    return {
        "worker_id": worker.id,
        "name": worker.name,
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "offline_after_seconds": OFFLINE_AFTER_SECONDS,
        "protocol": PROTOCOL,
    }


async def program(request: Request) -> Program:
    """Which file this server runs from."""
    return await in_bulk(request, lambda context: fleet_program.program())


async def program_file(request: Request, sha256: str) -> FileResponse:
    """The file that this server runs from, or with `Range` a part of it."""
    path = await in_bulk(request, lambda context: fleet_program.program_file(sha256))
    return FileResponse(path, media_type="application/octet-stream", headers={"ETag": f'"{sha256}"'})


async def heartbeat(request: Request) -> dict[str, Any]:
    """Say that a worker is there and how far its trials are."""
    context, fleet = context_of(request), _fleet(request)
    arrived = context.steady()
    body = await read_body(request, Heartbeat)
    working, load = body.working(), body.said_load()
    stop = await for_a_worker(
        request, lambda: workers.heartbeat(context, fleet, body.worker_id, working, arrived, body.life, load)
    )
    return {"stop": sorted(stop)}


async def lease(request: Request) -> dict[str, Lease | None]:
    """Wait for a trial. Answers as soon as there is one, and after the time that was asked for without."""
    body = await read_body(request, Ask)
    context, fleet = context_of(request), _fleet(request)
    worker = await caller_of(request, body.worker_id)
    room, come = fleet.waiting_room, Come()
    waiter = room.stand(worker.id, worker.name, body.offer(), come.soon)
    is_here = False
    try:
        # Its token may have been revoked while it waited.
        is_here = not await come.within(body.wait_seconds, request) and is_still_valid(context, context.caller)
    finally:
        found = room.leave(waiter)
        if found is not None and not is_here:
            await asyncio.shield(for_a_worker(request, partial(room.give_back, found)))
    return {"lease": found if is_here else None}


async def watch(request: Request) -> dict[str, list[str]]:
    """Wait until a trial of this worker's is to be abandoned. A worker that has none of these open is held to be gone
    after some seconds, if it had one before."""
    body = await read_body(request, Watch)
    fleet = _fleet(request)
    await caller_of(request, body.worker_id)
    come = Come()
    with fleet.attendance.line(body.worker_id) as has_left:
        watcher = fleet.waiting_room.watch(body.worker_id, body.known, come.soon)
        try:
            if await come.within(body.wait_seconds, request):
                has_left()
        finally:
            stop = fleet.waiting_room.unwatch(watcher)
    return {"stop": sorted(stop)}


async def leave(request: Request) -> None:
    """The worker ends, and gives back what it works on."""
    body = await read_body(request, Leave)
    context, fleet = context_of(request), _fleet(request)
    await for_a_worker(request, lambda: workers.leave(context, fleet, body.worker_id))


def give_back(context: Context, worker_id: str, trial_id: str, query: AttemptQuery, body: GiveBack) -> None:
    """Not go on with a trial: it waits again."""
    workers.give_back(context, Attempt(worker_id, trial_id, query.attempt), body.reason, body.fault)


def brief(context: Context, worker_id: str, trial_id: str, query: AttemptQuery) -> JobBrief:
    """What there is to know about the job of a leased trial."""
    return workers.brief(context, Attempt(worker_id, trial_id, query.attempt))


async def file(request: Request, worker_id: str, trial_id: str, sha256: str, query: AttemptQuery) -> FileResponse:
    """A file of the job of a leased trial, or with `Range` a part of it."""
    attempt = Attempt(worker_id, trial_id, query.attempt)
    path = await in_bulk(request, lambda context: workers.file(context, attempt, sha256))
    return _InLargePieces(path, media_type="application/octet-stream", headers={"ETag": f'"{sha256}"'})


class _InLargePieces(FileResponse):
    # Each is read in a thread, which costs more than its bytes do; of a thousand workers as many are in memory.
    chunk_size = 128 * 1024


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
    return {"received_bytes": await for_a_worker(request, take)}


async def report(request: Request, worker_id: str, trial_id: str, query: AttemptQuery) -> dict[str, Any]:
    """Hand in the outcome of a trial, and with an offer take the next one where one waits."""
    body = await read_body(request, Report)
    context, fleet = context_of(request), _fleet(request)
    attempt, offer = Attempt(worker_id, trial_id, query.attempt), body.offer()
    leaving = asyncio.ensure_future(gone(request))
    try:
        is_accepted, lease = await for_a_worker(
            request, lambda: workers.report(context, fleet, attempt, body.outcome(), offer)
        )
        if lease is not None and leaving.done():
            await for_a_worker(request, partial(fleet.waiting_room.give_back, lease))
            lease = None
    finally:
        leaving.cancel()
    return {"accepted": is_accepted, "lease": lease}


async def caller_of(request: Request, worker_id: str) -> Caller:
    """The worker that calls, if it is the caller's. Raises NotFound and Forbidden."""
    context, fleet = context_of(request), _fleet(request)
    worker = workers.caller(context, fleet, worker_id)
    if worker.status is WorkerStatus.OFFLINE:
        await for_a_worker(request, lambda: workers.called(context, fleet, worker_id))
    return worker


class Come:
    """Something that another thread says has come."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[bool] = self._loop.create_future()

    def soon(self) -> None:
        self._loop.call_soon_threadsafe(self._end, False)

    async def within(self, seconds: float, request: Request) -> bool:
        """Wait for it so long; whether the client has left meanwhile."""
        leaving = asyncio.ensure_future(gone(request))
        leaving.add_done_callback(lambda _: self._end(True))
        timer = self._loop.call_later(seconds, self._end, False)
        try:
            return await self._over
        finally:
            timer.cancel()
            leaving.cancel()

    def _end(self, has_left: bool) -> None:
        if not self._over.done():
            self._over.set_result(has_left)


def _fleet(request: Request) -> Fleet:
    fleet: Fleet = request.app.state.fleet
    return fleet


def _whole_number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise MalformedRequest(f"The header “{header.title()}” is a number of bytes.")
    return int(value)
