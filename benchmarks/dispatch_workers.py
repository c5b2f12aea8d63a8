"""Workers that only sleep, all of them in one process: what each says to its server is what a worker says, through the
same addresses with a token of its own kind, and as little as possible is computed for it here.

Each has two connections that are always open, one that waits for a trial and one that waits to hear what is to stop,
and a third for its heartbeat.
"""

import asyncio
import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

WAIT_SECONDS = 25.0
HEARTBEAT_SECONDS = 30.0
# Standing for the predictions and the model of a trial; another one for each.
_FILE_BYTES = 2_000


class Line(asyncio.Protocol):
    """One connection over which one request at a time is asked; opened anew when the server has closed it."""

    def __init__(self, port: int, token: str):
        self._port = port
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        at = head.lower().find(b"content-length:")
        length = 0 if at < 0 else int(head[at + 15 : at + 30].split(b"\r", 1)[0])
        if len(body) >= length:
            self._received = body[length:]
            answer, self._answer = self._answer, None
            if not answer.done():
                answer.set_result((int(head[9:12]), body[:length]))

    def connection_lost(self, problem: Exception | None) -> None:
        self._transport, self._received = None, b""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(problem or ConnectionResetError("the server has closed the connection"))

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Any:
        """The document that is the answer. Raises AssertionError for what is none."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        assert self._transport is not None and self._answer is None
        self._answer = loop.create_future()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self._transport.write(f"{method} {path} HTTP/1.1\r\n{self._head}{headers}{length}\r\n".encode() + body)
        status, content = await self._answer
        assert status < 300, f"{method} {path}: {status} {content.decode(errors='replace')[:500]}"
        return json.loads(content) if content else None

    async def post(self, path: str, document: Any) -> Any:
        return await self.ask("POST", path, json.dumps(document).encode(), "Content-Type: application/json\r\n")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass
class Fleet:
    """So many workers of one server. How long their trials take, and whether they hand over files, may be changed."""

    port: int
    token: str
    seconds: float = 0.1
    with_files: bool = False
    arrived: dict[str, float] = field(default_factory=dict)
    """When each lease was heard of, by the steady clock."""
    done: int = 0
    heartbeats: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(0)
        self._lines: list[Line] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def join(self, size: int) -> None:
        """Have them register, one after the other, and wait for trials."""
        line = Line(self.port, self.token)
        capabilities = {"cores": 8, "memory_bytes": 16_000_000_000, "gpus": [], "platform": "simulated"}
        for number in range(size):
            told = {"name": f"sleeper-{number}", "instance": str(number), "life": str(number), "slots": 1}
            told |= {"memory_bytes": 8_000_000_000, "capabilities": capabilities}
            worker_id = (await line.post("/api/workers/register", told))["worker_id"]
            lines = [Line(self.port, self.token) for _ in range(3)]
            parts = self._work(worker_id, lines[0]), self._watch(worker_id, lines[1])
            self._lines += lines
            self._tasks += map(asyncio.create_task, (*parts, self._beat(worker_id, str(number), lines[2])))
        line.close()

    async def finished(self, count: int, most_seconds: float) -> float:
        """When so many trials have been reported in all, by the steady clock."""
        async with asyncio.timeout(most_seconds):
            while self.done < count:
                self.check()
                self._changed.clear()
                await self._changed.wait()
        return time.monotonic()

    def check(self) -> None:
        """Raises what has ended one of them."""
        for task in self._tasks:
            if task.done():
                task.result()

    def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        for line in self._lines:
            line.close()

    async def _work(self, worker_id: str, line: Line) -> None:
        free = {"queues": ["cpu"], "memory_bytes": 8_000_000_000, "vram_gb": 0.0}
        ask = {**free, "worker_id": worker_id, "wait_seconds": WAIT_SECONDS}
        jobs = set[str]()
        lease = None
        while True:
            lease = lease or (await line.post("/api/workers/lease", ask))["lease"]
            if lease is None:
                continue
            self.arrived[lease["trial_id"]] = time.monotonic()
            trial = f"/api/workers/{worker_id}/trials/{lease['trial_id']}"
            attempt = f"?attempt={lease['attempt']}"
            if lease["job_id"] not in jobs:
                jobs.add(lease["job_id"])
                await line.ask("GET", f"{trial}/brief{attempt}")
            if self.seconds:
                await asyncio.sleep(self.seconds)
            report: dict[str, Any] = {"status": "pruned", "score": 0.5, "fold_scores": [0.5], "fit_seconds": 0.1}
            if self.with_files:
                files = [await self._hand_over(line, trial, attempt) for _ in range(2)]
                report |= {"status": "finished", "out_of_fold": files[0], "model": files[1], "tested_on": "nothing"}
            answer = await line.post(f"{trial}/report{attempt}", {**report, "free": free})
            assert answer["accepted"], "a report came too late"
            lease = answer["lease"]
            self.done += 1
            self._changed.set()

    async def _hand_over(self, line: Line, trial: str, attempt: str) -> str:
        content = self._chance.randbytes(_FILE_BYTES)
        sha256 = hashlib.sha256(content).hexdigest()
        address = f"{trial}/uploads/{sha256}{attempt}"
        if (await line.ask("GET", address))["received_bytes"] is not None:
            headers = f"upload-offset: 0\r\nupload-length: {len(content)}\r\nContent-Type: application/octet-stream\r\n"
            await line.ask("PATCH", address, content, headers)
        return sha256

    async def _watch(self, worker_id: str, line: Line) -> None:
        ask = {"worker_id": worker_id, "known": [], "wait_seconds": WAIT_SECONDS}
        while True:
            stop = (await line.post("/api/workers/watch", ask))["stop"]
            assert not stop, "nothing was cancelled"

    async def _beat(self, worker_id: str, life: str, line: Line) -> None:
        # What runs for a tenth of a second is over before it would be named.
        await asyncio.sleep(self._chance.uniform(0, HEARTBEAT_SECONDS))
        while True:
            await line.post("/api/workers/heartbeat", {"worker_id": worker_id, "life": life, "running": []})
            self.heartbeats += 1
            await asyncio.sleep(HEARTBEAT_SECONDS * self._chance.uniform(0.9, 1.1))
