"""Whatever a client sends, or does not send, it takes a bounded part of the server, and hears why no more."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from flowml.web.wire import BoundedProtocol, Patience
from tests.web.serving import run_app

CHUNK = b"x" * 60_000


class _Impatient(BoundedProtocol):
    patience = Patience(head=0.3, rest=0.3, idle=0.3, body=0.3, rate=4_000, unread=0.3)
    most_connections = 12
    most_rest_bytes = 5_000_000
    look_seconds = 0.05


@dataclass
class _Seen:
    """What the program behind has seen."""

    requests: list[str]
    bodies: list[int]
    gone: int = 0


SEEN = _Seen([], [])
HELD = threading.Event()


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the size of the body; /early without reading it, /large with more than a connection holds, /late
    when it has slept before reading it, /held when that is set."""
    SEEN.requests.append(scope["path"])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    if scope["path"] == "/late":
        await asyncio.sleep(0.8)
    if scope["path"] == "/held":
        await asyncio.to_thread(HELD.wait, 20)
    size, more = 0, not scope["path"].startswith("/early")
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            SEEN.gone += 1
            return
        size += len(message["body"])
        more = message["more_body"]
    SEEN.bodies.append(size)
    content = b"y" * 40_000_000 if scope["path"].endswith("/large") else json.dumps({"size": size}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with run_app(_app, http=_Impatient) as port:
        yield port


@pytest.fixture(scope="module")
def patient() -> Iterator[int]:
    """The port of a server that takes its time."""
    with run_app(_app) as port:
        yield port


class _Client(socket.socket):
    """A connection on which anything can be sent."""

    def __init__(self, port: int):
        super().__init__()
        self.settimeout(20)
        self.connect(("127.0.0.1", port))

    def send_all(self, *parts: bytes) -> None:
        """As much of it as the other side takes."""
        try:
            for part in parts:
                self.sendall(part)
        except ConnectionError:
            pass

    def answer(self) -> tuple[int, Any]:
        """Status and document; 0 and None where the connection was closed without."""
        content = b""
        try:
            while piece := self.recv(65_536):
                content += piece
        except ConnectionError:
            pass
        head, _, body = content.partition(b"\r\n\r\n")
        return (int(head.split()[1]), json.loads(body)) if head else (0, None)


def _request(path: str = "/", *headers: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%b" % (path.encode(), b"".join(line + b"\r\n" for line in headers))


def test_a_request_is_answered_as_ever(port: int) -> None:
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 3", b"Connection: close"), b"\r\nabc")
        assert client.answer() == (200, {"size": 3})
    with _Client(port) as client:
        client.send_all(_request("/", b"Transfer-Encoding: chunked", b"Connection: close"), b"\r\n")
        client.send_all(*[b"1\r\nx\r\n"] * 20_000, b"0\r\n\r\n")
        assert client.answer() == (200, {"size": 20_000})
    # Two at once, of which the second begins in the piece that ends the first.
    with _Client(port) as client:
        first = _request("/", b"Content-Length: 200000") + b"\r\n" + b"a" * 200_000
        client.send_all(first + _request("/", b"Content-Length: 1", b"Connection: close") + b"\r\nb")
        while client.recv(65_536):
            pass
    assert SEEN.bodies[-2:] == [200_000, 1]


class _AtOnce:
    """Answers small bodies at once, but for those that say “usual”, as the application behind it all others; one that
    says “wait” is waited with until that is over."""

    def __init__(self) -> None:
        self.together: list[list[bytes]] = []
        self.n_looked = 0
        self.over = threading.Event()

    def at_once(self, scope: Any) -> Any:
        self.n_looked += 1
        return (lambda content: None if content == b"usual" else content) if scope["path"] == "/quick" else None

    def answer_together(self, asked: Sequence[bytes]) -> list[tuple[bytes, bytes] | None]:
        self.together.append(list(asked))
        if b"wait" in asked:
            self.over.wait(20)
        sizes = (None if content == b"unusual" else json.dumps({"size": len(content)}).encode() for content in asked)
        return [None if size is None else (b"x-way: quick\r\n", size) for size in sizes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _app(scope, receive, send)


QUICK = _AtOnce()


@pytest.fixture(scope="module")
def at_once() -> Iterator[int]:
    """The port of a server that answers at once."""
    with run_app(QUICK, http=_Impatient) as port:
        yield port


def _read(client: _Client, n_answers: int) -> bytes:
    content = b""
    while content.count(b'{"size"') < n_answers:
        piece = client.recv(65_536)
        assert piece, content
        content += piece
    return content


def _quick(body: bytes, *headers: bytes, path: str = "/quick") -> bytes:
    return _request(path, b"Content-Length: %d" % len(body), *headers) + b"\r\n" + body


def test_what_can_be_answered_at_once_takes_no_task(at_once: int) -> None:
    SEEN.requests.clear()
    with _Client(at_once) as client:
        client.sendall(_quick(b"abc"))
        found = _read(client, 1)
        assert found.startswith(b"HTTP/1.1 200 OK\r\n") and b"x-way: quick\r\ncontent-length: 11\r\n" in found
        assert b"\r\ndate: " in found
        # The body some time after the head, and in parts.
        sent = _quick(b"abcdef")
        for part in (sent[:10], sent[10:-6], sent[-6:-2], sent[-2:]):
            client.sendall(part)
            time.sleep(0.02)
        assert b'{"size": 6}' in _read(client, 1)
        # Several at once are answered in their order, whichever way each goes.
        client.sendall(_quick(b"a") + _quick(b"ab", path="/") + _quick(b"abc") + _quick(b"usual"))
        sizes = [int(part.split(b"}")[0]) for part in _read(client, 4).split(b'{"size": ')[1:]]
        assert sizes == [1, 2, 3, 5]
        assert "/quick" in SEEN.requests and SEEN.requests.count("/") == 1
        # On the same connection as ever.
        client.sendall(_quick(b"abcd"))
        assert b'{"size": 4}' in _read(client, 1)


def test_what_arrives_together_is_answered_together(at_once: int) -> None:
    SEEN.requests.clear()
    QUICK.together.clear()
    with _Client(at_once) as busy, ExitStack() as stack:
        clients = [stack.enter_context(_Client(at_once)) for _ in range(5)]
        # So that all of them are known.
        for client in clients:
            client.sendall(_quick(b"a"))
            _read(client, 1)
        busy.sendall(_quick(b"wait"))
        while not any(b"wait" in some for some in QUICK.together):
            time.sleep(0.01)
        bodies = [b"ab", b"abc", b"unusual", b"usual", b"abcd"]
        for client, body in zip(clients, bodies, strict=True):
            client.sendall(_quick(body))
        # One has left before its answer.
        clients.pop().close()
        QUICK.over.set()
        answers = [_read(client, 1) for client in clients]
        assert [json.loads(answer.partition(b"\r\n\r\n")[2])["size"] for answer in answers] == [2, 3, 7, 5]
        assert [b"x-way: quick" in answer for answer in answers] == [True, True, False, False]
        assert b'{"size": 4}' in _read(busy, 1)
        # The same connections go on as ever.
        for client in clients:
            client.sendall(_quick(b"abcdef"))
            assert b"x-way: quick" in _read(client, 1)
    together = [set(some) for some in QUICK.together if b"ab" in some]
    assert together[0] >= {b"ab", b"abc", b"unusual"} and SEEN.requests.count("/quick") >= 2


def test_what_is_not_small_or_not_usual_goes_the_usual_way(at_once: int) -> None:
    for sent in (
        _quick(b"a" * 200_000, b"Connection: close"),
        _quick(b"abc", b"Connection: close"),
        _request("/quick", b"Transfer-Encoding: chunked", b"Connection: close") + b"\r\n3\r\nabc\r\n0\r\n\r\n",
        _quick(b"abc").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ):
        SEEN.requests.clear()
        with _Client(at_once) as client:
            client.sendall(sent)
            assert client.answer() == (200, {"size": 200_000 if len(sent) > 1_000 else 3})
        assert SEEN.requests == ["/quick"]
    with _Client(at_once) as client:
        client.sendall(_request("/quick", b"Content-Length: 3", b"Expect: 100-continue") + b"\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 100")
        client.sendall(b"abc")
        assert b'{"size": 3}' in _read(client, 1)


def test_whoever_sends_a_body_in_pieces_is_looked_at_once(at_once: int) -> None:
    with _Client(at_once) as client:
        before = QUICK.n_looked
        client.send_all(_request("/quick", b"Content-Length: 40"), b"\r\n", *[b"a"] * 40)
        assert b'{"size": 40}' in _read(client, 1)
        assert QUICK.n_looked == before + 1


def test_a_body_that_does_not_come_is_not_waited_for(at_once: int) -> None:
    with _Client(at_once) as client:
        client.sendall(_request("/quick", b"Content-Length: 3") + b"\r\na")
        assert client.answer()[0] == 408
    with _Client(at_once) as client:
        client.sendall(_request("/quick", b"Content-Length: 3") + b"\r\na")
    with _Client(at_once) as client:
        client.sendall(_request("/quick", b"Transfer-Encoding: chunked") + b"\r\nzz\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([_request(), *[b"X-A: %b\r\n" % (b"a" * 500)] * 30_000], 431),
        ([_request(), b"X-A: ", *[CHUNK] * 300], 431),
        ([b"POST /", *[CHUNK] * 300], 431),
        ([_request(), b"a: b\r\n" * 300 + b"\r\n"], 431),
        ([_request("/", b"Transfer-Encoding: chunked"), b"\r\n1;", *[CHUNK] * 300], 400),
        ([_request("/", b"Transfer-Encoding: chunked"), b"\r\n1\r\nx\r\n0\r\nX-A: ", *[CHUNK] * 300], 400),
        ([b"\x16\x03\x01 this is no HTTP\r\n\r\n", *[CHUNK] * 300], 400),
        ([_request("/", b"Content-Length: many"), b"\r\n"], 400),
    ],
    ids=[
        "headers",
        "a header",
        "an address",
        "many headers",
        "a chunk's extension",
        "trailers",
        "no HTTP",
        "no length",
    ],
)
def test_what_has_no_end_is_refused_and_who_goes_on_sending_reads_why(
    patient: int, parts: list[bytes], status: int
) -> None:
    seen = len(SEEN.bodies)
    with _Client(patient) as client:
        client.sendall(b"".join(parts))
        found, document = client.answer()
    assert (found, document["status"]) == (status, status) and document["detail"]
    assert len(SEEN.bodies) == seen


def test_who_is_answered_early_may_send_the_rest(patient: int) -> None:
    for more in ([], [b"Connection: close"]):
        with _Client(patient) as client:
            client.sendall(_request("/early", b"Content-Length: 20000000", *more) + b"\r\n" + b"x" * 20_000_000)
            assert client.recv(12) == b"HTTP/1.1 200", more


def test_who_was_refused_does_not_hold_up_a_server_that_stops() -> None:
    with run_app(_app) as port:
        client = _Client(port)
        client.sendall(_request("/", b"Transfer-Encoding: chunked") + b"\r\n1;" + CHUNK * 30)
        assert client.answer()[0] == 400
        started = time.monotonic()
    # It would be given a second.
    assert time.monotonic() - started < 0.8
    client.close()


def test_the_rest_of_what_was_refused_is_read_neither_for_long_nor_without_end(port: int) -> None:
    for path, more in (("/", b"Content-Length: many"), ("/early", b"Content-Length: 999999999")):
        for piece, pause in ((CHUNK, 0.0), (b"x", 0.02)):
            with _Client(port) as client, pytest.raises(ConnectionError):
                client.sendall(_request(path, more) + b"\r\n")
                for _ in range(5_000):
                    client.sendall(piece)
                    time.sleep(pause)


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([], 0),
        ([b"POST / HT"], 408),
        ([_request("/", b"Content-Length: 10"), b"\r\nabc"], 408),
        ([_request("/early", b"Content-Length: 10000000"), b"\r\nabc"], 200),
    ],
    ids=["nothing", "half a head", "half a body", "the rest of what was answered"],
)
def test_what_never_comes_is_not_waited_for(port: int, parts: list[bytes], status: int) -> None:
    with _Client(port) as client:
        client.send_all(*parts)
        started = time.monotonic()
        assert client.answer()[0] == status
        assert time.monotonic() - started > 0.2


def test_a_body_that_comes_drop_by_drop_is_given_up_and_a_slow_one_is_not(port: int) -> None:
    gone = SEEN.gone
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 2000"), b"\r\n")
        for _ in range(60):
            client.send_all(b"x")
            time.sleep(0.02)
        assert client.answer()[0] in (408, 0)
    assert SEEN.gone == gone + 1
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 24000", b"Connection: close"), b"\r\n")
        for _ in range(12):
            client.send_all(b"x" * 2_000)
            time.sleep(0.1)
        assert client.answer() == (200, {"size": 24_000})


def test_an_answer_that_nobody_reads_is_not_kept(port: int) -> None:
    with _Client(port) as client:
        client.send_all(_request("/large", b"Content-Length: 0", b"Connection: close"), b"\r\n")
        time.sleep(1.5)
        received = 0
        try:
            while piece := client.recv(1 << 20):
                received += len(piece)
        except ConnectionError:
            pass
    assert received < 40_000_000


def test_who_neither_sends_the_rest_nor_reads_the_answer_is_not_kept_as_long_as_a_paused_download() -> None:
    class Unhurried(_Impatient):
        patience = replace(_Impatient.patience, unread=60.0)

    with run_app(_app, http=Unhurried) as port, _Client(port) as client:
        client.send_all(_request("/early/large", b"Content-Length: 10"), b"\r\nabc")
        time.sleep(0.6)
        received = 0
        with suppress(ConnectionError):
            while piece := client.recv(1 << 20):
                received += len(piece)
    assert received < 40_000_000


def test_an_answer_is_not_mixed_with_what_is_wrong_behind_it(port: int) -> None:
    good = _request("/late", b"Content-Length: 1") + b"\r\na"
    for behind in (b"\x16\x03\x01 no HTTP\r\n\r\n", _request() + b"a: b\r\n" * 300 + b"\r\n", b"POST / HT"):
        with _Client(port) as client:
            client.send_all(good + behind)
            content = b""
            try:
                while piece := client.recv(65_536):
                    content += piece
            except ConnectionError:
                pass
        assert content.count(b"HTTP/1.1") <= 1 or content.startswith(b"HTTP/1.1 200"), behind
        assert b"HTTP/1.1 4" not in content.partition(b"}")[0], behind


def test_who_waits_for_us_is_not_hurried(port: int) -> None:
    with _Client(port) as client:
        client.send_all(_request("/late", b"Content-Length: 3", b"Expect: 100-continue", b"Connection: close"), b"\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.send_all(b"abc")
        assert client.answer() == (200, {"size": 3})


def test_a_line_now_and_then_keeps_no_connection(port: int) -> None:
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 1"), b"\r\na")
        assert client.recv(12) == b"HTTP/1.1 200"
        client.send_all(b"\r\n")
        started = time.monotonic()
        while client.recv(65_536):
            pass
        assert time.monotonic() - started < 4


def test_subscriptions_leave_room_for_requests(port: int) -> None:
    followers = []
    for _ in range(9):
        followers.append(_Client(port))
        followers[-1].send_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert followers[-1].recv(12) == b"HTTP/1.1 101"
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 1", b"Connection: close"), b"\r\na")
        assert client.answer() == (200, {"size": 1})
    # The oldest have ended, the others have not.
    for at, follower in enumerate(followers):
        follower.settimeout(0.2)
        try:
            while follower.recv(65_536):
                pass
            ended = True
        except TimeoutError:
            ended = False
        except ConnectionError:
            ended = True
        assert ended == (at < 3), at
        follower.close()


def test_a_connection_on_which_nothing_happens_makes_room_for_others(port: int) -> None:
    busy = [_Client(port) for _ in range(4)]
    for client in busy:
        client.send_all(_request("/", b"Content-Length: 2"), b"\r\na")
    idle = [_Client(port) for _ in range(12)]
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 1", b"Connection: close"), b"\r\na")
        assert client.answer() == (200, {"size": 1})
    for client in busy:
        client.send_all(b"b")
        assert client.recv(12) == b"HTTP/1.1 200"
    for client in [*busy, *idle]:
        client.close()


@pytest.mark.parametrize("sent", [_request("/held", b"Content-Length: 0", b"Connection: close") + b"\r\n", _request()])
def test_however_many_come_no_more_are_served_than_there_is_room_for(port: int, sent: bytes) -> None:
    HELD.clear()
    seen = len(SEEN.requests)
    came = [_Client(port) for _ in range(60)]
    for client in came:
        client.send_all(sent)
    with _Client(port) as client:
        client.send_all(_request("/", b"Content-Length: 0", b"Connection: close") + b"\r\n")
        found = client.answer()[0]
    n_begun = SEEN.requests[seen:].count("/held")
    HELD.set()
    heard = [client.answer()[0] for client in came]
    if n_begun:
        assert (found, n_begun, heard.count(200)) == (503, 12, 12)
    else:
        # Half a head makes room for whoever asks something.
        assert found == 200 and heard.count(408) <= 12
    for client in came:
        client.close()


def test_where_all_are_busy_the_next_one_hears_that(port: int) -> None:
    busy = [_Client(port) for _ in range(12)]
    for client in busy:
        client.send_all(_request("/", b"Content-Length: 2"), b"\r\na")
    time.sleep(0.1)
    with _Client(port) as client:
        status, document = client.answer()
        assert (status, document["hint"]) == (503, "Try again in a moment.")
    for client in busy:
        client.close()
