"""The web application: gate → static files, API, live updates, pages."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from flowml.domain.access.caller import Permission, Principal
from flowml.domain.errors import FlowMLError, Forbidden
from flowml.services.access.throttle import Throttle
from flowml.services.context import Context
from flowml.services.fleet import workers
from flowml.web import pages
from flowml.web.caller import CONTEXT, Callers
from flowml.web.endpoint import answering_at_once
from flowml.web.failures import handle_error
from flowml.web.leaving import Waiting
from flowml.web.live import Hub
from flowml.web.routes import ENDPOINTS, open_paths, routes
from flowml.web.security import Gate
from flowml.web.streams import Streams

# A child process that is told to end does so within a part of this.
_ENDING_SECONDS = 5.0
# What is computed in one of them takes the interpreter from all others and from the event loop: few at once, the rest
# in line. What waits for something has threads of its own (`leaving.py`).
_ANSWERING_THREADS = 8


def create_app(
    context: Context,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[Any]] | None = None,
    who: Callable[[Scope], Principal] | None = None,
) -> Gate:
    """Everything this server answers; `lifespan` starts and stops what works beside it, `who` says who calls, unless
    that is found out as usual."""
    waiting = Waiting()
    fleet = workers.Fleet(context)

    @asynccontextmanager
    async def living(app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _ANSWERING_THREADS
        async with nullcontext() if lifespan is None else lifespan(app):
            fleet.attendance.start()
            yield
            fleet.close()
            # What requests have begun still stands on what is stopped next.
            await waiting.ended(_ENDING_SECONDS)

    app = Starlette(
        routes=routes(pages.ENDPOINTS),
        lifespan=living,
        exception_handlers=dict.fromkeys((FlowMLError, HTTPException, ClientDisconnect, Exception), handle_error),
    )
    # Only addresses that there are would be redirected, and so named to whoever asks.
    app.router.redirect_slashes = False
    app.router.default = _nothing_here(app.router.default)
    app.router.middleware_stack = _straight(  # type: ignore[assignment]
        app.router.middleware_stack, app.router.routes
    )
    hub = Hub(context)
    app.state.hub = hub
    app.state.streams = Streams()
    app.state.endpoints = ENDPOINTS
    app.state.waiting = waiting
    app.state.fleet = fleet
    app.state.throttle = Throttle()
    at_once = answering_at_once(ENDPOINTS)
    gate = Gate(app, context, who or Callers(context), open_paths(pages.ENDPOINTS), at_once=at_once)

    def end_waiting() -> None:
        fleet.close()
        hub.end_streams()

    # So that it ends within a moment, however many workers wait for a trial, and pages for what comes next.
    gate.end_waiting = end_waiting
    return gate


def _straight(route: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
    """Addresses without parameters are found by their path; the others by comparing one route after the other, which
    takes longer than most answers."""
    exact = {
        one.path: one
        for one in routes
        if isinstance(one, Route) and not one.param_convertors and not _stands_before(routes, one)
    }

    async def find(scope: Scope, receive: Receive, send: Send) -> None:
        found = exact.get(scope["path"]) if scope["type"] == "http" and not scope.get("root_path") else None
        if found is None:
            await route(scope, receive, send)
            return
        scope.update({"endpoint": found.endpoint, "path_params": {}, "route": found})
        await found.handle(scope, receive, send)

    return find


def _stands_before(routes: Sequence[BaseRoute], wanted: Route) -> bool:
    """Whether another route is asked first for this path."""
    for one in routes:
        if one is wanted:
            return False
        if isinstance(one, Route) and one.path_regex.match(wanted.path):
            return True
    return False


def _nothing_here(answer: ASGIApp) -> ASGIApp:
    """Says that there is nothing at an address to whoever may look at what is stored here; others learn of no address,
    neither that it is there nor that it is not."""

    async def refuse_or_answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Permission.READ not in scope[CONTEXT].caller.may:
            raise Forbidden("There is nothing here that you may do.")
        await answer(scope, receive, send)

    return refuse_or_answer
