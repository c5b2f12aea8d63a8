"""Answers that go on for as long as their reader may hear them: server-sent events, and lines of JSON.

Of the first each reads the tables at its own pace, as connections of the live updates do (`live.py`), and is woken by
the same hub. The others are what one piece of work tells while it is done.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from threading import Event, Lock
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from flowml.domain.errors import TooMany
from flowml.services.context import Context
from flowml.web.caller import asker_of, context_of
from flowml.web.leaving import Waiting, gone
from flowml.web.live import Hub
from flowml.web.wire import ABORT

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/event-stream"
LINES = "application/x-ndjson"
MOST_OF_ONE = 8
MOST = 100
_KEEP_ALIVE_SECONDS = 15.0
# For one who reads nothing, as `live.py` has it; less where the stream is to end.
_SEND_SECONDS = 30.0
_LAST_SECONDS = 0.3
_STILL_HERE = b": still here\n\n"
# Proxies that collect an answer before they pass it on would hold it back for ever.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """Those of an application that are open: few of one caller, and not too many of all."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def take(self, asker: str) -> None:
        """Raises TooMany where there are enough."""
        if self._open[asker] >= MOST_OF_ONE or self._open.total() >= MOST:
            raise TooMany(
                "There are too many open streams.", hint="Close some, or ask /api/logs now and then with “after”."
            )
        self._open[asker] += 1

    def give_back(self, asker: str) -> None:
        self._open[asker] -= 1
        if not self._open[asker]:
            del self._open[asker]


class _Follower:
    """What the hub knows of one stream."""

    def __init__(self, context: Context):
        self.context = context
        self.wake = asyncio.Event()
        self.ended = asyncio.Event()


class _Sending:
    """Sends, but not for ever: the connection of who reads nothing is ended, and with it what waits for that."""

    def __init__(self, send: Send, abort: Callable[[], None]):
        self._send = send
        self._abort = abort
        self._is_busy = False

    async def __call__(self, message: Message) -> None:
        late = asyncio.get_running_loop().call_later(_SEND_SECONDS, self._abort)
        self._is_busy = True
        try:
            await self._send(message)
        finally:
            self._is_busy = False
            late.cancel()

    async def end_after(self, ended: asyncio.Event) -> None:
        """When this comes, whoever has not read what was sent before has a moment."""
        await ended.wait()
        await asyncio.sleep(_LAST_SECONDS)
        if self._is_busy:
            self._abort()


class EventStream(StreamingResponse):
    """The events of the room behind an id, as `read(after, until)` finds them, each as (id, JSON); `type` is theirs."""

    def __init__(
        self, request: Request, type: str, after: int | None, read: Callable[[int, int], Sequence[tuple[int, bytes]]]
    ):
        super().__init__(self._events(type, after, read), media_type=MEDIA_TYPE, headers=_HEADERS)
        self._streams: Streams = request.app.state.streams
        self._hub: Hub = request.app.state.hub
        self._asker = asker_of(request)
        self._follower = _Follower(context_of(request))
        self._streams.take(self._asker)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = _Sending(send, scope.get(ABORT, lambda: None))
        parting = asyncio.create_task(sending.end_after(self._follower.ended))
        try:
            await self._hub.join(self._follower)
            await super().__call__(scope, receive, sending)
        finally:
            parting.cancel()
            self._hub.leave(self._follower)
            self._streams.give_back(self._asker)

    async def _events(
        self, type: str, after: int | None, read: Callable[[int, int], Sequence[tuple[int, bytes]]]
    ) -> AsyncIterator[bytes]:
        hub, follower = self._hub, self._follower
        # An id that the server has not given out yet, as of another database, would wait for ever.
        reached = hub.head if after is None else min(after, hub.head)
        # At once, so that the reader knows that it is heard.
        yield _STILL_HERE
        while not follower.ended.is_set():
            head = hub.head
            found = await run_in_threadpool(read, reached, head) if reached < head else ()
            if found and not follower.ended.is_set():
                reached = found[-1][0]
                yield b"".join(
                    b"id: %d\nevent: %s\ndata: %s\n\n" % (number, type.encode(), data) for number, data in found
                )
                continue
            reached = max(reached, head)
            follower.wake.clear()
            if hub.head == head and not await _woken(follower, _KEEP_ALIVE_SECONDS):
                yield _STILL_HERE


Told = Mapping[str, Any]
Tell = Callable[[Told], None]


class WaitingLines:
    """What was told and is not sent yet. Whoever reads slowly gets more at once, and what is of no use any more not at
    all: so it is never more than the work has to say, however long it goes on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._lock = Lock()
        self._lines: deque[Told] = deque()
        self._is_over = False
        self.was_told = False

    def tell(self, told: Told) -> None:
        """In any thread."""
        with self._lock:
            if self._is_over:
                return
            self.was_told = True
            if told["type"] in _OUTDATED:
                while self._lines and self._lines[-1]["type"] in _OUTDATED[told["type"]]:
                    self._lines.pop()
            if told["type"] == "text" and self._lines and self._lines[-1]["type"] == "text":
                told = {**told, "text": self._lines.pop()["text"] + told["text"]}
            self._lines.append(told)
        self._wake()

    def end(self, *, at_once: bool = False) -> None:
        """Nothing more is told; `at_once`: nor sent."""
        with self._lock:
            self._is_over = True
            if at_once:
                self._lines.clear()
        self._wake()

    async def next(self) -> Told | None:
        """The next line; None behind the last one."""
        while True:
            with self._lock:
                if self._lines:
                    return self._lines.popleft()
                if self._is_over:
                    return None
                self._news.clear()
            await self._news.wait()

    def _wake(self) -> None:
        # The loop may be gone before the work is.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._news.set)


# With a line of the first type those of the others right before it say nothing any more.
_OUTDATED = {"text": ("wait",), "wait": ("wait",), "anew": ("wait", "text", "anew")}


class LineStream(StreamingResponse):
    """What a piece of work tells while it is done, a JSON object a line; made by `lines_of`."""

    def __init__(self, lines: AsyncIterator[bytes], leave: Callable[[], None]):
        super().__init__(lines, media_type=LINES, headers=_HEADERS)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = _Sending(send, scope.get(ABORT, lambda: None))
        try:
            await super().__call__(scope, receive, sending)
        finally:
            self._leave()


async def lines_of(
    request: Request, work: Callable[[Context, Tell], None], as_json: Callable[[Told], bytes]
) -> LineStream:
    """Begin work that tells what comes of it, in a thread. When the client leaves, its context says so. The body of the
    request has been read. Raises what the work raises before it has told anything, and TooMany."""
    streams: Streams = request.app.state.streams
    waiting: Waiting = request.app.state.waiting
    asker, left, told = asker_of(request), Event(), WaitingLines()
    context = context_of(request).until(left)

    def whole() -> None:
        try:
            work(context, told.tell)
        except Exception:
            # Where something was told already, nobody hears of it otherwise.
            if told.was_told and not left.is_set():
                log.exception("an answer in lines broke off")
            raise
        finally:
            told.end()

    def leave() -> None:
        left.set()
        told.end(at_once=True)

    async def lines(first: Told | None) -> AsyncIterator[bytes]:
        line = first
        while line is not None:
            yield as_json(line) + b"\n"
            line = await told.next()

    streams.take(asker)
    working = waiting.begin(whole)
    working.add_done_callback(lambda _: streams.give_back(asker))
    leaving = asyncio.ensure_future(gone(request))
    begun = asyncio.ensure_future(told.next())
    try:
        await asyncio.wait({begun, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            left.set()
        first = await begun
        if first is None:
            await working
    except BaseException:
        leave()
        raise
    finally:
        leaving.cancel()
        begun.cancel()
    return LineStream(lines(first), leave)


async def _woken(follower: _Follower, seconds: float) -> bool:
    waits: list[asyncio.Task[Any]] = [
        asyncio.create_task(follower.wake.wait()),
        asyncio.create_task(follower.ended.wait()),
    ]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


def last_event_id(request: Request) -> int | None:
    """Behind which event a reader that comes back goes on, where it says so."""
    with suppress(ValueError):
        text = request.headers.get("last-event-id", "")
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return int(text)
    return None


def head_only() -> Response:
    """What HEAD is answered."""
    return Response(media_type=MEDIA_TYPE, headers=_HEADERS)
