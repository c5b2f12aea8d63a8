"""The processes that train on a node of a cluster. Each evaluates one trial after another, keeping the table of the
last one, and is watched meanwhile: one that ignores its deadline or its memory is ended, and its node goes on.
"""

import contextlib
import json
import math
import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from flowml.automl.trial import limits
from flowml.domain.trials import DID_NOT_STOP
from flowml.machine import child
from flowml.machine.facts import PATIENT_THREADS, THREAD_VARIABLES, resident_bytes
from flowml.worker.engines.engine import MOST_BYTES
from flowml.worker.engines.errand import Errand, parse_errand
from flowml.worker.engines.node_folder import Folder, checked_name

_MODULE = "flowml.worker.engines.node_child"
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 0.5
_ABANDON_GRACE_SECONDS = 2.0
_FORGOTTEN_SECONDS = 120.0
_IDLE_SECONDS = 60.0


class _Trainer:
    """One process. `kind`: what its environment was made for."""

    def __init__(self, kind: tuple[int, str | None]):
        threads, _ = kind
        self.kind = kind
        self.job_id: str | None = None
        self.idle_since = 0.0
        self._process = child.start(
            _MODULE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            environment={**dict.fromkeys(THREAD_VARIABLES, str(threads)), **PATIENT_THREADS},
        )
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, name="trainer-says", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        child.end(self._process)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                with contextlib.suppress(ValueError):
                    self._told.put(json.loads(line))
        self._told.put(None)

    def work(self, errand: Errand, place: Path, tables: dict[str, str]) -> dict[str, Any]:
        self.job_id = errand.lease.job_id
        request = {"errand": errand.text(), "place": str(place), "tables": tables}
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        watch = _Watch(errand, place)
        report: str | None = None
        fault: str | None = None
        while True:
            try:
                told = self._told.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                told = {}
            if told is None:
                self.end()
                how = child.describe_exit(self._process.returncode)
                return {"broke": f"The training process broke down: {how}.", "retry": True}
            if "busy" in told:
                watch.tell(told["busy"])
            if "report" in told:
                report = str(told["report"])
            if "fault" in told:
                fault = str(told["fault"])
            if "end" in told:
                if fault is not None:
                    return {"fault": fault}
                return {} if report is None else _handed_in(report, place)
            if (verdict := watch.verdict(self.pid)) is not None:
                self.end()
                return verdict


class _Watch:
    """Over one trial."""

    def __init__(self, errand: Errand, place: Path):
        self._place = place
        self._memory_bytes = errand.share.memory_bytes
        self._late_at = math.inf
        self._unwanted_since: float | None = None
        self._looked_at = time.monotonic()
        self._look: float | None = None

    def tell(self, busy: dict[str, Any]) -> None:
        seconds = busy["seconds_left"]
        self._late_at = math.inf if seconds is None else time.monotonic() + seconds
        if busy["memory_bytes"] is not None:
            self._memory_bytes = busy["memory_bytes"]

    def verdict(self, pid: int) -> dict[str, Any] | None:
        """How it ends, if it has to be ended."""
        now = time.monotonic()
        if now > self._late_at + _GRACE_SECONDS:
            return {"broke": DID_NOT_STOP, "retry": False}
        if resident_bytes(pid) > self._memory_bytes:
            return {"broke": limits.too_much_memory(self._memory_bytes), "retry": False}
        with contextlib.suppress(OSError):
            seen = (self._place / "looked").stat().st_mtime
            if seen != self._look:
                self._look, self._looked_at = seen, now
        if now - self._looked_at > _FORGOTTEN_SECONDS:
            # Who wanted it has gone.
            with contextlib.suppress(OSError):
                (self._place / "unwanted").touch()
        if not (self._place / "unwanted").exists():
            return None
        self._unwanted_since = self._unwanted_since or now
        return {} if now - self._unwanted_since > _ABANDON_GRACE_SECONDS else None


class _Trainers:
    """Those of this process of the cluster's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Trainer] = []

    def work(self, errand: Errand, place: Path, tables: dict[str, str], folder: Folder) -> dict[str, Any]:
        trainer = self._take(errand, folder)
        try:
            done = trainer.work(errand, place, tables)
        except BaseException:
            # The cluster ends tasks by raising something in them.
            trainer.end()
            raise
        self._put_back(trainer, folder)
        return done

    def _take(self, errand: Errand, folder: Folder) -> _Trainer:
        kind = (errand.share.threads, os.environ.get("CUDA_VISIBLE_DEVICES"))
        with self._lock:
            fitting = [trainer for trainer in self._idle if trainer.kind == kind and trainer.is_alive()]
            # One that has the table in memory, if there is one.
            fitting.sort(key=lambda trainer: trainer.job_id == errand.lease.job_id)
            chosen = fitting[-1] if fitting else None
            others = [trainer for trainer in self._idle if trainer.kind != kind or trainer is chosen]
            self._idle = [trainer for trainer in self._idle if trainer not in others]
        for trainer in others:
            folder.idle(trainer.pid).unlink(missing_ok=True)
            if trainer is not chosen:
                trainer.end()
        return chosen or _Trainer(kind)

    def _put_back(self, trainer: _Trainer, folder: Folder) -> None:
        if not trainer.is_alive():
            return
        folder.now_idle(trainer.pid)
        trainer.idle_since = since = time.monotonic()
        with self._lock:
            self._idle.append(trainer)

        def send_home() -> None:
            with self._lock:
                is_idle = trainer in self._idle and trainer.idle_since == since
                if is_idle:
                    self._idle.remove(trainer)
            if is_idle:
                folder.idle(trainer.pid).unlink(missing_ok=True)
                trainer.end()

        timer = threading.Timer(_IDLE_SECONDS, send_home)
        timer.daemon = True
        timer.start()


TRAINERS = _Trainers()


def _handed_in(report: str, place: Path) -> dict[str, Any]:
    told = json.loads(report)
    paths = {sha256: place / f"file-{sha256}" for sha256 in {told["out_of_fold"], told["model"]} - {None}}
    n_bytes = sum(path.stat().st_size for path in paths.values())
    if n_bytes > MOST_BYTES:
        too_large = (
            f"Its model and predictions are {n_bytes:,} bytes, and a cluster hands in {MOST_BYTES:,} at the most."
        )
        return {"broke": too_large, "retry": False}
    return {"report": report, "files": {sha256: path.read_bytes() for sha256, path in paths.items()}}


def run_errand(text: str) -> dict[str, Any]:
    """Evaluate a trial in a process of its own. Returns what `errand.parse_done` reads."""
    errand = parse_errand(text)
    folder = Folder()
    tables = {sha256: folder.tables.kept(checked_name(sha256)) for sha256 in errand.tables}
    if missing := [sha256 for sha256, path in tables.items() if path is None]:
        return {"missing": missing}
    with folder.errand_at_work(errand.id) as place:
        return TRAINERS.work(errand, place, {sha256: str(path) for sha256, path in tables.items()}, folder)
