"""What computes goes behind what answers, also where the system shares its cores among sessions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GROUP = Path("/proc/self/autogroup")
# The first session of a system has no group of its own: it says nothing.
SAY = """import os, pathlib
group = pathlib.Path('/proc/self/autogroup')
said = lambda: (group.read_text().split() or ["none"])[-1]"""


def run(*lines: str, new_session: bool) -> list[str]:
    """What a Python of its own prints."""
    command = [sys.executable, "-c", "\n".join((SAY, *lines))]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=new_session
    ).stdout.split()


@pytest.mark.skipif(not GROUP.exists(), reason="this system shares its cores among processes")
@pytest.mark.parametrize("new_session", [True, False])
def test_a_session_of_its_own_is_as_nice_as_what_is_in_it_and_no_other_is(new_session: bool) -> None:
    lines = (
        "from flowml.machine.priority import go_behind",
        "print(said())",
        "go_behind(5)",
        "print(os.nice(0), said())",
    )
    before, nice, after = run(*lines, new_session=new_session)
    assert int(nice) == min(os.nice(0) + 5, 19)
    assert after == ("5" if new_session else before)


WITHOUT_PRIVILEGES = """import ctypes, sys, time
from flowml.machine.priority import go_behind
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    # What has changed its user may not look at itself.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print("ready", flush=True)
sys.stdin.readline()
go_behind(5)
until = time.monotonic() + 10
while said() != "5" and time.monotonic() < until:
    time.sleep(0.01)
print(said())"""


@pytest.mark.skipif(not GROUP.exists(), reason="this system shares its cores among processes")
def test_of_several_that_start_at_once_each_gets_its_session_nice() -> None:
    """The system lets who has no privileges set one in a tenth of a second, and says of the others EAGAIN."""
    command = [sys.executable, "-c", f"{SAY}\n{WITHOUT_PRIVILEGES}"]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(3)
    ]
    for one in started:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    assert [one.communicate()[0] for one in started] == ["5\n"] * 3


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="this system has no sessions")
def test_what_trains_has_a_session_of_its_own() -> None:
    lines = (
        "from flowml.training.processes import settle_child",
        "settle_child()",
        "print(os.getsid(0) == os.getpid())",
    )
    assert run(*lines, new_session=False) == ["True"]
