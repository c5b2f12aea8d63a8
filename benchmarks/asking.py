"""A client that is quicker than any server it asks: prepared requests on kept connections, one thread, no library.

What it measures is the time from having sent the last byte of a request to having read the last byte of its answer.
"""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

_CHUNK = 1 << 18
_WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class Timed:
    """Of one measurement: seconds of each answer, ascending; answers a second; how many were no 200."""

    seconds: list[float]
    per_second: float
    errors: int

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))] * 1000


def request(path: str, body: bytes | None, host: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """An HTTP/1.1 request as bytes: POST of JSON, or GET without a body."""
    named = dict(headers)
    if body is not None:
        named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **named}
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def ask(port: int, requests: Sequence[bytes], seconds: float, connections: int = 1, warm_up: int = 50) -> Timed:
    """Send these in turn for so long, on so many connections, each with one request at a time."""
    with _connected(port) as one:
        until = time.perf_counter() + _WARM_UP_SECONDS
        for number in range(warm_up):
            if time.perf_counter() > until:
                break
            _one(one, requests[number % len(requests)])
    # New ones: servers close those on which nothing was asked for some seconds.
    sockets = [_connected(port) for _ in range(connections)]
    try:
        return _alone(sockets[0], requests, seconds) if connections == 1 else _together(sockets, requests, seconds)
    finally:
        for one in sockets:
            one.close()


def answer(port: int, content: bytes) -> tuple[int, bytes]:
    """The status and body of one request."""
    with _connected(port) as one:
        found = _one(one, content)
    head, _, body = found.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def _connected(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=120)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def _one(one: socket.socket, content: bytes) -> bytes:
    one.sendall(content)
    found = b""
    while not _is_whole(found):
        piece = one.recv(_CHUNK)
        if not piece:
            raise ConnectionError("the server has closed the connection")
        found += piece
    return found


def _is_whole(found: bytes) -> bool:
    end = found.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = found[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return True
    stop = head.find(b"\r\n", at)
    return len(found) >= end + 4 + int(head[at + 15 : stop if stop > 0 else len(head)])


def _alone(one: socket.socket, requests: Sequence[bytes], seconds: float) -> Timed:
    taken: list[float] = []
    errors = number = 0
    began = time.perf_counter()
    until = began + seconds
    while (started := time.perf_counter()) < until:
        found = _one(one, requests[number % len(requests)])
        taken.append(time.perf_counter() - started)
        errors += not found.startswith(b"HTTP/1.1 200")
        number += 1
    return Timed(sorted(taken), len(taken) / (time.perf_counter() - began), errors)


def _together(sockets: Sequence[socket.socket], requests: Sequence[bytes], seconds: float) -> Timed:
    poll = select.epoll() if hasattr(select, "epoll") else None
    if poll is None:
        raise RuntimeError("many connections at once are measured on Linux alone")
    by_number = {one.fileno(): one for one in sockets}
    sent_at: dict[int, float] = {}
    parts: dict[int, bytes] = {}
    taken: list[float] = []
    errors = number = 0
    began = time.perf_counter()
    until = began + seconds
    for file, one in by_number.items():
        poll.register(file, select.EPOLLIN)
        one.sendall(requests[number % len(requests)])
        sent_at[file] = time.perf_counter()
        number += 1
    while sent_at:
        for file, _ in poll.poll():
            one = by_number[file]
            piece = one.recv(_CHUNK)
            if not piece:
                raise ConnectionError("the server has closed the connection")
            found = parts.pop(file, b"") + piece
            if not _is_whole(found):
                parts[file] = found
                continue
            now = time.perf_counter()
            taken.append(now - sent_at.pop(file))
            errors += not found.startswith(b"HTTP/1.1 200")
            if now < until:
                one.sendall(requests[number % len(requests)])
                sent_at[file] = time.perf_counter()
                number += 1
    poll.close()
    return Timed(sorted(taken), len(taken) / (time.perf_counter() - began), errors)
