"""A store of its own for every test."""

from pathlib import Path

import pytest

from flowml.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home", now=1.0)
