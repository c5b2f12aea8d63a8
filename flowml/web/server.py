"""The web application: gate → static files, API, live updates, pages."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Scope

from flowml.domain.caller import Principal
from flowml.domain.errors import FlowMLError
from flowml.services.context import Context
from flowml.web import pages
from flowml.web.caller import caller_of
from flowml.web.failures import handle_error
from flowml.web.leaving import THREADS
from flowml.web.live import Hub
from flowml.web.routes import ENDPOINTS, routes
from flowml.web.security import Gate


def create_app(
    context: Context,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[Any]] | None = None,
    who: Callable[[Scope], Principal] = caller_of,
) -> ASGIApp:
    """Everything this server answers; `lifespan` starts and stops what works beside it, `who` says who calls."""
    app = Starlette(
        routes=routes(pages.ENDPOINTS),
        lifespan=lifespan,
        exception_handlers=dict.fromkeys((FlowMLError, HTTPException, ClientDisconnect, Exception), handle_error),
    )
    app.state.hub = Hub(context)
    app.state.endpoints = ENDPOINTS
    app.state.waiting = anyio.CapacityLimiter(THREADS)
    return Gate(app, context, who)
