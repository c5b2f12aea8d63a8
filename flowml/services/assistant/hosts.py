"""Machines that have language models, as far as is known without waiting for them: the server that is set.

Those of workers are in `exchange.py`. Which models there are is looked up beside what is asked for, so that no page
waits for a machine that does not answer.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flowml.assistant.model import NoAnswer
from flowml.assistant.ollama.client import Installed, Ollama, Shown
from flowml.assistant.ollama.looking import Looks
from flowml.domain.assistant.language_models import SERVER
from flowml.services.assistant.lining import Line

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 3.0
_LOGS = "FlowML's own log says more; it looks again by itself."
# For all models that are not known yet; the others are looked at the next time.
_SHOW_SECONDS = 3.0
# Whoever waits so long wants an answer, and not what was wrong a moment ago.
_ASKS_SECONDS = 2.0


@dataclass(frozen=True)
class Offer:
    """A model that a machine has."""

    installed: Installed
    shown: Shown

    @property
    def name(self) -> str:
        return self.installed.name

    @property
    def is_remote(self) -> bool:
        """Whether another machine, of its makers, answers for it."""
        return self.installed.is_remote or self.shown.is_remote

    @property
    def refusal(self) -> str | None:
        """Why it is not asked, in words; None where it can be."""
        if self.is_remote:
            return "answers on a machine of somebody else's, to which your data would go"
        return None if self.shown.talks else "makes embeddings, and does not answer"


def offer_of(
    name: str,
    digest: str,
    size_bytes: int | None,
    parameters: str | None,
    quantization: str | None,
    family: str | None,
    capabilities: Sequence[str] | None,
    context_tokens: int | None,
    is_remote: bool,
) -> Offer:
    """What somebody else says of a model of theirs."""
    able = None if capabilities is None else frozenset(capabilities)
    return Offer(
        Installed(name, digest, size_bytes, parameters, quantization, family, is_remote),
        Shown(able, context_tokens, is_remote),
    )


@dataclass(frozen=True)
class Found:
    """What was found on a machine at this moment (steady seconds). `problem`: why nothing was."""

    at: float
    version: str = ""
    offers: tuple[Offer, ...] = ()
    problem: NoAnswer | None = None

    def offer(self, name: str) -> Offer | None:
        """The model of this name; “llama3.2” is “llama3.2:latest”."""
        names = (name, f"{name}:latest")
        return next((one for one in self.offers if one.name in names), None)


class Host(Protocol):
    """A machine that has models."""

    @property
    def key(self) -> str:
        """SERVER, or a worker's id."""
        ...

    @property
    def where(self) -> str:
        """Which machine that is, in words for people."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether what it is told stays on this machine."""
        ...

    @property
    def line(self) -> Line:
        """Who waits for its answers."""
        ...

    def found(self, wait_seconds: float) -> Found | None:
        """What it has; waited for at most so long. None where nobody knows yet."""
        ...

    @property
    def chat(self) -> Callable[..., Iterator[str]]:
        """As `Ollama.chat`."""
        ...

    def load(self, name: str) -> None:
        """Have this model in memory soon; in the background, and where that fails it is said when it is asked."""
        ...


@dataclass
class ServerHost:
    """The model server at the address that is set. It is looked at by one thread at a time, and what was there is
    remembered for seconds; what a model can, as long as it stays the same one."""

    server: Ollama
    steady: Callable[[], float]
    line: Line = field(default_factory=Line)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _found: Found | None = None
    _looking: threading.Event | None = None

    key = SERVER

    def __post_init__(self) -> None:
        self._looks = Looks(self.steady)

    @property
    def where(self) -> str:
        return self.server.where

    @property
    def is_local(self) -> bool:
        return self.server.address.is_loopback

    @property
    def chat(self) -> Callable[..., Iterator[str]]:
        return self.server.chat

    def found(self, wait_seconds: float) -> Found | None:
        with self._lock:
            if self._found is not None and self._will_do(self._found, wait_seconds):
                return self._found
            if self._looking is None:
                looking = threading.Event()
                threading.Thread(target=self._look, args=(looking,), name="model-look", daemon=True).start()
                self._looking = looking
            looking = self._looking
        looking.wait(wait_seconds)
        return self._found

    def _will_do(self, found: Found, wait_seconds: float) -> bool:
        if found.problem is not None and wait_seconds >= _ASKS_SECONDS:
            return False
        return self.steady() - found.at < FRESH_SECONDS

    def forget(self) -> None:
        """Look again when somebody asks."""
        with self._lock:
            self._found = None

    def load(self, name: str) -> None:
        def work() -> None:
            try:
                self.server.load(name)
            except NoAnswer:
                self.forget()

        threading.Thread(target=work, name="model-load", daemon=True).start()

    def _look(self, done: threading.Event) -> None:
        try:
            found = self._looked()
        except NoAnswer as problem:
            found = Found(self.steady(), problem=problem)
        except Exception:
            # Whatever a stranger has answered: the next look may find something else.
            log.exception("what the model server says could not be read")
            found = Found(self.steady(), problem=NoAnswer("What the model server says could not be read.", hint=_LOGS))
        with self._lock:
            self._found, self._looking = found, None
        done.set()

    def _looked(self) -> Found:
        version = self.server.version(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        models = self.server.models(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        self._looks.look(self.server, models, _SHOW_SECONDS)
        return Found(self.steady(), version, tuple(Offer(model, self._looks.shown(model)) for model in models))
