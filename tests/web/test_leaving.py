"""Who leaves ends what was done for them, and however many wait, everyone else is answered."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from flowml.data.child import Child
from flowml.domain.errors import NotReady
from flowml.services.turns import CHILDREN
from flowml.web.leaving import THREADS
from tests.services.records import add_dataset
from tests.web.serving import Served, serve, until

TRANSFORM = {"operations": [{"op": "drop", "columns": ["x"]}]}


def ask(server: Served, method: str, path: str, body: Any = None) -> socket.socket:
    """Send a request and leave the answer to come."""
    content = b"" if body is None else json.dumps(body).encode()
    host, port = server.address.split(":")
    connection = socket.create_connection((host, int(port)))
    head = f"{method} {path} HTTP/1.1\r\nHost: {server.address}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


@pytest.fixture
def table(server: Served) -> Iterator[str]:
    dataset = add_dataset(server.store, f"d{time.monotonic_ns()}")
    yield dataset.id


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "correlation", None),
        ("GET", "relations?target=y", None),
        ("GET", "relation/x?target=y", None),
        ("GET", "quality", None),
        ("GET", "download?format=csv", None),
        ("POST", "transform", TRANSFORM),
        ("POST", "transform", TRANSFORM | {"preview": False}),
    ],
)
def test_when_the_client_leaves_the_child_process_hears_of_it(
    server: Served, table: str, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def perform(process: Child, task: str, request: Any, *, cancelled: threading.Event, **limits: Any) -> Any:
        begun.set()
        if cancelled.wait(10):
            ended.set()
        raise NotReady("It was cancelled.")

    monkeypatch.setattr(Child, "perform", perform)
    connection = ask(server, method, f"/api/datasets/{table}/{path}", body)
    assert begun.wait(5)
    assert not ended.is_set()
    connection.close()

    assert ended.wait(5)
    assert until(lambda: CHILDREN.working == 0)


def test_who_leaves_before_it_is_their_turn_leaves_the_line(server: Served, table: str) -> None:
    with ExitStack() as held:
        while not CHILDREN.is_full:
            held.enter_context(CHILDREN.turn())
        connection = ask(server, "GET", f"/api/datasets/{table}/correlation")
        assert until(lambda: CHILDREN.waiting == 1)
        connection.close()
        assert until(lambda: CHILDREN.waiting == 0)


def test_however_many_wait_everything_else_is_answered(server: Served) -> None:
    tables = [add_dataset(server.store, f"many{at}").id for at in range(THREADS + 20)]
    with ExitStack() as held:
        while not CHILDREN.is_full:
            held.enter_context(CHILDREN.turn())
        for name in tables:
            held.enter_context(closing(ask(server, "GET", f"/api/datasets/{name}/correlation")))
        assert until(lambda: CHILDREN.waiting == THREADS)

        for path in ("/api/datasets", "/api/stats", "/jobs", "/readyz"):
            assert server.client.get(path, timeout=5).status_code == 200
        figures = server.client.get("/metrics").text
        assert f'flowml_child_processes{{state="waiting"}} {THREADS}\n' in figures
        assert 'flowml_child_processes{state="working"} 4\n' in figures
    assert until(lambda: CHILDREN.waiting == CHILDREN.working == 0, 20)


def test_a_server_that_stops_ends_what_waits(tmp_path: Path) -> None:
    with ExitStack() as held:
        while not CHILDREN.is_full:
            held.enter_context(CHILDREN.turn())
        with serve(tmp_path) as server:
            table = add_dataset(server.store).id
            held.enter_context(closing(ask(server, "GET", f"/api/datasets/{table}/correlation")))
            assert until(lambda: CHILDREN.waiting == 1)

        assert until(lambda: CHILDREN.waiting == 0)
