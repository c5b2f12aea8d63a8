"""Who leaves ends what was done for them, and however many wait, everyone else is answered."""

import io
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from flowml.data.child import Child
from flowml.data.profiling.figures import DEFAULT_BINS, distribution_name
from flowml.domain.errors import NotReady
from flowml.services import importance, previews, turns
from flowml.services.turns import CHILDREN, child_processes
from flowml.web import pages
from flowml.web.application import create_app
from flowml.web.routes import ENDPOINTS
from tests.services.records import add_dataset, add_job, add_model, hold_all_turns
from tests.web.serving import Served, run_app, serve, until

COUNTED = {"kind": "histogram", "edges": [0.0, 3.0], "counts": [3], "missing": 0}
TRANSFORM = {"operations": [{"op": "drop", "columns": ["x"]}]}
# What to send to each address so that it takes a child process; {} are the data set and its model.
QUESTIONS: dict[str, list[tuple[str, Any]]] = {
    "/api/datasets/upload": [("/api/datasets/upload", b"a,b\n1,2\n")],
    "/api/datasets/{dataset_id}/read-again": [("/api/datasets/{0}/read-again", {"options": {}})],
    "/api/datasets/{dataset_id}/transform": [
        ("/api/datasets/{0}/transform", TRANSFORM),
        ("/api/datasets/{0}/transform", TRANSFORM | {"preview": False}),
    ],
    "/api/datasets/{dataset_id}/preview": [("/api/datasets/{0}/preview?sort=x", None)],
    "/api/datasets/{dataset_id}/download": [("/api/datasets/{0}/download?format=csv", None)],
    "/api/datasets/{dataset_id}/correlation": [("/api/datasets/{0}/correlation", None)],
    "/api/datasets/{dataset_id}/distribution/{column:path}": [("/api/datasets/{0}/distribution/x", None)],
    "/api/datasets/{dataset_id}/texts/{column:path}": [("/api/datasets/{0}/texts/y", None)],
    "/api/datasets/{dataset_id}/relations": [("/api/datasets/{0}/relations?target=y", None)],
    "/api/datasets/{dataset_id}/relation/{column:path}": [("/api/datasets/{0}/relation/x?target=y", None)],
    "/api/datasets/{dataset_id}/quality": [("/api/datasets/{0}/quality", None)],
    "/api/training/start": [("/api/training/start", {"dataset_id": "{0}", "target": "y"})],
    "/api/results/model/{model_id}/feature-importance": [("/api/results/model/{0}/feature-importance", None)],
    "/datasets/{dataset_id}/rows.json": [("/datasets/{0}/rows.json?sort=x", None)],
    "/datasets/{dataset_id}/spreads.json": [("/datasets/{0}/spreads.json?search=a", None)],
    "/train": [("/train?dataset={0}&target=y", None)],
}
ASKED = [
    pytest.param(endpoint.method, *question, id=f"{endpoint.method} {endpoint.path} {at}")
    for endpoint in (*ENDPOINTS, *pages.ENDPOINTS)
    if endpoint.waits
    for at, question in enumerate(QUESTIONS[endpoint.path])
]


def ask(server: Served, method: str, path: str, body: Any = None, *, page: bool = False) -> socket.socket:
    """Send a request, as a program or from a page, and leave the answer to come; bytes go as an uploaded file."""
    content, media_type = b"", "application/json"
    if isinstance(body, dict):
        content = json.dumps(body).encode()
    elif body is not None:
        sent = httpx.Request("POST", server.url, files={"file": ("a.csv", body)})
        content, media_type = sent.read(), sent.headers["Content-Type"]
    host, port = server.address.split(":")
    connection = socket.create_connection((host, int(port)))
    head = f"{method} {path} HTTP/1.1\r\nHost: {server.address}\r\nContent-Type: {media_type}\r\n"
    head += "Sec-Fetch-Site: same-origin\r\n" if page else ""
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


@pytest.fixture(scope="module")
def table_behind() -> bytes:
    """The file of the table that `add_dataset` describes."""
    file = io.BytesIO()
    pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]}).write_parquet(file)
    return file.getvalue()


@pytest.fixture
def table(server: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A data set with a model of the same name, so big that whatever is asked about it takes a child process."""
    monkeypatch.setattr(previews, "_BIG_CELLS", 0)
    monkeypatch.setattr(previews, "_have_lines", lambda *_: None)
    name = f"d{time.monotonic_ns()}"
    dataset = add_dataset(server.store, f"{name}t")
    dataset = replace(dataset, id=name, source=dataset.sha256)
    server.store.datasets.add(dataset, ())
    add_model(server.store, add_job(server.store, dataset_id=name), name, 0.9)
    yield name


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_when_the_client_leaves_the_child_process_hears_of_it(
    server: Served, table: str, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(cancelled: threading.Event) -> Any:
        begun.set()
        if cancelled.wait(60):
            ended.set()
        raise NotReady("It was cancelled.")

    monkeypatch.setattr(Child, "perform", lambda process, *_, cancelled, **limits: work(cancelled))
    monkeypatch.setattr(importance.Child, "ask", lambda process, request, bounds, cancelled: work(cancelled))
    if isinstance(body, dict):
        body = json.loads(json.dumps(body).replace("{0}", table))
    connection = ask(server, method, path.format(table), body)
    # The first child of a busy machine is some time in coming.
    assert begun.wait(60)
    assert not ended.is_set()
    connection.close()

    assert ended.wait(60)
    assert until(lambda: CHILDREN.working == 0)


def test_who_leaves_before_it_is_their_turn_leaves_the_line(server: Served, table: str) -> None:
    with ExitStack() as held:
        hold_all_turns(held)
        connection = ask(server, "GET", f"/api/datasets/{table}/correlation")
        assert until(lambda: CHILDREN.waiting == 1)
        connection.close()
        assert until(lambda: CHILDREN.waiting == 0)


def test_who_has_too_many_in_line_hears_so_before_sending_a_file_and_a_page_of_theirs_does_not(
    server: Served, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_MOST_OF_ONE", 2)
    with ExitStack() as held:
        hold_all_turns(held)
        for at, path in enumerate(("quality", "relations?target=y"), 1):
            held.enter_context(closing(ask(server, "GET", f"/api/datasets/{table}/{path}")))
            assert until(lambda wanted=at: child_processes()["waiting"] == wanted)  # type: ignore[misc]
        for answer in (
            server.client.get(f"/api/datasets/{table}/correlation"),
            server.client.post("/api/datasets/upload", files={"file": ("a.csv", b"x" * 2_000_000)}),
        ):
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
            assert "2 requests of yours wait" in answer.json()["detail"]
        with closing(ask(server, "GET", f"/api/datasets/{table}/correlation", page=True)):
            assert until(lambda: CHILDREN.waiting == 3)


@pytest.mark.parametrize("path", ["correlation", "quality?target=y"])
@pytest.mark.parametrize("tables_asked", [1, 120], ids=["for the same", "for something each"])
def test_however_many_wait_everything_else_is_answered(
    tmp_path: Path, table_behind: bytes, path: str, tables_asked: int
) -> None:
    with serve(tmp_path) as server, ExitStack() as held:
        names = [add_dataset(server.store, f"many{at}").id for at in range(tables_asked)]
        shown = add_dataset(server.store, "shown")
        kept = server.store.files.put_bytes(table_behind)
        server.store.datasets.add(replace(shown, id="real", table=kept), ())
        server.store.datasets.keep_figure("real", distribution_name("x", DEFAULT_BINS), COUNTED)
        hold_all_turns(held)
        for at in range(120):
            held.enter_context(closing(ask(server, "GET", f"/api/datasets/{names[at % tables_asked]}/{path}")))
        assert until(lambda: child_processes()["waiting"] == 120, 20)

        for other in (
            "/api/datasets",
            "/api/stats",
            "/jobs",
            "/readyz",
            # These wait where they have to.
            "/train",
            "/api/datasets/real/preview",
            "/api/datasets/real/distribution/x",
            "/datasets/real/rows.json",
        ):
            assert server.client.get(other, timeout=5).status_code == 200, other
        figures = server.client.get("/metrics").text
        assert 'flowml_child_processes{state="waiting"} 120\n' in figures
        assert 'flowml_child_processes{state="working"} 4\n' in figures
        held.close()
        assert until(lambda: child_processes() == {"working": 0, "waiting": 0}, 20)


def test_a_server_that_stops_ends_what_waits(tmp_path: Path) -> None:
    with ExitStack() as held:
        hold_all_turns(held)
        with serve(tmp_path) as server:
            table = add_dataset(server.store).id
            held.enter_context(closing(ask(server, "GET", f"/api/datasets/{table}/correlation")))
            assert until(lambda: CHILDREN.waiting == 1)

        assert until(lambda: CHILDREN.waiting == 0)


def test_what_is_being_done_has_ended_before_what_it_stands_on_is_closed(
    server: Served, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, came = threading.Event(), []

    def perform(process: Child, *_: Any, cancelled: threading.Event, **limits: Any) -> Any:
        begun.set()
        cancelled.wait(10)
        time.sleep(0.5)
        came.append("work ended")
        raise NotReady("It was cancelled.")

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        came.append("closed")

    monkeypatch.setattr(Child, "perform", perform)
    with run_app(create_app(server.context, lifespan), lifespan="on") as port:
        other = replace(server, url=f"http://127.0.0.1:{port}")
        connection = ask(other, "GET", f"/api/datasets/{table}/correlation")
        assert begun.wait(5)
    connection.close()

    assert came == ["work ended", "closed"]
