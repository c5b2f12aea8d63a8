"""How fast workers get the table of their run: one that fetches it alone, and many at once.

python -m benchmarks uplink
python -m benchmarks uplink --clients 1 --clients 50 --megabytes 200

The first time that a machine works for a run it fetches the run's table, so in a large fleet the server's line gives
out before anything else does. A client here reads and throws away; server and clients share this machine.
"""

import argparse
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from benchmarks.report import table
from benchmarks.server import Server, flowml_command
from flowml.domain.protocol import PROTOCOL

HEADER = ("clients", "MB in all", "seconds", "MB/s", "server s of processor/GB", "slowest client s", "server MiB more")
LINES = {"1 Gbit/s": 125.0, "10 Gbit/s": 1250.0}
_COLUMNS = 32
_PIECE_BYTES = 1 << 20


class Client:
    """One worker's connection."""

    def __init__(self, port: int, token: str):
        self._address = ("127.0.0.1", port)
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A call with JSON. Raises RuntimeError for anything but success."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = b"".join(self._sent(method, path, content))
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.split(b" ", 2)[1].startswith(b"2"):
            raise RuntimeError(answer.decode(errors="replace")[:1000])
        return json.loads(rest or b"null")

    def fetch(self, path: str) -> int:
        """Read a file; returns how many bytes came, its head included."""
        return sum(map(len, self._sent("GET", path, b"")))

    def _sent(self, method: str, path: str, content: bytes) -> Any:
        with socket.create_connection(self._address, timeout=300) as connection:
            said = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{self._head}{said}\r\n".encode() + content)
            while piece := connection.recv(_PIECE_BYTES):
                yield piece


def lease(client: Client) -> str:
    """Join, and have a trial; returns the address of what is known of it, without its last part."""
    share = {"slots": 1, "threads": 1, "memory_bytes": 2**33}
    worker_id = client.ask("POST", "/api/workers/register", {"name": "far", "protocol": PROTOCOL, **share})["worker_id"]
    ask = {"worker_id": worker_id, "memory_bytes": 2**34, "wait_seconds": 20}
    for _ in range(6):
        if found := client.ask("POST", "/api/workers/lease", ask)["lease"]:
            return f"/api/workers/{worker_id}/trials/{found['trial_id']}/{{}}?attempt={found['attempt']}"
    raise RuntimeError("no trial came")


def measure(server: Server, client: Client, path: str, clients: int, size: int) -> tuple[Any, ...]:
    """One row."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    taken: list[float] = []
    before, held = sum(process.cpu_times()[:2]), process.memory_info().rss
    most = held

    def fetch() -> None:
        began = time.perf_counter()
        if client.fetch(path) < size:
            raise RuntimeError("the file came short")
        taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=fetch) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, process.memory_info().rss)
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    if len(taken) < clients:
        raise SystemExit("not every client got the file")
    megabytes = clients * size / 1e6
    used = sum(process.cpu_times()[:2]) - before
    more = (most - held) / 2**20
    return clients, megabytes, seconds, megabytes / seconds, 1000 * used / megabytes, max(taken), more


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, action="append", help="at once (default: 1, 10 and 50)")
    parser.add_argument("--megabytes", type=int, default=50, help="size of the table (default: 50)")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    command = flowml_command(given.command)
    with tempfile.TemporaryDirectory(prefix="flowml-uplink-") as name:
        folder = Path(name)
        n_rows = given.megabytes * 1_000_000 // (8 * _COLUMNS)
        values = np.random.default_rng(0).normal(size=(n_rows, _COLUMNS))
        pl.DataFrame(values, schema=[f"x{number}" for number in range(_COLUMNS)]).write_parquet(folder / "far.parquet")
        server = Server(folder / "home", command, environment={**os.environ, "FLOWML_LOCAL_SLOTS": "0"})
        made = [*command, "token", "create", "--kind", "worker", "--name", "far", "--home", str(server.home)]
        token = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        with server:
            dataset = server.upload(folder / "far.parquet")["id"]
            server.train(dataset, "x0", 600)
            client = Client(server.port, token)
            address = lease(client)
            sha256 = client.ask("GET", address.format("brief"))["table"]
            path = address.format(f"files/{sha256}")
            size = client.fetch(path)
            rows = [measure(server, client, path, count, size) for count in given.clients or (1, 10, 50)]
    print(table(HEADER, rows, title=f"a table of {size / 1e6:.0f} MB, fetched by many at once"))
    best = max(row[3] for row in rows)
    for line, speed in LINES.items():
        seconds = 1000 * size / 1e6 / min(best, speed)
        print(f"1,000 workers over a line of {line} have it after {seconds:,.0f} s")


if __name__ == "__main__":
    main()
