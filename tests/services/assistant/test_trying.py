"""An idea can be tried again whatever became of the last time, also where that could not be noted."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from flowml.domain.errors import NotFound, NotReady, TooLarge
from flowml.domain.ideas import Try, TryStatus
from flowml.services.assistant import trying
from flowml.services.background import keeper
from flowml.services.context import Context
from tests.services.assistant.tables import context_in
from tests.services.background.meanwhile import NO_THREADS, Meanwhile
from tests.services.records import add_dataset

IDEA = [{"op": "derive", "column": "z", "expression": "x * 2"}]


class Fails:
    """In place of the child process that measures."""

    def __init__(self, module: str, *, starter: Any): ...

    def __enter__(self) -> "Fails":
        return self

    def __exit__(self, *raised: object) -> None: ...

    def perform(self, task: str, request: dict[str, Any], **bounds: Any) -> dict[str, Any]:
        raise TooLarge("It takes too much memory.")


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    def checked(context: Context, task: str, request: dict[str, Any], *, module: str) -> dict[str, Any]:
        return {"operations": request["operations"]}

    monkeypatch.setattr(trying, "run_task", checked)
    monkeypatch.setattr(trying, "Child", Fails)
    found = context_in(tmp_path)
    add_dataset(found.store)
    yield found
    idle(found)
    found.store.close()


def begin(context: Context) -> Try:
    return trying.begin(context, "d1", IDEA, target="y")


def idle(context: Context) -> None:
    for _ in range(1_000):
        if not trying._keepers.of(context.store).open:
            return
        time.sleep(0.01)
    raise AssertionError("still tried")


def became(context: Context) -> list[tuple[str, str | None]]:
    """Of each: its status, and what it failed with."""
    idle(context)
    found = context.store.tries.of_dataset("d1")
    return [(one.status, one.problem["detail"] if one.problem else None) for one in found]


FAILED = (TryStatus.FAILED, "It takes too much memory.")


def test_where_it_cannot_be_begun_it_has_failed_and_can_be_tried_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(keeper, "threading", NO_THREADS)
        with pytest.raises(NotReady, match="too busy"):
            begin(context)
    assert became(context) == [(TryStatus.FAILED, "This server is too busy to begin this now.")]
    assert begin(context).status is TryStatus.WAITING
    assert became(context) == [FAILED]


def test_one_of_which_nothing_could_be_noted_can_be_tried_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trying._keepers.of(context.store)
    with monkeypatch.context() as broken:
        broken.setattr(found, "note", lambda change: None)
        first = begin(context)
        assert became(context) == [(TryStatus.RUNNING, None)]
    assert begin(context).id == first.id
    assert became(context) == [FAILED]


def test_a_failure_does_not_end_what_was_stopped_and_begun_again_meanwhile(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, again, is_begun = trying._keepers.of(context.store), list[Try](), Event()
    first_time = [True]

    def perform(self: Fails, task: str, request: dict[str, Any], *, cancelled: Any, **bounds: Any) -> dict[str, Any]:
        if first_time:
            first_time.clear()
            monkeypatch.setattr(found, "lock", Meanwhile(found, begin_again))
            raise TooLarge("Only the first takes too much.")
        raise TooLarge("It takes too much memory.")

    def begin_again() -> None:
        (one,) = context.store.tries.of_dataset("d1")
        trying.stop(context, one.id, only_open=True)
        again.append(begin(context))
        is_begun.set()

    monkeypatch.setattr(Fails, "perform", perform)
    first = begin(context)
    assert is_begun.wait(10)
    assert (again[0].id, again[0].status) == (first.id, TryStatus.WAITING)
    assert became(context) == [FAILED]


def test_a_data_set_that_is_deleted_meanwhile_is_said(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    add: Callable[[Try], Try] = context.store.tries.add

    def delete_and_add(tried: Try) -> Try:
        context.store.datasets.delete("d1")
        return add(tried)

    monkeypatch.setattr(context.store.tries, "add", delete_and_add)
    with pytest.raises(NotFound, match="no such data set"):
        begin(context)
    assert trying._keepers.of(context.store).open == {}
