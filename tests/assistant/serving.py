"""A context of services with a stand-in for Ollama, for tests of what asks a model."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.assistant.stand_in import StandIn
from tests.services.records import QuietTrainers


@contextmanager
def assisted(home: Path, ollama: StandIn | None, **settings: Any) -> Iterator[Context]:
    """A store of its own, and this model server, or none. A server of the application takes `ollama_url=ollama.url`
    (`tests.web.serving.serve`)."""
    store = Store(home)
    url = None if ollama is None else ollama.url
    yield Context(Settings(home=home, ollama_url=url, **settings), store, time.time, QuietTrainers())
    store.close()
