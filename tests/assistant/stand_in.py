"""A part of the tests: a server that speaks Ollama's protocol and has no model. What it answers is scripted.

    with stand_in() as ollama:
        ollama.answers(lambda messages: '{"suggestions": []}')
        ... Settings(ollama_url=ollama.url) ...
        assert ollama.chats[0].text.count("c1")

It is real HTTP on a loopback address, with the fields, statuses and errors that Ollama 0.6 to 0.20 has. Where `format`
is given and binds (`Model.binds`, `Model.binds_thinking`), what it says has the shape of the schema, as a real one's
has: a scripted answer that has not becomes the least that has. FlowML's probe whether it binds is answered by that
alone, and stands in `probes` rather than in `chats`.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.assistant.behaviours import (
    Answer,
    Behaviour,
    Stream,
    cut_off,
    endless,
    error_line,
    fails,
    garbage,
    huge_line,
    says,
    silent,
    slow_first,
)
from tests.assistant.installed import Asked, Model, listed, now, shown

__all__ = [
    "Asked",
    "Model",
    "StandIn",
    "Stream",
    "cut_off",
    "endless",
    "error_line",
    "fails",
    "garbage",
    "huge_line",
    "says",
    "silent",
    "slow_first",
    "stand_in",
]

PROBE = "flowml_probe"
"""The name of the field by which the probe of `assistant/probing.py` is known."""


class StandIn:
    """The server. `requests` are all that came but the probes; `left` is set when somebody left in the middle."""

    def __init__(self, models: Sequence[Model]):
        self.models = list(models)
        self.requests: list[Asked] = []
        self.probes: list[Asked] = []
        self.left = threading.Event()
        self.at_once = self.most_at_once = 0
        self.version = "0.12.6"
        self._behaviours: list[Behaviour] = []
        self._behaviour: Behaviour = says("All is well.")
        self._lock = threading.Lock()
        self.instead: Behaviour | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.stand_in = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answers(self, text: str | Answer) -> None:
        """Whatever is asked from now on, this is the answer, or what this makes of the messages."""
        self._behaviour = says(text)

    def behaves(self, *behaviours: Behaviour) -> None:
        """The next questions are met with these, one after the other; the last one is kept."""
        self._behaviours = list(behaviours[:-1])
        self._behaviour = behaviours[-1]

    def is_page(self, body: bytes = b"<!doctype html><title>Router</title>", kind: str = "text/html") -> None:
        """Be another server altogether, at every address."""

        def behave(stream: Stream) -> None:
            stream.begin(200, kind)
            stream.raw(body)
            stream.end()

        self.instead = behave

    def redirects(self, to: str) -> None:
        """Send whoever comes elsewhere."""

        def behave(stream: Stream) -> None:
            handler = stream._handler
            handler.send_response(307)
            handler.send_header("Location", to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.instead = behave

    @property
    def chats(self) -> list[Asked]:
        """The questions: what was asked of `/api/chat`."""
        return [one for one in self.requests if one.path == "/api/chat"]

    def next_behaviour(self) -> Behaviour:
        with self._lock:
            return self._behaviours.pop(0) if self._behaviours else self._behaviour

    def model(self, name: object) -> Model | None:
        wanted = name if isinstance(name, str) and ":" in name else f"{name}:latest"
        return next((one for one in self.models if one.name == wanted), None)

    def come(self, stream: Stream) -> None:
        with self._lock:
            stream.is_counted = True
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)

    def go(self, stream: Stream) -> None:
        with self._lock:
            self.at_once -= stream.is_counted
            stream.is_counted = False

    def close(self) -> None:
        """Be gone: from here on nothing listens at its address."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has left: that is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def stand_in(self) -> StandIn:
        return self.server.stand_in  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, content: Any, kind: str = "application/json; charset=utf-8") -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._respond("GET", {})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._respond("POST", json.loads(content))
        except ValueError as problem:
            self.answer(400, {"error": str(problem)})

    def _respond(self, method: str, body: dict[str, Any]) -> None:
        asked = Asked(method, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        is_probe = PROBE in json.dumps(body.get("format") or {})
        (self.stand_in.probes if is_probe else self.stand_in.requests).append(asked)
        try:
            if self.stand_in.instead is not None:
                self.stand_in.instead(Stream(self, asked, Model()))
            elif (method, self.path) == ("GET", "/"):
                self.answer(200, "Ollama is running", "text/plain; charset=utf-8")
            elif (method, self.path) == ("GET", "/api/version"):
                self.answer(200, {"version": self.stand_in.version})
            elif (method, self.path) == ("GET", "/api/tags"):
                self.answer(200, {"models": [listed(model) for model in self.stand_in.models]})
            elif (method, self.path) in (("POST", "/api/show"), ("POST", "/api/chat"), ("POST", "/api/generate")):
                self._of_a_model(asked, is_probe=is_probe)
            else:
                self.answer(404, "404 page not found", "text/plain")
        except (BrokenPipeError, ConnectionError, OSError):
            self.close_connection = True
            self.stand_in.left.set()

    def _of_a_model(self, asked: Asked, *, is_probe: bool) -> None:
        name = asked.body.get("model") or asked.body.get("name") or ""
        model = self.stand_in.model(name)
        if model is None:
            words = f"model '{name}' not found"
            self.answer(404, {"error": words})
        elif asked.path == "/api/show":
            self.answer(200, shown(model))
        elif model.capabilities is not None and "completion" not in model.capabilities:
            self.answer(400, {"error": f'"{name}" does not support chat'})
        elif asked.body.get("think") and "thinking" not in (model.capabilities or ()):
            self.answer(400, {"error": f'"{name}" does not support thinking'})
        elif not asked.body.get("messages") and not asked.body.get("prompt"):
            reason = "unload" if asked.body.get("keep_alive") == 0 else "load"
            said = (
                {"response": ""} if asked.path == "/api/generate" else {"message": {"role": "assistant", "content": ""}}
            )
            self.answer(200, {"model": name, "created_at": now(), **said, "done": True, "done_reason": reason})
        else:
            probed = model.probe_behaviour or says("Sure, here it is.")
            behave = probed if is_probe else self.stand_in.next_behaviour()
            stream = Stream(self, asked, model)
            self.stand_in.come(stream)
            try:
                behave(stream)
            finally:
                self.stand_in.go(stream)


@contextmanager
def stand_in(*models: Model) -> Iterator[StandIn]:
    """The server on a port of its own, with these models, or one."""
    server = StandIn(models or (Model(),))
    try:
        yield server
    finally:
        server.close()
