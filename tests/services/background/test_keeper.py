"""Works in the background are bounded, cancelled, and noted when they end, whatever happens to them."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from flowml.domain.errors import FlowMLError, NotReady, TooMany
from flowml.services.background.keeper import Keeper, Keepers, Kind, Work, turn
from flowml.services.background.progress import Told, write_progress
from flowml.services.turns import Line
from flowml.store.store import Store
from tests.services.background.meanwhile import Meanwhile, NoThread, is_free

KIND = Kind("testing", ("There are many.", "Wait."), "It was not expected.", most_open=3, most_of_one=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "home")
    yield found
    found.close()


@dataclass
class Row:
    """What was noted of one."""

    failed: list[str] = field(default_factory=list)
    ended: list[FlowMLError | None] = field(default_factory=list)
    has_ended: Event = field(default_factory=Event)

    def start(self, keeper: Keeper[Work], row_id: str, work: Work, do: Callable[[], object]) -> None:
        keeper.start(row_id, work, do, lambda error: self.failed.append(error.detail), self.end)

    def end(self, error: FlowMLError | None) -> None:
        self.ended.append(error)
        self.has_ended.set()


def raising(error: BaseException) -> Callable[[], object]:
    def do() -> None:
        raise error

    return do


def test_what_is_done_is_open_until_it_ends(store: Store) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    row, work, may_end = Row(), Work("ann"), Event()
    keeper.add("one", work)
    row.start(keeper, "one", work, may_end.wait)
    assert keeper.open == {"one": work}
    may_end.set()
    assert row.has_ended.wait(10)
    assert (keeper.open, row.failed, row.ended) == ({}, [], [None])


def test_many_at_once_are_refused_in_all_and_of_one_caller(store: Store) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    keeper.add("1", Work("ann"))
    keeper.add("2", Work("ann"))
    with pytest.raises(TooMany, match=r"There are many\."):
        keeper.add("3", Work("ann"))
    keeper.add("3", Work("bob"))
    with pytest.raises(TooMany):
        keeper.check_room("eve")
    assert set(keeper.open) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("error", "said"), [(NotReady("No turn."), "No turn."), (MemoryError(), "It was not expected.")]
)
def test_a_failure_is_noted_in_words_unless_it_was_cancelled(store: Store, error: Exception, said: str) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    failing, cancelled = Row(), Row()
    for row, row_id in ((failing, "one"), (cancelled, "two")):
        work = Work("ann")
        keeper.add(row_id, work)
        if row is cancelled:
            keeper.cancel(row_id)
        row.start(keeper, row_id, work, raising(error))
        assert row.has_ended.wait(10)
    assert failing.failed == [said] and [str(one) for one in failing.ended] == [said]
    assert cancelled.failed == [] and cancelled.ended == [None]


def test_one_that_was_begun_again_stays_open_when_the_one_before_ends(store: Store) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    row, first, again, may_end = Row(), Work("ann"), Work("ann"), Event()
    keeper.add("one", first)
    row.start(keeper, "one", first, may_end.wait)
    keeper.cancel("one")
    keeper.add("one", again)
    may_end.set()
    assert row.has_ended.wait(10)
    assert keeper.open == {"one": again} and not again.cancelled.is_set()


def test_where_no_thread_can_be_started_it_has_failed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    row, work = Row(), Work("ann")
    keeper.add("one", work)
    monkeypatch.setattr(threading, "Thread", NoThread)
    with pytest.raises(NotReady, match="too busy"):
        row.start(keeper, "one", work, lambda: None)
    assert (keeper.open, row.failed, row.ended) == ({}, ["This server is too busy to begin this now."], [])


def test_a_failure_is_noted_and_what_failed_is_open_no_longer_in_one(store: Store) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    row, work, free = Row(), Work("ann"), list[bool]()
    keeper.add("one", work)
    keeper.start("one", work, raising(NotReady("No turn.")), lambda error: free.append(is_free(keeper)), row.end)
    assert row.has_ended.wait(10)
    # Begun again in between, it would be taken for the one that has just failed.
    assert free == [False] and is_free(keeper) and keeper.open == {}


def test_the_failure_of_one_that_was_cancelled_meanwhile_is_not_the_next_ones(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    row, first, again = Row(), Work("ann"), Work("ann")
    keeper.add("one", first)

    def begin_again() -> None:
        keeper.cancel("one")
        keeper.add("one", again)

    monkeypatch.setattr(keeper, "lock", Meanwhile(keeper, begin_again))
    row.start(keeper, "one", first, raising(NotReady("No turn.")))
    assert row.has_ended.wait(10)
    assert (row.failed, row.ended, keeper.open) == ([], [None], {"one": again})


@pytest.mark.parametrize("does", [lambda: None, raising(NotReady("Nobody waits."))])
def test_one_that_is_cancelled_at_its_end_is_noted_as_that(
    store: Store, monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]
) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    row, work, noted = Row(), Work("ann"), list[str]()
    keeper.add("one", work)
    monkeypatch.setattr(keeper, "lock", Meanwhile(keeper, work.cancelled.set))
    keeper.start("one", work, does, lambda error: noted.append("failed"), row.end, lambda: noted.append("cancelled"))
    assert row.has_ended.wait(10)
    assert (noted, row.ended) == (["cancelled"], [None])


def test_who_waits_for_a_turn_can_be_cancelled(store: Store) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    line, done = Line(1, float("inf")), list[str]()
    place = line.wait(Event(), "somebody")
    row, work = Row(), Work("ann")

    def do() -> None:
        with turn(line, work):
            done.append("one")

    keeper.add("one", work)
    row.start(keeper, "one", work, do)
    keeper.cancel("one")
    assert row.has_ended.wait(10)
    assert (done, row.failed, line.waiting) == ([], [], 0)
    line.leave(place)
    assert not line.is_full


def test_how_far_it_is_is_known_once_its_child_says_it(store: Store, tmp_path: Path) -> None:
    keeper: Keeper[Work] = Keeper(KIND, store)
    work = Work("ann")
    keeper.add("one", work)
    assert keeper.told("one") is keeper.told("none") is None
    work.progress = tmp_path / "progress"
    assert keeper.told("one") is None
    write_progress(work.progress, Told(3, 10, 0.5))
    assert keeper.told("one") == Told(3, 10, 0.5)


def test_nothing_is_noted_in_a_store_that_is_closed_or_breaks(tmp_path: Path) -> None:
    store, noted = Store(tmp_path / "home"), list[str]()
    keeper: Keeper[Work] = Keeper(KIND, store)
    keeper.note(raising(OSError("broken")))
    keeper.note(lambda: noted.append("open"))
    store.close()
    keeper.note(lambda: noted.append("closed"))
    assert noted == ["open"]


def test_each_store_has_its_own_and_it_goes_with_it(tmp_path: Path, store: Store) -> None:
    keepers: Keepers[Keeper[Work]] = Keepers(lambda of: Keeper(KIND, of))
    other = Store(tmp_path / "other")
    assert keepers.of(store) is keepers.of(store) is not keepers.of(other)
    kept = weakref.ref(keepers.of(other))
    other.close()
    del other
    gc.collect()
    assert kept() is None
