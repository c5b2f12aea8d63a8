"""A lock among processes is taken once, whatever its file holds."""

import errno
import os
from pathlib import Path

import pytest

from flowml.domain import locking
from flowml.machine.locks import taken


def test_one_at_a_time_also_with_garbage_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gpu-0.lock"
    path.write_bytes(b"garbage" * 1000)
    with taken(path) as first, taken(path) as second:
        assert (first, second) == (True, False)
    with taken(path) as again:
        assert again


@pytest.mark.parametrize(("number", "is_free"), [(errno.ENOLCK, True), (errno.EIO, False)])
def test_where_the_file_system_has_no_locks_everything_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_free: bool
) -> None:
    def fail(_: int) -> bool:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locking, "lock", fail)
    try:
        with taken(tmp_path / "gpu-0.lock") as is_mine:
            assert is_mine and is_free
    except OSError as error:
        assert error.errno == number and not is_free
