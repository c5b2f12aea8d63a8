"""Requests to an ASGI application itself: thousands a second, and with whatever in them no client would send."""

import asyncio
from collections.abc import Iterable
from typing import Any

Headers = Iterable[tuple[str, str]]
REFUSED, OPENED = 403, 101


async def status_of(app: Any, method: str, path: str, headers: Headers = (), *, kind: str = "http") -> int:
    """The status of the answer; of a WebSocket, whether it was `OPENED` or `REFUSED`."""
    status, _ = await answer_of(app, method, path, headers, kind=kind)
    return status


async def answer_of(
    app: Any,
    method: str,
    path: str,
    headers: Headers = (),
    *,
    kind: str = "http",
    host: str = "127.0.0.1:8000",
    body: bytes = b"",
) -> tuple[int, dict[str, str]]:
    """The status and the headers of the answer."""
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", host.encode()), *((name.lower().encode(), value.encode()) for name, value in headers)],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 5),
        "subprotocols": [],
        "state": {},
    }
    begun: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    asked = False
    # A stream goes on until its reader leaves.
    is_stream = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body} if kind == "http" else {"type": "websocket.connect"}
        if kind == "http":
            await is_stream.wait()
            return {"type": "http.disconnect"}
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        if not begun.done():
            begun.set_result(message)
        if (b"content-type", b"text/event-stream; charset=utf-8") in message.get("headers", ()):
            is_stream.set()

    await app(scope, receive, send)
    first = begun.result()
    if kind == "websocket":
        return OPENED if first["type"] == "websocket.accept" else REFUSED, {}
    return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}
