"""Work that somebody waits for, and that is told when they have left."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

import anyio
from starlette.requests import Request

from flowml.services.context import Context
from flowml.web.caller import CONTEXT, context_of

THREADS = 100
Answer = TypeVar("Answer")


async def until_gone(request: Request, work: Callable[[Context], Answer]) -> Answer:
    """Do what may have to wait for a child process, in a thread of those that are there for it: however many wait, the
    threads that answer everything else are free. When the client leaves before it is done, the context says so."""
    left = Event()
    context = request.scope[CONTEXT] = context_of(request).until(left)
    working = asyncio.ensure_future(anyio.to_thread.run_sync(work, context, limiter=request.app.state.waiting))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        left.set()
        return await working
    finally:
        left.set()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
