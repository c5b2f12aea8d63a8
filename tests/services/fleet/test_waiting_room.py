"""Workers that wait for a trial hear of it at once, and one that has left keeps nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.trials import Lease, Needs, Offer, TrialReport, TrialStatus
from flowml.domain.workers import Share, WorkerStatus
from flowml.services.fleet.waiting_room import Waiter, WaitingRoom
from flowml.store.fleet.workers import _put
from flowml.store.store import Store
from tests.clocks import clock_of
from tests.services.test_channel import Dispatcher

ANY = Offer(("cpu",), 10, 0.0)


@pytest.fixture
def dispatcher(tmp_path: Path) -> Dispatcher:
    return Dispatcher(tmp_path)


def register(store: Store, *names: str, slots: int = 1) -> None:
    """Workers whose names are their ids."""
    with store._database.write() as connection:
        for name in names:
            _put(connection, name, name, ("cpu",), Share(slots, 1, 10**9), {}, 1.0)


@pytest.fixture
def room(dispatcher: Dispatcher) -> Iterator[WaitingRoom]:
    room = WaitingRoom(dispatcher.store, clock_of(dispatcher.time))
    yield room
    room.close()


def stand(room: WaitingRoom, name: str, offer: Offer = ANY) -> tuple[Waiter, threading.Event]:
    come = threading.Event()
    register(room._store, name)
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
    names = [str(number) for number in range(1_000)]
    register(dispatcher.store, *names)
    for name in names:
        room.stand(name, name, ANY, lambda: None)
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


class Desk:
    """A waiting room whose looks a test takes itself."""

    def __init__(self, dispatcher: Dispatcher, room: WaitingRoom, monkeypatch: pytest.MonkeyPatch):
        room._thread = threading.current_thread()
        self.dispatcher, self.room = dispatcher, room
        self.claimed, self.waiters = list[str](), dict[str, Waiter]()
        claim = dispatcher.store.trials.claim
        monkeypatch.setattr(
            dispatcher.store.trials, "claim", lambda *given: self.claimed.append(given[0]) or claim(*given)
        )

    def stand(self, name: str, offer: Offer = ANY, slots: int = 1) -> None:
        register(self.dispatcher.store, name, slots=slots)
        self.waiters[name] = self.room.stand(name, name, offer, lambda: None)

    def served(self) -> list[str]:
        """Who has a trial now that had none before."""
        self.claimed.clear()
        self.room._serve()
        served = [name for name, waiter in self.waiters.items() if waiter.lease is not None]
        return [name for name in served if self.waiters.pop(name)]

    def finish_one(self, name: str, number: int) -> None:
        """A trial of the job that is finished by this worker."""
        register(self.dispatcher.store, name)
        trial_id = self.dispatcher.enqueue(number)
        now = self.dispatcher.now
        lease = self.dispatcher.store.trials.claim(name, name, name, ANY, 60.0, now + 1e6, now + 1e6)
        assert lease is not None and lease.trial_id == trial_id
        assert self.dispatcher.store.trials.finish(lease, TrialReport(TrialStatus.FINISHED, 1.0, (1.0,)), now, now)


@pytest.fixture
def desk(dispatcher: Dispatcher, room: WaitingRoom, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(dispatcher, room, monkeypatch)


@pytest.mark.parametrize("status", [WorkerStatus.DRAINING, WorkerStatus.OFFLINE])
def test_one_that_is_not_to_have_trials_gets_none_and_holds_up_nobody(desk: Desk, status: WorkerStatus) -> None:
    for name in ("away", "good"):
        desk.stand(name)
    desk.dispatcher.store.workers.set_status("away", status)
    desk.dispatcher.enqueue(0)
    assert desk.served() == ["good"]
    desk.dispatcher.enqueue(1)
    assert desk.served() == [] and not desk.claimed
    desk.dispatcher.store.workers.set_status("away", WorkerStatus.ONLINE)
    assert desk.served() == ["away"], "at once, it need not ask again"


def test_one_that_is_drained_during_a_look_stands_for_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("drained", "good"):
        desk.stand(name)
    desk.dispatcher.enqueue()
    at_home, workers = desk.dispatcher.store.trials.at_home, desk.dispatcher.store.workers
    monkeypatch.setattr(desk.dispatcher.store.trials, "at_home", lambda ids: workers.drain("drained") or at_home(ids))
    assert desk.served() == ["good"]


def test_one_that_waits_more_often_than_it_has_slots_holds_up_nobody(desk: Desk) -> None:
    register(desk.dispatcher.store, "greedy")
    for number in range(3):
        desk.waiters[f"greedy {number}"] = desk.room.stand("greedy", "greedy", ANY, lambda: None)
    desk.stand("good")
    for number in range(4):
        desk.dispatcher.enqueue(number)
    assert desk.served() == ["greedy 0", "good"]


def test_who_has_the_table_gets_it_at_once_also_behind_one_who_has_that_of_another_run(desk: Desk) -> None:
    desk.finish_one("has it", 0)
    desk.stand("other")
    desk.stand("has it")
    desk.stand("has nothing")
    desk.dispatcher.enqueue(1)
    assert desk.served() == ["has it"]


def test_of_many_with_different_memory_few_are_asked_for_what_is_left_to_another(desk: Desk) -> None:
    desk.finish_one("at home", 0)
    for number in range(50):
        desk.stand(str(number), Offer(("cpu",), 10 + number, 0.0))
    desk.dispatcher.enqueue(1, Needs(memory_bytes=5))
    desk.dispatcher.enqueue(2, Needs(memory_bytes=30))
    assert desk.served() == []
    assert desk.claimed == ["0", "20"], "one who has room for the first, one who has room for both"
