"""Whoever sets the time of day takes nothing from a run: budgets and leases go by the steady clock."""

from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import pytest

from flowml.domain.clock import AgeClock, Clock
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Beat, Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.services.context import Context
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.desks import StoreConductorDesk
from flowml.services.dispatch.ledger import StoreLedger
from flowml.services.dispatch.recovery import expire_leases, recover
from flowml.services.housekeeping import FILE_AGE_SECONDS, keep_house
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.training.conductors import Conductors
from tests.services.records import QuietTrainers

DAY = 1.7e9
HOUR = 3600.0


class Hanging:
    """A conductor that ends only when it is killed."""

    exitcode = -9
    pid = None

    def __init__(self) -> None:
        self._alive = True

    def is_alive(self) -> bool:
        return self._alive

    def kill(self) -> None:
        self._alive = False

    def join(self, timeout: float | None = None) -> None:
        pass


class Times:
    """A time of day that is set, and seconds that go by."""

    def __init__(self) -> None:
        self.day, self.gone = DAY, 50.0
        self.clock = Clock(lambda: self.day, lambda: self.gone)

    def go_by(self, seconds: float) -> None:
        self.day += seconds
        self.gone += seconds


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, now=DAY)


def running_job(store: Store, times: Times) -> str:
    store.jobs.add(JobSpec("d", "t", time_budget_seconds=60.0), "job", times.day - 1.0)
    job = store.jobs.claim(1, times.day, times.gone)
    assert job is not None and job.started_at == times.day
    return job.id


def channel_of(store: Store, times: Times, owner: str = "me") -> StoreChannel:
    return StoreChannel(store, owner=owner, worker_id="w", worker_name="here", clock=times.clock)


@pytest.mark.parametrize("moved", [2 * HOUR, -HOUR])
def test_a_budget_ends_when_its_seconds_have_gone_by(store: Store, times: Times, moved: float) -> None:
    job_id, ended = running_job(store, times), list[str]()
    desk = StoreConductorDesk(store, times.clock)
    conductors = Conductors(desk, lambda _: cast(BaseProcess, Hanging()), lambda: ended.append(job_id), 10**12)
    times.day += moved
    for seconds in (30.0, 28.0):
        times.go_by(seconds)
        conductors.look(desk.running_jobs(), times.gone)
        assert ended == []
    times.go_by(62.0)
    conductors.look(desk.running_jobs(), times.gone)
    assert ended == [job_id] and store.jobs.get(job_id).elapsed_seconds == 121.0


@pytest.mark.parametrize("moved", [2 * HOUR, -HOUR])
def test_a_lease_is_good_for_its_seconds(store: Store, times: Times, moved: float) -> None:
    job_id = running_job(store, times)
    ledger, channel = StoreLedger(store, job_id), channel_of(store, times)
    ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), times.gone + 59.0, times.day, times.gone)
    times.day += moved
    lease = channel.lease(Offer())
    assert lease is not None and (lease.seconds_left, lease.lease_seconds) == (59.0, 60.0)
    times.day -= 2 * moved
    times.go_by(40.0)
    assert expire_leases(store, times.day, times.gone) == 0 and channel.heartbeat([Beat(lease)]) == frozenset()
    times.go_by(50.0)
    assert expire_leases(store, times.day, times.gone) == 0
    assert channel.report(lease, TrialReport(TrialStatus.FINISHED, 0.5))
    (trial,) = ledger.trials()
    assert trial.elapsed_seconds == 91.0 and trial.finished_at == times.day

    ledger.enqueue(TrialSpec(1, "ridge", {}), Needs(), times.gone + 500.0, times.day, times.gone)
    assert channel.lease(Offer()) is not None
    times.go_by(61.0)
    assert expire_leases(store, times.day, times.gone) == 1


def test_a_trial_is_not_left_to_another_for_longer_because_the_clock_was_put_back(store: Store, times: Times) -> None:
    ledger = StoreLedger(store, running_job(store, times))
    rich, poor = channel_of(store, times, "has the table"), channel_of(store, times, "has not")
    ledger.enqueue(TrialSpec(0, "ridge", {}), Needs(), 1e3, times.day, times.gone)
    lease = rich.lease(Offer())
    assert lease is not None and rich.report(lease, TrialReport(TrialStatus.FINISHED, 0.5))
    ledger.enqueue(TrialSpec(1, "ridge", {}), Needs(), 1e3, times.day, times.gone)
    assert poor.lease(Offer()) is None
    times.go_by(0.3)
    times.day -= HOUR
    assert poor.lease(Offer()) is not None


def test_after_a_start_of_the_machine_the_rest_of_the_time_is_left(store: Store, times: Times) -> None:
    times.gone = 5e5
    job_id = running_job(store, times)
    ledger, channel = StoreLedger(store, job_id), channel_of(store, times)
    for number in range(2):
        ledger.enqueue(TrialSpec(number, "ridge", {}), Needs(), times.gone + 59.0, times.day, times.gone)
    assert channel.lease(Offer()) is not None
    store.jobs.update(job_id, elapsed_seconds=20.0)
    # Its steady seconds begin anew, and nobody set its time of day yet.
    times.day, times.gone = 0.0, 3.0
    recover(store, "another", times.day, times.gone)
    assert store.jobs.get(job_id).deadline_at == 43.0 and store.jobs.elapsed(job_id, 4.0) == 21.0
    # Of another machine's lease nobody knows how old it is: it is good for as long as a new one.
    times.go_by(59.0)
    assert expire_leases(store, times.day, times.gone) == 0
    times.go_by(2.0)
    assert expire_leases(store, times.day, times.gone) == 1
    lease = channel_of(store, times, "next").lease(Offer())
    assert lease is not None and lease.seconds_left == 43.0 - 64.0


def test_what_was_just_made_is_not_old_because_the_clock_was_put_forward(tmp_path: Path, times: Times) -> None:
    store = Store(tmp_path, now=DAY)
    context = Context(Settings(home=tmp_path), store, times.clock.now, QuietTrainers(), steady=times.clock.steady)
    path = store.files.path(store.files.put_bytes(b"a model whose row comes in a moment"))
    times.day = path.stat().st_mtime
    ages = AgeClock(times.clock, FILE_AGE_SECONDS)
    times.go_by(10.0)
    times.day += 2 * HOUR
    for _ in range(3):
        keep_house(context, ages)
        times.go_by(60.0)
    assert path.exists()
    times.go_by(FILE_AGE_SECONDS)
    keep_house(context, ages)
    assert not path.exists()


def test_what_was_stored_while_the_clock_was_ahead_grows_old_as_well(tmp_path: Path, times: Times) -> None:
    store = Store(tmp_path, now=DAY)
    context = Context(Settings(home=tmp_path), store, times.clock.now, QuietTrainers(), steady=times.clock.steady)
    path = store.files.path(store.files.put_bytes(b"stored in what has turned out to be years ahead"))
    times.day = path.stat().st_mtime - 20_000 * HOUR
    ages = AgeClock(times.clock, FILE_AGE_SECONDS)
    keep_house(context, ages)
    times.go_by(FILE_AGE_SECONDS - 10.0)
    keep_house(context, ages)
    assert path.exists()
    times.go_by(20.0)
    keep_house(context, ages)
    assert not path.exists()
