"""Workers that wait for a trial hear of it at once, and one that has left keeps nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.trials import Lease, Needs, Offer, TrialReport, TrialStatus
from flowml.domain.workers import Share
from flowml.services.fleet.waiting_room import Waiter, WaitingRoom
from tests.clocks import clock_of
from tests.services.test_channel import Dispatcher

ANY = Offer(("cpu",), 10, 0.0)


@pytest.fixture
def dispatcher(tmp_path: Path) -> Dispatcher:
    return Dispatcher(tmp_path)


@pytest.fixture
def room(dispatcher: Dispatcher) -> Iterator[WaitingRoom]:
    room = WaitingRoom(dispatcher.store, clock_of(dispatcher.time))
    yield room
    room.close()


def stand(room: WaitingRoom, name: str, offer: Offer = ANY) -> tuple[Waiter, threading.Event]:
    come = threading.Event()
    return room.stand(name, name, offer, come.set), come


def test_who_waits_hears_of_what_fits_and_the_longest_waits_least(dispatcher: Dispatcher, room: WaitingRoom) -> None:
    small = stand(room, "small", Offer(("cpu",), 1, 0.0))
    first, second = stand(room, "first"), stand(room, "second")
    trial_id = dispatcher.enqueue(0, Needs(memory_bytes=5))
    assert first[1].wait(5)
    assert not second[1].is_set() and not small[1].is_set()
    lease = room.leave(first[0])
    assert lease is not None and (lease.trial_id, lease.owner) == (trial_id, "first")
    dispatcher.enqueue(1)
    assert small[1].wait(5), "it stood there before the second"
    assert len(room) == 1


def test_what_was_given_to_somebody_who_has_left_waits_again(dispatcher: Dispatcher, room: WaitingRoom) -> None:
    waiter, come = stand(room, "gone")
    dispatcher.enqueue()
    assert come.wait(5)
    lease = room.leave(waiter)
    assert lease is not None
    room.give_back(lease)
    (trial,) = dispatcher.ledger.trials()
    assert trial.status is TrialStatus.QUEUED
    next_one, come = stand(room, "next")
    assert come.wait(5)
    found = room.leave(next_one)
    assert found is not None and found.attempt == lease.attempt + 1


def test_what_cannot_be_given_back_costs_nobody_else_what_was_leased_for_them(
    dispatcher: Dispatcher, room: WaitingRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, waiters = dispatcher.store.trials.claim, list[tuple[Waiter, threading.Event]]()

    def give_back(lease: Lease) -> None:
        raise OSError("full")

    def claim_and_leave(owner: str, *rest: Any) -> Lease | None:
        room.leave(waiters[0][0])
        return claim(owner, *rest)

    monkeypatch.setattr(room, "give_back", give_back)
    monkeypatch.setattr(dispatcher.store.trials, "claim", claim_and_leave)
    for name in ("gone", "here"):
        waiters.append(stand(room, name))
    with dispatcher.store.transaction():
        for number in range(2):
            dispatcher.enqueue(number)
    assert waiters[1][1].wait(5)
    found = room.leave(waiters[1][0])
    assert found is not None and found.owner == "here"


def test_the_tables_are_asked_once_however_many_wait_and_only_when_something_was_stored(
    dispatcher: Dispatcher, room: WaitingRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    needs = dispatcher.store.trials.waiting_needs
    for number in range(1_000):
        stand(room, str(number))
    time.sleep(0.05)
    monkeypatch.setattr(dispatcher.store.trials, "waiting_needs", lambda: asked.append(1) or needs())
    time.sleep(0.1)
    assert not asked
    dispatcher.store.workers.seen({"w": (1.0, None)})
    dispatcher.store.jobs.update(dispatcher.job_id, message="anything")
    end = time.monotonic() + 5
    while not asked and time.monotonic() < end:
        time.sleep(0.01)
    assert 1 <= len(asked) <= 2


def test_a_trial_that_is_left_to_somebody_is_not_tried_on_everybody(
    dispatcher: Dispatcher, room: WaitingRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, claim = [], dispatcher.store.trials.claim
    monkeypatch.setattr(dispatcher.store.trials, "claim", lambda *given: claimed.append(given[0]) or claim(*given))
    at_home, come = stand(room, "at home", ANY)
    dispatcher.enqueue(0)
    assert come.wait(5)
    lease = room.leave(at_home)
    assert lease is not None
    finished = TrialReport(TrialStatus.FINISHED, 1.0, (1.0,))
    assert dispatcher.store.trials.finish(lease, finished, dispatcher.now, dispatcher.now)
    for number in range(100):
        stand(room, str(number), Offer(("cpu",), 1_000 - number, 0.0))
    at_home, come = stand(room, "at home", ANY)
    claimed.clear()
    dispatcher.enqueue(1)
    assert come.wait(5)
    lease = room.leave(at_home)
    assert lease is not None
    assert dispatcher.store.trials.finish(lease, finished, dispatcher.now, dispatcher.now)
    assert len(claimed) <= 4, "they offer no more than one that did not get it"
    claimed.clear()
    dispatcher.enqueue(2)
    assert wait_until(lambda: bool(claimed))
    dispatcher.now += 10.0
    assert wait_until(lambda: len(claimed) > 1)
    time.sleep(0.1)
    # For a moment nobody gets it, and one who does not stands for all that offer no more.
    assert claimed == ["0", "0", "1"]


def wait_until(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return is_so()


def test_when_the_server_ends_everybody_leaves_with_nothing(room: WaitingRoom) -> None:
    waiter, come = stand(room, "here")
    room.close()
    assert come.is_set() and room.leave(waiter) is None
    assert stand(room, "late")[1].is_set()


def test_what_one_machine_broke_down_with_is_given_to_another_that_waits_behind_it(
    dispatcher: Dispatcher, room: WaitingRoom
) -> None:
    share = Share(1, 1, 10**9)
    first, second = (
        dispatcher.store.workers.register(name, ("cpu",), share, {}, 1.0, owner="o").id for name in ("first", "second")
    )
    dispatcher.enqueue()
    lease = dispatcher.store.trials.claim(first, first, "first", Offer(), 60.0, 1e6, 1e6)
    assert lease is not None
    dispatcher.store.trials.abandon(lease, dispatcher.now, "It broke down.")
    waiters, come = [], threading.Event()
    for worker_id in (first, second):
        waiters.append(room.stand(worker_id, worker_id, Offer(), come.set))
    assert come.wait(10)
    assert [room.leave(waiter) is not None for waiter in waiters] == [False, True]
