"""Who is to blame when a machine and a trial come to an end together, and when trial after trial fails on one."""

import pytest

from flowml.domain.access.caller import LOCAL_OWNER
from flowml.domain.trials import Lease, Offer, Trial, TrialReport, TrialStatus
from flowml.domain.workers import LOCAL_ID, Worker
from flowml.services.context import Context
from flowml.services.dispatch.channel import LEASE_SECONDS, StoreChannel
from flowml.services.dispatch.recovery import recover, stop_working
from flowml.services.fleet import cluster, workers
from flowml.services.fleet.workers import Attempt, Fleet
from flowml.store.fleet.blame import MOST_MISHAPS
from flowml.store.fleet.strikes import MISSING_SECONDS
from tests.clocks import clock_of
from tests.services.fleet.test_workers import beat, join
from tests.services.test_channel import Dispatcher


def new_fleet(context: Context) -> Fleet:
    """As a server that has just started knows its workers."""
    fleet = Fleet(context)
    # The test looks itself.
    fleet.attendance.close()
    return fleet


def lease_of(dispatcher: Dispatcher, worker: Worker) -> Lease | None:
    return dispatcher.store.trials.claim(
        worker.id, worker.id, worker.name, Offer(), LEASE_SECONDS, dispatcher.now, dispatcher.now
    )


def take(dispatcher: Dispatcher, worker: Worker) -> Attempt:
    lease = lease_of(dispatcher, worker)
    assert lease is not None
    return Attempt(worker.id, lease.trial_id, lease.attempt)


def trial(dispatcher: Dispatcher, number: int = 0) -> Trial:
    return dispatcher.ledger.trials()[number]


def report(dispatcher: Dispatcher, worker: Worker, outcome: TrialReport) -> None:
    # What is left to others for a moment is not meant here.
    dispatcher.now += 1.0
    lease = lease_of(dispatcher, worker)
    assert lease is not None
    channel = StoreChannel(
        dispatcher.store, owner=worker.id, worker_id=worker.id, worker_name=worker.name,
        clock=clock_of(dispatcher.time),
    )  # fmt: skip
    assert channel.report(lease, outcome)
    if outcome.status is TrialStatus.FINISHED:
        # As the conductor does by and by.
        dispatcher.store.trials.looked_at(dispatcher.store.trials.get(lease.trial_id))


def set_aside(context: Context, worker: Worker) -> str | None:
    found = context.store.workers.find(worker.id)
    assert found is not None
    return found.set_aside


def test_a_trial_with_which_one_machine_broke_down_is_left_to_another(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
) -> None:
    first, second = join(context, "first", fleet=fleet), join(context, "second", fleet=fleet)
    dispatcher.enqueue()
    workers.give_back(context, take(dispatcher, first), "It broke down.")
    assert trial(dispatcher).status is TrialStatus.QUEUED and lease_of(dispatcher, first) is None
    workers.give_back(context, take(dispatcher, second), "It broke down, too.")
    assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.FAILED, "It broke down, too.")


def test_where_there_is_no_other_machine_the_only_one_tries_it_twice(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
) -> None:
    only, gone = join(context, "only", fleet=fleet), join(context, "gone", fleet=fleet)
    dispatcher.enqueue()
    workers.give_back(context, take(dispatcher, only), "It broke down.")
    assert lease_of(dispatcher, only) is None
    workers.leave(context, fleet, gone.id)
    workers.give_back(context, take(dispatcher, only), "It broke down again.")
    assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.FAILED, "It broke down again.")


def test_a_trial_with_which_two_workers_were_lost_is_not_tried_a_third_time(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
) -> None:
    first = join(context, "first", "a", fleet=fleet, life="1")
    second = join(context, "second", "b", fleet=fleet, life="2")
    dispatcher.enqueue()
    take(dispatcher, first)
    dispatcher.now += 50.0
    assert join(context, "first", "a", fleet=fleet, life="3").id == first.id, "it was killed and is there again"
    assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.QUEUED, None)
    take(dispatcher, second)
    fleet.attendance.gone(second.id, "has gone", has_died=True)
    assert (trial(dispatcher).status, lease_of(dispatcher, first)) == (TrialStatus.QUEUED, None), "it may be back yet"
    dispatcher.now += MISSING_SECONDS + 1.0
    fleet.attendance.look()
    assert trial(dispatcher).status is TrialStatus.FAILED
    assert "the worker second" in (trial(dispatcher).error or "") and "Another one" in (trial(dispatcher).error or "")


@pytest.mark.parametrize("seconds", [LEASE_SECONDS + 1.0, 91.0])
def test_a_worker_whose_network_was_gone_has_not_died(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
    seconds: float,
) -> None:
    away, second = join(context, "away", "a", fleet=fleet, life="1"), join(context, "second", fleet=fleet)
    dispatcher.enqueue()
    take(dispatcher, away)
    dispatcher.store.trials.redate(dispatcher.job_id, 1e9, LEASE_SECONDS, dispatcher.now)
    dispatcher.now += seconds
    fleet.attendance.heard(second.id)
    fleet.attendance.look()
    assert trial(dispatcher).status is TrialStatus.QUEUED
    assert lease_of(dispatcher, away) is None, "until it is heard of it may have died"
    beat(context, fleet, away.id, [])
    workers.give_back(context, take(dispatcher, second), "It broke down.")
    assert trial(dispatcher).status is TrialStatus.QUEUED, "only one has"
    assert lease_of(dispatcher, away) is not None


def test_who_leaves_or_is_removed_has_not_died(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    dispatcher.enqueue()
    for number in range(3):
        worker = join(context, f"worker {number}", fleet=fleet)
        take(dispatcher, worker)
        if number:
            workers.leave(context, fleet, worker.id)
        else:
            fleet.attendance.remove(worker.id)
    assert trial(dispatcher).status is TrialStatus.QUEUED


def test_who_died_while_the_server_was_gone_is_known_by_another_life(dispatcher: Dispatcher, context: Context) -> None:
    before = new_fleet(context)
    worker = join(context, "far", "a", fleet=before, life="1")
    join(context, "other", "b", fleet=before, life="9")
    dispatcher.enqueue()
    take(dispatcher, worker)
    after = new_fleet(context)
    assert join(context, "far", "a", fleet=after, life="1").id == worker.id
    assert trial(dispatcher).status is TrialStatus.LEASED, "the same process works on it"
    assert join(context, "far", "a", fleet=after, life="2").id != worker.id, "both live: two machines"
    dispatcher.now += 50.0
    assert join(context, "far", "a", fleet=after, life="3").id == worker.id
    assert trial(dispatcher).status is TrialStatus.QUEUED
    assert lease_of(dispatcher, worker) is None, "it died with it, and there is another"


def test_a_server_that_was_killed_twice_does_not_try_what_it_worked_on_a_third_time(dispatcher: Dispatcher) -> None:
    store = dispatcher.store
    store.workers.register_local("here", ("cpu",), 1, {}, 1.0)
    here = store.workers.find(LOCAL_ID)
    assert here is not None
    dispatcher.enqueue()
    for _ in range(3):
        take(dispatcher, here)
        stop_working(store, LOCAL_ID, 5.0)
        recover(store, LOCAL_ID, 5.0, 5.0)
    assert trial(dispatcher).status is TrialStatus.QUEUED, "it has ended in order"
    for status in (TrialStatus.QUEUED, TrialStatus.FAILED):
        take(dispatcher, here)
        recover(store, LOCAL_ID, 5.0, 5.0)
        assert trial(dispatcher).status is status


FAILED = TrialReport(TrialStatus.FAILED, error="No module named lightgbm.")


def finished(dispatcher: Dispatcher) -> TrialReport:
    return TrialReport(TrialStatus.FINISHED, score=0.5, out_of_fold=dispatcher.table, model=dispatcher.table)


def test_a_worker_that_fails_what_others_can_do_is_set_aside_and_may_be_given_another_chance(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
) -> None:
    good, bad = join(context, "good", fleet=fleet), join(context, "bad", fleet=fleet)
    for number in range(2 * MOST_MISHAPS + 2):
        dispatcher.enqueue(number)
    report(dispatcher, good, finished(dispatcher))
    for _ in range(MOST_MISHAPS - 1):
        report(dispatcher, bad, FAILED)
    assert set_aside(context, bad) is None
    report(dispatcher, bad, FAILED)
    assert "No module named lightgbm" in (set_aside(context, bad) or "")
    assert lease_of(dispatcher, bad) is None
    told = [event.data["title"] for event in context.store.events.since(0, ["system"])]
    assert "Worker bad is given no more trials" in told
    resumed = cluster.resume(context.of(LOCAL_OWNER), bad.id)
    assert (str(resumed.status), resumed.set_aside) == ("online", None)
    report(dispatcher, bad, FAILED)
    assert set_aside(context, bad) is None, "it begins anew"


def test_what_went_wrong_before_is_forgotten_when_a_trial_is_finished(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
) -> None:
    good, other = join(context, "good", fleet=fleet), join(context, "other", fleet=fleet)
    for number in range(3 * MOST_MISHAPS):
        dispatcher.enqueue(number)
    report(dispatcher, good, finished(dispatcher))
    for _ in range(2):
        for _ in range(MOST_MISHAPS - 1):
            report(dispatcher, other, FAILED)
        report(dispatcher, other, finished(dispatcher))
    assert set_aside(context, other) is None


def test_what_is_wrong_with_the_machine_counts_against_it_and_not_against_the_trial(
    dispatcher: Dispatcher,
    context: Context,
    fleet: Fleet,
) -> None:
    good, full = join(context, "good", fleet=fleet), join(context, "full", fleet=fleet, slots=MOST_MISHAPS)
    for number in range(MOST_MISHAPS + 1):
        dispatcher.enqueue(number)
    report(dispatcher, good, finished(dispatcher))
    dispatcher.now += 1.0
    held = [take(dispatcher, full) for _ in range(MOST_MISHAPS)]
    for attempt in held:
        workers.give_back(context, attempt, None, fault="No space left on the disk.")
    assert "No space left on the disk" in (set_aside(context, full) or "")
    assert {one.status for one in dispatcher.ledger.trials()[1:]} == {TrialStatus.QUEUED}
    assert context.store.trials.get(held[0].trial_id).error is None


def test_the_servers_own_machine_is_never_set_aside(dispatcher: Dispatcher) -> None:
    store = dispatcher.store
    store.workers.register_local("here", ("cpu",), 1, {}, 1.0)
    trial_id = dispatcher.enqueue()
    assert [store.blame.failed(LOCAL_ID, trial_id, "no", 1.0) for _ in range(MOST_MISHAPS + 1)] == [None] * 6
