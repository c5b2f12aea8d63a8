"""A Dask and a Ray cluster of this machine: two nodes of one place each, of which one can be lost."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Ray takes 127.0.0.1 for the machine's address in its network.
_RAY_HOST = "127.0.0.2"
_START_SECONDS = 120.0


@dataclass
class Cluster:
    """`address` is for `flowml worker --address`."""

    address: str
    lose_a_node: Callable[[], None]


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def _process(folder: Path, name: str, command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=_environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        _end(process, signal.SIGTERM)


def _end(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    try:
        os.killpg(process.pid, how)
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _wait_for(host: str, port: int) -> None:
    ends_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends_at:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"nothing listens at {host}:{port}")


def _wait_for_words(log: Path, words: str) -> None:
    ends_at = time.monotonic() + _START_SECONDS
    while words not in log.read_text(errors="replace"):
        if time.monotonic() > ends_at:
            raise SystemExit(f"{log.name} does not say “{words}”:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def dask(folder: Path) -> Iterator[Cluster]:
    """A scheduler and two workers, without anybody who would start those again."""
    port = _free_port("127.0.0.1")
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    node = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--no-nanny"]
    with ExitStack() as opened:
        opened.enter_context(_process(folder, "scheduler", [*scheduler, "--no-dashboard"]))
        _wait_for("127.0.0.1", port)
        nodes = [
            opened.enter_context(_process(folder, f"node-{number}", [*node, "--nthreads", "1", "--no-dashboard"]))
            for number in range(2)
        ]
        yield Cluster(address, lambda: _end(nodes[0], signal.SIGKILL))


@contextmanager
def ray(folder: Path) -> Iterator[Cluster]:
    """A head that trains nothing, and two nodes."""
    port = _free_port(_RAY_HOST)
    # Who starts it from the command line has a token; the worker has it from here.
    os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    start = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
    own = ["--node-ip-address", _RAY_HOST, "--object-store-memory", "80000000", "--disable-usage-stats"]
    head = [*start, "--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "false", *own]
    node = [*start, "--address", f"{_RAY_HOST}:{port}", "--num-cpus", "1", *own]
    with ExitStack() as opened:
        opened.enter_context(_process(folder, "head", head))
        _wait_for_words(folder / "head.log", "Ray runtime started")
        nodes = []
        for number in range(2):
            # One after the other: they find their parts by the address, which is the same here.
            nodes.append(opened.enter_context(_process(folder, f"node-{number}", node)))
            _wait_for_words(folder / f"node-{number}.log", "Ray runtime started")
        yield Cluster(f"{_RAY_HOST}:{port}", lambda: _end(nodes[0], signal.SIGKILL))


KINDS: dict[str, Callable[[Path], AbstractContextManager[Cluster]]] = {"dask": dask, "ray": ray}
