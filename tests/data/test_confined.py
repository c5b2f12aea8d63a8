"""Children that work on tables reach what their request names, and nothing else; what they honestly do, they can."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data.child import Child
from flowml.data.tasks import TASKS
from flowml.machine.confinement import confining
from flowml.machine.forkserver import Forkserver
from tests.data.workbooks import write_xlsx

FOUND = confining.available()
pytestmark = pytest.mark.skipif(not FOUND.is_whole, reason="; ".join(FOUND.missing))

MODULE = """
import os, socket, subprocess, sys
from pathlib import Path
from flowml.data import tasks
from flowml.data.tasks import Task, answer_and_end
from flowml.machine.confinement import confining

prepare = tasks.prepare
confine_reader = confining.confine_reader

def noted(*places, **bounds):
    global found
    found = confine_reader(*places, **bounds)
    return found

confining.confine_reader = noted

def open_files():
    found = []
    for fd in sorted(map(int, os.listdir('/proc/self/fd')))[3:]:
        try:
            found.append(os.readlink(f'/proc/self/fd/{fd}').partition(":")[0])
        except FileNotFoundError:
            pass
    return found

def attempt(request):
    said = {}
    for name, code in request["attempts"].items():
        try:
            said[name] = str(eval(code, globals(), {"request": request}))
        except OSError as error:
            said[name] = "refused"
    return said

def spill(request):
    import polars as pl
    os.environ.update(POLARS_OOC_MEMORY_BUDGET_MB="10", POLARS_OOC_SPILL_MIN_BYTES="1000")
    pl.Config.reload_env_vars()
    rows = pl.scan_parquet(request["table"]).sort("b").collect(engine="streaming")
    return {"rows": rows.height, "first": rows["b"][0], "left": sorted(os.listdir(request["scratch"]))}

def main():
    answer_and_end({
        "attempt": Task("confined_child:attempt", reads=("path",), writes=("target",)),
        "spill": Task("confined_child:spill"),
    }, 3)
"""


@pytest.fixture(scope="module")
def forkserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forkserver]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "confined_child.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("FLOWML_TOKEN", "flowml_secret")
        patch.setenv("OPENAI_API_KEY", "flowml_secret")
        started = Forkserver("confined_child")
        started.warm()
        yield started
        started.close()


def ask(forkserver: Forkserver, task: str, request: dict[str, Any]) -> dict[str, Any]:
    with Child("confined_child", starter=forkserver.start) as process:
        return process.perform(task, request, timeout_seconds=60, memory_bytes=4 << 30)


def test_a_child_that_was_taken_over_reaches_only_its_own_file_and_place(
    forkserver: Forkserver, tmp_path: Path
) -> None:
    home, place = tmp_path / "home", tmp_path / "home" / "tmp" / "place"
    (place / "scratch").mkdir(parents=True)
    for name in ("flowml.sqlite", "tmp/upload", "tmp/other"):
        (home / name).write_text(name)
    attempts = {
        "its file": "Path(request['path']).read_text()",
        "its result": "Path(request['target']).write_text('ab')",
        "its scratch": "(Path(request['scratch']) / 'x').write_text('abc')",
        "other upload": f"Path({str(home / 'tmp/other')!r}).read_text()",
        "database": f"Path({str(home / 'flowml.sqlite')!r}).read_bytes()",
        "write into the database": f"Path({str(home / 'flowml.sqlite')!r}).open('r+b')",
        "its file for writing": "Path(request['path']).write_text('')",
        "a link for a result": "(Path(request['scratch']) / 'y').symlink_to('/etc/passwd')",
        "the home folder": "os.listdir(Path.home())",
        "passwords": "Path('/etc/passwd').read_text()",
        "the server": "Path(f'/proc/{os.getppid()}/environ').read_bytes()",
        "its memory": "Path(f'/proc/{os.getppid()}/mem').open('rb')",
        "network": "socket.create_connection(('127.0.0.1', 9))",
        "name service": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "a program": "subprocess.run([sys.executable, '--version'])",
        "a second self": "os.fork()",
        "a signal to the server": "os.kill(os.getppid(), 0)",
    }
    request = {
        "path": str(home / "tmp/upload"),
        "target": str(place / "result"),
        "scratch": str(place / "scratch"),
        "attempts": attempts,
    }
    said = ask(forkserver, "attempt", request)
    allowed = {"its file": "tmp/upload", "its result": "2", "its scratch": "3"}
    assert said == {name: allowed.get(name, "refused") for name in attempts}


def test_it_has_no_secrets_and_no_open_files_of_its_server(forkserver: Forkserver, tmp_path: Path) -> None:
    attempts = {
        "environment": "sorted(os.environ.values())",
        "environment that it was started with": "Path('/proc/self/environ').read_text()",
        "files": "open_files()",
    }
    path = tmp_path / "upload"
    path.touch()
    said = ask(forkserver, "attempt", {"path": str(path), "target": str(tmp_path / "result"), "attempts": attempts})
    assert "secret" not in json.dumps(said)
    # What ends it with its server.
    assert said["files"] == "['socket']"


def test_however_nice_it_is_nothing_of_it_was_there_before_it_was_confined(
    forkserver: Forkserver, tmp_path: Path
) -> None:
    (tmp_path / "upload").touch()
    attempts = {"missing": "found.missing", "niceness": "os.nice(0)"}
    request = {"path": str(tmp_path / "upload"), "target": str(tmp_path / "result"), "attempts": attempts}
    # The system sets the niceness of one session at a time: the second child has to try again.
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda _: ask(forkserver, "attempt", request), range(3)))
    assert said == [{"missing": "()", "niceness": str(os.nice(0) + 3)}] * 3


def test_what_does_not_fit_into_memory_goes_to_its_scratch(forkserver: Forkserver, tmp_path: Path) -> None:
    table, scratch = tmp_path / "table", tmp_path / "scratch"
    scratch.mkdir()
    rows = pl.select(a=pl.int_range(1_000_000)).with_columns(
        b=(pl.col("a") * 7919) % 1_000_003, c=pl.col("a").cast(str)
    )
    rows.write_parquet(table)
    found = ask(forkserver, "spill", {"table": str(table), "scratch": str(scratch)})
    assert (found["rows"], found["first"]) == (1_000_000, 0)
    assert found["left"]


def test_honest_files_are_read_with_all_that_is_imported_late(tmp_path: Path) -> None:
    rows = pl.DataFrame({"when": ["2024-03-01T12:00:00+01:00", "2024-07-01T12:00:00+02:00"], "n": [1, 2]})
    rows.write_csv(tmp_path / "t.csv")
    rows.write_parquet(tmp_path / "t.parquet")
    write_xlsx(tmp_path / "t.xlsx", {"s": [["n", "s"], [1, "a"], [2, "b"]]})
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
        + "".join(
            f"BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:s{n}\r\nDTSTART;TZID=Europe/Berlin:2024070{n}T120000\r\nEND:VEVENT\r\n"
            for n in (1, 2)
        )
        + "END:VCALENDAR\r\n"
    )
    (tmp_path / "t.ics").write_text(calendar, newline="")
    for name in ("t.csv", "t.parquet", "t.xlsx", "t.ics"):
        place = tmp_path / f"{name} read"
        (place / "scratch").mkdir(parents=True)
        request = {
            "path": str(tmp_path / name),
            "filename": name,
            "options": {},
            "table": str(place / "result"),
            "scratch": str(place / "scratch"),
            "max_rows": 1000,
            "max_columns": 100,
        }
        # A Python of its own, which imports everything after it was confined.
        with Child() as process:
            answer = process.perform("import", request, timeout_seconds=60, memory_bytes=4 << 30)
        assert answer["n_rows"] == 2, name
        assert pl.read_parquet(place / "result").height == 2


@pytest.mark.parametrize("format", ["csv", "parquet", "arrow", "jsonl", "xlsx"])
def test_tables_are_written_in_every_format(tmp_path: Path, format: str) -> None:
    pl.DataFrame({"n": [1, 2], "s": ["a", None]}).write_parquet(tmp_path / "table")
    (tmp_path / "place" / "scratch").mkdir(parents=True)
    target = tmp_path / "place" / "result"
    request = {
        "table": str(tmp_path / "table"),
        "target": str(target),
        "scratch": str(tmp_path / "place" / "scratch"),
        "format": format,
    }
    with Child() as process:
        process.perform("export", request, timeout_seconds=60, memory_bytes=4 << 30)
    assert target.stat().st_size > 10


@pytest.mark.parametrize("tail", ["", "Total;3;\n"])
def test_a_table_with_a_line_of_totals_is_read(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "upload"
    path.write_text("name;n;m\nx;1;2\ny;2;3\nz;3;4\nu;4;5\nv;5;6\n\n" + tail)
    (tmp_path / "place" / "scratch").mkdir(parents=True)
    request = {
        "path": str(path),
        "filename": "t.csv",
        "options": {},
        "table": str(tmp_path / "place" / "result"),
        "scratch": str(tmp_path / "place" / "scratch"),
        "max_rows": 1000,
        "max_columns": 100,
    }
    with Child() as process:
        assert process.perform("import", request, timeout_seconds=60, memory_bytes=4 << 30)["n_rows"] == 5


def test_every_task_says_what_it_reads() -> None:
    assert all(task.reads for task in TASKS.values())
    assert {name for name, task in TASKS.items() if task.writes} == {"import", "transform", "export", "page", "lines"}
