"""HTTP clients that take as little of the machine as possible, for measuring a server beside them."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Status 0: the connection was closed without an answer."""

    status: int
    content: bytes


def head(method: str, path: str, port: int, n_bytes: int, content_type: str) -> bytes:
    """The first lines of a request that closes its connection."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    if content_type:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {n_bytes}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def ask(port: int, method: str, path: str, body: bytes = b"", content_type: str = "") -> Answer:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head(method, path, port, len(body), content_type) + body)
        content = await reader.read()
    except ConnectionError:
        content = b""
    finally:
        writer.close()
    start, _, rest = content.partition(b"\r\n\r\n")
    words = start.split(b" ", 2)
    return Answer(int(words[1]) if len(words) > 1 else 0, rest)


async def open_socket(port: int, path: str) -> None:
    """A WebSocket that listens until it is cancelled or closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n\r\n".encode()
    )
    try:
        while await reader.read(65_536):
            pass
    finally:
        writer.close()


_KEY = "ZmxvdyBiZW5jaG1hcmsgIQ=="
"""Any sixteen bytes."""
