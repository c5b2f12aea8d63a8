"""A confined process cannot do what it has given up, and can do the rest."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowml.machine.confinement import confining
from flowml.machine.confinement.limits import Limits
from tests.machine.confinement.trying import in_child, refused

FOUND = confining.available()
pytestmark = pytest.mark.skipif(not FOUND.is_whole, reason="; ".join(FOUND.missing))


def test_what_holds_is_what_this_machine_has() -> None:
    assert in_child(lambda: confining.confine_reader().record())[0] == FOUND.record()
    assert in_child(lambda: confining.confine_code(Limits()).record())[0] == FOUND.record()


def test_a_reader_reads_and_writes_what_it_was_given_and_nothing_else(tmp_path: Path) -> None:
    given, other, scratch = tmp_path / "given", tmp_path / "other", tmp_path / "scratch"
    given.write_text("given")
    other.write_text("secret")
    scratch.mkdir()

    def work() -> Any:
        confining.confine_reader([given], [scratch])
        (scratch / "new").write_text(given.read_text())
        (scratch / "folder").mkdir()
        os.replace(scratch / "new", scratch / "folder" / "moved")
        return refused(
            other.read_text,
            lambda: given.write_text(""),
            lambda: (tmp_path / "more").write_text(""),
            given.unlink,
            lambda: os.replace(given, scratch / "taken"),
            lambda: os.scandir(tmp_path),
            lambda: Path("/etc/passwd").read_text(),
            lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
            lambda: Path("/proc/self/mem").open("r+b"),
        )

    assert in_child(work)[0] == ["PermissionError"] * 9
    assert (scratch / "folder" / "moved").read_text() == "given"
    assert (given.read_text(), other.read_text()) == ("given", "secret")


@pytest.mark.parametrize("confine", [confining.confine_reader, lambda: confining.confine_code(Limits())])
def test_neither_connects_starts_processes_or_sends_signals(confine: Any) -> None:
    def work() -> Any:
        confine()
        return refused(
            socket.socket,
            lambda: socket.socket(socket.AF_UNIX),
            socket.socketpair,
            os.fork,
            lambda: subprocess.run([sys.executable, "-c", ""], check=True),
            lambda: os.execv(sys.executable, [sys.executable]),
            lambda: os.kill(os.getppid(), 0),
        )

    assert in_child(work)[0] == ["PermissionError"] * 7


def test_code_opens_no_file_and_keeps_what_is_open(tmp_path: Path) -> None:
    table, other = tmp_path / "table", tmp_path / "other"
    table.write_text("rows")
    other.write_text("secret")

    def work() -> Any:
        kept, left = os.open(table, os.O_RDONLY), os.open(other, os.O_RDONLY)
        confining.confine_code(Limits(), keep=[kept])
        found = refused(other.read_text, table.read_text, other.stat, lambda: os.scandir("/"), lambda: os.read(left, 9))
        return [*found, os.read(kept, 9).decode()]

    assert in_child(work)[0] == [*["PermissionError"] * 4, "OSError", "rows"]


def test_code_has_limits(tmp_path: Path) -> None:
    def memory() -> Any:
        confining.confine_code(Limits(memory_bytes=64 << 20))
        return len(bytes(128 << 20))

    def time() -> Any:
        confining.confine_code(Limits(cpu_seconds=1))
        while True:
            pass

    assert in_child(memory)[0].startswith("MemoryError")
    assert in_child(time) == (None, -signal.SIGXCPU)


def test_nothing_of_the_environment_but_how_to_run_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWML_TOKEN", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")

    def work() -> Any:
        confining.confine_reader()
        return dict(os.environ)

    environment = in_child(work)[0]
    assert environment["POLARS_MAX_THREADS"] == "1"
    assert "secret" not in environment.values()
    assert not any(name.startswith("FLOWML_") for name in environment)
