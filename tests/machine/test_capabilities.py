"""What a machine says of itself."""

import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.machine import capabilities, ollama, speed
from flowml.machine.tailscale import Peer, Tailscale
from tests.web.serving import run_app


def test_the_disk_is_that_of_the_folder_and_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    found = capabilities.probe(home=tmp_path)
    assert found["disk_free_gb"] == pytest.approx(shutil.disk_usage(tmp_path).free / 1e9, abs=1.0)
    assert (found["speed_score"], found["tailscale"], found["ollama_version"]) == (None, None, None), "not asked for"
    assert capabilities.probe(home=tmp_path / "none")["disk_free_gb"] is None
    json.dumps(found)


def test_with_details_the_speed_and_what_runs_here_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Peer("box.tailnet.ts.net", ("100.64.0.2", "fd7a::2"), True)
    monkeypatch.setattr(capabilities, "tailscale", lambda: Tailscale(True, True, me))
    monkeypatch.setattr(ollama, "version", lambda address: "0.6.2")
    found = capabilities.probe(details=True)
    assert found["tailscale"] == {"name": "box.tailnet.ts.net", "address": "100.64.0.2"}
    assert found["speed_score"] > 0 and "llm" in capabilities.queues(found)
    monkeypatch.setattr(capabilities, "tailscale", lambda: Tailscale(installed=True))
    assert capabilities.probe(details=True)["tailscale"] is None
    assert capabilities.probe(details=True, looks_for_ollama=False)["ollama_version"] is None


def ticks(*seconds: float) -> Iterator[float]:
    now = 0.0
    for step in seconds:
        yield now
        now += step
        yield now


def test_the_speed_is_that_of_the_try_that_nothing_held_up() -> None:
    half = speed.REFERENCE_SECONDS / 2
    assert speed.measured(ticks(1.0, half, 0.5, 0.5).__next__) == 2.0


class Ollama:
    def __init__(self, body: bytes, status: int = 200):
        self.body, self.status = body, status

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] != "http":
            return
        assert scope["path"] == "/api/version"
        await send({"type": "http.response.start", "status": self.status, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": self.body})  # type: ignore[operator]


@pytest.mark.parametrize(
    ("body", "status", "found"),
    [
        (b'{"version": "0.6.2"}', 200, "0.6.2"),
        (b'{"version": 6}', 200, None),
        (b"<html>", 200, None),
        (b"[1]", 200, None),
        (b'{"version": "0.6.2"}', 500, None),
    ],
)
def test_an_ollama_server_is_one_that_says_so(
    body: bytes, status: int, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_app(Ollama(body, status)) as port:  # type: ignore[arg-type]
        monkeypatch.setenv("FLOWML_OLLAMA_URL", f"http://127.0.0.1:{port}")
        assert ollama.version() == found
    assert ollama.version() is None, "it has ended"


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://"])
def test_what_is_no_address_has_no_ollama_server(address: str) -> None:
    assert ollama.version(address) is None


def test_what_answers_drop_by_drop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama, "_LONGEST_SECONDS", 0.3)
    left = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
            while not left.wait(0.02):
                connection.sendall(b" ")
        left.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        assert ollama.version(f"127.0.0.1:{listener.getsockname()[1]}") is None
        # The connection was ended, and nobody reads on.
        dripping.join(5)
        assert left.is_set()
