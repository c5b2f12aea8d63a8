"""What one client can take from all others: each attack in turn against a server of its own, and meanwhile what
everybody else waits for.

python -m benchmarks.floods
python -m benchmarks.floods --only figures downloads
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks import tables
from benchmarks.client import ask, head
from benchmarks.report import table
from benchmarks.server import Server, flowml_command

_EDGE = "flowml-benchmark-7d1f0c"
_PART = f'--{_EDGE}\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\n\r\n'.encode()
_FORM = f"multipart/form-data; boundary={_EDGE}"
_LIMIT_SECONDS = 30.0


@dataclass
class Seen:
    """What an attack got as answers, and what the others saw meanwhile."""

    answers: Counter[int] = field(default_factory=Counter)
    healthz_ms: list[float] = field(default_factory=list)
    page_ms: list[float] = field(default_factory=list)
    peak_mib: float = 0.0
    processes: int = 0


class Attacks:
    """The attacks; each returns when it has its answers, or gives up."""

    def __init__(self, server: Server, dataset: dict[str, Any], model_id: str):
        self._server = server
        self._dataset = dataset
        self._model_id = model_id
        self.seen = Seen()

    async def _ask(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> None:
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                answer = await ask(self._server.port, method, path, body, content_type)
            self.seen.answers[answer.status] += 1
        except TimeoutError:
            self.seen.answers[-1] += 1

    async def _post(self, document: Any, path: str = "/api/training/start") -> None:
        await self._ask("POST", path, json.dumps(document).encode(), "application/json")

    async def _pour(self, *first: bytes, again: bytes, seconds: float = 15.0) -> None:
        """Send the same for ever, and see when that ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        until = time.monotonic() + seconds
        try:
            for part in first:
                writer.write(part)
            while time.monotonic() < until and not reader.at_eof():
                writer.write(again)
                await asyncio.wait_for(writer.drain(), 5)
            ended = time.monotonic() < until
            self.seen.answers[await self._status(reader) if ended else -1] += 1
        except (ConnectionError, TimeoutError):
            self.seen.answers[0] += 1
        finally:
            writer.close()

    async def _status(self, reader: asyncio.StreamReader) -> int:
        content = await asyncio.wait_for(reader.read(200), 5)
        return int(content.split()[1]) if content else 0

    async def unknown_keys(self) -> None:
        """100,000 unknown names in a request."""
        await self._post({f"unknown{at}": at for at in range(100_000)})

    async def many_unknown_keys(self) -> None:
        """7.8 MB of them."""
        await self._post({f"unknown_{at:08}": at for at in range(350_000)})

    async def long_key(self) -> None:
        """One name of 20 MB."""
        await self._post({"x" * 20_000_000: 1})

    async def wrong_items(self) -> None:
        """100,000 wrong entries of a list."""
        asked = {"dataset_id": self._dataset["id"], "target": "Survived", "algorithms": [1] * 100_000}
        await self._post(asked)

    async def rows(self) -> None:
        """27 MB of rows to predict."""
        row = {k: v for k, v in tables.passengers(1)[0].items() if k != "Survived"}
        await self._post({"model_id": self._model_id, "rows": [row] * 150_000}, "/api/results/predict")

    async def figures(self) -> None:
        """64 figures at once, whose clients leave after 15 s."""
        paths = [
            f"/api/datasets/{self._dataset['id']}/distribution/Fare?bins={at}&seed={random.random()}"
            for at in range(2, 66)
        ]
        await asyncio.gather(*(self._ask("GET", path) for path in paths))

    async def downloads(self) -> None:
        """40 workbooks at once."""
        path = f"/api/datasets/{self._dataset['id']}/download?format=xlsx"
        await asyncio.gather(*(self._ask("GET", path) for _ in range(40)))

    async def slow_uploads(self) -> None:
        """64 uploads of 30 MB of which nothing comes."""

        async def one() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
            writer.write(head("POST", "/api/datasets/upload", self._server.port, 30_000_000, _FORM) + _PART)
            with contextlib.suppress(TimeoutError, ConnectionError):
                self.seen.answers[await self._status(reader)] += 1
            await asyncio.sleep(5)
            writer.close()

        await asyncio.gather(*(one() for _ in range(64)))

    async def headers(self) -> None:
        """Headers without end."""
        await self._pour(b"GET / HTTP/1.1\r\nHost: a\r\n", again=b"X-A: " + b"a" * 60_000 + b"\r\n")

    async def parts(self) -> None:
        """A form of a million parts."""
        first = head("POST", "/api/datasets/upload", self._server.port, 1 << 40, _FORM)
        part = f'--{_EDGE}\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n'.encode()
        await self._pour(first, again=part * 1_000)

    async def epilogue(self) -> None:
        """A form that goes on behind its end."""
        first = head("POST", "/api/datasets/upload", self._server.port, 1 << 40, _FORM)
        await self._pour(first, _PART + f"a,b\r\n--{_EDGE}--\r\n".encode(), again=b"x" * 1_000_000)

    async def connections(self) -> None:
        """3,000 connections on which nothing is sent."""
        opened = []
        for _ in range(3_000):
            with contextlib.suppress(OSError):
                opened.append(await asyncio.open_connection("127.0.0.1", self._server.port))
        await asyncio.sleep(5)
        for _, writer in opened:
            writer.close()

    async def unread(self) -> None:
        """60 clients that ask for everything and read nothing."""
        writers = []
        for _ in range(60):
            _, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            request = head("GET", f"/api/datasets/{self._dataset['id']}/preview?limit=1000", self._server.port, 0, "")
            writer.write(request.replace(b"Connection: close\r\n", b"") * 20)
            writers.append(writer)
        await asyncio.sleep(10)
        for writer in writers:
            writer.transport.abort()


_ATTACKS = [name for name in vars(Attacks) if not name.startswith("_")]


async def _under(attack: Callable[[], Awaitable[None]], server: Server, seen: Seen) -> float:
    """Seconds that the attack took, while others ask for the least and for a page."""
    over = asyncio.Event()

    async def probe(path: str, waited: list[float]) -> None:
        while not over.is_set():
            started = time.perf_counter()
            with contextlib.suppress(OSError):
                await ask(server.port, "GET", path)
                waited.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.02)

    async def weigh() -> None:
        assert server.process is not None
        while not over.is_set():
            with contextlib.suppress(psutil.Error):
                family = [psutil.Process(server.process.pid), *server.family()]
                seen.peak_mib = max(seen.peak_mib, sum(one.memory_info().rss for one in family) / 2**20)
                seen.processes = max(seen.processes, len(family))
            await asyncio.sleep(0.2)

    others = [asyncio.ensure_future(probe("/healthz", seen.healthz_ms)), asyncio.ensure_future(weigh())]
    others.append(asyncio.ensure_future(probe("/datasets", seen.page_ms)))
    started = time.monotonic()
    await attack()
    taken = time.monotonic() - started
    over.set()
    await asyncio.gather(*others)
    return taken


def _stopped(server: Server) -> float:
    """Seconds from SIGTERM to the end."""
    assert server.process is not None
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(120)
    return time.monotonic() - started


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command")
    parser.add_argument("--only", nargs="*", choices=_ATTACKS, default=_ATTACKS)
    options = parser.parse_args(arguments)
    rows = []
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(
                Path(folder) / "home", flowml_command(options.command), environment={"FLOWML_LOCAL_SLOTS": "1"}
            )
            server.start()
            dataset = server.upload(tables.write_csv(tables.passengers(60_000), Path(folder) / "p.csv"))
            job = server.wait(server.train(dataset["id"], "Survived", 5, algorithms=["logistic_regression"])["id"], 60)
            attacks = Attacks(server, dataset, job["best_model_id"])
            attack = getattr(attacks, name)
            taken = asyncio.run(_under(attack, server, attacks.seen))
            seen = attacks.seen
            ended = _stopped(server)
            server.stop()
            answers = " ".join(f"{status}:{count}" for status, count in sorted(seen.answers.items()))
            rows.append(
                (name, taken, answers, max(seen.healthz_ms), max(seen.page_ms), seen.peak_mib, seen.processes, ended)
            )
            print(f"{name}: {attack.__doc__} {rows[-1]}", flush=True)
    titles = ("attack", "s", "answers", "healthz ms", "page ms", "MiB in all", "processes", "ended in s")
    print(table(titles, rows, "worst answer of others meanwhile; status 0: closed, -1: no answer in time"))


if __name__ == "__main__":
    main()
