"""Which models a machine has, looked up beside what is asked for: no page waits for a machine that does not answer."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from flowml.assistant.model import NoAnswer
from flowml.assistant.ollama.client import Installed, Ollama

FRESH_SECONDS = 5.0
_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 3.0


@dataclass(frozen=True)
class Found:
    """What was found there at this moment (steady seconds). `problem`: why nothing was."""

    at: float
    version: str = ""
    models: tuple[Installed, ...] = ()
    problem: NoAnswer | None = None


class Look:
    """Looks at one server, at most one at a time, and remembers for seconds what was there."""

    def __init__(self, server: Ollama, steady: Callable[[], float]):
        self._server = server
        self._steady = steady
        self._lock = threading.Lock()
        self._found: Found | None = None
        self._looking: threading.Event | None = None

    def found(self, wait_seconds: float) -> Found | None:
        """What is there; waited for at most so long. Then it is what was there before, or None: nobody knows yet."""
        with self._lock:
            if self._found is not None and self._steady() - self._found.at < FRESH_SECONDS:
                return self._found
            if self._looking is None:
                self._looking = threading.Event()
                threading.Thread(target=self._look, args=(self._looking,), name="model-look", daemon=True).start()
            looking = self._looking
        looking.wait(wait_seconds)
        return self._found

    def forget(self) -> None:
        """Look again when somebody asks: what was there is known not to be."""
        with self._lock:
            self._found = None

    def _look(self, done: threading.Event) -> None:
        try:
            version = self._server.version(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
            found = Found(self._steady(), version, self._server.models(_ANSWER_SECONDS, connect=_CONNECT_SECONDS))
        except NoAnswer as problem:
            found = Found(self._steady(), problem=problem)
        with self._lock:
            self._found, self._looking = found, None
        done.set()
