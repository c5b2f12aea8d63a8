"""Live updates: events by room over a WebSocket, replayed from any id.

The hub looks for new events only while somebody is connected, and wakes the connections. Each connection reads the
events table at its own pace, so a slow one holds nothing in memory and loses nothing. One whose token or session has
ended is closed before it hears of what was stored after that.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from flowml.domain.access.caller import LOCAL_OWNER
from flowml.domain.errors import FlowMLError, InvalidInput, MalformedRequest
from flowml.domain.events import Event
from flowml.domain.jobs import Job, JobSpec
from flowml.domain.trials import Trial
from flowml.domain.workers import Worker
from flowml.services import events
from flowml.services.access.keys import is_still_valid
from flowml.services.context import Context
from flowml.web.caller import context_of
from flowml.web.schemas import training, workers

_log = logging.getLogger(__name__)
_GONE = (WebSocketDisconnect, OSError, TimeoutError, RuntimeError)
_POLL_SECONDS = 0.1
# Credentials are looked at whenever something was stored, and as often as this for those that expire.
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 2.0
_SEND_SECONDS = 30.0
_MAX_ROOMS = 200
_MAX_MESSAGE = 4096
NOT_LOGGED_IN = 4401
"""The code of a connection that is closed because what it was opened with has ended."""
_ROOM = re.compile(r"(?:job|chat):[A-Za-z0-9_-]{1,64}|system|workers|logs")


class Listener(Protocol):
    """Who follows what happens: woken when something has, and ended when it may not hear of that any more."""

    wake: asyncio.Event
    ended: asyncio.Event
    context: Context


class Hub:
    """Watches the events table for every connection of this process."""

    def __init__(self, context: Context):
        self._context = context
        self._clients: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self.head = 0

    @property
    def connections(self) -> int:
        return len(self._clients)

    async def join(self, client: Listener) -> None:
        self._clients.add(client)
        self._advance(await run_in_threadpool(events.last_id, self._context))
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    def leave(self, client: Listener) -> None:
        self._clients.discard(client)
        if not self._clients and self._task is not None:
            self._task.cancel()
            self._task = None

    def end_streams(self) -> None:
        """Have those end that nothing else would end: the server is about to. WebSockets are closed by uvicorn."""
        for client in self._clients:
            if not isinstance(client, _Client):
                client.ended.set()

    async def _watch(self) -> None:
        version, looked_at = None, 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                found = await run_in_threadpool(events.version, self._context)
                if found != version or loop.time() - looked_at > _LOOK_SECONDS:
                    await self._part()
                    looked_at = loop.time()
                if found != version:
                    self._advance(await run_in_threadpool(events.last_id, self._context))
                    version = found
            except Exception:
                _log.exception("the events cannot be read")
                await asyncio.sleep(_RETRY_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)

    def _advance(self, head: int) -> None:
        if head > self.head:
            self.head = head
            for client in self._clients:
                client.wake.set()

    async def _part(self) -> None:
        """Leave those whose credential has ended."""
        callers = {client.context.caller for client in self._clients} - {LOCAL_OWNER}
        if callers:
            ended = await run_in_threadpool(lambda: {one for one in callers if not is_still_valid(self._context, one)})
            for client in self._clients:
                if client.context.caller in ended:
                    client.ended.set()


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /api/live`."""
    websocket = WebSocket(scope, receive, send)
    hub: Hub = websocket.app.state.hub
    await websocket.accept()
    client = _Client(websocket, hub, context_of(websocket))
    tasks: list[asyncio.Task[Any]] = []
    try:
        await hub.join(client)
        tasks += [asyncio.create_task(client.listen()), asyncio.create_task(client.send_events())]
        tasks.append(asyncio.create_task(client.ended.wait()))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.leave(client)
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, _GONE):
                _log.error("a live connection failed", exc_info=outcome)
    with suppress(*_GONE):
        # Whoever is still there comes back and asks for what was missed.
        await websocket.close(NOT_LOGGED_IN if client.ended.is_set() else 1012)


class _Client:
    """One connection: which rooms it follows and how far each was sent."""

    def __init__(self, websocket: WebSocket, hub: Hub, context: Context):
        self.wake = asyncio.Event()
        self.ended = asyncio.Event()
        self.context = context
        self._websocket = websocket
        self._hub = hub
        self._cursors: dict[str, int] = {}

    async def listen(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                self._obey(message.get("text"))
            except FlowMLError as error:
                await self._send({"id": None, "room": None, "type": "error", "at": _now(), "data": _words(error)})

    def _obey(self, text: str | None) -> None:
        request = _parse(text)
        if "unsubscribe" in request:
            for room in _rooms(request["unsubscribe"]):
                self._cursors.pop(room, None)
            return
        after = request.get("after")
        if after is not None and (isinstance(after, bool) or not isinstance(after, int) or after < 0):
            raise InvalidInput("“after” must be the id of a message.")
        rooms = _rooms(request.get("subscribe"))
        for room in rooms:
            events.check_may_follow(self.context, room)
        if len(self._cursors.keys() | set(rooms)) > _MAX_ROOMS:
            raise InvalidInput(f"One connection can follow at most {_MAX_ROOMS} rooms.")
        for room in rooms:
            self._cursors[room] = self._hub.head if after is None else min(after, self._hub.head)
        self.wake.set()

    async def send_events(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            while True:
                cursors = dict(self._cursors)
                found, reached = await run_in_threadpool(events.catch_up, self.context, cursors, self._hub.head)
                if not reached:
                    break
                for event in found:
                    if self.ended.is_set():
                        return
                    if event.room in self._cursors:
                        await self._send(message_of(event))
                for room, cursor in reached.items():
                    # Asked for again from another id while this was read: that wish is the newer one.
                    if self._cursors.get(room) == cursors[room]:
                        self._cursors[room] = cursor

    async def _send(self, message: Mapping[str, Any]) -> None:
        text = to_json(message, inf_nan_mode="null").decode()
        await asyncio.wait_for(self._websocket.send_text(text), _SEND_SECONDS)


def message_of(event: Event) -> dict[str, Any]:
    """An event as it is sent; jobs and trials in the same form as everywhere else in the API."""
    return {
        "id": event.id,
        "room": event.room,
        "type": event.type,
        "at": datetime.fromtimestamp(event.at, UTC),
        "data": {name: _outer(name, value) for name, value in event.data.items()},
    }


def _outer(name: str, value: Any) -> Any:
    if name == "job" and isinstance(value, dict) and "spec" in value:
        job = Job(**_known(Job, value) | {"spec": JobSpec(**_known(JobSpec, value["spec"]))})
        return training.Job.model_validate(job).model_dump(mode="json")
    if name == "trial" and isinstance(value, dict):
        return training.Trial.model_validate(Trial(**_known(Trial, value))).model_dump(mode="json")
    if name == "worker" and isinstance(value, dict):
        return workers.Worker.model_validate(Worker(**_known(Worker, value))).model_dump(mode="json")
    return value


def _known(cls: type, value: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the class has: the event may have been written by another version."""
    names = {field.name for field in fields(cls)}
    return {name: item for name, item in value.items() if name in names}


def _parse(text: str | None) -> dict[str, Any]:
    if text is None or len(text) > _MAX_MESSAGE:
        raise MalformedRequest("A message is a short JSON text.")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedRequest("The message is not valid JSON.") from None
    if not isinstance(request, dict) or not request.keys() & {"subscribe", "unsubscribe"}:
        raise MalformedRequest('Send {"subscribe": "job:ID"}, with "after": N to get what you missed.')
    return request


def _rooms(value: Any) -> list[str]:
    rooms = value if isinstance(value, list) else [value]
    for room in rooms:
        if not isinstance(room, str) or not _ROOM.fullmatch(room):
            raise InvalidInput("There is no such room.", hint="Rooms are job:ID, chat:ID, system, workers and logs.")
    return rooms


def _words(error: FlowMLError) -> dict[str, Any]:
    return {"detail": error.detail, "hint": error.hint}


def _now() -> datetime:
    return datetime.now(UTC)
