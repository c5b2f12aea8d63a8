"""A real server on a port of its own, around a real store."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from starlette.types import Scope
from websockets.sync.client import ClientConnection, connect

from flowml.domain.access.caller import Principal
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.web.application import create_app
from flowml.web.wire import BoundedProtocol, configured
from tests.services.records import QuietTrainers


@dataclass
class Served:
    """A running application and what it stands on."""

    url: str
    context: Context
    client: httpx.Client

    @property
    def store(self) -> Store:
        return self.context.store

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def live(self, **arguments: Any) -> ClientConnection:
        return connect(f"ws://{self.address}/api/live", **arguments)


@contextmanager
def run_app(
    app: Any, port: int = 0, lifespan: Literal["on", "off"] = "off", http: type[BoundedProtocol] = BoundedProtocol
) -> Iterator[int]:
    """Serve an ASGI application on the loopback address; gives its port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(configured(app, http, log_level="critical", lifespan=lifespan, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def serve(
    home: Path, port: int = 0, who: Callable[[Scope], Principal] | None = None, **settings: Any
) -> Iterator[Served]:
    """FlowML's own application on this home folder; `who` says who calls."""
    store = Store(home)
    context = Context(Settings(home=home, **settings), store, time.time, QuietTrainers())
    app = create_app(context, who=who)
    with run_app(app, port) as at:
        url = f"http://127.0.0.1:{at}"
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            yield Served(url, context, client)
    # What looks after workers would go on without its store, and write down every second that there is none.
    app.end_waiting()
    store.close()


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether the condition comes true in this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
