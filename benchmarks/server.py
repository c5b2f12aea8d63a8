"""A FlowML server of one's own: a fresh home, a free loopback port, ended with everything that it started."""

import http.client
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

ENDED = ("completed", "failed", "cancelled")


def flowml_command(given: str | None = None) -> list[str]:
    """The command to measure: the one given (`path/flowml.pyz`, "python -m flowml"), else this environment's own."""
    if not given:
        return [sys.executable, "-m", "flowml"]
    words = shlex.split(given)
    return [sys.executable, *words] if words[0].endswith(".pyz") else words


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Refused(Exception):
    """The server answered with an error; holds its status and its problem document."""

    def __init__(self, status: int, problem: Any):
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


KEPT_SECONDS = 3.0


class Server:
    """One server process and a client for it; a context manager that starts and stops it."""

    def __init__(
        self,
        home: Path,
        command: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        clean_environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ):
        """`environment` is added to this process's own; `clean_environment` takes its place."""
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._command = list(command or flowml_command())
        self._environment = {**(os.environ if clean_environment is None else clean_environment), **(environment or {})}
        self._folder = folder
        self._connection: http.client.HTTPConnection | None = None
        self._last_request = 0.0

    def start(self, timeout: float = 90) -> float:
        """Start it; returns the seconds until its first page came with status 200."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["serve", "--home", str(self.home), "--port", str(self.port)]
        self._log_path = self.home.parent / f"{self.home.name}.log"
        started = time.perf_counter()
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, *arguments],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.perf_counter() - started < timeout:
            if self.process.poll() is not None:
                break
            try:
                self.request("GET", "/")
            except (OSError, http.client.HTTPException):
                self.disconnect()
                time.sleep(0.005)
            else:
                return time.perf_counter() - started
        self.stop()
        raise RuntimeError(
            f"the server did not answer; it wrote:\n{self._log_path.read_text(errors='replace')[-2000:]}"
        )

    def stop(self) -> None:
        """End it as a terminal would; whatever it leaves behind is killed."""
        self.disconnect()
        if self.process is None:
            return
        family = self.family()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in psutil.wait_procs(family, timeout=3)[1]:
            process.kill()
        self.process = None

    def kill(self) -> None:
        """kill -9 of the server process alone."""
        assert self.process is not None
        self.disconnect()
        self.process.kill()
        self.process.wait()

    def family(self) -> list[psutil.Process]:
        """The processes that this server has started."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True) if self.process else []
        except psutil.NoSuchProcess:
            return []

    def resident_mib(self) -> float:
        """What the server process itself, without its children, holds in memory."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(self, method: str, path: str, body: bytes | None = None, content_type: str | None = None) -> bytes:
        """One request on a kept connection. Raises Refused for a status of 400 and above."""
        if time.monotonic() - self._last_request > KEPT_SECONDS:
            # The server closes connections that have been idle for some seconds.
            self.disconnect()
        self._last_request = time.monotonic()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            self._connection.connect()
            assert self._connection.sock is not None
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Content-Type": content_type} if content_type else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 400:
            try:
                problem: Any = json.loads(content)
            except ValueError:
                problem = content[:500].decode(errors="replace")
            raise Refused(response.status, problem)
        return content

    def get(self, path: str) -> Any:
        return json.loads(self.request("GET", path))

    def post(self, path: str, document: Any) -> Any:
        return json.loads(self.request("POST", path, json.dumps(document).encode(), "application/json"))

    def upload(self, path: Path) -> dict[str, Any]:
        """The Dataset that the file became."""
        boundary = "flowml-benchmark-7d1f0c"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        content = self.request("POST", "/api/datasets/upload", body, f"multipart/form-data; boundary={boundary}")
        return dict(json.loads(content))

    def train(self, dataset_id: str, target: str, budget: float, **options: Any) -> dict[str, Any]:
        """The Job, just started."""
        wanted = {"dataset_id": dataset_id, "target": target, "time_budget_seconds": budget, **options}
        return dict(self.post("/api/training/start", wanted))

    def job(self, job_id: str) -> dict[str, Any]:
        return dict(self.get(f"/api/training/{job_id}"))

    def wait(self, job_id: str, timeout: float) -> dict[str, Any]:
        """The Job when it has ended. Raises TimeoutError."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            job = self.job(job_id)
            if job["status"] in ENDED:
                return job
            time.sleep(0.05)
        raise TimeoutError(f"job {job_id} has not ended after {timeout:.0f} s")

    def trials(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.get(f"/api/training/{job_id}/trials?limit=1000")["items"])

    def leaderboard(self, job_id: str) -> list[dict[str, Any]]:
        """Rows of the leaderboard, best first."""
        return list(self.get(f"/api/results/job/{job_id}/leaderboard")["items"])

    def predict(self, model_id: str, features: dict[str, Any]) -> dict[str, Any]:
        return dict(self.post("/api/results/predict", {"model_id": model_id, "features": features}))
