"""A run that two workers train alone, while one of them dies, is cut off, joins late or has a wrong clock; or one
worker, through a Dask or a Ray cluster of two nodes that loses one of them.

python -m benchmarks.fleet
python -m benchmarks.fleet --scene kill --scene cut --budget 60 --data folder --task adult
"""

import argparse
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import clusters, tables
from benchmarks.report import table
from benchmarks.server import Server, flowml_command
from benchmarks.tasks import find_tasks

SCENES = ("plain", "kill", "cut", "restart", "late", "clock", "dask", "ray")
HEADER = (
    *("scene", "status", "over budget s", "champion", "first", "second", "finished before", "of these lost"),
    *("left open", "tried again", "score", "database"),
)
_CUT_SECONDS = 20.0
# A day ahead, in every process that reads it.
_WRONG_CLOCK = "import time\n_right = time.time\ntime.time = lambda: _right() + 86_400\n"


@dataclass
class Proxy:
    """A way to a port of this machine that can stop forwarding without closing anything."""

    port: int
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65_536):
                self.open.wait()
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            # Closing alone would leave the other direction's thread, and so the connection, where it is.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def worker(
    folder: Path,
    name: str,
    port: int,
    token: str,
    command: list[str],
    wrong_clock: bool = False,
    more: tuple[str, ...] = ("--slots", "1"),
) -> Iterator[Any]:
    """A worker of one slot in a home of its own, ended with all that it has started; `more`: what it is told else."""
    home = folder / name
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "FLOWML_TOKEN": token}
    if wrong_clock:
        (folder / "clock").mkdir(exist_ok=True)
        (folder / "clock" / "sitecustomize.py").write_text(_WRONG_CLOCK)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder / "clock"), os.environ.get("PYTHONPATH"))))
    asked = ["worker", "--server", f"http://127.0.0.1:{port}", "--name", name, "--home", str(home)]
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([*command, *asked, *more], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def restart(server: Server) -> None:
    """kill -9, and up again."""
    server.kill()
    server.start()


def finished(server: Server, job_id: str) -> dict[str, float]:
    """Trial id → score of what has finished."""
    return {trial["id"]: trial["score"] for trial in server.trials(job_id) if trial["status"] == "finished"}


def measure(folder: Path, scene: str, path: Path, target: str, budget: float, command: list[str]) -> tuple[Any, ...]:
    """One row."""
    with ExitStack() as opened:
        server = Server(folder / "home", command, environment={"FLOWML_LOCAL_SLOTS": "0"})
        made = [*command, "token", "create", "--kind", "worker", "--name", "fleet", "--home", str(server.home)]
        token = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        opened.enter_context(server)
        proxy = Proxy(server.port)
        opened.callback(proxy.close)

        def join(name: str, port: int, wrong_clock: bool = False) -> Any:
            return opened.enter_context(worker(folder, name, port, token, command, wrong_clock))

        second, cluster = None, None
        if scene in clusters.KINDS:
            cluster = opened.enter_context(clusters.KINDS[scene](folder))
            more = ("--engine", scene, "--address", cluster.address)
            opened.enter_context(worker(folder, "first", server.port, token, command, more=more))
        else:
            join("first", server.port)
            second = None if scene == "late" else join("second", proxy.own_port, scene == "clock")
        wanted = 1 if scene == "late" else 2
        while sum(one["slots"] for one in _workers(server.home) if one["status"] == "online") < wanted:
            time.sleep(0.1)
        dataset = server.upload(path)["id"]
        began = time.monotonic()
        job_id = server.train(dataset, target, budget)["id"]
        time.sleep(budget / 2)
        before = finished(server, job_id)
        happen: dict[str, Callable[[], object]] = {
            "kill": lambda: second.send_signal(signal.SIGKILL) if second else None,
            "cut": proxy.open.clear,
            "restart": lambda: restart(server),
            "late": lambda: join("second", server.port),
            **({scene: cluster.lose_a_node} if cluster else {}),
        }
        happen.get(scene, lambda: None)()
        if scene == "cut":
            time.sleep(_CUT_SECONDS)
            proxy.open.set()
        job = server.wait(job_id, timeout=budget + 60)
        late = time.monotonic() - began - budget
        trials = server.trials(job_id)
        after = finished(server, job_id)
        by_worker = Counter(trial["worker_name"] for trial in trials if trial["status"] == "finished")
        board = server.leaderboard(job_id)
        with closing(sqlite3.connect(server.home / "flowml.sqlite")) as connection:
            whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return (
            scene,
            job["status"],
            late,
            any(row["model_id"] == job["best_model_id"] for row in board),
            by_worker["first"],
            by_worker["second"],
            len(before),
            sum(after.get(trial) != score for trial, score in before.items()),
            sum(trial["status"] in ("queued", "leased") for trial in trials),
            sum(trial["attempt"] > 1 for trial in trials),
            job["best_score"],
            whole,
        )


def _workers(home: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(home / "flowml.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT name, status, slots FROM workers WHERE id <> 'local'")]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", choices=SCENES, action="append", help="default: each of them")
    parser.add_argument("--budget", type=float, default=40, help="seconds of the run (default: 40)")
    parser.add_argument("--data", type=Path, help="folder of task folders (default: a table made up here)")
    parser.add_argument("--task", default="adult", help="the one of them (default: adult)")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    rows = []
    for scene in given.scene or SCENES:
        with tempfile.TemporaryDirectory(prefix="flowml-fleet-") as name:
            path, target = tables.write_csv(tables.passengers(891), Path(name) / "passengers.csv"), "Survived"
            if given.data:
                task = find_tasks(given.data, [given.task])[0]
                path, target = task.train, task.target
            rows.append(measure(Path(name), scene, path, target, given.budget, flowml_command(given.command)))
            print(table(HEADER, rows[-1:]), flush=True, file=sys.stderr)
    print(table(HEADER, rows, title=f"a run of {given.budget:g} s on two places, something happens at half time"))
    if any(row[1] != "completed" or not row[3] or row[7] or row[8] or row[11] != "ok" for row in rows):
        raise SystemExit("not every run ended as it should")


if __name__ == "__main__":
    main()
