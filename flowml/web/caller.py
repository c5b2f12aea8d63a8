"""How a request gets its caller, and what keeps everyone else out.

The gate asks `Callers` once for every request and every WebSocket, and puts the services' context for that caller
into the scope. Whatever is behind an address checks there that its caller may do what it needs: an `Endpoint` by the
need in its line of the table of routes, everything else inside a `Guarded`.
"""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from flowml.domain.access.caller import LOCAL_OWNER, NOBODY, Permission, Principal
from flowml.domain.errors import Forbidden, MalformedRequest, Unauthorized
from flowml.services.access.keys import caller_with_session, caller_with_token
from flowml.services.context import Context
from flowml.web.cookies import session_secrets

CONTEXT = "flowml.context"
# What proxies say of whom they ask for, or of themselves.
_FORWARDED = frozenset({b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip", b"cf-connecting-ip"})


class Callers:
    """Who sends a request or opens a WebSocket, by the scope's `headers` alone: a `request.url` is put together from
    what the client says.

    On a loopback address everyone whom the gate lets in is the owner of this machine, unless they bring a credential,
    or a proxy brings them from who knows where. Everywhere else who brings none is nobody.
    """

    def __init__(self, context: Context):
        self._context = context
        self._stranger = NOBODY if context.settings.needs_credentials else LOCAL_OWNER

    def __call__(self, scope: Scope) -> Principal:
        """Raises Unauthorized for a credential that is not valid, MalformedRequest for several."""
        credentials, cookies, forwarded = [], [], False
        for name, value in scope["headers"]:
            if name == b"authorization":
                credentials.append(value)
            elif name == b"cookie":
                cookies.append(value)
            elif is_forwarded(name):
                forwarded = True
        if len(credentials) > 1:
            raise MalformedRequest(
                "The request has more than one Authorization header.", hint="Send exactly one, or none."
            )
        if credentials:
            return self._by_token(credentials[0])
        # One that has ended is none: nobody sends it on purpose, and who has it should come to log in again.
        for secret in session_secrets(scope, cookies) if cookies else ():
            if (caller := caller_with_session(self._context, secret)) is not None:
                return caller
        return NOBODY if forwarded else self._stranger

    def _by_token(self, header: bytes) -> Principal:
        scheme, _, secret = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(
                "The Authorization header holds no bearer token.",
                hint="Send “Authorization: Bearer TOKEN”; `flowml token create` makes one.",
            )
        caller = caller_with_token(self._context, secret.strip())
        if caller is None:
            raise Unauthorized(
                "This token is not valid: it is unknown, has expired or was revoked.",
                hint="`flowml token list` shows those that are, `flowml token create` makes another one.",
            )
        return caller


def is_forwarded(name: bytes) -> bool:
    """Whether this header is one that proxies add."""
    return name in _FORWARDED or name.startswith(b"x-forwarded-")


def context_of(connection: HTTPConnection) -> Context:
    """The services' context for whoever sends this request or opened this WebSocket."""
    context: Context = connection.scope[CONTEXT]
    return context


def address_of(connection: HTTPConnection) -> str:
    """Where this server was reached, by a name that the gate has let in."""
    return f"{connection.scope['scheme']}://{connection.headers['host']}"


def asker_of(connection: HTTPConnection) -> str:
    """Between whom turns are taken: who calls, from which machine, and apart from what their programs ask for what they
    ask for in a page, which may wait behind no program of theirs."""
    host = connection.client.host if connection.client else ""
    caller = context_of(connection).caller
    # Where nobody brings a credential, only browsers send the header.
    has_come_from_one = "sec-fetch-site" in connection.headers
    in_page = has_come_from_one if caller.token_id is None else caller.session_id is not None
    return f"{caller.identifier} {host} {'page' if in_page else 'program'}"


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
