"""What everybody waits for when 64 clients at once read, draw, upload and predict beside a training run.

python -m benchmarks.load
python -m benchmarks.load --clients 64 --seconds 60 --sockets 300
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.client import Answer, ask, open_socket
from benchmarks.report import table
from benchmarks.server import Server, flowml_command

# Shares of the clients. A person reads for a while before the next click; a program that predicts asks at once.
_KINDS = {"predict": 0.5, "page": 0.2, "api": 0.15, "figure": 0.1, "upload": 0.05}
_WARM_SECONDS = 5.0
_PAUSES = {"predict": 0.1, "page": 1.0, "api": 0.5, "figure": 1.0, "upload": 3.0, "healthz": 0.05}


class Load:
    """What the clients have seen."""

    def __init__(self, server: Server, seed: int):
        self.waited: dict[str, list[float]] = defaultdict(list)
        self.answers: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._server = server
        self._chance = random.Random(seed)
        self._rows = tables.passengers(200, seed=seed)

    def prepare(self, seconds: float) -> None:
        """A table, a model of it, and a run that trains all the while."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "passengers.csv"
            tables.write_csv(tables.passengers(891), path)
            self._csv = path.read_bytes()
            self._dataset = self._server.upload(path)
            wide = Path(folder) / "incomes.csv"
            tables.write_csv(tables.incomes(20_000), wide)
            large = self._server.upload(wide)
        job = self._server.train(self._dataset["id"], "Survived", 8)
        self._job = self._server.wait(job["id"], 60)
        self._server.train(large["id"], list(tables.incomes(1)[0])[-1], seconds + 30)

    async def client(self, kind: str, until: float) -> None:
        """One that asks for one kind of thing, again and again."""
        while time.monotonic() < until:
            method, path, body, content_type = self._request(kind)
            started = time.perf_counter()
            answer: Answer = await ask(self._server.port, method, path, body, content_type)
            if until - time.monotonic() < self._seconds:
                self.waited[kind].append((time.perf_counter() - started) * 1000)
                self.answers[kind][answer.status] += 1
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * _PAUSES[kind])

    def _request(self, kind: str) -> tuple[str, str, bytes, str]:
        chance, dataset, job = self._chance, self._dataset["id"], self._job["id"]
        if kind == "predict":
            features = {k: v for k, v in chance.choice(self._rows).items() if k != "Survived"}
            asked = {"model_id": self._job["best_model_id"], "features": features}
            return "POST", "/api/results/predict", json.dumps(asked).encode(), "application/json"
        if kind == "upload":
            edge = "flowml-benchmark-7d1f0c"
            head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\n\r\n'
            body = head.encode() + self._csv + f"\r\n--{edge}--\r\n".encode()
            return "POST", "/api/datasets/upload", body, f"multipart/form-data; boundary={edge}"
        paths = {
            "page": ["/", "/datasets", "/jobs", f"/datasets/{dataset}", f"/jobs/{job}", f"/jobs/{job}/results"],
            "api": [
                f"/api/datasets/{dataset}/preview?limit=100&sort=Age",
                "/api/training?limit=50",
                f"/api/training/{job}/trials",
                f"/api/results/job/{job}/leaderboard",
                f"/api/datasets/{dataset}/stats",
            ],
            "figure": [
                f"/api/datasets/{dataset}/distribution/Fare?bins={chance.randrange(5, 60)}",
                f"/api/datasets/{dataset}/quality",
                f"/api/datasets/{dataset}/correlation",
            ],
            "healthz": ["/healthz"],
        }
        return "GET", chance.choice(paths[kind]), b"", ""

    async def run(self, clients: int, seconds: float, sockets: int) -> None:
        """All of them at once, so many live subscriptions beside; what they see in the first seconds, in which all come
        at the same moment, does not count."""
        self._seconds = seconds
        kinds = ["healthz"]
        for kind, share in _KINDS.items():
            kinds += [kind] * max(1, round(clients * share))
        listening = [asyncio.ensure_future(open_socket(self._server.port, "/api/live")) for _ in range(sockets)]
        until = time.monotonic() + seconds + _WARM_SECONDS
        await asyncio.gather(*(self.client(kind, until) for kind in kinds))
        for one in listening:
            one.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


def loop_seconds(server: Server) -> tuple[float, float]:
    """The seconds that the event loop's thread has computed, and those that it has waited for a core; 0 where the
    system does not say."""
    assert server.process is not None
    try:
        computed, waited, _ = Path(f"/proc/{server.process.pid}/schedstat").read_text().split()
    except OSError:
        return 0.0, 0.0
    return int(computed) / 1e9, int(waited) / 1e9


def rows(load: Load) -> list[tuple[Any, ...]]:
    """A row for each kind."""
    found = []
    for kind, waited in sorted(load.waited.items()):
        cuts = statistics.quantiles(waited, n=100) if len(waited) > 1 else [waited[0]] * 99
        statuses = " ".join(f"{status}:{count}" for status, count in sorted(load.answers[kind].items()))
        found.append((kind, len(waited), cuts[49], cuts[94], cuts[98], max(waited), statuses))
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sockets", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home", flowml_command(options.command))
        with server:
            load = Load(server, options.seed)
            load.prepare(options.seconds)
            before = loop_seconds(server)
            asyncio.run(load.run(options.clients, options.seconds, options.sockets))
            computed, waited = (now - then for now, then in zip(loop_seconds(server), before, strict=True))
            print(
                table(
                    ("asked", "answers", "p50 ms", "p95", "p99", "worst", "statuses"),
                    rows(load),
                    f"{options.clients} clients and {options.sockets} sockets for {options.seconds:g} s beside a run; "
                    f"server {server.resident_mib():.0f} MiB; its event loop computed {computed:.1f} s and waited"
                    f" {waited:.1f} s for a core",
                )
            )


if __name__ == "__main__":
    main()
