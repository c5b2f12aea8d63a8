"""A child ends with whoever started it, and can do nothing to the others by what holds it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.machine import lifeline
from flowml.machine.child import Bounds, Broken, Child, end, start
from flowml.machine.forkserver import Forkserver

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="this is Linux's way")

MODULE = """
import json, os, sys
from flowml.machine import lifeline
from flowml.machine.child import settle
from flowml.machine.confinement import confining

def main():
    settle()
    request = json.load(sys.stdin)
    confining.confine_reader()
    said = []
    if request["do"] == "wait":
        sys.stderr.write("here")
        sys.stderr.flush()
        import time
        time.sleep(60)
    if request["do"] == "attack":
        for end in lifeline.held():
            os.set_blocking(end, False)
            for how in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY):
                try:
                    said.append(os.write(os.open(f"/proc/self/fd/{end}", how), b"x"))
                except OSError as error:
                    said.append(type(error).__name__)
            # Its own: as much as it takes, which nobody reads.
            try:
                while os.write(end, bytes(4096)):
                    pass
            except BlockingIOError:
                pass
    print(json.dumps({"said": said, "held": len(lifeline.held())}), flush=True)
    os._exit(0)

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def forkserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forkserver]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "held_child.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        started = Forkserver("held_child")
        started.warm()
        yield started
        started.close()


@pytest.mark.parametrize("forks", [True, False])
def test_one_that_writes_to_what_holds_it_ends_no_other(forkserver: Forkserver, forks: bool) -> None:
    starter = forkserver.start if forks else None
    with start("held_child", stdin=subprocess.PIPE, stderr=subprocess.PIPE) as sibling:
        try:
            assert sibling.stdin is not None and sibling.stderr is not None
            sibling.stdin.write(json.dumps({"do": "wait"}).encode())
            sibling.stdin.close()
            assert sibling.stderr.read(4) == b"here"
            with Child("held_child", starter=starter) as process:
                answer = process.ask({"do": "attack"}, Bounds(30.0))
            # No socket can be opened by its name in /proc.
            assert answer == {"said": ["OSError"] * 3, "held": 1}
            for _ in range(2):
                with Child("held_child", starter=starter) as process:
                    assert process.ask({"do": "nothing"}, Bounds(30.0))["held"] == 1
            assert sibling.poll() is None
        finally:
            end(sibling)


def test_ends_of_children_that_are_gone_are_closed(forkserver: Forkserver) -> None:
    def ask() -> None:
        with Child("held_child", starter=forkserver.start) as process:
            process.ask({"do": "nothing"}, Bounds(30.0))

    def open_in(process: object) -> int:
        return len(list(Path(f"/proc/{process}/fd").iterdir()))

    ask()
    assert forkserver._process is not None
    here, there = open_in(os.getpid()), open_in(forkserver._process.pid)
    for _ in range(20):
        ask()
    assert open_in(os.getpid()) <= here + 1
    assert open_in(forkserver._process.pid) <= there + 3
    # And where none could be started.
    for _ in range(20):
        with pytest.raises(OSError, match="no process"), lifeline.line():
            raise OSError("no process")
    assert open_in(os.getpid()) <= here + 1


def test_what_is_forked_does_not_hold_the_children_of_its_parent() -> None:
    with lifeline.line() as ends:
        waiting, mine = os.dup(ends[0]), next(reversed(lifeline._ends))
    (read, write), (is_there, there) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.write(there, b".")
        # Until the parent has looked.
        os.read(read, 1)
        os._exit(0)
    try:
        os.read(is_there, 1)
        assert not lifeline._is_over(waiting, 0)
        os.close(mine)
        # The forked one is still there.
        assert lifeline._is_over(waiting, 0)
    finally:
        for file in (write, read, is_there, there, waiting):
            os.close(file)
        os.waitpid(pid, 0)


def test_a_number_that_means_another_file_by_now_is_left_alone(tmp_path: Path) -> None:
    with lifeline.line():
        mine = next(reversed(lifeline._ends))
        other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
        os.dup2(other, mine)
        with lifeline.line():
            assert mine not in lifeline._ends
        assert os.write(mine, b"there") == 5
    os.close(mine)
    os.close(other)


def test_one_that_crashes_is_let_go_of() -> None:
    with Child("flowml.nowhere") as process, pytest.raises(Broken):
        process.ask({}, Bounds(30.0))
    with lifeline.line():
        pass
    lifeline._let_go_of_ended()
    assert not [mine for mine in lifeline._ends if lifeline._is_over(mine, 0)]
