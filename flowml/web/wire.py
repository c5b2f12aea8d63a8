"""Bounds on what a client may do to a connection, whatever it sends or does not send.

uvicorn's protocol, with what it leaves open: how large the head of a request may be, how long its parts may take, how
long an answer may lie unread, how many connections there may be. A request costs no timer: every few seconds all
connections are looked at.

A client that is still sending when its connection is closed would find it reset, and many never read why. So what was
refused is read on for a while, and thrown away.
"""

import asyncio
import contextlib
import json
import logging
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from flowml.web.at_once import MOST_AT_ONCE_BYTES, AtOnce, gather

_log = logging.getLogger(__name__)

MOST_HEAD_BYTES = 65_536
"""Of a request line with all headers, and of what may stand between two pieces of a body, or behind it; what arrives in
one piece may be more."""
MOST_REST_BYTES = 1_000_000_000
"""Of what a client still sends after its answer."""
ABORT: Final = "flowml.abort"
"""In a request's scope: what ends its connection at once, and with it whatever waits until its answer is read."""
_MOST_HEADERS = 200
_OTHER_FILES = 150
_TOO_MUCH_HEAD = f"The head of a request may have at most {MOST_HEAD_BYTES:,} bytes and {_MOST_HEADERS} headers."


@dataclass(frozen=True)
class Patience:
    """Seconds for the head of a request; for what a client still sends after its answer; on which nothing is asked;
    without a piece of a body; without any of an answer being read, which people do who pause a download. `rate`: bytes
    a second that a body has at least, after so many seconds without a piece."""

    head: float = 15.0
    rest: float = 10.0
    idle: float = 60.0
    body: float = 30.0
    rate: float = 4_096.0
    unread: float = 3_600.0


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of one connection, within bounds. A client that breaks one hears which, where it can still hear."""

    patience = Patience()
    most_connections = 1_000
    most_rest_bytes = MOST_REST_BYTES
    look_seconds = 5.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection takes the place of one on which nothing happens, where there are too many."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._since = self._body_since = self._piece_since = self.loop.time()
        self._in_head = True
        self._in_message = False
        self._unanswered = 0
        self._was_of_use = False
        self._answering = _Answering(self)
        self.is_parting = False
        self._loose_bytes = self._body_bytes = self._rest_bytes = 0
        self._unread: tuple[int, float] | None = None
        self._is_reading = False
        self._begins: tuple[RequestResponseCycle, Any] | None = None
        self._ask: Callable[[bytes], Any] | None = None
        if len(self.connections) > self.most_connections and not self._find_room():
            self._refuse(503, "There are too many connections to this server.", "Try again in a moment.")
        if not getattr(self.server_state, "looked_after", False):
            self.server_state.looked_after = True  # type: ignore[attr-defined]
            self.loop.call_later(self.look_seconds, _look, self, type(self))

    def data_received(self, data: bytes) -> None:
        """What arrived, unless too much of it belongs to nothing that is of use."""
        if self.is_parting or (self._in_message and not self._in_head and self.cycle.response_complete):
            self._rest_bytes += len(data)
            if self._rest_bytes > self.most_rest_bytes:
                self.transport.abort()
        if self.is_parting or self.transport.is_closing():
            return
        self._was_of_use = False
        self._is_reading = True
        try:
            super().data_received(data)
        finally:
            self._is_reading = False
            if self._begins is not None:
                self._begin(*self._begins)
        self._loose_bytes = 0 if self._was_of_use or not self._in_message else self._loose_bytes + len(data)
        if self._loose_bytes > MOST_HEAD_BYTES:
            if self._in_head:
                self._refuse(431, _TOO_MUCH_HEAD)
            else:
                self._refuse(400, "The body of the request is not sent as HTTP asks for.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._is_reading:
            # When all that has arrived is read, its body may be there: no task would begin before either.
            self._begins, self._ask = (cycle, app), None
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered: where the application can, at once, without a task and all that is made for one, and
        together with those that have arrived with it."""
        quick: AtOnce | None = app if hasattr(app, "at_once") else None
        usual = quick is None or not self._takes_an_answer(cycle) or cycle.waiting_for_100_continue
        ask = None
        if quick is not None and not usual and len(cycle.body) <= MOST_AT_ONCE_BYTES:
            ask = self._ask or quick.at_once(cycle.scope)
        if ask is not None and cycle.more_body:
            # Many clients send it apart from the head, and some in many pieces.
            self._ask = ask
            return
        self._begins = self._ask = None
        asked = None if ask is None else ask(bytes(cycle.body))
        if quick is None or asked is None:
            super()._start_asgi_task(cycle, app)
        elif len(self.connections) == 1:
            self._answer(cycle, quick, quick.answer_together([asked])[0])
        else:
            gather(self.server_state, self.loop, quick, asked, partial(self._answer, cycle, app))

    def _takes_an_answer(self, cycle: RequestResponseCycle) -> bool:
        return not cycle.disconnected and cycle.keep_alive and not self.flow.write_paused

    def _answer(self, cycle: RequestResponseCycle, app: Any, found: tuple[bytes, bytes] | None) -> None:
        if found is None or not self._takes_an_answer(cycle):
            super()._start_asgi_task(cycle, app)
            return
        head, content = found
        dates = [b"%b: %b\r\n" % line for line in self.server_state.default_headers]
        length = b"content-length: %d\r\n\r\n" % len(content)
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((b"HTTP/1.1 200 OK\r\n", *dates, head, length, content)))
        cycle.on_response()
        # As after a task: or it would hold its connection, and that holds it.
        cycle.on_response = _nothing

    def on_message_begin(self) -> None:
        self._in_head = self._in_message = self._was_of_use = True
        self._since = self.loop.time()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Those behind the body are of no use to anybody here.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._was_of_use = False, True
        self._body_bytes, self._body_since = 0, self.loop.time()
        self._piece_since = self._body_since
        if len(self.headers) > _MOST_HEADERS or len(self.url) > MOST_HEAD_BYTES:
            self._in_head = True
            self._refuse(431, _TOO_MUCH_HEAD)
            raise ValueError("nothing of this request is looked at")
        self._unanswered += 1
        super().on_headers_complete()
        self.scope[ABORT] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        if self.cycle is not None:
            self.cycle.transport = self._answering  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._was_of_use = True
        self._body_bytes += len(body)
        self._piece_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        self._unanswered -= 1
        self._rest_bytes = 0
        if not self.is_parting:
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.is_parting and not self.transport.is_closing():
            self._refuse(400, "What arrived is not HTTP.")

    def part(self) -> None:
        """Close the connection; where the client may still be sending, not before it has heard what was said."""
        if self.is_parting or self.transport.is_closing():
            return
        if not self._in_message:
            self.transport.close()
            return
        self.is_parting = True
        self._since = self.loop.time()
        self._rest_bytes = 0
        self._unset_keepalive_if_required()
        self.transport.write_eof()
        self.flow.resume_reading()

    def shutdown(self) -> None:
        if self.is_parting:
            self.transport.close()
        else:
            super().shutdown()

    def look(self, now: float) -> None:
        """End what takes too long."""
        self._look_at_answer(now)
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self.is_parting or (self._in_message and not self._in_head and not is_answering):
            # Closing would wait for whoever reads nothing, too.
            if now - self._since > self.patience.rest:
                self.transport.abort()
        elif self.transport.is_closing():
            return
        elif is_answering:
            self._look_at_body(now)
        elif self._in_head and now - self._since > self.patience.head:
            if self._in_message:
                self._refuse(408, f"The head of the request did not arrive within {self.patience.head:g} seconds.")
            else:
                self.transport.close()
        elif now - self._since > self.patience.idle:
            self.transport.close()

    def _look_at_body(self, now: float) -> None:
        if not self._in_message or self._in_head:
            return
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # It is our turn. What is measured begins anew.
            self._body_bytes, self._body_since, self._piece_since = 0, now, now
        elif now - self._piece_since > self.patience.body:
            self._refuse(408, f"Nothing of the request arrived for {self.patience.body:g} seconds.")
        elif self._body_bytes < self.patience.rate * (now - self._body_since - self.patience.body):
            self._refuse(408, f"The request arrives more slowly than {self.patience.rate:,.0f} bytes a second.")

    def _look_at_answer(self, now: float) -> None:
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            self._unread = None
        elif self._unread is None or waiting != self._unread[0]:
            self._unread = (waiting, now)
        elif now - self._unread[1] > self.patience.unread:
            self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether nothing was asked that is not answered; half a head asks nothing yet."""
        return (self._in_head or not self._in_message) and (self.cycle is None or self.cycle.response_complete)

    @property
    def is_ending(self) -> bool:
        """Whether nothing is done for it any more: it is only there until its client has heard that."""
        return self.is_parting or self.transport.is_closing()

    def _find_room(self) -> bool:
        """Whether there is room for this connection among those that are served, after closing those on which nothing
        has happened for longest, else those whose answers lie unread: several, so that the next ones find room at once.
        Those that are ending take no room from these, and half as much beside it."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
        ending = [one for one in others if one.is_ending]
        for one in sorted(ending, key=lambda one: one._since)[: max(0, len(ending) - self.most_connections // 2)]:
            one.transport.abort()
        if len(self.connections) - len(ending) <= self.most_connections:
            return True
        served = [one for one in others if not one.is_ending]
        idle = sorted((one for one in served if one.is_idle), key=lambda one: one._since)
        unread = sorted((one for one in served if one._unread), key=lambda one: one._unread[1] if one._unread else 0.0)
        closed = (idle or unread)[: 1 + self.most_connections // 20]
        for one in closed:
            one.transport.abort()
        return bool(closed)

    def handle_websocket_upgrade(self) -> None:
        """Half of the room is for subscriptions; beyond that the oldest ends, and a page asks for it again."""
        super().handle_websocket_upgrade()
        following = self.server_state.__dict__.setdefault("following", OrderedDict())
        for transport in [one for one in following if one.is_closing()]:
            del following[transport]
        following[self.transport] = None
        while len(following) > self.most_connections // 2:
            following.popitem(last=False)[0].abort()

    def _refuse(self, status: int, detail: str, hint: str | None = None) -> None:
        """Answer in the place of the program, if it has not begun to, and close the connection."""
        # The answer to an earlier request comes first, and to this one only if it has not begun.
        earlier = self._unanswered > (1 if self._in_message and not self._in_head else 0)
        has_begun = self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started
        if not earlier and not has_begun:
            document: dict[str, Any] = {"type": "about:blank", "title": _TITLES[status], "status": status}
            document |= {"detail": detail} | ({} if hint is None else {"hint": hint})
            content = json.dumps(document).encode()
            head = f"HTTP/1.1 {status} {_TITLES[status]}\r\ncontent-type: application/problem+json\r\n"
            self.transport.write(
                f"{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content
            )
        if self.cycle is not None:
            # Whoever waits for the rest hears that there is none, and what it answers reaches nobody.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        # More may be on its way even where nothing has come yet that looks like a request.
        self._in_message = True
        self.part()


def _nothing() -> None:
    """What follows an answer that has followed it already."""


class _Answering:
    """What a request's answer is written to: its connection, which is not simply closed behind it."""

    def __init__(self, protocol: BoundedProtocol):
        self._protocol = protocol
        self.close = protocol.part

    def write(self, data: bytes) -> None:
        if not self._protocol.is_parting:
            self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.is_parting or self._protocol.transport.is_closing()


def _look(first: BoundedProtocol, kind: type[BoundedProtocol]) -> None:
    """Look at all connections, again and again while there are any."""
    for one in list(first.connections):
        if isinstance(one, BoundedProtocol):
            try:
                one.look(first.loop.time())
            except Exception:
                _log.exception("a connection could not be looked at")
    if first.connections:
        first.loop.call_later(kind.look_seconds, _look, first, kind)
    else:
        first.server_state.looked_after = False  # type: ignore[attr-defined]


_TITLES = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def configured(app: ASGIApp, http: type[BoundedProtocol] = BoundedProtocol, **more: Any) -> Config:
    """How uvicorn serves this application."""
    return Config(
        app,
        http=http,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=1 << 16,
        # Events are small, and a compressor of its own for each of hundreds of subscriptions is not.
        ws_per_message_deflate=False,
        **more,
    )


def allow_many_connections() -> None:
    """Have the system give this process as many files as it may have, of which half may be connections."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8_192 if hard == resource.RLIM_INFINITY else min(hard, 8_192)
    with contextlib.suppress(OSError, ValueError):
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    # A download takes a file beside its connection; the server itself and its children take some dozens.
    left = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES
    BoundedProtocol.most_connections = max(16, min(4_000, left // 2))
