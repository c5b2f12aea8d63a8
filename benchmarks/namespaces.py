"""A server and two workers that have a network each: what crosses it, what a cut costs, and what works without any.

python -m benchmarks.namespaces
python -m benchmarks.namespaces --budget 60 --data folder --task adult

Linux, as root: four network namespaces are made, a switch and three machines with addresses of their own, and always
removed again. The server is bound to its address, knows its workers by their tokens and whoever asks by an admin token.
At half time the second worker's cable is pulled out for 20 s. Then a server is started in a namespace that has nothing
but its own loopback interface: it starts, shows its pages, reads a table, trains and predicts. Where `strace` is there,
all its processes are watched for an attempt to reach anything else.
"""

import argparse
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import ENDED, flowml_command
from benchmarks.tasks import find_tasks

MACHINES = {"server": "10.213.7.1", "first": "10.213.7.2", "second": "10.213.7.3"}
PORT = 8000
HEADER = (
    *("status", "over budget s", "champion", "first", "second", "before the cut", "of these lost", "after it, second"),
    *("left open", "score", "database"),
)
_CUT_SECONDS = 20.0
_NEW_NETWORK = 0x40000000
_BOUNDARY = "flowml-benchmark-7d1f0c"
_ADDRESS = re.compile(r'(connect|sendto|sendmsg|sendmmsg)\(.*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')
_DNS = re.compile(r"htons\((53|5353|853)\)")


def ip(*words: str) -> None:
    """Raises RuntimeError with what `ip` says."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def namespaces(*names: str) -> Iterator[dict[str, str]]:
    """Network namespaces with their loopback interfaces up, by what they are called here."""
    made = {}
    try:
        for name in names:
            whole = f"flowml-{os.getpid()}-{name}"
            ip("netns", "add", whole)
            made[name] = whole
            ip("-n", whole, "link", "set", "lo", "up")
        yield made
    finally:
        for whole in made.values():
            # What still runs there would keep it.
            found = subprocess.run(["ip", "netns", "pids", whole], capture_output=True, text=True)
            for pid in map(int, found.stdout.split()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(RuntimeError):
                ip("netns", "delete", whole)


def connect_all(made: dict[str, str]) -> None:
    """A bridge in `switch`, and a cable from it to each machine. There is no way to anywhere else."""
    switch = made["switch"]
    ip("-n", switch, "link", "add", "bridge", "type", "bridge")
    ip("-n", switch, "link", "set", "bridge", "up")
    for name, address in MACHINES.items():
        ip("-n", switch, "link", "add", name, "type", "veth", "peer", "name", "cable", "netns", made[name])
        ip("-n", switch, "link", "set", name, "master", "bridge")
        ip("-n", switch, "link", "set", name, "up")
        ip("-n", made[name], "address", "add", f"{address}/24", "dev", "cable")
        ip("-n", made[name], "link", "set", "cable", "up")


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread is in that namespace; sockets made meanwhile stay there."""
    library = ctypes.CDLL(None, use_errno=True)

    def enter(path: Path) -> None:
        with path.open() as file:
            if library.setns(file.fileno(), _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), f"setns {path}")

    with Path("/proc/thread-self/ns/net").open() as before:
        enter(Path("/run/netns") / namespace)
        try:
            yield
        finally:
            if library.setns(before.fileno(), _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns back")


class Client:
    """Asks a server, from within a namespace."""

    def __init__(self, namespace: str, address: str, token: str | None = None):
        self._namespace = namespace
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """Raises RuntimeError for an answer of 400 and above."""
        with inside(self._namespace):
            sock = socket.create_connection((self._address, PORT), timeout=60)
        connection = http.client.HTTPConnection(self._address, PORT, timeout=60)
        connection.sock = sock
        with closing(connection):
            headers = {**self._headers, **({"Content-Type": kind} if body is not None else {})}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300].decode(errors='replace')}")
        return content

    def get(self, path: str) -> Any:
        return json.loads(self.request("GET", path))

    def post(self, path: str, document: Any) -> Any:
        return json.loads(self.request("POST", path, json.dumps(document).encode()))

    def upload(self, path: Path) -> str:
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        return str(json.loads(self.request("POST", "/api/datasets/upload", body, kind))["id"])

    def train(self, dataset_id: str, target: str, budget: float) -> str:
        wanted = {"dataset_id": dataset_id, "target": target, "time_budget_seconds": budget}
        return str(self.post("/api/training/start", wanted)["id"])

    def wait(self, job_id: str, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            job: dict[str, Any] = self.get(f"/api/training/{job_id}")
            if job["status"] in ENDED:
                return job
            time.sleep(0.1)
        raise TimeoutError(f"the run has not ended after {seconds:.0f} s")

    def trials(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.get(f"/api/training/{job_id}/trials?limit=1000")["items"])

    def until_ready(self, log: Path, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(OSError, http.client.HTTPException, RuntimeError):
                self.request("GET", "/readyz")
                return
            time.sleep(0.1)
        raise RuntimeError(f"the server did not answer; it wrote:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def running(namespace: str, command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a namespace, ended by SIGTERM."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            env={**os.environ, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def make_token(command: list[str], home: Path, kind: str) -> str:
    made = [*command, "token", "create", "--kind", kind, "--name", kind, "--home", str(home)]
    return subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()


def finished(trials: list[dict[str, Any]]) -> dict[str, float]:
    return {trial["id"]: trial["score"] for trial in trials if trial["status"] == "finished"}


def over_a_network(folder: Path, path: Path, target: str, budget: float, command: list[str]) -> tuple[Any, ...]:
    """One row."""
    home = folder / "home"
    with ExitStack() as opened:
        made = opened.enter_context(namespaces("switch", *MACHINES))
        connect_all(made)
        admin, token = make_token(command, home, "admin"), make_token(command, home, "worker")
        address = MACHINES["server"]
        serve = [*command, "serve", "--home", str(home), "--host", address, "--port", str(PORT)]
        opened.enter_context(running(made["server"], serve, folder / "server.log", FLOWML_LOCAL_SLOTS="0"))
        client = Client(made["server"], address, admin)
        client.until_ready(folder / "server.log")
        for name in ("first", "second"):
            join = [*command, "worker", "--server", f"http://{address}:{PORT}", "--name", name, "--slots", "1"]
            join += ["--home", str(folder / name)]
            opened.enter_context(running(made[name], join, folder / f"{name}.log", FLOWML_TOKEN=token))
        until = time.monotonic() + 60
        while sum(one["status"] == "online" for one in client.get("/api/workers")["items"] if one["slots"]) < 2:
            if time.monotonic() > until:
                said = [(folder / f"{name}.log").read_text()[-500:] for name in ("first", "second")]
                raise RuntimeError(f"the workers did not join; they wrote:\n{said}")
            time.sleep(0.1)
        dataset = client.upload(path)
        began = time.monotonic()
        job_id = client.train(dataset, target, budget)
        time.sleep(budget / 2)
        before = finished(client.trials(job_id))
        ip("-n", made["switch"], "link", "set", "second", "down")
        time.sleep(_CUT_SECONDS)
        ip("-n", made["switch"], "link", "set", "second", "up")
        up_again = {trial["id"] for trial in client.trials(job_id) if trial["status"] == "finished"}
        job = client.wait(job_id, budget + 60)
        late = time.monotonic() - began - budget
        trials = client.trials(job_id)
        after = finished(trials)
        by_worker = Counter(trial["worker_name"] for trial in trials if trial["id"] in after)
        board = client.get(f"/api/results/job/{job_id}/leaderboard")["items"]
        with closing(sqlite3.connect(home / "flowml.sqlite")) as connection:
            whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return (
            *(job["status"], late, any(row["model_id"] == job["best_model_id"] for row in board)),
            *(by_worker["first"], by_worker["second"], len(before)),
            sum(after.get(trial) != score for trial, score in before.items()),
            sum(t["worker_name"] == "second" and t["id"] in after and t["id"] not in up_again for t in trials),
            sum(trial["status"] in ("queued", "leased") for trial in trials),
            *(job["best_score"], whole),
        )


def alone(folder: Path, path: Path, budget: float, command: list[str]) -> tuple[list[str], list[str]]:
    """What worked without any network, and what was tried to reach, None of which may be. Raises what did not work."""
    trace = folder / "trace"
    serve = [*command, "serve", "--home", str(folder / "alone"), "--port", str(PORT)]
    if shutil.which("strace"):
        calls = "trace=connect,sendto,sendmsg,sendmmsg"
        serve = [
            "strace",
            "-D",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            calls,
            "-e",
            "signal=none",
            "-o",
            str(trace),
            *serve,
        ]
    worked = []
    with namespaces("alone") as made, running(made["alone"], serve, folder / "alone.log"):
        client = Client(made["alone"], "127.0.0.1")
        client.until_ready(folder / "alone.log", 120)
        page = client.request("GET", "/").decode()
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        for file in files:
            client.request("GET", file)
        worked.append(f"its page and {len(files)} files of it")
        outside = re.findall(r'(?:src|href|action)="(https?://[^"]+|//[^"]+)"', page)
        dataset = client.upload(path)
        worked.append("a table read")
        job = client.wait(client.train(dataset, "Survived", budget), budget + 90)
        worked.append(
            f"a run of {budget:g} s: {job['status']}, {job['trials_finished']} trials, {job['best_score']:.4f}"
        )
        features = {"Pclass": 1, "Sex": "female", "Age": 30, "Fare": 80}
        said = client.post("/api/results/predict", {"model_id": job["best_model_id"], "features": features})
        worked.append(f"a prediction: {said['prediction']}")
        for address in ("/datasets", "/jobs", "/workers", f"/jobs/{job['id']}", "/api/cluster"):
            client.request("GET", address)
        worked.append("all pages")
    tried = [f"the page names {address}" for address in outside]
    if trace.exists():
        lines = trace.read_text(errors="replace").splitlines()
        tried += outgoing(lines)
        worked.append(f"{len(lines)} calls watched")
    else:
        worked.append("not watched: strace is not there")
    return worked, tried


def outgoing(lines: list[str]) -> list[str]:
    """The calls among these lines of strace that go beyond this machine, or ask for a name."""
    found = []
    for line in lines:
        match = _ADDRESS.search(line)
        if match and (not match[2].startswith("127.") and match[2] != "::1" or _DNS.search(line)):
            found.append(line)
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60, help="seconds of the run over the network (default: 60)")
    parser.add_argument("--data", type=Path, help="folder of task folders (default: a table made up here)")
    parser.add_argument("--task", default="adult", help="the one of them (default: adult)")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    command = flowml_command(given.command)
    try:
        with namespaces("try") as made, inside(made["try"]):
            pass
    except (OSError, RuntimeError) as problem:
        print(f"not measured: this machine makes no network namespaces here ({problem})")
        return
    # Whoever ends it leaves nothing behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="flowml-namespaces-") as name:
        folder = Path(name)
        passengers = tables.write_csv(tables.passengers(891), folder / "passengers.csv")
        path, target = passengers, "Survived"
        if given.data:
            task = find_tasks(given.data, [given.task])[0]
            path, target = task.train, task.target
        row = over_a_network(folder, path, target, given.budget, command)
        title = f"a run of {given.budget:g} s over a network, the second worker's cable out for {_CUT_SECONDS:g} s"
        print(table(HEADER, [row], title=title), flush=True)
        worked, tried = alone(folder, passengers, 10, command)
        print(table(("without any network",), [(line,) for line in worked]))
    faults = [f"tried to reach the outside: {line}" for line in tried]
    if row[0] != "completed" or not row[2] or not row[3] or not row[4] or row[6] or row[8] or row[10] != "ok":
        faults.append("the run over the network did not end as it should")
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
