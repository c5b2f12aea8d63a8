"""`flowml serve-model`, as a program."""

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flowml.automl.model import modelfile
from tests.services.trained import ROW, trained
from tests.web.serving import until

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "shop.flowml"
    path.write_bytes(modelfile.write(trained("bought", "logistic_regression")))
    return path


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWML_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flowml", "serve-model", *arguments],
        cwd=ROOT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """A running one, its greeting and its address."""
    process = start(*arguments, "--port", "0", **environment)
    assert process.stdout is not None and process.stderr is not None
    # What it says is read, so that it never waits for that.
    said = threading.Thread(target=process.stderr.read, daemon=True)
    said.start()
    try:
        greeting = process.stdout.readline()
        assert " at http://" in greeting, greeting
        yield process, greeting, greeting.split(" at ")[1].split(",")[0].strip()
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()


def children_of(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in found]


def metrics_of(address: str, headers: dict[str, str]) -> set[str]:
    """Which processes there are predictions of."""
    ask(address, **headers)
    text = httpx.get(f"{address}/metrics", headers=headers, trust_env=False).text
    return set(re.findall(r'flowml_model_requests_total{process="(\d+)"', text))


def ask(address: str, **headers: str) -> httpx.Response:
    return httpx.post(f"{address}/api/results/predict", json={"features": ROW}, headers=headers, trust_env=False)


def test_one_process_answers_until_it_is_told_to_end(model: Path) -> None:
    known = hashlib.sha256(model.read_bytes()).hexdigest()
    with serving(str(model), "--name", "m1", "--sha256", known) as (process, greeting, address):
        assert "serves shop.flowml as “m1”" in greeting
        assert ask(address).json()["prediction"] == "yes"
        assert httpx.get(f"{address}/v2/models/m1/ready", trust_env=False).status_code == 200
    assert process.returncode == 0


def test_it_imports_nothing_that_it_does_not_need() -> None:
    heavy = ["flowml.services.examples", "flowml.data.recipes.checking", "whitenoise", "jinja2", "polars", "numpy"]
    code = (
        "import sys, flowml.cli.serve_model, flowml.web.alone.application, flowml.web.wire,"
        " flowml.services.serving.alone;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="looks its children up in /proc")
def test_several_processes_on_one_port_of_which_one_that_dies_is_replaced(model: Path) -> None:
    with serving(str(model), "--processes", "2", FLOWML_TOKEN="s" * 32) as (process, greeting, address):
        token = {"Authorization": f"Bearer {'s' * 32}"}
        assert "with 2 processes" in greeting
        assert (ask(address).status_code, ask(address, **token).json()["prediction"]) == (401, "yes")
        first = children_of(process.pid)
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        assert until(lambda: len(set(children_of(process.pid)) - {first[0]}) == 2, 30)
        # All that come from now on are taken by one or the other.
        assert {ask(address, **token).status_code for _ in range(10)} == {200}
        # Whichever is asked knows of the other, too.
        assert until(lambda: metrics_of(address, token) >= {"1", "2"}, 30)
        left = children_of(process.pid)
    assert process.returncode == 0
    assert not any(Path(f"/proc/{child}").exists() for child in left)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all processes have one socket")
def test_connections_are_shared_out_among_processes(model: Path) -> None:
    with serving(str(model), "--processes", "2") as (_, _, address), contextlib.ExitStack() as opened:
        clients = [opened.enter_context(httpx.Client(base_url=address, trust_env=False)) for _ in range(40)]
        for client in clients:
            # All of them at once: none gives its place to another.
            assert client.get("/healthz").status_code == 200
        for client in clients:
            assert client.post("/api/results/predict", json={"features": ROW}).status_code == 200
        counted = {}

        def all_are_counted() -> bool:
            text = httpx.get(f"{address}/metrics", trust_env=False).text
            counted.update(re.findall(r'flowml_model_requests_total{process="(\d+)"[^}]*} (\d+)', text))
            return sum(map(int, counted.values())) == len(clients)

        assert until(all_are_counted, 30)
    # By chance one of them has fewer than this once in a hundred thousand times.
    assert len(counted) == 2 and min(map(int, counted.values())) >= 7, counted


def begun(address: str) -> socket.socket:
    """A connection on which half of a request has arrived."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    head = f"POST /invocations HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n"
    connection.sendall(f'{head}{{"dataframe_records":'.encode())
    return connection


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_was_begun_is_answered_before_it_ends(model: Path, processes: str) -> None:
    with serving(str(model), "--processes", processes, "--grace", "2") as (process, _, address):
        with begun(address) as late, begun(address) as never:
            assert httpx.get(f"{address}/healthz", trust_env=False).status_code == 200
            process.terminate()
            late.sendall(b'[{"age": 60}]}')
            answered, refused = (
                connection.makefile("rb").read().partition(b"\r\n\r\n") for connection in (late, never)
            )
        process.wait(30)

    assert answered[2] == b'{"predictions":["yes"]}'
    assert refused[0].startswith(b"HTTP/1.1 503") and b"application/problem+json" in refused[0]
    assert b"has ended before the answer" in refused[2]
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--host", "0.0.0.0"], {}, "refused without a secret"),
        (["--allowed-hosts", "ml.example.com"], {}, "refused without a secret"),
        ([], {"FLOWML_TOKEN": "short"}, "The secret is too short"),
        (["--secret-file", "/nowhere"], {}, "could not be read"),
        (["--name", "a/b"], {}, "--name is letters"),
        (["--sha256", "0" * 64], {}, "is not the file that was tried or named"),
        (["--sha256", "0" * 64, "--processes", "2"], {}, "has ended before it began"),
    ],
    ids=str,
)
def test_what_it_refuses_to_start_with(
    model: Path, arguments: list[str], environment: dict[str, str], words: str
) -> None:
    process = start(str(model), "--port", "0", *arguments, **environment)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 1 and "Traceback" not in said
    assert words in said


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_file_that_is_no_model_ends_it_with_the_reason(tmp_path: Path, processes: str) -> None:
    path = tmp_path / "broken.flowml"
    path.write_bytes(b"no model")
    process = start(str(path), "--port", "0", "--processes", processes)
    _, said = process.communicate(timeout=60)

    assert (process.returncode, said.count("\n")) == (1, 1)
    assert "broken.flowml" in said
