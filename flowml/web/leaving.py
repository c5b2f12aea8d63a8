"""Work that somebody waits for, and that is told when they have left."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

import anyio
from starlette.requests import Request

from flowml.services.context import Context
from flowml.services.turns import Line, MustWait, Turns, nobody_waits
from flowml.web.caller import asker_of, context_of

# Well above what `services.turns` lets wait in their threads.
_THREADS = 100
# What takes seconds stands in line behind its like, and not before all that is answered at once.
_BULK_AT_ONCE = 2
_ROWS_AT_ONCE = 4
# A search for the smallest change takes seconds, and an explanation longer than an answer: nobody else waits for them.
_REASONS_AT_ONCE, _SEARCHES_AT_ONCE = 1, 1
_WORKER_THREADS = 4
Answer = TypeVar("Answer")


class Waiting:
    """What requests of an application wait for, and the threads in which that is done."""

    def __init__(self) -> None:
        self._threads = anyio.CapacityLimiter(_THREADS)
        self.bulk = Line(_BULK_AT_ONCE, of_one=_BULK_AT_ONCE - 1)
        self.rows = Line(_ROWS_AT_ONCE, of_one=_ROWS_AT_ONCE - 1)
        self.reasons = Line(_REASONS_AT_ONCE)
        self.searches = Line(_SEARCHES_AT_ONCE)
        # There is one for each turn in these lines.
        turns = _BULK_AT_ONCE + _ROWS_AT_ONCE + _REASONS_AT_ONCE + _SEARCHES_AT_ONCE
        self._predicting = anyio.CapacityLimiter(turns)
        self._workers = ThreadPoolExecutor(_WORKER_THREADS, thread_name_prefix="for-a-worker")
        self._works: set[asyncio.Future[Any]] = set()

    async def until_gone(self, request: Request, work: Callable[[Context], Answer], line: Line | None = None) -> Answer:
        """As the function of this name; with `line`, in a turn there."""
        left, turns = Event(), Turns(asker_of(request))
        context = context_of(request).until(left, turns)
        leaving = asyncio.ensure_future(gone(request))
        working = asyncio.ensure_future(self._in_turn(work, context, turns, leaving, line))
        self._works.add(working)
        working.add_done_callback(self._ended)
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            left.set()
            return await asyncio.shield(working)
        finally:
            left.set()
            leaving.cancel()

    async def for_a_worker(self, work: Callable[[], Answer]) -> Answer:
        """As the function of this name."""
        # There are hundreds of them in a second: what anyio does for each thread's task costs as much as the work.
        working = asyncio.get_running_loop().run_in_executor(self._workers, work)
        self._works.add(working)
        working.add_done_callback(self._ended)
        return await asyncio.shield(working)

    def begin(self, work: Callable[[], None]) -> "asyncio.Future[None]":
        """Do what tells by itself what comes of it, in a thread of those for what waits."""
        working = asyncio.ensure_future(anyio.to_thread.run_sync(work, limiter=self._threads))
        self._works.add(working)
        working.add_done_callback(self._ended)
        return working

    async def ended(self, seconds: float) -> None:
        """Wait until all of it has ended, but no longer than this: what it stands on is about to be closed."""
        if self._works:
            await asyncio.wait(set(self._works), timeout=seconds)

    def _ended(self, working: "asyncio.Future[Any]") -> None:
        self._works.discard(working)
        if not working.cancelled():
            # Whoever has left does not ask for it.
            working.exception()

    async def _in_turn(
        self,
        work: Callable[[Context], Answer],
        context: Context,
        turns: Turns,
        leaving: "asyncio.Future[None]",
        line: Line | None,
    ) -> Answer:
        threads = self._threads if line is None else self._predicting
        try:
            while True:
                if line is not None:
                    await _turn(line, turns, leaving)
                try:
                    return await anyio.to_thread.run_sync(work, context, limiter=threads)
                except MustWait as wait:
                    line = wait.line
        finally:
            turns.give_back()


async def until_gone(request: Request, work: Callable[[Context], Answer]) -> Answer:
    """Do what may have to wait for a child process or for what others have asked for, in a thread of those that are
    there for it. It holds none while it waits: then it is tried again when it has its turn (`services.turns.Turns`), so
    that however many wait, everything else is answered. When the client leaves before it is done, the context says so.
    """
    waiting: Waiting = request.app.state.waiting
    return await waiting.until_gone(request, work)


async def in_bulk(request: Request, work: Callable[[Context], Answer]) -> Answer:
    """Do what takes the interpreter for seconds, such as reading or predicting very many rows, in a thread of the few
    that are there for that, by turns; its context says when the client has left. Raises NotReady and TooMany as
    `Line.turn` does."""
    waiting: Waiting = request.app.state.waiting
    return await waiting.until_gone(request, work, waiting.bulk)


async def for_a_row(request: Request, work: Callable[[Context], Answer]) -> Answer:
    """The same for a few rows, which may have to wait for their model to be loaded."""
    waiting: Waiting = request.app.state.waiting
    return await waiting.until_gone(request, work, waiting.rows)


async def for_a_reason(request: Request, work: Callable[[Context], Answer]) -> Answer:
    """The same for why a row is answered as it is."""
    waiting: Waiting = request.app.state.waiting
    return await waiting.until_gone(request, work, waiting.reasons)


async def for_a_search(request: Request, work: Callable[[Context], Answer]) -> Answer:
    """The same for what asks a model about very many rows, for some seconds."""
    waiting: Waiting = request.app.state.waiting
    return await waiting.until_gone(request, work, waiting.searches)


async def for_a_worker(request: Request, work: Callable[[], Answer]) -> Answer:
    """Answer a machine that trains. Nearly every call of theirs stores something, for which all of them wait while
    somebody else does; people who look at a page do not."""
    waiting: Waiting = request.app.state.waiting
    return await waiting.for_a_worker(work)


async def _turn(line: Line, turns: Turns, leaving: "asyncio.Future[None]") -> None:
    """Wait for a turn in this line, and have it among these. Raises NotReady and TooMany as `Line.turn` does."""
    loop = asyncio.get_running_loop()
    come = loop.create_future()
    began = loop.time()
    turns.stand(line, lambda: loop.call_soon_threadsafe(come.set_result, None))
    patience = turns.patience_seconds(line)
    done, _ = await asyncio.wait({come, leaving}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    turns.have_waited(loop.time() - began)
    if leaving in done:
        raise nobody_waits()
    if not done:
        raise line.took_too_long()


async def gone(request: Request) -> None:
    """Returns when the client has left. Whoever waits for that has read the body."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
