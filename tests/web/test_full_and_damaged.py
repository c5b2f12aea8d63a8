"""A full disk, a damaged database and a damaged table are said to be that, by every address and by /readyz."""

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flowml.store.room import Room
from flowml.store.store import Store
from tests.services.records import add_job, add_model
from tests.services.trained import store_table
from tests.store.damage import damage_table
from tests.web.serving import Served, serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as server:
        store_table(server.store)
        yield server


class OverQuota:
    """A file for which there is no room, although the disk has some."""

    def write_bytes(self, content: bytes) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    def unlink(self, missing_ok: bool) -> None:
        assert missing_ok


def full(path: Path) -> tuple[int, int]:
    return 1_000_000, 1_000_000_000


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/datasets/d1/transform", {"operations": [{"op": "drop", "columns": ["age"]}], "preview": False}),
        ("POST", "/api/training/start", {"dataset_id": "d1", "target": "bought"}),
        ("GET", "/api/datasets/d1/download?format=xlsx", None),
    ],
)
def test_nothing_is_begun_for_which_there_is_no_room(server: Served, method: str, path: str, body: object) -> None:
    server.store.room = Room(server.store.home.path, full)
    answer = server.client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["title"]) == (507, "The disk is full")
    assert answer.json()["hint"].startswith("Make room")
    assert server.client.get("/api/training").json()["total"] == 0


def test_what_only_reads_is_answered_on_a_full_disk(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.store.room = Room(server.store.home.path, full)
    monkeypatch.setattr(server.store.datasets, "keep_figure", keep)
    for path in ("/", "/datasets", "/api/datasets/d1/preview", "/api/datasets/d1/distribution/age?bins=17"):
        assert server.client.get(path).status_code == 200, path


def test_readyz_says_whether_there_is_room_and_whether_it_can_be_written_to(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, new_temp = server.store.room, server.store.files.new_temp
    server.store.room = Room(server.store.home.path, full)
    answer = server.client.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "1 MB are free, and 20 MB are kept" in answer.json()["detail"]
    server.store.room = room
    monkeypatch.setattr(server.store.files, "new_temp", OverQuota)
    answer = server.client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The disk that holds FlowML's folder is full.")
    monkeypatch.setattr(server.store.files, "new_temp", new_temp)
    assert server.client.get("/readyz").json()["status"] == "ready"


def test_a_damaged_database_is_no_mistake_of_the_server_and_known_from_then_on(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    store_table(store)
    store.close()
    damage_table(store.home.database, "datasets")
    with serve(tmp_path) as server:
        assert server.client.get("/readyz").status_code == 200, "nobody has come across it"
        answer = server.client.get("/api/datasets")
        assert (answer.status_code, answer.json()["title"]) == (503, "What is stored is damaged")
        page = server.client.get("/datasets", headers={"Accept": "text/html"})
        assert page.status_code == 503 and "is damaged" in page.text
        answer = server.client.get("/readyz")
        assert answer.status_code == 503 and "The database is damaged" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/datasets/d1/preview",
        "/api/datasets/d1/preview?sort=age",
        "/api/datasets/d1/correlation",
        "/api/datasets/d1/download?format=csv",
        "/api/datasets/d1/download?format=parquet",
    ],
)
def test_a_damaged_table_is_no_mistake_of_the_server(server: Served, path: str) -> None:
    file = server.store.files.path(server.store.datasets.get("d1").table)
    content = bytearray(file.read_bytes())
    content[4:-8] = b"\xa5" * len(content[4:-8])
    file.write_bytes(content)
    answer = server.client.get(path)
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "The stored table is damaged: it has changed on this server's disk since it was stored, and is not used.",
    )
    assert server.client.get("/readyz").status_code == 200, "everything else is as it was"


def test_a_damaged_file_of_a_model_or_an_upload_is_not_sent_and_not_read(server: Served) -> None:
    store, source = server.store, b"age,bought\n41,yes\n"
    dataset = replace(store.datasets.get("d1"), id="d2", source=store.files.put_bytes(source))
    store.datasets.add(dataset, ())
    model = add_model(store, add_job(store), "m1", 0.9)
    for sha256 in (model.file, dataset.source):
        assert sha256 is not None
        store.files.path(sha256).write_bytes(b"something else")
    for method, path, what in (
        ("GET", "/api/results/model/m1/download", "file of this model"),
        ("POST", "/api/datasets/d2/read-again", "file as it was uploaded"),
    ):
        answer = server.client.request(method, path, json={"options": {}} if method == "POST" else None)
        assert (answer.status_code, answer.json()["title"]) == (503, "What is stored is damaged"), path
        assert answer.json()["detail"].startswith(f"The {what} is damaged"), path


def test_the_model_of_a_damaged_table_is_shown_and_says_why_there_is_no_example(server: Served) -> None:
    store = server.store
    add_model(
        store, add_job(store), "m1", 0.9, details={"schema": [{"name": "age", "role": "numeric", "dtype": "Float64"}]}
    )
    store.files.path(store.datasets.get("d1").table).write_bytes(b"no table")
    answer = server.client.get("/models/m1/example.json?row=3")
    assert (answer.status_code, answer.json()["title"]) == (503, "What is stored is damaged")
    assert server.client.get("/api/results/model/m1").json()["example"] is None
    page = server.client.get("/models/m1/playground")
    assert page.status_code == 200 and "The stored table is damaged" in page.text
