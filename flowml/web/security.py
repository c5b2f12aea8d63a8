"""The gate in front of everything: who may talk to this server, and what browsers may do with its answers.

A server on a loopback address needs no credentials, so what protects it is that only this machine's own pages and
programs get through: a foreign `Host` is DNS rebinding, a foreign `Origin` is another site's script, and that one would
come with a browser's cookie elsewhere. Both are refused for every method and path and for WebSockets, before any of the
program sees the request. So is whoever has no valid credential where it takes one, at all addresses but those few that
are open.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowml.domain.access.caller import NOBODY, Permission, Principal
from flowml.domain.errors import (
    FlowMLError,
    Forbidden,
    MalformedRequest,
    NotReady,
    Unauthorized,
    UnsupportedFormat,
)
from flowml.domain.faults import fault_of
from flowml.services.access.hosts import Hosts
from flowml.services.context import Context
from flowml.web.caller import CONTEXT, refuse_websocket
from flowml.web.errors import problem_response
from flowml.web.static import PREFIX

_log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "manifest-src 'self'",
    )
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With `no-referrer` browsers would send `Origin: null` with the forms of these very pages.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Browsers take no notice of it on plain HTTP from another machine, and write down each time that they do not.
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
_RAW_PLAIN_HEADERS = [(name, value) for name, value in _RAW_HEADERS if name != b"cross-origin-opener-policy"]
_NAMES = frozenset(name for name, _ in _RAW_HEADERS)
_CACHE_CONTROL = b"cache-control"
_JSON = (b"content-type", b"application/json")
_IS_PLAIN = "flowml.plain"
_SAME = frozenset({"same-origin", "none"})
_LOOKED_AT = frozenset({b"host", b"origin", b"sec-fetch-site", b"content-encoding"})
_SCHEMES = {"ws": "http", "wss": "https"}
# What these answer is not shown to people, and some of it has to be computed.
_NO_PAGES = ("/api/", "/metrics", "/v2", "/invocations")


@dataclass(frozen=True, eq=False)
class AtOnce:
    """How an address answers a POST of JSON with JSON, if that takes no time at all. `ask`: what is to be answered, of
    a caller and a body; None for what the application has to look at, as for what it raises. `answer`: the answers to
    several that have arrived together, which is quicker than one after the other; None for what cannot be answered so.
    """

    need: Permission
    ask: Callable[[Context, bytes], Any]
    answer: Callable[[Sequence[Any]], Sequence[bytes | None]]


_Asked = tuple[AtOnce, Any, bytes]


class _NotLoggedIn(Unauthorized):
    """No credential at all: a person is helped to one."""


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        context: Context,
        who: Callable[[Scope], Principal],
        open_paths: Collection[str] = frozenset(),
        *,
        has_pages: bool = True,
        any_host: bool = False,
        at_once: Mapping[str, AtOnce] | None = None,
    ):
        """`who` calls is what every request's context says from here on; nobody gets to other than the open paths.
        Without pages, nobody is led to one. `any_host`: it answers under any name, which is for a server where
        everything takes a secret that no browser sends by itself. What none of `at_once` answers goes to the
        application."""
        self._app = app
        self._context_of = lru_cache(maxsize=128)(context.of)
        self._who = who
        self._hosts = Hosts(context.settings)
        self._open_paths = open_paths
        self._has_pages = has_pages
        self._any_host = any_host
        self._at_once = at_once or {}
        self.end_waiting: Callable[[], None] = lambda: None
        """To be called when the server is about to end: who waits for something to happen hears that it does not."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._let_in(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await refuse_websocket(receive, send)
            else:
                await self._app(scope, receive, send)
            return

        has_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start":
                message["headers"] = _with_ours(scope, message["headers"])
            await send(message)

        if refusal is not None and self._has_pages and _asks_for_a_page(scope):
            # With their templates they take a part of the time in which a server without them starts.
            from flowml.web.pages.errors import refused_page

            is_stranger = isinstance(refusal, _NotLoggedIn)
            page = _to_log_in(scope) if is_stranger else refused_page(Request(scope), refusal)
            await page(scope, receive, send_guarded)
        elif refusal is not None:
            await problem_response(refusal, path=scope["path"])(scope, receive, send_guarded)
        else:
            try:
                await self._app(scope, receive, send_guarded)
            except asyncio.CancelledError:
                # The time is over that a server that ends gives to what was begun.
                if has_begun:
                    raise
                ending = NotReady("This server has ended before the answer was there.", hint="Send the request again.")
                await problem_response(ending, path=scope["path"])(scope, receive, send_guarded)

    def at_once(self, scope: Scope) -> Callable[[bytes], "_Asked | None"] | None:
        """What makes of a body what is to be answered (`wire.AtOnce`), by the same rules as any other; None for a
        request that has to be refused, or that the application has to look at."""
        found = self._at_once.get(scope["path"])
        if found is None or scope["method"] != "POST" or scope["root_path"] or _JSON not in scope["headers"]:
            return None
        if scope["query_string"]:
            # It may say something that is for the application to look at.
            return None
        if self._let_in(scope) is not None or found.need not in scope[CONTEXT].caller.may:
            return None

        def ask(content: bytes) -> _Asked | None:
            try:
                asked = found.ask(scope[CONTEXT], content)
            except Exception:
                # It is met again where errors are answered and written down.
                return None
            return None if asked is None else (found, asked, _PLAIN_HEAD if scope.get(_IS_PLAIN) else _HEAD)

        return ask

    def answer_together(self, asked: Sequence["_Asked"]) -> Sequence[tuple[bytes, bytes] | None]:
        """The head and the content of the answer to each; None for what has to go to the application."""
        answers: dict[int, Iterator[bytes | None]] = {}
        for way in {one[0] for one in asked}:
            alike = [question for of_way, question, _ in asked if of_way is way]
            try:
                answers[id(way)] = iter(way.answer(alike))
            except Exception:
                _log.debug("requests are answered one by one", exc_info=True)
                answers[id(way)] = iter([None] * len(alike))
        each = ((head, next(answers[id(way)])) for way, _, head in asked)
        return [None if content is None else (head, content) for head, content in each]

    def _let_in(self, scope: Scope) -> Exception | None:
        """Why this request may not come in; None where it may, and has its context now."""
        refusal = _refused(scope, self._hosts, any_host=self._any_host)
        if refusal is not None:
            return refusal
        try:
            caller = self._who(scope)
        except Exception as error:
            if isinstance(error, Unauthorized) and not self._has_pages and scope["path"] in self._open_paths:
                # A probe may send what is for other addresses.
                scope[CONTEXT] = self._context_of(NOBODY)
                return None
            if isinstance(error, FlowMLError):
                return error
            _log.exception("who sends a request could not be found out")
            return fault_of(error) or error
        if caller is NOBODY and (scope["type"] != "http" or scope["path"] not in self._open_paths):
            return _NotLoggedIn(
                "This takes a credential, and the request has none that is valid.",
                hint="Log in at /login, or send “Authorization: Bearer TOKEN”; `flowml token create` on the server"
                " makes one."
                if self._has_pages
                else "Send “Authorization: Bearer SECRET” with the secret that this server was started with.",
            )
        scope[CONTEXT] = self._context_of(caller)
        return None


def _head(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % one for one in (_JSON, *headers, (_CACHE_CONTROL, b"no-store")))


_HEAD, _PLAIN_HEAD = _head(_RAW_HEADERS), _head(_RAW_PLAIN_HEADERS)


def _with_ours(scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those of the gate; what the answer says itself stands, but for what a session keeps
    to itself."""
    found = list(headers)
    if _is_of_a_session(scope):
        # Whoever sits there after a log-out does not go back to it.
        found = [(name, value) for name, value in found if name != _CACHE_CONTROL]
        found.append((_CACHE_CONTROL, b"no-store"))
    given = {name for name, _ in found}
    ours = _RAW_PLAIN_HEADERS if scope.get(_IS_PLAIN) else _RAW_HEADERS
    found += ours if given.isdisjoint(_NAMES) else [(name, value) for name, value in ours if name not in given]
    if _CACHE_CONTROL not in given:
        found.append((_CACHE_CONTROL, b"no-store" if scope["path"].startswith("/api/") else b"no-cache"))
    return found


def _refused(scope: Scope, hosts: Hosts, *, any_host: bool = False) -> FlowMLError | None:
    """Why this request may not come in, or None when it may. From here on the scope's scheme is that of browsers."""
    found: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        if name in _LOOKED_AT:
            found.setdefault(name, []).append(value.decode("latin-1"))
    named = found.get(b"host", ())
    if len(named) != 1:
        return MalformedRequest("The request names no host, or more than one.", hint="Send exactly one Host header.")
    host = named[0].lower()
    own = scope["server"][0] if scope.get("server") else ""
    scheme = hosts.scheme(host, own, _SCHEMES.get(scope["scheme"], scope["scheme"]))
    if scheme is None and any_host:
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
    if scheme is None:
        return Forbidden(
            "This server does not answer under that name.",
            hint="Open it as http://127.0.0.1 or http://localhost with its port. Where others reach it, and that is a"
            " name of it, start it with --allowed-hosts NAME (FLOWML_ALLOWED_HOSTS).",
        )
    if scheme == "https":
        scope["scheme"] = "wss" if scope["type"] == "websocket" else "https"
    else:
        scope[_IS_PLAIN] = not hosts.is_loopback(host)
    origins = {origin.lower() for origin in found.get(b"origin", ())}
    if origins == {f"https://{host}"} and scheme == "http":
        return Forbidden(
            "This page was opened over HTTPS, and the server does not know that it is reached like that.",
            hint=f"Start it with --allowed-hosts https://{host} (FLOWML_ALLOWED_HOSTS).",
        )
    if origins - {f"{scheme}://{host}"}:
        return Forbidden("Pages of another site may not use this server.")
    if any(site not in _SAME for site in found.get(b"sec-fetch-site", ())) and not _is_followed_link(scope):
        return Forbidden("Pages of another site may not use this server.")
    return _packed(found.get(b"content-encoding", ()))


def _packed(encodings: Iterable[str]) -> UnsupportedFormat | None:
    """What is said to a request whose body is compressed: little of it may become very much, wherever it is read."""
    if all(encoding.strip().lower() in ("", "identity") for encoding in encodings):
        return None
    return UnsupportedFormat(
        f"The body of the request is compressed (Content-Encoding: {', '.join(encodings)[:40]}), and this server takes"
        " none that is.",
        hint="Send it without Content-Encoding, as it is. Many rows take little as Parquet, and a file that is uploaded"
        " in a form may be a compressed one.",
    )


def _asks_for_a_page(scope: Scope) -> bool:
    """Whether a person has opened this address, to whom a log-in page is of use."""
    headers = Headers(scope=scope)
    opened = headers.get("sec-fetch-dest")
    return (
        scope["method"] in ("GET", "HEAD")
        and _is_a_page(scope)
        and not scope["path"].startswith(PREFIX)
        and (opened == "document" if opened else "text/html" in headers.get("accept", ""))
    )


def _is_a_page(scope: Scope) -> bool:
    return scope["path"] == "/api/docs" or not scope["path"].startswith(_NO_PAGES)


def _to_log_in(scope: Scope) -> Response:
    from flowml.web.pages import login

    query = scope["query_string"].decode("latin-1")
    wanted = quote(scope["path"]) + (f"?{query}" if query else "")
    return Response(status_code=303, headers={"Location": login.address(wanted), "Cache-Control": "no-store"})


def _is_of_a_session(scope: Scope) -> bool:
    context: Context | None = scope.get(CONTEXT)
    return context is not None and context.caller.session_id is not None and not scope["path"].startswith(PREFIX)


def _is_followed_link(scope: Scope) -> bool:
    """A person who follows a link on another page to one of these: harmless, unlike everything else from there."""
    headers = Headers(scope=scope)
    return (
        scope["type"] == "http"
        and _is_a_page(scope)
        and scope["method"] in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
