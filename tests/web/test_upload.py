"""Uploads: streamed to a file, bounded while reading, and nothing left behind when they fail."""

import hashlib
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flowml.domain.errors import FlowMLError
from flowml.store.room import Room
from flowml.web import upload
from flowml.web.failures import handle_error
from flowml.web.upload import clean_filename, receive_upload
from tests.web.serving import run_app, until

LIMIT = 3_000_000


class Place:
    """A folder on a disk with so much room, where `free` is said to be what is left of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.free = 10**9
        self.room = Room(folder, lambda path: (self.free, 0))
        self.promised = self.room.promised

    def new_temp(self) -> Path:
        return self.folder / secrets.token_hex(8)


@dataclass
class Receiver:
    """A server that answers with what it has received."""

    client: httpx.Client
    port: int
    place: "Place"

    def left_behind(self) -> list[Path]:
        return list(self.place.folder.iterdir())

    def post(self, **arguments: Any) -> httpx.Response:
        return self.client.post("/", **arguments)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    place = Place(tmp_path)

    async def receive(request: Request) -> JSONResponse:
        async with receive_upload(request, place, LIMIT) as upload:
            digest = hashlib.sha256(upload.path.read_bytes()).hexdigest()
            return JSONResponse([digest, upload.filename, upload.name, upload.options])

    app = Starlette(
        routes=[Route("/", receive, methods=["POST"])],
        exception_handlers=dict.fromkeys((FlowMLError, ClientDisconnect), handle_error),
    )
    with run_app(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield Receiver(client, port, place)


def test_a_file_arrives_as_it_was_sent(receiver: Receiver) -> None:
    content = bytes(range(256)) * 10_000
    answer = receiver.post(
        files={"file": ("Titanic ü.csv", content)}, data={"name": " My\x00 table ", "options": '{"delimiter": ";"}'}
    )

    digest = hashlib.sha256(content).hexdigest()
    assert answer.json() == [digest, "Titanic ü.csv", "My table", {"delimiter": ";"}]
    assert receiver.left_behind() == []


def test_an_empty_file_arrives_empty(receiver: Receiver) -> None:
    assert receiver.post(files={"file": ("a.csv", b"")}).json()[0] == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("sent", "label"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\table.csv", "table.csv"),
        ("a\u202egnp.csv", "agnp.csv"),
        ("\x07\x1b.csv", ".csv"),
        ("x" * 1000 + ".csv", "x" * 255),
        ("..", ".."),
        ("a/", "upload"),
    ],
)
def test_a_filename_is_only_a_label(sent: str, label: str) -> None:
    assert clean_filename(sent) == label


def test_an_announced_size_over_the_limit_is_refused_unread(receiver: Receiver) -> None:
    answer = receiver.post(files={"file": ("a.csv", b"x" * (LIMIT + 300_000))})

    assert answer.status_code == 413
    assert "3 MB" in answer.json()["detail"]
    assert receiver.left_behind() == []


def test_an_unannounced_size_is_refused_while_reading(receiver: Receiver) -> None:
    def stream() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(LIMIT // 100_000 + 2):
            yield b"x" * 100_000
        yield b"\r\n--b--\r\n"

    answer = receiver.post(content=stream(), headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert answer.status_code == 413
    assert receiver.left_behind() == []


def test_a_sender_who_goes_away_leaves_nothing_behind(receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 2000000\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + b"x" * 1_200_000
        )
        assert until(lambda: len(receiver.left_behind()) == 1)

    assert until(lambda: receiver.left_behind() == [])


def part(disposition: str, content: str = "x") -> str:
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n"


FILE = part('name="file"; filename="a.csv"')


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (part('name="name"') + "--b--\r\n", 422),
        (part('name="file"') + "--b--\r\n", 422),
        (FILE + FILE + "--b--\r\n", 422),
        (FILE + part('name="other"') + "--b--\r\n", 422),
        (FILE + part('name="options"', "{") + "--b--\r\n", 422),
        (FILE + part('name="options"', "[1]") + "--b--\r\n", 422),
        (FILE + part('name="name"', "x" * 70_000) + "--b--\r\n", 422),
        (FILE + part('name="name"') * 2 + "--b--\r\n", 422),
        (FILE, 400),
        ("", 400),
        ("nonsense", 400),
        (FILE + "--b--\r\n" + "x" * 400_000, 400),
        ("x" * 400_000 + FILE + "--b--\r\n", 400),
        ("--b\r\n" + "X-A: b\r\n" * 50_000 + FILE, 400),
        (f"--b\r\nX-A: {'x' * 400_000}\r\n{FILE}", 400),
    ],
    ids=[
        *("no file", "text for file", "two files", "unknown", "not json", "no object", "long", "twice", "cut off"),
        *("empty", "no", "endless end", "endless start", "endless headers", "an endless header"),
    ],
)
def test_a_broken_form_is_refused_in_words(receiver: Receiver, body: str, status: int) -> None:
    answer = receiver.post(content=body.encode(), headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].endswith(".")
    assert receiver.left_behind() == []


def test_no_more_than_some_files_are_received_at_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_MOST_AT_ONCE", 2)
    slow = []
    for at in range(2):
        connection = socket.create_connection(("127.0.0.1", receiver.port))
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 2000000\r\n\r\n" + FILE.encode()
        )
        slow.append(connection)
        assert until(lambda wanted=at + 1: len(receiver.left_behind()) == wanted)
    refused = receiver.post(files={"file": ("a.csv", b"a")})
    assert (refused.status_code, refused.json()["hint"]) == (429, "Wait until some of them have arrived.")
    # Those that take very long make room for others.
    monkeypatch.setattr(upload, "_SLOW_AFTER_SECONDS", 0.0)
    assert receiver.post(files={"file": ("a.csv", b"a")}).status_code == 200
    first = slow.pop(0)
    assert first.recv(12) == b"HTTP/1.1 429"
    first.close()
    slow.pop().close()
    assert until(lambda: receiver.left_behind() == [])


def test_files_that_are_on_their_way_share_what_room_there_is(receiver: Receiver) -> None:
    receiver.place.free = 2_500_000
    with socket.create_connection(("127.0.0.1", receiver.port)) as slow:
        slow.sendall(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 2000000\r\n\r\n" + FILE.encode()
        )
        assert until(lambda: len(receiver.left_behind()) == 1)
        refused = receiver.post(files={"file": ("a.csv", b"a" * 600_000)})
        assert (refused.status_code, refused.json()["title"]) == (507, "The disk is full")
    assert until(lambda: receiver.left_behind() == [])
    assert receiver.post(files={"file": ("a.csv", b"a" * 600_000)}).status_code == 200


def test_a_disk_that_fills_up_ends_a_file_whose_length_nobody_knew(receiver: Receiver) -> None:
    def content() -> Iterator[bytes]:
        yield FILE.encode()[:-3]
        receiver.place.free = -1
        yield b"x" * 5_000_000

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload, "_WRITE_AT", 100_000)
        answer = receiver.post(content=content(), headers=form)
    assert answer.status_code == 507, answer.text
    assert receiver.left_behind() == []


@pytest.mark.parametrize(("n_bytes", "status"), [(20_000_000, 413), (2_900_000, 507), (2_900_000, 429)])
def test_who_goes_on_sending_what_was_refused_reads_why(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, n_bytes: int, status: int
) -> None:
    if status == 507:
        receiver.place.free = 1_000
    if status == 429:
        monkeypatch.setattr(upload, "_MOST_AT_ONCE", 0)
    for more in ("", "Connection: close\r\n"):
        with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                + f"{more}Content-Length: {n_bytes}\r\n\r\n".encode()
            )
            connection.sendall(FILE.encode().ljust(n_bytes, b"x"))
            assert connection.recv(12) == f"HTTP/1.1 {status}".encode(), more


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("text/csv", 415),
        ("application/json", 415),
        ("multipart/form-data", 400),
        (f"multipart/form-data; boundary={'b' * 300}", 400),
        ("multipart/form-data; " + ";" * 60_000, 400),
    ],
)
def test_what_is_not_a_form_is_refused(receiver: Receiver, media_type: str, status: int) -> None:
    assert receiver.post(content=b"a,b\n1,2\n", headers={"Content-Type": media_type}).status_code == status
