"""Folders of programs that were killed are removed by the next one like them, and no others."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flowml.domain import locking
from flowml.machine.folders import own_folder

PREFIX = "flowml-test-"
HOLDER = (
    "import sys\nfrom flowml.machine.folders import own_folder\n"
    f"with own_folder({PREFIX!r}) as folder:\n    print(folder, flush=True)\n    sys.stdin.read()\n"
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_gone_at_the_end(place: Path) -> None:
    with own_folder(PREFIX) as folder:
        (folder / "x").write_text("x")
        assert folder.parent == place
    assert list(place.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="looks whose a folder is")
def test_what_a_killed_one_has_left_is_removed_and_what_is_in_use_is_not(place: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        others = place / f"{PREFIX}without-lock"
        others.mkdir()
        (place / f"{PREFIX}link").symlink_to(others)
        with own_folder(PREFIX) as folder:
            assert left.is_dir() and folder.is_dir() and folder != left
        process.kill()
    with own_folder(PREFIX):
        assert not left.exists() and others.is_dir()


def test_where_the_file_system_has_no_locks_it_is_a_folder_all_the_same(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> bool:
        raise OSError

    monkeypatch.setattr(locking, "lock", fail)
    with own_folder(PREFIX) as first, own_folder(PREFIX) as second:
        assert first.is_dir() and second.is_dir()
