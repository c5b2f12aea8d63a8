"""The log over HTTP: read, followed as a stream and in its room, and what workers add to it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowml.domain.access.caller import TokenKind
from flowml.domain.logs import LogEntry, LogLevel
from flowml.domain.protocol import PROTOCOL
from flowml.domain.trials import Needs, Offer, TrialSpec
from flowml.services.access.tokens import create_token, revoke_token
from flowml.services.context import Context
from flowml.services.fleet.workers import MOST_LOG_BYTES_AT_ONCE, MOST_LOG_LINES_AT_ONCE
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.web.application import create_app
from flowml.web.streams import MOST_OF_ONE, EventStream
from tests.services.records import QuietTrainers, add_dataset, add_job
from tests.web.serving import Served, run_app, serve, until

LINE = LogEntry(0, 1.7e9, LogLevel.INFO, "flowml.x", "this server", "local", "server", "a line")
SECRET = "flowml_admin_" + "s" * 43


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        yield served


def add(server: Served, *messages: str, **change: Any) -> None:
    server.store.logs.append([replace(LINE, message=message, **change) for message in messages])


def said(server: Served, **query: Any) -> list[str]:
    return [item["message"] for item in server.client.get("/api/logs", params=query).json()["items"]]


def test_lines_are_read_by_level_text_and_machine(server: Served) -> None:
    add(server, "one", "Two", "three")
    add(server, "from far", level=LogLevel.ERROR, worker_id="w", machine="far", detail="Traceback\n  it")
    answer = server.client.get("/api/logs", params={"limit": 2}).json()
    assert answer["total"] == 4 and [item["message"] for item in answer["items"]] == ["three", "from far"]
    last = answer["items"][-1]
    assert last["at"] == "2023-11-14T22:13:20Z" and last["detail"] == "Traceback\n  it"
    assert said(server, level="warning") == ["from far"] == said(server, machine="w")
    assert said(server, search="TWO") == ["Two"]
    assert said(server, after=last["id"] - 2) == ["three", "from far"]
    assert said(server, before=last["id"], limit=1) == ["three"]
    for query in ({"level": "FATAL<script>"}, {"limit": 0}, {"after": -1}, {"after": 2**70}, {"search": "x" * 201}):
        assert server.client.get("/api/logs", params=query).status_code == 422


def test_the_log_can_be_had_as_text(server: Served) -> None:
    add(server, "it failed", level=LogLevel.ERROR, detail="Traceback\n  it", job_id="j")
    add(server, "fine")
    answer = server.client.get("/api/logs/download", params={"level": "error"})
    assert answer.text == (
        "2023-11-14T22:13:20Z ERROR    [this server, server] flowml.x: it failed (run j)\n    Traceback\n      it\n"
    )
    assert answer.headers["content-disposition"] == 'attachment; filename="flowml.log"'


class Stream:
    """A stream that is read beside the test."""

    def __init__(self, server: Served, headers: dict[str, str] | None = None, **query: Any):
        self.lines: list[str] = []
        self.status = 0
        self._client = httpx.Client(base_url=server.url, headers=headers or {}, timeout=30)
        self.ended = threading.Event()
        self._query = query
        self._response: httpx.Response | None = None
        threading.Thread(target=self._read, daemon=True).start()
        assert until(lambda: bool(self.lines) or self.ended.is_set())

    def _read(self) -> None:
        try:
            with self._client.stream("GET", "/api/logs/stream", params=self._query) as response:
                self.status, self._response = response.status_code, response
                for line in response.iter_lines():
                    self.lines.append(line)
        except httpx.HTTPError:
            pass
        finally:
            self.ended.set()

    def close(self) -> None:
        """Leave. Another thread reads it, which a close alone would not end."""
        if self._response is not None and not self.ended.is_set():
            self._response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(10)

    @property
    def events(self) -> list[tuple[int, str]]:
        ids = [int(line[4:]) for line in self.lines if line.startswith("id: ")]
        data = [json.loads(line[6:])["message"] for line in self.lines if line.startswith("data: ")]
        assert sum(line == "event: log" for line in self.lines) in (len(ids), len(ids) - 1, len(ids) + 1)
        return list(zip(ids, data, strict=False))

    def messages(self) -> list[str]:
        return [message for _, message in self.events]


def test_a_stream_goes_on_where_it_broke_off(server: Served) -> None:
    add(server, "before")
    stream = Stream(server, level="warning", search="wanted")
    add(server, "not wanted", "else")
    add(server, "Wanted 1", "wanted 2", level=LogLevel.ERROR)
    assert until(lambda: stream.messages() == ["Wanted 1", "wanted 2"])
    last, _ = stream.events[0]
    stream.close()
    again = Stream(server, {"Last-Event-ID": str(last)}, after=0)
    assert until(lambda: again.messages() == ["wanted 2"])
    again.close()
    everything = Stream(server, after=0)
    add(server, "more")
    assert until(lambda: everything.messages() == ["before", "not wanted", "else", "Wanted 1", "wanted 2", "more"])
    everything.close()


def test_a_stream_says_now_and_then_that_it_is_there(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.web.streams._KEEP_ALIVE_SECONDS", 0.05)
    stream = Stream(server)
    assert until(lambda: stream.lines.count(": still here") > 2)
    stream.close()


def test_of_one_caller_so_many_streams_are_open(server: Served) -> None:
    streams = [Stream(server) for _ in range(MOST_OF_ONE)]
    answer = server.client.get("/api/logs/stream")
    assert answer.status_code == 429
    streams[0].close()
    found = []

    def one_more() -> bool:
        found.append(Stream(server))
        return found[-1].status == 200

    assert until(one_more)
    for stream in (*streams, *found):
        stream.close()


def unread_stream(server: Served) -> socket.socket:
    """One whose reader reads nothing."""
    host, _, port = server.address.partition(":")
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader.connect((host, int(port)))
    reader.sendall(f"GET /api/logs/stream?after=0 HTTP/1.1\r\nHost: {server.address}\r\n\r\n".encode())
    return reader


def test_a_reader_that_reads_nothing_does_not_keep_its_place(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.web.streams._SEND_SECONDS", 0.2)
    add(server, *(f"{number}" + "x" * 8_000 for number in range(600)))
    readers = [unread_stream(server) for _ in range(MOST_OF_ONE)]
    found = []

    def one_more() -> bool:
        found.append(Stream(server))
        return found[-1].status == 200

    assert until(one_more, 20)
    for one in (*found, *readers):
        one.close()


def test_a_reader_that_reads_nothing_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[BaseException | None] = []
    call = EventStream.__call__

    async def noted(self: EventStream, *arguments: Any) -> None:
        try:
            await call(self, *arguments)
        except BaseException as error:
            ended.append(error)
            raise
        ended.append(None)

    monkeypatch.setattr(EventStream, "__call__", noted)
    store = Store(tmp_path)
    context = Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    app = create_app(context)
    with run_app(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        server = Served(f"http://127.0.0.1:{port}", context, client)
        add(server, *(f"{number}" + "x" * 8_000 for number in range(600)))
        reader = unread_stream(server)
        assert until(lambda: bool(reader.recv(1)))
        other = Stream(server, after=0)
        assert until(lambda: sum(line == "event: log" for line in list(other.lines)) == 600, 20)
        # As the server does when it is about to end.
        app.end_waiting()
    store.close()
    # Neither cancelled nor left behind.
    assert ended == [None, None]
    reader.close()


def test_a_stream_ends_with_its_token_and_with_the_server(tmp_path: Path) -> None:
    with serve(tmp_path, host="0.0.0.0") as server:
        _, secret = create_token(server.context, TokenKind.ADMIN, "a")
        _, lasting = create_token(server.context, TokenKind.ADMIN, "b")
        revoked = Stream(server, {"Authorization": f"Bearer {secret}"})
        kept = Stream(server, {"Authorization": f"Bearer {lasting}"})
        revoke_token(server.context, "a")
        add(server, "not for everybody")
        assert revoked.ended.wait(10)
        assert revoked.messages() == []
        assert until(lambda: kept.messages() == ["not for everybody"])
        assert not kept.ended.is_set()
    assert kept.ended.wait(10)


def test_the_room_of_the_log_is_for_those_who_run_the_server(tmp_path: Path) -> None:
    with serve(tmp_path, host="0.0.0.0") as server:
        _, secret = create_token(server.context, TokenKind.ADMIN, "a")
        with server.live(additional_headers={"Authorization": f"Bearer {secret}"}) as live:
            live.send(json.dumps({"subscribe": ["logs", "system"], "after": 0}))
            add(server, "told", level=LogLevel.ERROR, detail="Traceback")
            message = json.loads(live.recv(timeout=5))
            while message["room"] != "logs":
                message = json.loads(live.recv(timeout=5))
        assert (message["type"], message["data"]["message"], message["data"]["level"]) == ("log", "told", "error")
        assert message["id"] == server.store.logs.page(1)[0].id


@pytest.fixture
def worker(server: Served) -> Iterator[tuple[httpx.Client, str]]:
    _, secret = create_token(server.context, TokenKind.WORKER, "w")
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {secret}"}, timeout=20) as client:
        asked = {"name": "far", "protocol": PROTOCOL, "capabilities": {}, "queues": ["cpu"], "slots": 1}
        yield client, client.post("/api/workers/register", json=asked).json()["worker_id"]


def test_what_workers_say_arrives_under_their_name_and_the_clock_of_the_server(
    server: Served, worker: tuple[httpx.Client, str]
) -> None:
    client, worker_id = worker
    add_dataset(server.store)
    job = add_job(server.store)
    server.store.jobs.claim(1, 1.0, 1.0)
    trials = [server.store.trials.add(job.id, TrialSpec(n, "ridge", {}), Needs(), 2e9, 1.0) for n in range(2)]
    lease = server.store.trials.claim(worker_id, worker_id, "far", Offer(memory_bytes=10**12), 60, 1.0, 1.0)
    assert lease is not None
    other = next(trial.id for trial in trials if trial.id != lease.trial_id)
    line = {"level": "error", "source": "flowml.x", "message": f"a\nb \x1b[31m {SECRET}", "age_seconds": 50.0}
    lines = [
        line | {"kind": "trainer", "trial_id": lease.trial_id, "detail": f"Traceback\nkey={SECRET}"},
        line | {"kind": "<b>", "trial_id": other, "age_seconds": 1e8},
        line | {"trial_id": "of nobody", "age_seconds": 0},
    ]
    before = server.context.clock()
    answer = client.post("/api/workers/logs", json={"worker_id": worker_id, "lines": lines})
    assert (answer.status_code, answer.json()) == (200, {"kept": 3})
    first, second, third = server.store.logs.page(10)
    assert (first.machine, first.worker_id, first.kind) == ("far", worker_id, "trainer")
    assert (first.job_id, first.trial_id) == (job.id, lease.trial_id)
    assert before - 51 < first.at < before - 49 + 20
    # What it does not have, and times of long ago, are not believed.
    assert (second.kind, second.job_id, second.trial_id) == ("worker", None, None)
    assert second.at > before - 86_500
    assert (third.job_id, third.trial_id) == (None, None)
    assert first.message == "a\\nb \\x1b[31m flowml_admin_…" and SECRET[-9:] not in str(first.detail)


@pytest.mark.parametrize(
    "bad",
    [
        {"level": "FATAL<script>"},
        {"level": 40},
        {"message": "x" * 1_000_000},
        {"source": "x" * 101},
        {"detail": "x" * 8_001},
        {"age_seconds": -1},
        {"age_seconds": "NaN"},
        {"trial_id": ["t"]},
        {"at": 5},
    ],
)
def test_a_worker_that_sends_nonsense_is_refused(
    server: Served, worker: tuple[httpx.Client, str], bad: dict[str, Any]
) -> None:
    client, worker_id = worker
    line = {"level": "info", "source": "x", "message": "m"} | bad
    answer = client.post("/api/workers/logs", json={"worker_id": worker_id, "lines": [line]})
    assert answer.status_code == 422 and server.store.logs.count() == 0


def test_a_worker_speaks_for_itself_alone_and_in_json(server: Served, worker: tuple[httpx.Client, str]) -> None:
    client, worker_id = worker
    _, secret = create_token(server.context, TokenKind.WORKER, "another")
    line = {"level": "info", "source": "x", "message": "m"}
    body = {"worker_id": worker_id, "lines": [line]}
    other = {"Authorization": f"Bearer {secret}"}
    assert client.post("/api/workers/logs", json=body, headers=other).status_code == 404
    assert client.post("/api/workers/logs", json=body | {"worker_id": "local"}).status_code == 404
    assert client.post("/api/workers/logs", json=body | {"lines": [line] * 201}).status_code == 422
    broken = json.dumps(body).encode().replace(b'"m"', b'"\xff\xfe"')
    answer = client.post("/api/workers/logs", content=broken, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert server.store.logs.count() == 0


def test_of_a_flood_of_one_worker_a_part_is_kept(server: Served, worker: tuple[httpx.Client, str]) -> None:
    client, worker_id = worker
    body = {"worker_id": worker_id, "lines": [{"level": "info", "source": "x", "message": "m"}] * 200}
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda _: client.post("/api/workers/logs", json=body).json()["kept"], range(8)))
    assert MOST_LOG_LINES_AT_ONCE <= sum(kept) < MOST_LOG_LINES_AT_ONCE + 200
    assert server.store.logs.count() < MOST_LOG_LINES_AT_ONCE + 210


def test_all_workers_of_one_token_have_one_budget_of_bytes(server: Served, worker: tuple[httpx.Client, str]) -> None:
    client, _ = worker
    _, secret = create_token(server.context, TokenKind.WORKER, "another")
    line = {"level": "error", "source": "x", "message": "漢" * 2_000, "detail": "漢" * 8_000}

    def send(name: str, lines: list[dict[str, Any]], **headers: str) -> int:
        asked = {"name": name, "protocol": PROTOCOL, "capabilities": {}, "queues": ["cpu"], "slots": 1}
        worker_id = client.post("/api/workers/register", json=asked, headers=headers).json()["worker_id"]
        body = {"worker_id": worker_id, "lines": lines}
        return int(client.post("/api/workers/logs", json=body, headers=headers).json()["kept"])

    kept = [send(f"name {number}", [line] * 60) for number in range(4)]
    assert 0 < sum(kept) < 1.3 * MOST_LOG_BYTES_AT_ONCE / 30_000 < 240
    assert send("other", [line] * 20, Authorization=f"Bearer {secret}") == 20


def test_lines_that_are_sent_again_are_there_once(server: Served, worker: tuple[httpx.Client, str]) -> None:
    client, worker_id = worker

    def send(life: str | None, *numbers: int) -> int:
        lines = [{"level": "info", "source": "x", "message": f"{number}", "number": number} for number in numbers]
        body = {"worker_id": worker_id, "life": life, "lines": lines}
        return int(client.post("/api/workers/logs", json=body).json()["kept"])

    assert [send("a", 1, 2), send("a", 1, 2, 3), send("a", 3), send("b", 1), send(None, 1)] == [2, 1, 0, 1, 1]
    assert said(server) == ["1", "2", "3", "1", "1"]


def test_every_setting_is_told_with_where_it_is_from(server: Served) -> None:
    found = {item["name"]: item for item in server.client.get("/api/settings").json()["items"]}
    assert (found["home"]["origin"], found["max_rows"]["origin"]) == ("argument", "default")
    assert found["max_upload_mb"]["unit"] == "MB" and found["max_upload_mb"]["value"] == 500
