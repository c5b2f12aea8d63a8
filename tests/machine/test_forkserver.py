"""Children that are forked are what new Pythons would be, only sooner; and nothing of them stays."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.machine import forkserver as module
from flowml.machine.child import Bounds, Broken, Cancelled, Child, Lost, OutOfTime
from flowml.machine.forkserver import Forkserver
from tests.processes import has_ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every child is a new Python")

MODULE = """
import json, os, subprocess, sys, time
from flowml.machine.child import settle

def prepare():
    global prepared_by
    prepared_by = os.getpid()

def main():
    settle()
    request = json.load(sys.stdin)
    if "do" in request:
        exec(request["do"])
    print("chatter")
    json.dump({"got": request, "arguments": sys.argv[1:], "from": prepared_by, "group": os.getpgid(0),
               "parent": os.getppid(), "folder": os.getcwd()}, sys.stdout)
"""
# Holds Python's lock for minutes: no thread of the child could end it.
STUCK = "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')\n"


@pytest.fixture(scope="module")
def forkserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forkserver]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "forked_child.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        started = Forkserver("forked_child")
        started.warm()
        yield started
        started.close()


def child(forkserver: Forkserver, *arguments: str) -> Child:
    return Child("forked_child", *arguments, starter=forkserver.start)


def test_children_come_from_one_process_that_has_prepared_and_answer(forkserver: Forkserver) -> None:
    answers = []
    for at in range(3):
        with child(forkserver, "one", str(at)) as process:
            pid = process.pid
            answers.append(process.ask({"x": [at, "ä"]}, Bounds(30.0)))
            assert answers[-1]["group"] == pid
    assert [(answer["got"], answer["arguments"]) for answer in answers] == [
        ({"x": [at, "ä"]}, ["one", str(at)]) for at in range(3)
    ]
    assert len({answer["from"] for answer in answers}) == 1 and answers[0]["from"] == answers[0]["parent"]
    assert answers[0]["folder"] == str(Path.cwd())


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os.abort()", "it crashed \\(SIGABRT\\)"),
        ("sys.exit(3)", "exit code 3"),
        ("raise KeyError('gone')", "exit code 1"),
        ("os._exit(0)", "exit code 0"),
        ("os.kill(os.getpid(), 9)", "it was killed"),
    ],
)
def test_one_that_breaks_down_says_how(forkserver: Forkserver, code: str, how: str) -> None:
    with child(forkserver) as process, pytest.raises(Broken, match=how):
        process.ask({"do": code}, Bounds(30.0))


def test_one_that_takes_too_long_or_is_not_wanted_is_ended(forkserver: Forkserver) -> None:
    with child(forkserver) as process, pytest.raises(OutOfTime):
        process.ask({"do": STUCK}, Bounds(0.3))
    assert process._process.returncode == -signal.SIGKILL
    unwanted = threading.Event()
    threading.Timer(0.1, unwanted.set).start()
    with child(forkserver) as process, pytest.raises(Cancelled):
        process.ask({"do": "time.sleep(60)"}, Bounds(60.0), unwanted)
    with child(forkserver) as process:
        pid = process.pid
    assert gone(pid)


def test_what_a_child_has_started_ends_with_it(forkserver: Forkserver) -> None:
    with child(forkserver) as process:
        answer = process.ask({"do": "request['started'] = subprocess.Popen(['sleep', '600']).pid"}, Bounds(30.0))
    assert gone(answer["got"]["started"])


def test_many_at_once(forkserver: Forkserver) -> None:
    answers: list[int] = []

    def ask(at: int) -> None:
        with child(forkserver) as process:
            answers.append(process.ask({"at": at, "do": "time.sleep(0.05)"}, Bounds(30.0))["got"]["at"])

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(12))


def test_when_the_forkserver_is_gone_another_one_is_started(forkserver: Forkserver) -> None:
    with child(forkserver) as process:
        first = process.ask({}, Bounds(30.0))["parent"]
    with child(forkserver) as process:
        os.kill(first, signal.SIGKILL)
        # The system takes its children with it, whatever they are doing, and that is not what they were doing.
        with pytest.raises(Lost):
            process.ask({"do": STUCK}, Bounds(30.0))
        assert gone(process.pid)
    with child(forkserver) as process:
        assert process.ask({}, Bounds(30.0))["parent"] not in (first, os.getpid())


def test_one_that_hangs_is_replaced(forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.5)
    with child(forkserver) as process:
        hung = process.ask({}, Bounds(30.0))["parent"]
    os.kill(hung, signal.SIGSTOP)
    # This one is a new Python, which has not prepared.
    with child(forkserver) as process, pytest.raises(Broken):
        process.ask({}, Bounds(30.0))
    assert gone(hung)
    monkeypatch.undo()
    with child(forkserver) as process:
        assert process.ask({}, Bounds(30.0))["parent"] not in (hung, os.getpid())


def test_when_the_system_lets_it_fork_no_more_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forked_child.py").write_text(
        f"{MODULE}\nfork = os.fork\nforks = []\ndef failing():\n    forks.append(1)\n"
        "    if len(forks) > 1:\n        raise OSError('no more')\n    return fork()\n"
        "def prepare():\n    global prepared_by\n    prepared_by = os.getpid()\n    os.fork = failing\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tight = Forkserver("forked_child")
    with child(tight) as first, child(tight) as second:
        assert isinstance(second._process, subprocess.Popen)
        assert first.ask({}, Bounds(30.0))["from"] == tight._process.pid  # type: ignore[union-attr]
    tight.close()


def test_starting_one_leaves_no_file_open(forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch) -> None:
    def n_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with child(forkserver) as process:
        process.ask({}, Bounds(30.0))
    before = n_open()
    for _ in range(3):
        with child(forkserver) as process:
            process.ask({}, Bounds(30.0))
    assert n_open() == before

    made = socket.socketpair

    def no_more(*kind: int) -> object:
        # Of those by which forks are asked for.
        if kind:
            raise OSError("too many open files")
        return made()

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", no_more)
        for _ in range(3):
            with child(forkserver) as process:
                assert isinstance(process._process, subprocess.Popen)
    # What the last one was held by is closed when the next one starts.
    assert n_open() <= before + 1


def test_the_folder_of_a_program_may_be_gone(
    forkserver: Forkserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with child(forkserver) as process:
        assert process.ask({}, Bounds(30.0))["folder"] == "/"


def test_where_none_can_be_forked_a_new_python_does_the_same() -> None:
    # It ends at once: there is no such module.
    unusable = Forkserver("flowml.no_such_module")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = unusable.start("flowml.data.tasks", stdout=out, stderr=errors)
        assert isinstance(process, subprocess.Popen) and process.stdin is not None
        process.stdin.write(json.dumps({"task": "page"}).encode())
        process.stdin.close()
        assert process.wait(60) == 0
    unusable.close()


def test_nothing_outlives_the_program_though_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "forked_child.py").write_text(MODULE)
    program = (
        "import json, tempfile, time\nfrom flowml.machine.forkserver import Forkserver\n"
        "forkserver = Forkserver('forked_child')\n"
        "started = [forkserver.start('forked_child', stdout=tempfile.TemporaryFile(), stderr=tempfile.TemporaryFile())"
        " for _ in range(2)]\n"
        f"for child in started: child.stdin.write(json.dumps({{'do': {STUCK!r}}}).encode()); child.stdin.close()\n"
        "time.sleep(0.3)\nprint(forkserver._process.pid, *(child.pid for child in started), flush=True)\ntime.sleep(60)"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 3 and not any(map(has_ended, pids))
        process.kill()
    assert all(map(gone, pids))


def gone(pid: int) -> bool:
    """Whether it ends within seconds."""
    until = time.monotonic() + 10.0
    while time.monotonic() < until and not has_ended(pid):
        time.sleep(0.01)
    return has_ended(pid)
