"""What an Ollama server has, and what its models say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import Any

from flowml.assistant import tokens
from flowml.assistant.model import MOST_TOKENS, CutOff, Message, ReachedItsLength
from flowml.assistant.ollama import failures
from flowml.assistant.ollama.thinking import WithoutThinking
from flowml.assistant.ollama.wire import CONNECT_SECONDS, Patience, Wire
from flowml.assistant.spoken import cleaned
from flowml.domain.names import shown
from flowml.machine.ollama import Address

LONGEST_NAME = 200
MOST_MODELS = 500
KEEP_ALIVE = "15m"
"""How long a model stays loaded: people read an answer before they ask on."""
_MOST_CHARACTERS = 60_000
_BETWEEN_SECONDS = 90.0
_LOADING_SECONDS = 600.0
_DIGEST = frozenset("0123456789abcdef:sha-")


@dataclass(frozen=True)
class Installed:
    """A model that is there, as its server lists it. `digest` is another one for every change of it. `is_remote`: not
    the server's own machine answers, but one of somebody else's, who then gets what is told."""

    name: str
    digest: str
    size_bytes: int | None
    parameters: str | None = None
    quantization: str | None = None
    family: str | None = None
    is_remote: bool = False


@dataclass(frozen=True)
class Shown:
    """What a server says that a model can. `capabilities`: None where the server is too old to say."""

    capabilities: frozenset[str] | None
    context_tokens: int | None
    is_remote: bool = False

    @property
    def is_known(self) -> bool:
        """Whether anything was said."""
        return self.capabilities is not None or self.context_tokens is not None

    @property
    def talks(self) -> bool:
        """Whether it answers at all: models for embeddings do not."""
        return self.capabilities is None or "completion" in self.capabilities

    @property
    def thinks(self) -> bool:
        return self.capabilities is not None and "thinking" in self.capabilities


@dataclass(frozen=True)
class Way:
    """How a model is asked. `think`: None says nothing of it, as for models that cannot; "low" is for those that always
    do. `context_tokens` is the most that it takes."""

    think: bool | str | None = None
    think_with_schema: bool | str | None = None
    context_tokens: int | None = None


class Ollama:
    """The server at one address. All that it says is cleaned, cut and taken for what a stranger says."""

    def __init__(self, address: Address, clock: Callable[[], float] = time.monotonic):
        self.address = address
        self._wire = Wire(address, clock)

    @property
    def where(self) -> str:
        """Which machine that is, in words."""
        return "this machine" if self.address.is_loopback else f"the machine {self.address.host}"

    def version(self, seconds: float, *, connect: float = CONNECT_SECONDS, stopped: Event | None = None) -> str:
        """Its version. Raises NotRunning, for what is no Ollama server as well."""
        patience = Patience(seconds, seconds, seconds, connect)
        found = self._wire.ask("GET", "/api/version", patience=patience, stopped=stopped)
        version = found.get("version") if isinstance(found, dict) else None
        if not isinstance(version, str):
            raise failures.no_ollama(self.address, "it does not say which version it is")
        return shown(version, 50)

    def models(
        self, seconds: float, *, connect: float = CONNECT_SECONDS, stopped: Event | None = None
    ) -> tuple[Installed, ...]:
        """Which models it has, at most 500 of them, by name."""
        patience = Patience(seconds, seconds, seconds, connect)
        found = self._wire.ask("GET", "/api/tags", patience=patience, stopped=stopped)
        listed = found.get("models") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            raise failures.no_ollama(self.address, "it does not say which models it has")
        models = {one.name: one for entry in listed[:MOST_MODELS] if (one := _installed(entry)) is not None}
        return tuple(sorted(models.values(), key=lambda one: one.name))

    def show(self, name: str, seconds: float, *, stopped: Event | None = None) -> Shown:
        """What this model can. Raises NoModel where it is not there."""
        patience = Patience(seconds, seconds, seconds)
        # Old servers know it by the one name, new ones by the other.
        found = self._wire.ask("POST", "/api/show", {"model": name, "name": name}, patience=patience, stopped=stopped)
        if not isinstance(found, dict):
            raise failures.no_ollama(self.address, "it does not say what its models can")
        able = found.get("capabilities")
        return Shown(
            frozenset(shown(one, 40) for one in able[:50] if isinstance(one, str)) if isinstance(able, list) else None,
            _context_tokens(found.get("model_info")),
            bool(found.get("remote_host") or found.get("remote_model")),
        )

    def load(self, name: str, *, window: int = tokens.WINDOWS[0], stopped: Event | None = None) -> None:
        """Have the model in memory when it is asked: that takes from seconds to minutes."""
        body = {
            "model": name,
            "prompt": "",
            "stream": False,
            "keep_alive": KEEP_ALIVE,
            "options": {"num_ctx": window},
        }
        patience = Patience(_LOADING_SECONDS, _LOADING_SECONDS, _LOADING_SECONDS)
        self._wire.ask("POST", "/api/generate", body, patience=patience, stopped=stopped)

    def chat(
        self,
        name: str,
        messages: Sequence[Message],
        way: Way,
        *,
        schema: Mapping[str, Any] | None = None,
        seconds: float,
        stopped: Event | None = None,
        most_tokens: int = MOST_TOKENS,
        seed: int = 0,
        told: Callable[[str], None] | None = None,
    ) -> Iterator[str]:
        """As `LanguageModel.chat`."""
        body: dict[str, Any] = {
            "model": name,
            "messages": [{"role": str(message.role), "content": message.content} for message in messages],
            "stream": True,
            "keep_alive": KEEP_ALIVE,
            # Where a server knows these two, it says that something does not fit rather than leave it out.
            "truncate": False,
            "shift": False,
        }
        think = way.think
        if schema is not None:
            body["format"] = dict(schema)
            think = way.think_with_schema
        room = min(MOST_TOKENS, most_tokens)
        if think:
            # Its thoughts are counted with its answer.
            room = MOST_TOKENS
        if think is not None:
            body["think"] = think
        body["options"] = {
            "temperature": 0,
            "seed": seed,
            "num_predict": room,
            "num_ctx": tokens.window(messages, room, way.context_tokens),
        }
        if told is not None:
            told("The model is being loaded and reads what it is told.")
        patience = Patience(seconds, seconds, min(seconds, _BETWEEN_SECONDS))
        try:
            yield from self._said(body, patience, stopped, told)
        except failures.ThinkingRefused:
            # It was changed since it was looked at, or its server is of another mind.
            body.pop("think", None)
            yield from self._said(body, patience, stopped, told)

    def _said(
        self, body: Mapping[str, Any], patience: Patience, stopped: Event | None, told: Callable[[str], None] | None
    ) -> Iterator[str]:
        plain, text, is_thinking = WithoutThinking(), "", False
        try:
            with closing(self._wire.stream("/api/chat", body, patience=patience, stopped=stopped)) as lines:
                for line in lines:
                    message = line.get("message")
                    message = message if isinstance(message, dict) else {}
                    content, thoughts = message.get("content"), message.get("thinking")
                    piece = plain.take(content) if isinstance(content, str) else ""
                    if not is_thinking and told is not None and (thoughts or plain.is_thinking):
                        is_thinking = True
                        told("The model thinks.")
                    piece = cleaned(piece)
                    if line.get("done") is True:
                        piece += cleaned(plain.rest())
                    text += piece
                    if len(text) > _MOST_CHARACTERS:
                        raise failures.too_much()
                    if piece:
                        yield piece
                    if line.get("done") is True:
                        if line.get("done_reason") == "length":
                            raise ReachedItsLength(
                                "The answer was longer than an answer may be, and ends in the middle.",
                                hint="Ask for less at once.",
                            )
                        return
            raise failures.cut_off()
        except CutOff as cut:
            cut.text = text
            raise


class OllamaModel:
    """One model of a server: a `LanguageModel`."""

    def __init__(self, server: Ollama, name: str, way: Way):
        self._server = server
        self.name = name
        self.way = way

    @property
    def where(self) -> str:
        return self._server.where

    def chat(self, messages: Sequence[Message], **how: Any) -> Iterator[str]:
        """As `LanguageModel.chat`."""
        return self._server.chat(self.name, messages, self.way, **how)


def _installed(entry: object) -> Installed | None:
    if not isinstance(entry, dict):
        return None
    name = entry.get("model") or entry.get("name")
    # What is told to the server must be its own name for the model: one that would have to be cleaned is none.
    if not isinstance(name, str) or not name or shown(name, LONGEST_NAME) != name or " " in name:
        return None
    details = entry.get("details")
    details = details if isinstance(details, dict) else {}
    digest = entry.get("digest")
    known = isinstance(digest, str) and len(digest) <= 100 and _DIGEST.issuperset(digest)
    size = entry.get("size")
    return Installed(
        name,
        digest if known and isinstance(digest, str) else "",
        size if isinstance(size, int) and 0 <= size < 1 << 60 else None,
        _word(details.get("parameter_size")),
        _word(details.get("quantization_level")),
        _word(details.get("family")),
        bool(entry.get("remote_host") or entry.get("remote_model")),
    )


def _word(value: object) -> str | None:
    return shown(value, 40) or None if isinstance(value, str) else None


def _context_tokens(info: object) -> int | None:
    if not isinstance(info, dict):
        return None
    for key, value in info.items():
        if isinstance(key, str) and key.endswith(".context_length") and isinstance(value, int | float):
            # Compared first: an integer may be larger than any float.
            return int(value) if 0 < value < 1 << 31 else None
    return None
