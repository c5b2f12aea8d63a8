"""Static files: WhiteNoise's file objects (gzip and brotli variants, ETag, 304, ranges, HEAD) under ASGI.

A URL made by `static_url` carries the hash of the content and may be kept for ever; any other is asked for again
each time and answered with 304 when nothing has changed.
"""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from flowml.web.assets import in_checkout, static_root
from flowml.web.caller import refuse_websocket

PREFIX = "/static/"
_CHUNK = 1 << 16
_FOREVER = "max-age=31536000, public, immutable"
_ALWAYS_ASK = "no-cache"
_hashes: dict[Path, tuple[int, str]] = {}


def static_url(name: str) -> str:
    """The address of a static file, with its version: `/static/css/app.css?v=1f2e3d4c`.

    Raises FileNotFoundError for a name that is not there, so that a wrong one is found by the first render.
    """
    return f"{PREFIX}{quote(name)}?v={_version(static_root() / name)}"


def _version(path: Path) -> str:
    modified = path.stat().st_mtime_ns
    known = _hashes.get(path)
    if known is None or known[0] != modified:
        known = (modified, hashlib.sha256(path.read_bytes()).hexdigest()[:8])
        _hashes[path] = known
    return known[1]


class StaticFiles:
    """The ASGI application behind `/static/`."""

    def __init__(self, root: Path | None = None, *, watch: bool | None = None):
        """`watch`: look at the folder again for every request, for a developer's checkout."""
        # What this module names is named by servers that have no such files, too.
        from whitenoise import WhiteNoise

        self._root = static_root() if root is None else root
        self._watch = in_checkout() if watch is None else watch
        self._files = WhiteNoise(
            None, root=str(self._root), prefix=PREFIX, max_age=None, allow_all_origins=False, autorefresh=self._watch
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await refuse_websocket(receive, send)
            return
        path = scope["path"]
        found = self._files.find_file(path) if self._watch else self._files.files.get(path)
        if found is None:
            raise HTTPException(404, f"There is no file {path}.")
        response = found.get_response(scope["method"], _environ(scope))
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers]
        headers.append((b"cache-control", self._cache_control(path, scope["query_string"])))
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        if response.file is None:
            await send({"type": "http.response.body", "body": b""})
            return
        with response.file as file:
            # Reads come from the page cache: a hop to a thread would cost more than the read itself.
            while chunk := file.read(_CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _cache_control(self, path: str, query: bytes) -> bytes:
        if query.startswith(b"v="):
            current = _version(self._root / path.removeprefix(PREFIX))
            if query.decode("latin-1") == f"v={current}":
                return _FOREVER.encode()
        return _ALWAYS_ASK.encode()


def _environ(scope: Scope) -> dict[str, Any]:
    """What WhiteNoise reads of a WSGI environment: the request's headers."""
    return {
        "HTTP_" + name.decode("latin-1").upper().replace("-", "_"): value.decode("latin-1")
        for name, value in scope["headers"]
    }
