"""A test whose part is missing on this machine is left out in words; where that has to be there it is an error."""

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from tests import conftest


class Item:
    """A test that carries a marker."""

    def get_closest_marker(self, name: str) -> bool:
        return name == "ray"


@pytest.mark.parametrize("needed", [None, "dask,ray"])
def test_a_missing_cluster_is_an_error_where_its_tests_have_to_run(
    monkeypatch: pytest.MonkeyPatch, needed: str | None
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else find_spec(name))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("FLOWML_TESTS_NEED", raising=False)
    stash: dict[Any, list[str]] = {}
    hook = SimpleNamespace(pytest_deselected=lambda items: None)
    config: Any = SimpleNamespace(stash=stash, hook=hook)
    items: list[Any] = [Item()]
    if needed is None:
        conftest.pytest_collection_modifyitems(config, items)
        (told,) = [line for line in stash[conftest.LEFT_OUT] if "ray" in line]
        assert not items and "the package ray is not installed" in told
        return
    monkeypatch.setenv("FLOWML_TESTS_NEED", needed)
    with pytest.raises(pytest.UsageError, match="1 ray tests cannot run"):
        conftest.pytest_collection_modifyitems(config, items)
