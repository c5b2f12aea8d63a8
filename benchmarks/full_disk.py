"""A server whose disk is full: what is answered, what is kept, can room be made by deleting, and does it go on when
there is room again?

On a small disk in memory, which takes the rights to mount one (root, or `unshare -Urm python -m benchmarks.full_disk`).

python -m benchmarks.full_disk
"""

import argparse
import contextlib
import functools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import Refused, Server, flowml_command

_DISK_MB = 400
_BLOCK = 1 << 20
HEADER = ("disk", "call", "status", "answer")
Row = tuple[str, str, int, str]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own at this folder."""
    folder.mkdir()
    options = f"size={_DISK_MB}m"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False).returncode:
        raise SystemExit("A small disk takes the rights to mount one: unshare -Urm python -m benchmarks.full_disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Leave no byte free."""
    with path.open("wb", buffering=0) as file:
        for size in (_BLOCK, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)


def asked(server: Server, disk: str, name: str, call: Callable[[], Any]) -> Row:
    """One call, and what came of it."""
    # An upload that is refused ends its connection.
    server.disconnect()
    try:
        call()
    except Refused as refused:
        status, problem = refused.status, refused.problem
    except OSError as error:
        return disk, name, 0, str(error)
    else:
        return disk, name, 200, ""
    return disk, name, status, problem["detail"] if isinstance(problem, dict) else str(problem)[:60]


def calls(server: Server, disk: str, csv: Path, dataset: str, job: str) -> list[Row]:
    """Everything that writes, and what only reads."""
    steps = {"preview": False, "operations": [{"op": "drop", "columns": ["Name"]}]}
    row = {"Pclass": 3, "Sex": "male", "Age": 22}
    return [
        asked(server, disk, name, call)
        for name, call in {
            "readyz": lambda: server.get("/readyz"),
            "healthz": lambda: server.get("/healthz"),
            "upload": lambda: server.upload(csv),
            "transform": lambda: server.post(f"/api/datasets/{dataset}/transform", steps),
            "read again": lambda: server.post(f"/api/datasets/{dataset}/read-again", {"options": {}}),
            "start": lambda: server.train(dataset, "Survived", 5, name=disk),
            "extend": lambda: server.post(f"/api/training/{job}/extend", {"time_budget_seconds": 5}),
            "download csv": lambda: server.request("GET", f"/api/datasets/{dataset}/download?format=csv"),
            "download xlsx": lambda: server.request("GET", f"/api/datasets/{dataset}/download?format=xlsx"),
            "distribution": lambda: server.get(f"/api/datasets/{dataset}/distribution/Age?bins=17"),
            "quality": lambda: server.get(f"/api/datasets/{dataset}/quality"),
            "relations": lambda: server.get(f"/api/datasets/{dataset}/relations?target=Survived"),
            "sorted rows": lambda: server.get(f"/api/datasets/{dataset}/preview?sort=Age"),
            "predict": lambda: server.predict(job, row),
            "leaderboard": lambda: server.leaderboard(job),
            "page: home": lambda: server.request("GET", "/"),
            "page: data set": lambda: server.request("GET", f"/datasets/{dataset}"),
            "page: run": lambda: server.request("GET", f"/jobs/{job}"),
        }.items()
    ]


def await_ballast(home: Path) -> None:
    """It is taken when the house is kept, within a minute."""
    until = time.monotonic() + 70
    while not (home / "ballast").exists() and time.monotonic() < until:
        time.sleep(0.5)


def deletions(server: Server, home: Path, full: Path, dataset: str, job: str) -> tuple[list[Row], list[str]]:
    """A data set and a run deleted while no byte is free, and what room that makes."""
    rows, lines = [], []
    for name, path in (("delete data set", f"/api/datasets/{dataset}"), ("delete run", f"/api/training/{job}")):
        fill(full)
        before = shutil.disk_usage(home).free
        rows.append(asked(server, "full", name, functools.partial(server.request, "DELETE", path)))
        left = (home / "ballast").stat().st_size
        made = shutil.disk_usage(home).free - before
        lines.append(f"{name} with {before:,} bytes free: {made:,} more, {left:,} of the ballast are left")
    return rows, lines


def queued(server: Server, name: str) -> int:
    """How many runs of this name there are."""
    server.disconnect()
    return sum(job["name"] == name for job in server.get("/api/training?limit=100")["items"])


def started(server: Server) -> str:
    """Start it; what it says where it does not."""
    try:
        server.start(timeout=30)
    except RuntimeError as error:
        return str(error).splitlines()[-1]
    return "it is ready"


def full_while_training(server: Server, csv: Path, full: Path) -> list[str]:
    """What becomes of a run in whose middle the disk is full, before and after there is room again."""
    dataset = server.upload(csv)["id"]
    job = server.train(dataset, "Survived", 12, name="in the middle")["id"]
    while server.job(job)["trials_finished"] < 2 and server.job(job)["status"] in ("queued", "running"):
        time.sleep(0.05)
    fill(full)
    lines = []
    for disk in ("still full", "with room again"):
        server.disconnect()
        with contextlib.suppress(TimeoutError):
            server.wait(job, timeout=25)
        found = server.job(job)
        words = found["error"] or found["message"]
        models = len(server.leaderboard(job))
        lines.append(f"full in the middle of a run, {disk}: {found['status']}, {models} models, {words}")
        full.unlink(missing_ok=True)
    return lines


def csv_of_its_own(folder: Path) -> Path:
    """Another table, whose files nothing else needs."""
    return tables.write_csv(tables.passengers(20_000), folder.parent / "more.csv")


def measure(folder: Path, command: list[str]) -> None:
    csv = tables.write_csv(tables.passengers(891), folder.parent / "passengers.csv")
    full = folder / "full"
    rows: list[Row] = []
    with Server(folder, command) as server:
        dataset = server.upload(csv)["id"]
        job = server.train(dataset, "Survived", 6)["id"]
        server.wait(job, timeout=60)
        more = server.upload(csv_of_its_own(folder))["id"]
        other = server.train(dataset, "Sex", 6)["id"]
        server.wait(other, timeout=60)
        await_ballast(folder)
        deleted, lines = deletions(server, folder, full, more, other)
        rows += deleted
        fill(full)
        rows += calls(server, "full", csv, dataset, job)
        lines.append(f"runs queued by starts that were refused: {queued(server, 'full')}")
        full.unlink()
        rows += calls(server, "room again", csv, dataset, job)
        server.disconnect()
        for item in server.get("/api/training?limit=100")["items"]:
            server.wait(item["id"], timeout=60)
        lines += full_while_training(server, csv, full)
        server.stop()
        fill(full)
        lines.append(f"started on the full disk: {started(server)}")
        server.stop()
        full.unlink()
        lines.append(f"started with room again: {started(server)}")
    print(table(HEADER, rows, title=f"a disk of {_DISK_MB} MB"))
    print("\n".join(lines))
    if any(
        row[2] in (0, 500)
        or (row[1].startswith("delete") and row[2] != 200)
        or (row[0] == "room again" and row[2] != 200)
        for row in rows
    ):
        raise SystemExit("a full disk was answered as a mistake, or outlived itself")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="flowml-disk-") as name, small_disk(Path(name) / "home") as folder:
        measure(folder, flowml_command(given.command))


if __name__ == "__main__":
    main()
