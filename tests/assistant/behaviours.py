"""A part of the tests: how the stand-in for an Ollama server may behave, for better and for worse."""

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.assistant.installed import Asked, Model, now
from tests.assistant.shapes import fits, least


class Stream:
    """What a scripted behaviour writes its answer with."""

    def __init__(self, handler: Any, asked: Asked, model: Model):
        self._handler = handler
        self.asked = asked
        self.model = model
        self.begun, self.is_counted = False, False
        self._count = 0
        self._at = time.monotonic_ns()

    def begin(self, status: int = 200, kind: str = "application/x-ndjson") -> None:
        if not self.begun:
            self.begun = True
            self._handler.send_response(status)
            self._handler.send_header("Content-Type", kind)
            self._handler.send_header("Transfer-Encoding", "chunked")
            self._handler.end_headers()

    def raw(self, content: bytes) -> None:
        """A chunk of the answer, whatever is in it."""
        self.begin()
        self._handler.wfile.write(b"%X\r\n%s\r\n" % (len(content), content))
        self._handler.wfile.flush()

    def line(self, **fields: Any) -> None:
        known = {"model": self.asked.body.get("model", ""), "created_at": now()}
        self.raw(json.dumps(known | fields).encode() + b"\n")

    def piece(self, text: str) -> None:
        self._count += 1
        if self.asked.path == "/api/generate":
            self.line(response=text, done=False)
        else:
            self.line(message={"role": "assistant", "content": text}, done=False)

    def thought(self, text: str) -> None:
        self._count += 1
        self.line(message={"role": "assistant", "content": "", "thinking": text}, done=False)

    def done(self, reason: str = "stop") -> None:
        took = time.monotonic_ns() - self._at
        last: dict[str, Any] = {"response": ""} if self.asked.path == "/api/generate" else {}
        last = last or {"message": {"role": "assistant", "content": ""}}
        self.line(
            **last,
            done_reason=reason,
            done=True,
            total_duration=took,
            load_duration=took // 10,
            prompt_eval_count=len(self.asked.text) // 4 + 1,
            prompt_eval_duration=took // 5,
            eval_count=self._count,
            eval_duration=took // 2,
        )
        self.end()

    def end(self) -> None:
        """The last chunk, which says that this was all: then another may be asked for."""
        self._handler.stand_in.go(self)
        self._handler.wfile.write(b"0\r\n\r\n")
        self._handler.wfile.flush()

    def break_off(self) -> None:
        """Be gone, in the middle of a chunk."""
        self.begin()
        self._handler.wfile.write(b'1F\r\n{"mod')
        self._handler.wfile.flush()
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def fails(self, status: int, words: str) -> None:
        """An error as Ollama has them before anything else was said."""
        self._handler.answer(status, {"error": words})

    def wait(self, until: threading.Event | float) -> None:
        """So long, or until that is set, unless whoever asked has left before. Raises ConnectionError then."""
        event, seconds = (until, 60.0) if isinstance(until, threading.Event) else (threading.Event(), until)
        end = time.monotonic() + seconds
        while not event.wait(0.01) and time.monotonic() < end:
            if self.client_has_left():
                raise ConnectionAbortedError

    def client_has_left(self) -> bool:
        readable, _, _ = select.select([self._handler.connection], [], [], 0)
        try:
            return bool(readable) and not self._handler.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


Behaviour = Callable[[Stream], None]
Answer = Callable[[Sequence[dict[str, str]]], str]


def says(text: str | Answer, *, piece: int = 7, thoughts: str = "", slowly: float = 0.0) -> Behaviour:
    """An answer, in pieces of so many characters; with `thoughts` first where the request has it think."""

    def behave(stream: Stream) -> None:
        body = stream.asked.body
        found = text if isinstance(text, str) else text(stream.asked.messages)
        can_think = "thinking" in (stream.model.capabilities or ())
        thinks = can_think and body.get("think", True) is not False
        schema = body.get("format")
        if isinstance(schema, dict) and (stream.model.binds_thinking if thinks else stream.model.binds):
            found = found if fits(found, schema) else json.dumps(least(schema))
        if thinks:
            for word in (thoughts or "Let me see.").split(" "):
                stream.thought(f"{word} ")
        limit = int(body.get("options", {}).get("num_predict", 1 << 20))
        pieces = [found[at : at + piece] for at in range(0, len(found), piece)]
        for said in pieces[:limit]:
            if slowly:
                stream.wait(slowly)
            stream.piece(said)
        stream.done("length" if len(pieces) > limit else "stop")

    return behave


def slow_first(until: threading.Event | float, then: Behaviour) -> Behaviour:
    """A model that has to be loaded first: until then not even the head of the answer comes."""

    def behave(stream: Stream) -> None:
        stream.wait(until)
        then(stream)

    return behave


def cut_off(after: str = "Half of", *, with_chunk_end: bool = False) -> Behaviour:
    """The connection ends in the middle; with the last chunk that all is said by, or in the middle of another."""

    def behave(stream: Stream) -> None:
        for word in after.split(" "):
            stream.piece(f"{word} ")
        if with_chunk_end:
            stream.end()
        else:
            stream.break_off()

    return behave


def error_line(words: str, after: str = "") -> Behaviour:
    """An error as Ollama has it in the middle of an answer: a line of its own, and the end."""

    def behave(stream: Stream) -> None:
        if after:
            stream.piece(after)
        stream.raw(json.dumps({"error": words}).encode() + b"\n")
        stream.end()

    return behave


def fails(status: int, words: str) -> Behaviour:
    """An error before anything was said: 404 where a model is gone, 500 where it does not fit into memory."""
    return lambda stream: stream.fails(status, words)


def garbage(content: bytes = b"{'model': broken\n") -> Behaviour:
    """A line that is no JSON."""

    def behave(stream: Stream) -> None:
        stream.piece("So ")
        stream.raw(content)
        stream.end()

    return behave


def endless(word: str = "again ") -> Behaviour:
    """An answer that never ends."""

    def behave(stream: Stream) -> None:
        while True:
            stream.piece(word)

    return behave


def huge_line(size: int = 1 << 30) -> Behaviour:
    """A line of a gigabyte."""

    def behave(stream: Stream) -> None:
        stream.raw(b'{"message": {"role": "assistant", "content": "')
        for _ in range(size // 65_536):
            stream.raw(b"x" * 65_536)

    return behave


def silent() -> Behaviour:
    """Takes the request and says nothing, until whoever asks has left."""
    return lambda stream: stream.wait(600.0)
