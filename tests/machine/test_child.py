"""A child within bounds: whatever it does, there is an answer or a reason, and nothing of it stays."""

import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from flowml.domain.errors import NoRoom
from flowml.library.engine_process import EngineProcess
from flowml.machine.child import (
    AnsweredTooMuch,
    Bounds,
    Broken,
    Cancelled,
    CannotStart,
    Child,
    OutOfMemory,
    OutOfTime,
    start,
)
from flowml.machine.facts import resident_bytes

SETTLED = "import json, sys\nfrom flowml.machine.child import settle\nsettle()\n"
# Holds Python's lock for minutes: no thread of the child could end it.
STUCK = "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a module that a child can be."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "a_child.py"


def test_it_answers_one_request(module: Path) -> None:
    module.write_text(
        SETTLED + "request = json.load(sys.stdin)\nprint('chatter')\n"
        "json.dump({'got': request, 'arguments': sys.argv[1:]}, sys.stdout)"
    )
    with Child("a_child", "one") as child:
        assert child.ask({"x": [1, "ä"]}, Bounds(30.0)) == {"got": {"x": [1, "ä"]}, "arguments": ["one"]}


def test_where_no_temporary_file_can_be_made_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(NoRoom, match="No temporary file can be written: No space left on device"):
        Child("a_child")
    with pytest.raises(CannotStart, match="No space left on device"):
        EngineProcess()


def test_an_answer_that_finds_no_room_is_no_crash(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    module.write_text("raise SystemExit('could not be written')")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Full(tmp_path / "answer", "w+"))
    with Child("a_child") as child, pytest.raises(NoRoom, match="No space left on device"):
        child.ask({}, Bounds(30.0))


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os\nos.abort()", "it crashed \\(SIGABRT\\)"),
        ("raise SystemExit(3)", "exit code 3"),
        ("print('no JSON')", "exit code 0"),
        ("print([1])", "exit code 0"),
        ("print('[' * 200_000)", "exit code 0"),
    ],
)
def test_one_that_breaks_down_says_how(module: Path, code: str, how: str) -> None:
    module.write_text(code)
    with Child("a_child") as child, pytest.raises(Broken, match=how):
        child.ask({}, Bounds(30.0))


def test_one_that_takes_too_long_or_too_much_or_is_not_wanted_is_ended(module: Path) -> None:
    module.write_text(SETTLED + "sys.stdin.read()\n" + STUCK)
    with Child("a_child") as child, pytest.raises(OutOfTime, match=r"0\.5 seconds"):
        child.ask({}, Bounds(0.5))
    assert child._process.returncode == -signal.SIGKILL
    unwanted = threading.Event()
    threading.Timer(0.3, unwanted.set).start()
    with Child("a_child") as child, pytest.raises(Cancelled):
        child.ask({}, Bounds(60.0), unwanted)
    # Nor does a long request that is not read make anybody wait for ever.
    module.write_text(SETTLED + STUCK)
    with Child("a_child") as child, pytest.raises(OutOfTime):
        child.ask({"long": "x" * 1_000_000}, Bounds(0.5))
    module.write_text(SETTLED + "held = bytearray(400_000_000)\nimport time\ntime.sleep(60)")
    with Child("a_child") as child, pytest.raises(OutOfMemory, match=r"0\.2 GB") as ended:
        child.ask({}, Bounds(60.0, 200_000_000))
    assert ended.value.held_bytes > 200_000_000


@pytest.mark.parametrize(
    "code",
    [
        # Which takes no room on the disk, and would take all memory of who reads it.
        "import os, time\nos.ftruncate(1, 3 << 30)\ntime.sleep(60)",
        "import os\nos.ftruncate(1, 3 << 30)",
        "import os, time\nos.ftruncate(2, 3 << 30)\ntime.sleep(60)",
        "print('{\"a\": [' + '[],' * 2_100_000 + '0]}')",
    ],
)
def test_an_answer_that_is_too_large_is_not_read(module: Path, code: str) -> None:
    module.write_text(code)
    before = resident_bytes(os.getpid())
    with Child("a_child") as child, pytest.raises(AnsweredTooMuch):
        child.ask({}, Bounds(60.0))
    assert resident_bytes(os.getpid()) - before < 100_000_000


def test_what_is_looked_at_meanwhile_ends_it(module: Path) -> None:
    def look() -> None:
        raise NoRoom("There is none.")

    module.write_text("import time\ntime.sleep(60)")
    with Child("a_child") as child, pytest.raises(NoRoom, match="There is none"):
        child.ask({}, Bounds(60.0, look=look))
    assert child._process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread of the child has to see it")
def test_it_does_not_outlive_whoever_started_it_though_that_is_killed(module: Path) -> None:
    module.write_text(SETTLED + "print(json.dumps({}), flush=True)\n" + STUCK)
    # More than one, of which one has ended by then, and with many files open.
    parent = (
        "import os, subprocess, sys, time\nfrom flowml.machine.child import end, start\n"
        "opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]\n"
        "children = [start('a_child', stdout=subprocess.PIPE) for _ in range(3)]\n"
        "for child in children: child.stdout.readline()\n"
        "end(children.pop(1))\nprint(*(child.pid for child in children), flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        ["sh", "-c", 'ulimit -n 4096; exec "$@"', "sh", sys.executable, "-c", parent],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        children = [int(pid) for pid in process.stdout.readline().split()]
        assert len(children) == 2 and all(map(_alive, children))
        process.kill()
    until = time.monotonic() + 10.0
    while any(map(_alive, children)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(_alive, children))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_where_none_can_be_started_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CannotStart, match="No such file"):
        start("flowml.data.tasks")
    with pytest.raises(CannotStart):
        Child("flowml.data.tasks")


def test_what_a_process_holds() -> None:
    assert resident_bytes(os.getpid()) > 10_000_000
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert resident_bytes(done.pid) == 0
