"""What every way from a trainer to the dispatcher does: the contract of `domain.channel.Channel`.

Whoever adds a way adds it to `WAYS`.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowml.domain.access.caller import Permission, Principal
from flowml.domain.channel import Channel
from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.errors import LeaseLost, NotFound
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Beat, Lease, Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.domain.workers import Share
from flowml.services.context import Context
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.desks import StoreTrainerDesk
from flowml.services.dispatch.ledger import StoreLedger
from flowml.services.dispatch.recovery import expire_leases
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.web.application import create_app
from flowml.worker.cache import Cache
from flowml.worker.channel import HttpChannel
from tests.clocks import clock_of
from tests.services.records import QuietTrainers
from tests.web.serving import run_app


class Dispatcher:
    """A store with a running job, and a clock that somebody turns."""

    def __init__(self, home: Path):
        self.now = 100.0
        self.home = home
        self.opened = ExitStack()
        self.store = Store(home, now=1.0)
        self.table = self.store.files.put_bytes(b"a table")
        self.stranger = self.store.files.put_bytes(b"somebody else's")
        columns = (Column("x", "Int64", Role.NUMERIC), Column("t", "String", Role.CATEGORICAL))
        self.store.datasets.add(
            Dataset("d", "d", "d.csv", "csv", 1, 2, 7, "0" * 64, self.table, None, 1.0, columns), ()
        )
        self.store.jobs.add(JobSpec("d", "t"), "job", 1.0)
        job = self.store.jobs.claim(1, 2.0, 2.0)
        assert job is not None
        self.job_id = job.id
        self.ledger = StoreLedger(self.store, job.id)

    def time(self) -> float:
        return self.now

    def enqueue(self, number: int = 0, needs: Needs = Needs()) -> str:  # noqa: B008 - a frozen value
        return self.ledger.enqueue(
            TrialSpec(number, "ridge", {"alpha": 2.0}), needs, self.now + 60.0, self.now, self.now
        ).id


def in_process(dispatcher: Dispatcher, owner: str) -> Channel:
    return StoreChannel(
        dispatcher.store, owner=owner, worker_id="w", worker_name="here", clock=clock_of(dispatcher.time)
    )


def over_http(dispatcher: Dispatcher, owner: str) -> Channel:
    """As a worker that has registered under the owner's name."""
    context = Context(
        Settings(home=dispatcher.home), dispatcher.store, dispatcher.time, QuietTrainers(), steady=dispatcher.time
    )
    worker = Principal("a fleet", frozenset({Permission.WORK}))
    port = dispatcher.opened.enter_context(run_app(create_app(context, who=lambda scope: worker)))
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    dispatcher.opened.enter_context(client)
    joined = client.post("/api/workers/register", json={"name": owner}).json()
    return HttpChannel(client, joined["worker_id"], Cache(dispatcher.home / "fetched", 10**6), wait_seconds=0.1)


WAYS: dict[str, Callable[[Dispatcher, str], Channel]] = {"in process": in_process, "over HTTP": over_http}


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(tmp_path)
    with dispatcher.opened:
        yield dispatcher
    dispatcher.store.close()


@pytest.fixture(params=WAYS)
def channel_of(request: pytest.FixtureRequest, dispatcher: Dispatcher) -> Callable[[str], Channel]:
    """The channel of an owner."""
    return lambda owner: WAYS[request.param](dispatcher, owner)


def leased(channel: Channel, offer: Offer = Offer()) -> Lease:  # noqa: B008 - a frozen value
    lease = channel.lease(offer)
    assert lease is not None
    return lease


def test_a_trial_goes_from_the_conductor_to_a_trainer_and_back(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel]
) -> None:
    channel, ledger = channel_of("me"), dispatcher.ledger
    assert channel.lease(Offer()) is None
    trial_id = dispatcher.enqueue()
    dispatcher.now += 10.0
    lease = leased(channel)
    assert (lease.trial_id, lease.params) == (trial_id, {"alpha": 2.0})
    brief = channel.brief(lease)
    assert brief.columns == dispatcher.store.datasets.get("d").columns
    assert channel.get(lease, brief.table).read_bytes() == b"a table"
    assert channel.heartbeat([Beat(lease, (0.5,))]) == frozenset()
    assert ledger.trials()[0].fold_scores == (0.5,)
    out_of_fold, model = channel.put(lease, b"oof"), channel.put(lease, b"model")
    report = TrialReport(
        TrialStatus.FINISHED, 0.7, (0.6, 0.8), {"r2": 0.7}, 1.5, 0.2, None, out_of_fold, model, "these folds"
    )
    assert channel.report(lease, report)
    (done,) = ledger.trials()
    assert (done.status, done.score, done.fold_scores) == (TrialStatus.FINISHED, 0.7, (0.6, 0.8))
    assert done.tested_on == "these folds"
    assert done.out_of_fold is not None and ledger.file(done.out_of_fold).read_bytes() == b"oof"
    told = [event.type for event in dispatcher.store.events.since(0, [f"job:{dispatcher.job_id}"])]
    assert told == ["trial_update"] * 4
    assert not channel.report(lease, report), "a second report changes nothing"


def test_a_fold_whose_score_is_no_number_is_told_and_handed_in(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel]
) -> None:
    channel = channel_of("me")
    dispatcher.enqueue()
    lease = leased(channel)
    assert channel.heartbeat([Beat(lease, (0.5, math.nan))]) == frozenset()
    assert dispatcher.ledger.trials()[0].fold_scores == (0.5, None)
    report = TrialReport(TrialStatus.FAILED, fold_scores=(0.5, math.nan), metrics={"r2": math.nan}, error="no")
    assert channel.report(lease, report)
    (done,) = dispatcher.ledger.trials()
    assert (done.fold_scores, done.metrics) == ((0.5, None), {"r2": None})


def test_no_call_knows_the_time_of_day(dispatcher: Dispatcher, channel_of: Callable[[str], Channel]) -> None:
    dispatcher.enqueue()
    dispatcher.now += 45.0
    lease = leased(channel_of("me"))
    assert lease.seconds_left == pytest.approx(15.0) and 0.0 < lease.lease_seconds <= 120.0


def test_a_lease_ends_unless_it_is_renewed(dispatcher: Dispatcher, channel_of: Callable[[str], Channel]) -> None:
    first, second = channel_of("me"), channel_of("another")
    dispatcher.enqueue()
    lease = leased(first)
    dispatcher.now += 0.9 * lease.lease_seconds
    assert not first.heartbeat([Beat(lease)])
    dispatcher.now += 0.9 * lease.lease_seconds
    expire_leases(dispatcher.store, dispatcher.now, dispatcher.now)
    assert second.lease(Offer()) is None
    dispatcher.now += lease.lease_seconds
    expire_leases(dispatcher.store, dispatcher.now, dispatcher.now)
    assert leased(second).attempt == lease.attempt + 1
    assert first.heartbeat([Beat(lease)]) == {lease.trial_id}


def test_every_call_is_authorised_by_its_lease(dispatcher: Dispatcher, channel_of: Callable[[str], Channel]) -> None:
    channel = channel_of("me")
    dispatcher.enqueue()
    lease = leased(channel)
    with pytest.raises(NotFound, match="does not belong to the job"):
        channel.get(lease, dispatcher.stranger)
    for stale in (replace(lease, attempt=lease.attempt + 1), replace(lease, owner="another")):
        for call in (
            lambda stale=stale: channel.brief(stale),
            lambda stale=stale: channel.get(stale, dispatcher.table),
            lambda stale=stale: channel.put(stale, b"bytes"),
        ):
            with pytest.raises(LeaseLost, match="Somebody else has this trial"):
                call()
        assert channel.heartbeat([Beat(stale)]) == {lease.trial_id}
        assert not channel.report(stale, TrialReport(TrialStatus.FAILED, error="no"))
    assert dispatcher.ledger.trials()[0].status is TrialStatus.LEASED


def test_a_report_names_only_what_was_handed_over(dispatcher: Dispatcher, channel_of: Callable[[str], Channel]) -> None:
    channel = channel_of("me")
    dispatcher.enqueue()
    lease = leased(channel)
    with pytest.raises(NotFound):
        channel.report(
            lease, TrialReport(TrialStatus.FINISHED, 1.0, out_of_fold="e" * 64, model="f" * 64, tested_on="these")
        )
    assert dispatcher.ledger.trials()[0].status is TrialStatus.LEASED


@pytest.mark.parametrize(
    ("needs", "offer", "fits"),
    [
        (Needs("gpu"), Offer(("cpu",)), False),
        (Needs("gpu"), Offer(("cpu", "gpu")), True),
        (Needs("cpu", memory_bytes=2_000), Offer(memory_bytes=1_999), False),
        (Needs("cpu", memory_bytes=2_000), Offer(memory_bytes=2_000), True),
        (Needs("gpu", vram_gb=11.4), Offer(("gpu",), vram_gb=8.0), False),
        (Needs("gpu", vram_gb=11.4), Offer(("gpu",), vram_gb=24.0), True),
    ],
)
def test_a_trial_goes_where_it_fits(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel], needs: Needs, offer: Offer, fits: bool
) -> None:
    dispatcher.enqueue(0, needs)
    found = channel_of("me").lease(offer)
    assert (found is not None and found.needs == needs) is fits
    if not fits:
        easy = dispatcher.enqueue(1, replace(needs, queue=offer.queues[0], memory_bytes=0, vram_gb=0.0))
        assert leased(channel_of("me"), offer).trial_id == easy, "it holds up nobody behind it"


def test_one_question_tells_which_of_many_are_to_stop(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel]
) -> None:
    channel = channel_of("me")
    for number in range(3):
        dispatcher.enqueue(number)
    leases = [leased(channel_of(f"owner {number}")) for number in range(3)]
    dispatcher.ledger.cancel_trials([leases[1].trial_id], dispatcher.now)
    assert channel.heartbeat([Beat(lease) for lease in leases]) == {leases[1].trial_id}
    desk = StoreTrainerDesk(dispatcher.store, clock_of(lambda: dispatcher.now))
    held = {lease.owner: lease.trial_id for lease in leases} | {"stranger": leases[0].trial_id}
    assert desk.unwanted(held) == {leases[1].owner, "stranger"}


def test_what_a_claim_waits_for_is_not_given_to_the_trial(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher.enqueue()
    claim = dispatcher.store.trials.claim

    def slow(*arguments: Any, **named: Any) -> Lease | None:
        dispatcher.now += 20.0
        return claim(*arguments, **named)

    monkeypatch.setattr(dispatcher.store.trials, "claim", slow)
    assert leased(channel_of("me")).seconds_left == pytest.approx(40.0)


def test_whoever_can_take_nothing_that_waits_does_not_ask_for_it_again_and_again(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher.enqueue(0, Needs("gpu"))
    claimed, claim = [], dispatcher.store.trials.claim
    monkeypatch.setattr(dispatcher.store.trials, "claim", lambda *given: claimed.append(given) or claim(*given))
    channel = channel_of("me")
    assert [channel.lease(Offer()) for _ in range(5)] == [None] * 5
    assert len(claimed) <= 1, "each takes the lock for writing"


def test_what_is_given_back_without_a_reason_waits_again_as_if_nothing_had_been(
    dispatcher: Dispatcher, channel_of: Callable[[str], Channel]
) -> None:
    channel = channel_of("me")
    dispatcher.enqueue()
    lease = leased(channel)
    channel.give_back(lease)
    with pytest.raises(LeaseLost):
        channel.give_back(lease)
    again = leased(channel)
    assert (again.trial_id, again.attempt, again.failures) == (lease.trial_id, 2, 0)
    channel.give_back(again, "It broke down.")
    assert leased(channel).failures == 1


def test_a_trial_is_left_for_a_moment_to_a_free_machine_that_has_what_it_prefers(dispatcher: Dispatcher) -> None:
    store = dispatcher.store
    share = Share(1, 1, 10**9)
    gpu_box = store.workers.register("gpu box", ("cpu", "gpu"), share, {}, 1.0, owner="o")
    plain, equipped = Offer(("cpu",)), Offer(("cpu", "gpu"))

    def claim(worker_id: str, offer: Offer) -> Lease | None:
        return store.trials.claim(worker_id, worker_id, worker_id, offer, 60.0, dispatcher.now, dispatcher.now)

    dispatcher.enqueue(0)
    dispatcher.enqueue(1, Needs(prefers="gpu"))
    first = claim("plain", plain)
    assert first is not None and first.number == 0 and claim("plain", plain) is None
    for number in (2, 3):
        dispatcher.enqueue(number, Needs(prefers="gpu" if number == 3 else None))
    held = claim(gpu_box.id, equipped)
    assert held is not None and held.number == 1, "before what anybody can do as well"
    waits = claim("plain", plain)
    assert waits is not None and waits.number == 2
    waits = claim("plain", plain)
    assert waits is not None and waits.number == 3, "nobody who has a GPU is free"
    store.trials.abandon(held, dispatcher.now)
    assert claim("plain", plain) is None
    dispatcher.now += 1.0
    assert claim("plain", plain) is not None, "and nobody has come for it"
