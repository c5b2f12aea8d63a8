"""One folder, one server; a folder that cannot be used is refused in words."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flowml.domain.errors import StartupError
from flowml.server import Server
from flowml.services.settings import Settings
from flowml.store.home import Home, ServerLock
from flowml.store.store import Store


def test_a_home_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StartupError, match="cannot be used"):
        Store(tmp_path / "home", now=1.0)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_its_owners_alone_also_where_it_was_there_before(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in (home, home / "files", home / "cache"):
        folder.mkdir(mode=0o755)
    (home / "flowml.sqlite").touch(0o644)
    Store(home, now=1.0)
    assert {rights(home / name) for name in ("", "files", "tmp", "cache")} == {0o700}
    assert {rights(file) for file in home.glob("*.sqlite*")} == {0o600}


def test_a_folder_that_holds_something_else_as_well_stays_open_and_what_is_ours_does_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "notes.txt").touch()
    Store(tmp_path, now=1.0)
    assert (rights(tmp_path), rights(tmp_path / "files"), rights(tmp_path / "flowml.sqlite")) == (0o755, 0o700, 0o600)


def test_what_is_somebody_elses_in_a_shared_folder_keeps_its_rights(tmp_path: Path) -> None:
    theirs = [tmp_path / name for name in ("sales.sqlite", "flowml.sqlite.bak", "tmp", "tmp/plans.txt")]
    for path in theirs:
        path.mkdir() if path.name == "tmp" else path.touch()
        path.chmod(0o755)
    (tmp_path / "queue.sqlite-wal").touch(0o644)
    Store(tmp_path, now=1.0)
    assert {rights(path) for path in theirs} == {0o755}
    assert rights(tmp_path / "queue.sqlite-wal") == 0o600


def test_a_lock_is_one_whatever_its_file_holds(tmp_path: Path) -> None:
    (tmp_path / "server.lock").write_bytes(b"garbage" * 1000)
    before = (tmp_path / "server.lock").stat().st_ino
    lock = ServerLock(Home(tmp_path))
    with pytest.raises(StartupError, match="already using"):
        ServerLock(Home(tmp_path))
    lock.release()
    assert (tmp_path / "server.lock").stat().st_ino == before, "one made anew might be locked by somebody else, too"


def test_a_server_starts_on_a_full_disk_with_its_ballast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    home.ballast.fill(4_000_000)
    write_bytes, used = Path.write_bytes, 0

    def full(self: Path, content: bytes) -> None:
        free = 4_000_000 - home.ballast.size() - used
        write_bytes(self, content[:free])
        if free < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StartupError, match="is full"):
        home.prepare()
    for _ in range(5):
        home.prepare(starting=True)
        assert home.ballast.size() == 2_951_424, "what is missing, however often it starts"
    used = 300_000
    home.prepare(starting=True)
    assert home.ballast.size() == 2_689_280
    used = 10_000_000
    with pytest.raises(StartupError, match="is full"):
        home.prepare(starting=True)


def test_a_full_disk_is_not_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    home = Home(tmp_path)
    (tmp_path / "server.lock").mkdir()
    with pytest.raises(StartupError, match="cannot be used: Is a directory"):
        ServerLock(home)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StartupError, match="is full"):
        home.prepare()


def test_one_server_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = ServerLock(home)
    with pytest.raises(StartupError, match="already using"):
        ServerLock(home)
    lock.release()
    ServerLock(home).release()


HOLD = """import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()"""


def test_a_server_of_an_earlier_version_has_the_folder_for_itself(tmp_path: Path) -> None:
    """It holds a database; whoever is refused beside it has done nothing to the folder."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    command = [sys.executable, "-c", HOLD, str(home / "server.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None and held.stdout.readline() == "held\n"
        before = sorted(home.iterdir())
        with pytest.raises(StartupError, match="already using"):
            Server(Settings(home=home))
        assert sorted(home.iterdir()) == before
        held.communicate("")
    # It leaves this where it is killed.
    (home / "server.lock-journal").touch()
    Store(home, now=1.0)
    assert rights(home) == 0o700
    ServerLock(Home(home)).release()


def test_what_looks_at_a_folder_starts_where_there_are_no_locks_of_unix() -> None:
    """As on Windows: what stands in the standard library has to be there before."""
    lines = """import argparse, asyncio, multiprocessing, shutil, sqlite3, subprocess, sys, tempfile, types
sys.platform = "win32"
sys.modules["fcntl"], sys.modules["msvcrt"] = None, types.ModuleType("msvcrt")
import flowml.machine.locks, flowml.store.store"""
    subprocess.run([sys.executable, "-c", lines], check=True)
