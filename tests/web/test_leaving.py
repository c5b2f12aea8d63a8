"""Who leaves ends what was done for them, and however many wait, everyone else is answered."""

import asyncio
import io
import json
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import polars as pl
import pytest
from starlette.datastructures import Headers

from flowml.assistant.code import starting
from flowml.data.child import Child
from flowml.data.profiling.figures import DEFAULT_BINS, distribution_name
from flowml.domain.errors import NotReady, TooMany
from flowml.services import explaining, importance, previews, turns
from flowml.services.assistant import executing
from flowml.services.context import Context
from flowml.services.serving import predicting as answering
from flowml.services.turns import CHILDREN, Line, child_processes
from flowml.web import leaving, pages
from flowml.web.application import create_app
from flowml.web.caller import CONTEXT
from flowml.web.routes import ENDPOINTS
from tests.services.records import add_dataset, add_job, add_model, hold_all_turns
from tests.web.serving import Served, run_app, serve, until

COUNTED = {"kind": "histogram", "edges": [0.0, 3.0], "counts": [3], "missing": 0}
TRANSFORM = {"operations": [{"op": "drop", "columns": ["x"]}]}
DERIVE = [{"op": "derive", "column": "z", "expression": "x * 2"}]
# What to send to each address so that it takes a child process; {0} are the data set and its model, {1} its run.
QUESTIONS: dict[str, list[tuple[str, Any]]] = {
    "/api/datasets/upload": [("/api/datasets/upload", b"a,b\n1,2\n")],
    "/api/datasets/{dataset_id}/read-again": [("/api/datasets/{0}/read-again", {"options": {}})],
    "/api/datasets/{dataset_id}/transform": [
        ("/api/datasets/{0}/transform", TRANSFORM),
        ("/api/datasets/{0}/transform", TRANSFORM | {"preview": False}),
    ],
    "/api/datasets/{dataset_id}/code": [("/api/datasets/{0}/code", {"code": "df = df.head(1)"})],
    "/api/llm/execute": [("/api/llm/execute", {"dataset_id": "{0}", "code": "df = df.head(1)"})],
    "/api/datasets/{dataset_id}/preview": [("/api/datasets/{0}/preview?sort=x", None)],
    "/api/datasets/{dataset_id}/download": [("/api/datasets/{0}/download?format=csv", None)],
    "/api/datasets/{dataset_id}/correlation": [("/api/datasets/{0}/correlation", None)],
    "/api/datasets/{dataset_id}/distribution/{column:path}": [("/api/datasets/{0}/distribution/x", None)],
    "/api/datasets/{dataset_id}/texts/{column:path}": [("/api/datasets/{0}/texts/y", None)],
    "/api/datasets/{dataset_id}/relations": [("/api/datasets/{0}/relations?target=y", None)],
    "/api/datasets/{dataset_id}/relation/{column:path}": [("/api/datasets/{0}/relation/x?target=y", None)],
    "/api/datasets/{dataset_id}/quality": [("/api/datasets/{0}/quality", None)],
    "/api/llm/own/ideas": [("/api/llm/own/ideas?dataset_id={0}&target=y", None)],
    "/api/llm/try": [("/api/llm/try", {"dataset_id": "{0}", "operations": DERIVE, "target": "y"})],
    "/api/training/start": [("/api/training/start", {"dataset_id": "{0}", "target": "y"})],
    "/api/results/model/{model_id}/download": [("/api/results/model/{0}/download?format=sql", None)],
    "/api/results/model/{model_id}/curves": [("/api/results/model/{0}/curves", None)],
    "/api/results/model/{model_id}/slices": [("/api/results/model/{0}/slices", None)],
    "/api/results/model/{model_id}/mistakes": [("/api/results/model/{0}/mistakes", None)],
    "/api/results/compare": [("/api/results/compare", {"model_ids": ["{0}", "{0}b"]})],
    "/api/results/job/{job_id}/parameter-importance": [("/api/results/job/{1}/parameter-importance", None)],
    "/api/results/job/{job_id}/report": [("/api/results/job/{1}/report", None)],
    "/api/results/model/{model_id}/partial-dependence": [
        ("/api/results/model/{0}/partial-dependence?feature=x", None),
    ],
    "/api/results/model/{model_id}/feature-importance": [("/api/results/model/{0}/feature-importance", None)],
    "/api/llm/sent": [("/api/llm/sent?purpose=cleaning&dataset_id={0}", None)],
    # These ask a model first, which hears of it as well: tests/web/api/assistant/test_suggesting.py.
    "/api/llm/suggest-cleaning": [],
    "/api/llm/feature-engineering": [],
    "/api/llm/explain-results": [],
    "/api/results/job/{job_id}/explanation": [("/api/results/job/{1}/explanation", None)],
    "/api/results/model/{model_id}/explanation": [("/api/results/model/{0}/explanation", None)],
    "/jobs/{job_id}/explanation": [("/jobs/{1}/explanation", None)],
    "/models/{model_id}/explanation": [("/models/{0}/explanation", None)],
    "/datasets/{dataset_id}/rows.json": [("/datasets/{0}/rows.json?sort=x", None)],
    "/datasets/{dataset_id}/spreads.json": [("/datasets/{0}/spreads.json?search=a", None)],
    "/jobs/{job_id}/search": [("/jobs/{1}/search", None)],
    "/jobs/{job_id}/compare": [("/jobs/{1}/compare?model={0}&model={0}b", None)],
    "/models/{model_id}/curves": [("/models/{0}/curves", None)],
    "/models/{model_id}/slices": [("/models/{0}/slices", None)],
    "/models/{model_id}/mistakes": [("/models/{0}/mistakes", None)],
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
    # The model's file is none; whether it takes the column is looked up before any child is asked.
    monkeypatch.setattr(explaining, "_check_dependence", lambda *_: None)
    monkeypatch.setattr(executing, "need_model", lambda *_: None)
    name = f"d{time.monotonic_ns()}"
    dataset = add_dataset(server.store, f"{name}t")
    dataset = replace(dataset, id=name, source=dataset.sha256)
    server.store.datasets.add(dataset, ())
    job = add_job(server.store, dataset_id=name)
    for model_id in (name, f"{name}b"):
        add_model(server.store, job, model_id, 0.9)
    server.store.jobs.update(job.id, best_model_id=name)
    yield name


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_when_the_client_leaves_the_child_process_hears_of_it(
    server: Served, table: str, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    begun, ended, late = threading.Event(), threading.Event(), []

    def work(cancelled: threading.Event) -> Any:
        # What has been told that nobody waits does not ask for the next.
        if cancelled.is_set():
            late.append(path)
        begun.set()
        if cancelled.wait(60):
            ended.set()
        raise NotReady("It was cancelled.")

    monkeypatch.setattr(Child, "perform", lambda process, *_, cancelled, **limits: work(cancelled))
    for asked in (importance.Child, starting.Child):
        monkeypatch.setattr(asked, "ask", lambda process, request, bounds, cancelled: work(cancelled))
    if isinstance(body, dict):
        body = json.loads(json.dumps(body).replace("{0}", table))
    with closing(ask(server, method, path.format(table, server.store.models.get(table).job_id), body)):
        # The first child of a busy machine is some time in coming.
        assert begun.wait(60)
        assert not ended.is_set()

    assert ended.wait(60)
    assert until(lambda: child_processes() == {"working": 0, "waiting": 0}, 20)
    assert not late


PREDICT = "/api/results/predict"
ROWS = [
    pytest.param({"features": {"x": 1.0}}, id="a row"),
    pytest.param({"features": {"x": "long" * 10_000}}, id="a large row"),
    pytest.param({"rows": [{"x": 1.0}] * 5}, id="some rows"),
    pytest.param({"rows": [{"x": 1.0}] * 200}, id="many rows"),
]


class Predicting:
    """Rows that take until nobody waits for them; `begun` and `ended` count requests."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.lock = threading.Lock()

    def __call__(self, context: Context, model_id: str, rows: Any, coverage: Any = None) -> Any:
        with self.lock:
            self.begun += 1
        assert context.left is not None
        if context.left.wait(30):
            with self.lock:
                self.ended += 1
        raise NotReady("It was cancelled.")


@pytest.fixture
def predicting(monkeypatch: pytest.MonkeyPatch) -> Predicting:
    found = Predicting()
    monkeypatch.setattr(answering, "predict", found)
    monkeypatch.setattr(answering, "ready", lambda *_: None)
    return found


@pytest.mark.parametrize("body", ROWS)
def test_predictions_hear_that_their_client_left_and_so_do_those_in_line(
    server: Served, predicting: Predicting, body: Any
) -> None:
    asked = [ask(server, "POST", PREDICT, {"model_id": "m", **body}) for _ in range(6)]
    assert until(lambda: predicting.begun > 0)
    for connection in asked:
        connection.close()
    assert until(lambda: predicting.ended == predicting.begun > 0)
    # One after them finds their places free.
    begun = predicting.begun
    with closing(ask(server, "POST", PREDICT, {"model_id": "m", **body})):
        assert until(lambda: predicting.begun == begun + 1)
    assert until(lambda: predicting.ended == begun + 1)


@pytest.mark.parametrize("body", ROWS)
def test_who_predicts_very_much_keeps_nobody_else_waiting(
    server: Served, predicting: Predicting, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_MOST_OF_ONE", 2)
    with ExitStack() as held:
        asked = [
            held.enter_context(closing(ask(server, "POST", PREDICT, {"model_id": "m", **body}))) for _ in range(12)
        ]
        assert until(lambda: predicting.begun > 0)
        refused = [one for one in asked if select.select([one], [], [], 0.05)[0]]
        assert refused and refused[0].recv(12) == b"HTTP/1.1 429"
        begun = predicting.begun
        held.enter_context(closing(ask(server, "POST", PREDICT, {"model_id": "m", **body}, page=True)))
        assert until(lambda: predicting.begun == begun + 1)
    assert until(lambda: predicting.ended == predicting.begun)


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


class _Asked:
    """What `Waiting` asks of a request."""

    def __init__(self, context: Context):
        self.scope = {CONTEXT: context}
        self.client, self.headers = None, Headers()

    async def receive(self) -> Any:
        await asyncio.sleep(60)


def test_who_waits_in_a_thread_leaves_threads_to_those_whose_turn_comes(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "_THREADS", 4)
    monkeypatch.setattr(turns, "_in_threads", threading.Semaphore(2))
    line = Line(2)

    def work(context: Context) -> str:
        for _ in range(2):
            with line.turn(context.left, context.turns):
                time.sleep(0.01)
        return "done"

    async def all_of_them() -> list[Any]:
        waiting = leaving.Waiting()
        asked = [waiting.until_gone(cast(Any, _Asked(server.context)), work) for _ in range(40)]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

    found = asyncio.run(all_of_them())
    assert "done" in found
    assert {type(one) for one in found} <= {str, TooMany}
    assert (line.working, line.waiting) == (0, 0)


@pytest.mark.parametrize("path", ["/api/datasets/{}/correlation", PREDICT])
def test_what_is_being_done_has_ended_before_what_it_stands_on_is_closed(
    server: Served, table: str, monkeypatch: pytest.MonkeyPatch, path: str
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
    monkeypatch.setattr(answering, "predict", lambda context, *_: perform(cast(Child, None), cancelled=context.left))
    with run_app(create_app(server.context, lifespan), lifespan="on") as port:
        other = replace(server, url=f"http://127.0.0.1:{port}")
        body = {"model_id": "m", "rows": [{}] * 200} if path == PREDICT else None
        connection = ask(other, "GET" if body is None else "POST", path.format(table), body)
        assert begun.wait(5)
    connection.close()

    assert came == ["work ended", "closed"]
