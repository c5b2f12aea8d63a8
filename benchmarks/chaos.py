"""Two minutes in which everything is killed, removed and started again at random; then: is all as it should be?

python -m benchmarks.chaos
python -m benchmarks.chaos --seconds 120 --seed 7 --keep folder

A server with a place of its own and two workers, each in a home of its own, and runs on made tables, one after the
other and at once. The moments and what happens in them follow from the seed; what is hit depends on what is there then.
When the time is over everything that was ended is started once more, all runs come to their end, and `benchmarks.audit`
looks at what is left. What must hold is in its docstring.
"""

import argparse
import contextlib
import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks import audit, tables
from benchmarks.report import table
from benchmarks.server import ENDED, Refused, Server, flowml_command

WORKERS = ("first", "second")
MARK = "FLOWML_BENCHMARK_CHAOS"
"""A variable of the environment by which everything that was started here is known."""
_WATCHED = (
    *("/", "/workers", "/jobs", "/logs", "/settings", "/readyz"),
    *("/api/workers", "/api/training", "/api/cluster", "/api/stats", "/api/logs", "/api/logs?level=error&search=the"),
)
_UNTIL_REST_SECONDS = 150.0
# Who is just importing the engine sees only then that it is nobody's any more.
_GONE_SECONDS = 45.0
_MOST_OPEN = 3
_GONE = (OSError, http.client.HTTPException)


@dataclass
class Worker:
    """One worker: its process, when there is one."""

    name: str
    home: Path
    start_again_at: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    said_before: int = 0

    @property
    def has_joined(self) -> bool:
        """Whether this process of it has: the server may still know one that was killed."""
        return b"Joined" in self.log.read_bytes()[self.said_before :]

    @property
    def log(self) -> Path:
        return self.home.parent / f"worker-{self.name}.log"

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, port: int, token: str, command: list[str], environment: dict[str, str]) -> None:
        asked = ["worker", "--server", f"http://127.0.0.1:{port}", "--name", self.name, "--slots", "1"]
        with self.log.open("ab") as log:
            self.said_before = log.tell()
            self.process = subprocess.Popen(
                [*command, *asked, "--home", str(self.home)],
                env={**environment, "FLOWML_TOKEN": token},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self, number: signal.Signals, seconds: float = 20) -> bool:
        """Signal it and wait; whether it ended by itself in that time."""
        if self.process is None:
            return True
        self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True


@dataclass
class Storm:
    """What is there, what happened to it, and what was not as it should be."""

    folder: Path
    seed: int
    command: list[str]
    happened: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._environment = {**os.environ, MARK: str(self.folder)}
        marks = {MARK: str(self.folder), "FLOWML_LOCAL_SLOTS": "1"}
        self.server = Server(self.folder / "home", self.command, environment=marks)
        self.workers = [Worker(name, self.folder / f"worker-{name}") for name in WORKERS]
        made = [
            *self.command,
            "token",
            "create",
            "--kind",
            "worker",
            "--name",
            "chaos",
            "--home",
            str(self.server.home),
        ]
        self._token = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        self._datasets: list[tuple[str, str]] = []
        self._began = time.monotonic()
        self._is_up = threading.Event()
        self._resting = threading.Event()

    # What happens: each returns whether there was something for it to happen to.

    def kill_server(self) -> bool:
        self._is_up.clear()
        self.server.kill()
        time.sleep(self.chance.choice([0.0, 0.0, 0.5, 3.0]))
        self.server.start()
        self._is_up.set()
        return True

    def stop_server(self) -> bool:
        """As a terminal would, and up again."""
        self._is_up.clear()
        self.server.disconnect()
        assert self.server.process is not None
        self.server.process.terminate()
        try:
            self.server.process.wait(20)
        except subprocess.TimeoutExpired:
            self.faults.append("the server did not end within 20 s of SIGTERM")
            self.server.kill()
        self.server.start()
        self._is_up.set()
        return True

    def kill_conductor(self) -> bool:
        return self._kill_own("conductor", "job_id")

    def kill_trainer(self) -> bool:
        return self._kill_own("trainer", "trial_id")

    def kill_forkserver(self) -> bool:
        """What the server or a worker forks its children from, or anything else that it has started itself."""
        roots = [self.server.process, *(worker.process for worker in self.workers)]
        root = self.chance.choice([one for one in roots if one is not None and one.poll() is None])
        return self._kill_one_of(psutil.Process(root.pid).children())

    def kill_workers_trainer(self) -> bool:
        worker = self._living()
        if worker is None or worker.process is None:
            return False
        helpers = psutil.Process(worker.process.pid).children()
        return self._kill_one_of([child for helper in helpers for child in helper.children()])

    def kill_worker(self) -> bool:
        return self._end_worker(signal.SIGKILL)

    def end_worker(self) -> bool:
        return self._end_worker(signal.SIGTERM)

    def drain_worker(self) -> bool:
        """It takes nothing new until it is started again."""
        found = self._one_of([one for one in self._known() if one["status"] == "online"])
        if found is None:
            return False
        self.server.post(f"/api/workers/{found['id']}/drain", {})
        self._soon(found["name"], signal.SIGTERM)
        return True

    def remove_worker(self) -> bool:
        """It ends by itself, and comes again as a new one."""
        joined = {worker.name for worker in self.workers if worker.lives and worker.has_joined}
        found = self._one_of([one for one in self._known() if one["name"] in joined])
        if found is None:
            return False
        self.server.request("DELETE", f"/api/workers/{found['id']}")
        self._soon(found["name"], None)
        return True

    def cancel_job(self) -> bool:
        return self._of_a_job(lambda job: self.server.post(f"/api/training/{job}/cancel", {}), still_open=True)

    def extend_job(self) -> bool:
        more = {"time_budget_seconds": self.chance.choice([2, 5])}
        return self._of_a_job(lambda job: self.server.post(f"/api/training/{job}/extend", more))

    def delete_job(self) -> bool:
        def delete(job: str) -> None:
            self.server.request("DELETE", f"/api/training/{job}")
            self.deleted.add(job)

        return self._of_a_job(delete)

    def start_jobs(self) -> bool:
        if len(self._open_jobs()) >= _MOST_OPEN:
            return False
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            dataset, target = self.chance.choice(self._datasets)
            options: dict[str, Any] = {"seed": self.chance.randrange(1000)}
            if self.chance.random() < 0.2:
                options["max_trials"] = 5
            self.jobs.append(self.server.train(dataset, target, self.chance.choice([3, 8, 15, 25]), **options)["id"])
        return True

    def run(self, seconds: float) -> None:
        """The storm, and then the calm: returns when everything has come to rest."""
        kinds = {
            self.start_jobs: 3.0,
            self.kill_server: 2.0,
            self.stop_server: 0.7,
            self.kill_conductor: 3.0,
            self.kill_trainer: 2.0,
            self.kill_workers_trainer: 2.0,
            self.kill_forkserver: 0.7,
            self.kill_worker: 2.0,
            self.end_worker: 2.0,
            self.cancel_job: 2.0,
            self.extend_job: 2.5,
            self.delete_job: 1.5,
            self.drain_worker: 1.0,
            self.remove_worker: 1.0,
        }
        self.server.start()
        self._is_up.set()
        self._upload()
        for worker in self.workers:
            self._start(worker)
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        self._began = time.monotonic()
        self.start_jobs()
        while time.monotonic() - self._began < seconds:
            time.sleep(self.chance.uniform(0.2, 3.0))
            self._start_again()
            if not any(self._open_jobs()):
                self.start_jobs()
            happens = self.chance.choices(list(kinds), list(kinds.values()))[0]
            try:
                if happens():
                    self.happened[happens.__name__] += 1
                    print(f"{time.monotonic() - self._began:6.1f} s  {happens.__name__}", file=sys.stderr)
            except Refused as refused:
                self._is_expected(refused.status, happens.__name__, str(refused))
            except _GONE as error:
                self.faults.append(f"{happens.__name__}: no answer: {error!r}")
                self.server.disconnect()
        self._rest()
        self._resting.set()
        watcher.join(30)

    def end(self) -> None:
        """End everything, and note what would not."""
        for worker in self.workers:
            if worker.lives and not worker.end(signal.SIGTERM):
                self.faults.append(f"worker {worker.name} did not end within 20 s of SIGTERM")
        self._is_up.clear()
        self.server.stop()
        until = time.monotonic() + _GONE_SECONDS
        while (left := list(marked(self.folder))) and time.monotonic() < until:
            time.sleep(0.2)
        self.faults += [f"still alive afterwards: {_words(process)}" for process in left]

    def kill_rest(self) -> None:
        """Whatever is left of what was started here."""
        for process in marked(self.folder):
            with contextlib.suppress(psutil.Error):
                process.kill()

    def read_logs(self) -> None:
        """Tracebacks and errors that the processes wrote, as faults."""
        for path in sorted(self.folder.glob("*.log")):
            self.faults += audit.said_in(path)

    def _upload(self) -> None:
        made = (
            (tables.passengers(400, self.seed), "Survived"),
            (tables.houses(500, self.seed), "price"),
            (tables.incomes(3200, self.seed), "income"),
        )
        for number, (rows, target) in enumerate(made):
            path = tables.write_csv(rows, self.folder / f"table-{number}.csv")
            self._datasets.append((self.server.upload(path)["id"], target))

    def _start(self, worker: Worker) -> None:
        worker.start(self.server.port, self._token, self.command, self._environment)
        worker.start_again_at = 0.0

    def _start_again(self) -> None:
        for worker in self.workers:
            if not worker.lives and worker.start_again_at == 0.0:
                # It was removed, or has lost something that it cannot do without.
                worker.start_again_at = time.monotonic() + self.chance.uniform(0.0, 4.0)
            if not worker.lives and time.monotonic() > worker.start_again_at:
                self._start(worker)

    def _end_worker(self, number: signal.Signals) -> bool:
        worker = self._living()
        if worker is None:
            return False
        if not worker.end(number):
            self.faults.append(f"worker {worker.name} did not end within 20 s of {number.name}")
        worker.start_again_at = time.monotonic() + self.chance.choice([0.0, 1.0, 6.0])
        return True

    def _soon(self, name: str, number: signal.Signals | None) -> None:
        """What was drained or removed goes on as a new process some seconds later."""
        worker = next((one for one in self.workers if one.name == name), None)
        if worker is None or not worker.lives:
            return
        if number is None:
            assert worker.process is not None
            try:
                worker.process.wait(20)
            except subprocess.TimeoutExpired:
                self.faults.append(f"worker {name} did not end within 20 s after it was removed")
        else:
            time.sleep(self.chance.uniform(0.5, 4.0))
            worker.end(number)
        worker.start_again_at = time.monotonic() + self.chance.uniform(0.0, 3.0)

    def _living(self) -> Worker | None:
        living = [worker for worker in self.workers if worker.lives]
        return self.chance.choice(living) if living else None

    def _one_of(self, things: list[Any]) -> Any:
        return self.chance.choice(things) if things else None

    def _known(self) -> list[dict[str, Any]]:
        names = {worker.name for worker in self.workers}
        return [one for one in self.server.get("/api/workers")["items"] if one["name"] in names]

    def _open_jobs(self) -> list[str]:
        items = self.server.get("/api/training?limit=1000")["items"]
        return [job["id"] for job in items if job["status"] not in ENDED]

    def _of_a_job(self, what: Callable[[str], object], still_open: bool = False) -> bool:
        jobs = self._open_jobs() if still_open else [job for job in self.jobs if job not in self.deleted]
        job = self._one_of(jobs[-4:])
        if job is None:
            return False
        what(job)
        return True

    def _kill_own(self, kind: str, busy: str) -> bool:
        found = [one for one in self.server.get("/api/stats")["processes"] if one["kind"] == kind and one.get(busy)]
        return self._kill_one_of([psutil.Process(one["pid"]) for one in found if psutil.pid_exists(one["pid"])])

    def _kill_one_of(self, processes: list[psutil.Process]) -> bool:
        victim = self._one_of(processes)
        if victim is None:
            return False
        with contextlib.suppress(psutil.Error):
            victim.kill()
        return True

    def _is_expected(self, status: int, what: str, said: str) -> None:
        """409 and 404 are answers to what was asked too late."""
        if status not in (404, 409):
            self.faults.append(f"{what}: answered {said}")

    def _rest(self) -> None:
        until = time.monotonic() + _UNTIL_REST_SECONDS
        while open_jobs := self._open_jobs():
            self._start_again()
            if time.monotonic() > until:
                self.faults.append(f"{len(open_jobs)} runs have not ended {_UNTIL_REST_SECONDS:.0f} s after the last")
                return
            time.sleep(0.3)
        # Whoever was just being started is there, too.
        for worker in self.workers:
            if not worker.lives:
                self._start(worker)
        while time.monotonic() < until:
            if all(sum(one["name"] == name and one["status"] == "online" for one in self._known()) for name in WORKERS):
                break
            time.sleep(0.3)
        else:
            self.faults.append(f"not all workers are online again: {[(w['name'], w['status']) for w in self._known()]}")
        own = [self.server.process, *(worker.process for worker in self.workers)]
        roots = [psutil.Process(process.pid) for process in own if process is not None]
        held = {one.pid for root in roots for one in (root, *root.children(recursive=True))}
        lost = [process for process in marked(self.folder) if process.pid not in held]
        lost = psutil.wait_procs(lost, timeout=_GONE_SECONDS)[1]
        self.faults += [f"outlived its server or worker: {_words(process)}" for process in lost]

    def _watch(self) -> None:
        """Somebody who has pages open all the time."""
        chance = random.Random(self.seed + 1)
        while not self._resting.is_set():
            time.sleep(0.1)
            path = chance.choice(_WATCHED)
            if self.jobs and chance.random() < 0.6:
                job = chance.choice(self.jobs)
                kinds = ("/api/training/{}", "/api/training/{}/trials", "/api/results/job/{}/leaderboard", "/jobs/{}")
                path = chance.choice(kinds).format(job)
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            was_up = self._is_up.is_set()
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                content = answer.read()
            except _GONE as error:
                if was_up and self._is_up.is_set() and isinstance(error, TimeoutError):
                    self.faults.append(f"GET {path}: no answer within 30 s")
                continue
            finally:
                connection.close()
            if answer.status >= 500 and self._is_up.is_set() and was_up:
                self.faults.append(f"GET {path}: {answer.status} {content[:300].decode(errors='replace')}")


def marked(folder: Path) -> Iterator[psutil.Process]:
    """The living processes that were started for this folder, by whomever."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _words(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {' '.join(process.cmdline())[:150]}"
    return str(process.pid)


def measure(folder: Path, seed: int, seconds: float, command: list[str]) -> tuple[tuple[Any, ...], list[str]]:
    """One row, and what was not as it should be."""
    storm = Storm(folder, seed, command)
    try:
        storm.run(seconds)
    finally:
        try:
            storm.end()
        finally:
            storm.kill_rest()
    storm.read_logs()
    found = audit.look(storm.server.home, folder / f"{storm.server.home.name}.log")
    faults = [*storm.faults, *found.faults]
    killed = sum(count for name, count in storm.happened.items() if name.startswith("kill"))
    row = (
        *(seed, sum(storm.happened.values()), killed, len(storm.jobs), found.jobs, found.trials, found.finished),
        *(found.models, found.recomputed, found.worst_difference, found.files),
        *(len(found.without_conductor), len(faults)),
    )
    return row, faults


HEADER = (
    *("seed", "things happened", "kill -9", "runs started", "runs left", "trials", "finished", "models"),
    *("scores recomputed", "largest difference", "files", "ended without conductor", "faults"),
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="of the storm (default: 120)")
    parser.add_argument("--seed", type=int, action="append", default=[], help="may be given again (default: 0)")
    parser.add_argument("--keep", type=Path, help="folder for homes and logs, kept (default: one that is deleted)")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    # Whoever ends it leaves nothing behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows, all_faults = [], []
    for seed in given.seed or [0]:
        with tempfile.TemporaryDirectory(prefix="flowml-chaos-") as name:
            folder = Path(name)
            if given.keep is not None:
                folder = (given.keep / f"seed-{seed}").resolve()
                folder.mkdir(parents=True)
            row, faults = measure(folder, seed, given.seconds, flowml_command(given.command))
        rows.append(row)
        all_faults += [f"seed {seed}: {fault}" for fault in faults]
        print(table(HEADER, [row]), *faults, sep="\n", file=sys.stderr, flush=True)
    print(table(HEADER, rows, title=f"{given.seconds:g} s of chaos, and what is left of it"))
    if all_faults:
        raise SystemExit("\n".join(all_faults))


if __name__ == "__main__":
    main()
