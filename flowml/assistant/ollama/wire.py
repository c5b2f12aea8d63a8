"""One request to a model server: bounded in time and in bytes, and ended from another thread at once."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from flowml.assistant.model import Stopped, TooSlow
from flowml.assistant.ollama import failures
from flowml.machine.ollama import Address

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 3.0
# What a stopped answer takes to end, and how often that is looked for.
_TICK_SECONDS = 0.03
# A line of a stream holds one token; lists of models and what is shown of one are the longest answers.
_LONGEST_LINE = 1 << 18
_MOST_STREAMED = 1 << 24
_LONGEST_ANSWER = 1 << 23
_STOPPED, _LATE = "stopped", "late"


@dataclass(frozen=True)
class Patience:
    """How long a request may take, in seconds: in all, until the first piece, and from one to the next."""

    whole: float
    first: float
    between: float
    connect: float = CONNECT_SECONDS


class _Watch:
    """Ends a connection when somebody has stopped what comes by it, or when its time is over: whoever reads from it
    waits in the system's call, which nothing else wakes."""

    def __init__(self, stopped: Event | None, patience: Patience, clock: Callable[[], float]):
        self._stopped = stopped
        self._patience = patience
        self._clock = clock
        self._end = clock() + patience.whole
        self._due = min(self._end, clock() + patience.first)
        self._socket: socket.socket | None = None
        self._over = Event()
        self._lock = threading.Lock()
        self.why: str | None = None
        self.any_came = False
        self._thread = threading.Thread(target=self._look, name="model-watch", daemon=True)

    def __enter__(self) -> _Watch:
        self.check()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Called by the connection with what it does: from here the socket is known, before anything has come by it."""
        if name in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self.why is not None:
                    self._shut()

    def came(self) -> None:
        """Something has come: the next may take as long again. Raises Stopped and TooSlow."""
        self.any_came = True
        self._due = min(self._end, self._clock() + self._patience.between)
        self.check()

    def check(self) -> None:
        """Raises Stopped and TooSlow where that is the reason why nothing comes any more."""
        why = self.why or self._reason()
        if why == _STOPPED:
            raise Stopped("It was stopped.")
        if why == _LATE:
            raise failures.too_slow(self._patience.whole, any_came=self.any_came)

    def _reason(self) -> str | None:
        if self._stopped is not None and self._stopped.is_set():
            return _STOPPED
        return _LATE if self._clock() >= self._due else None

    def _look(self) -> None:
        while not self._over.wait(_TICK_SECONDS):
            why = self._reason()
            if why is not None:
                with self._lock:
                    self.why = why
                    self._shut()
                return

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Of an encrypted connection too: its other end need not agree.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Wire:
    """Requests to one address. To no other: what the environment says of proxies is not looked at, and where an answer
    leads elsewhere nobody goes. Each has a connection of its own, so that ending it ends this one request."""

    def __init__(self, address: Address, clock: Callable[[], float] = time.monotonic):
        self.address = address
        self._clock = clock

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        patience: Patience,
        stopped: Event | None = None,
    ) -> Any:
        """The answer's JSON. Raises NotRunning, NoModel, Stopped, CutOff and OutOfMemory."""
        try:
            with self._sent(method, path, body, patience, stopped) as (response, watch):
                return failures.parsed(self.address, _all(response, watch, _LONGEST_ANSWER))
        except TooSlow as late:
            # No model had to think about it.
            raise failures.silent(self.address, patience.whole) from late

    def stream(
        self, path: str, body: Mapping[str, Any], *, patience: Patience, stopped: Event | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """The objects of an answer as they come, one a line. Raises as `ask` does; also in the middle."""
        with self._sent("POST", path, body, patience, stopped) as (response, watch):
            waiting, total = bytearray(), 0
            for piece in response.iter_raw():
                watch.came()
                total += len(piece)
                # Pieces may be as short as a byte: what waits for the end of its line is not gone through again.
                first, *further = piece.split(b"\n")
                waiting += first
                lines = []
                for part in further:
                    lines.append(bytes(waiting))
                    waiting = bytearray(part)
                if total > _MOST_STREAMED or len(waiting) > _LONGEST_LINE or any(map(_is_too_long, lines)):
                    raise failures.too_much()
                yield from (failures.line(self.address, line) for line in lines if line.strip())
            watch.check()
            if waiting.strip():
                yield failures.line(self.address, bytes(waiting))

    @contextlib.contextmanager
    def _sent(
        self, method: str, path: str, body: Mapping[str, Any] | None, patience: Patience, stopped: Event | None
    ) -> Iterator[tuple[httpx.Response, _Watch]]:
        # It takes a tenth of a second, which a server without an assistant need not wait for when it starts.
        import httpx

        content = None if body is None else json.dumps(body, ensure_ascii=True, allow_nan=False).encode()
        headers = {"Accept-Encoding": "identity", "Accept": "application/json", **self.address.headers}
        if content is not None:
            headers["Content-Type"] = "application/json"
        # The watch keeps the time: it knows of all of it.
        timeout = httpx.Timeout(patience.whole + 5.0, connect=patience.connect)
        with _Watch(stopped, patience, self._clock) as watch:
            try:
                with (
                    httpx.Client(
                        trust_env=False, verify=_context(self.address), timeout=timeout, follow_redirects=False
                    ) as client,
                    client.stream(
                        method,
                        f"{self.address.url}{path}",
                        content=content,
                        headers=headers,
                        extensions={"trace": watch.trace},
                    ) as response,
                ):
                    if not response.is_success:
                        failures.refused(self.address, response.status_code, _all(response, watch, _LONGEST_LINE))
                    failures.check_kind(
                        self.address,
                        response.headers.get("Content-Type", ""),
                        response.headers.get("Content-Encoding", ""),
                    )
                    yield response, watch
            except httpx.ConnectTimeout as problem:
                watch.check()
                raise failures.unreachable(self.address, "no answer in time") from problem
            except httpx.ConnectError as problem:
                watch.check()
                raise failures.unreachable(self.address, failures.words_of(problem)) from problem
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as problem:
                watch.check()
                if watch.any_came:
                    raise failures.cut_off() from problem
                raise failures.hung_up(self.address) from problem


def _context(address: Address) -> Any:
    if address.scheme != "https":
        # Nothing is encrypted: what it would take to check that need not be read.
        return False
    import ssl

    return ssl.create_default_context()


def _is_too_long(line: bytes) -> bool:
    return len(line) > _LONGEST_LINE


def _all(response: httpx.Response, watch: _Watch, most: int) -> bytes:
    found = bytearray()
    for piece in response.iter_raw():
        watch.came()
        found += piece
        if len(found) > most:
            raise failures.too_much()
    watch.check()
    return bytes(found)
