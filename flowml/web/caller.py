"""How a request gets its caller, and what keeps everyone else out.

The gate asks `caller_of` once for every request and every WebSocket, and puts the services' context for that caller
into the scope. Whatever is behind an address checks there that its caller may do what it needs: an `Endpoint` by the
need in its line of the table of routes, everything else inside a `Guarded`.
"""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from flowml.domain.caller import LOCAL_OWNER, Permission, Principal
from flowml.domain.errors import Forbidden
from flowml.services.context import Context

CONTEXT = "flowml.context"


def caller_of(scope: Scope) -> Principal:
    """Who sends this request or opens this WebSocket. May raise Unauthorized.

    On a loopback address, where no credentials are needed, everyone whom the gate lets in is the owner. Whatever else
    decides, decides by the scope's `path` and `headers`: a `request.url` is put together from what the client says.
    """
    return LOCAL_OWNER


def context_of(connection: HTTPConnection) -> Context:
    """The services' context for whoever sends this request or opened this WebSocket."""
    context: Context = connection.scope[CONTEXT]
    return context


def asker_of(connection: HTTPConnection) -> str:
    """Between whom turns are taken: who calls, from which machine, and apart from what their programs ask for what they
    ask for in a page, which may wait behind no program of theirs."""
    host = connection.client.host if connection.client else ""
    kind = "page" if connection.headers.get("sec-fetch-site") == "same-origin" else "program"
    return f"{context_of(connection).caller.identifier} {host} {kind}"


class Guarded:
    """An ASGI application for callers who may do what it needs."""

    def __init__(self, need: Permission | None, app: ASGIApp):
        self._need = need
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: Context = scope[CONTEXT]
        try:
            context.caller.check(self._need)
        except Forbidden:
            if scope["type"] != "websocket":
                raise
            await refuse_websocket(receive, send)
        else:
            await self._app(scope, receive, send)


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Before the connection is accepted, closing it is the answer 403. An answer with a body of its own would say no
    more: browsers show it to no script, and uvicorn takes it for a handshake that was never finished."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})
