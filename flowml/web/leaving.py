"""Work that somebody waits for, and that is told when they have left."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request


async def until_gone(request: Request, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Do it in a thread; when the client leaves before it is done, it is told so by the event `cancelled`."""
    cancelled = Event()
    working = asyncio.ensure_future(run_in_threadpool(work, *arguments, **named, cancelled=cancelled))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.set()
        return await working
    finally:
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
