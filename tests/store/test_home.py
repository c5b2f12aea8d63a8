"""One folder, one server; a folder that cannot be used is refused in words."""

from pathlib import Path

import pytest

from flowml.domain.errors import StartupError
from flowml.store.home import Home, ServerLock
from flowml.store.store import Store


def test_a_home_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StartupError, match="cannot be used"):
        Store(tmp_path / "home", now=1.0)


def test_one_server_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = ServerLock(home)
    with pytest.raises(StartupError, match="already using"):
        ServerLock(home)
    lock.release()
    ServerLock(home).release()
