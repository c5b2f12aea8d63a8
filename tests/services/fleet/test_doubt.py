"""What one machine says of a trial is not the end of it where others can tell: it may be broken, or lie."""

import threading

import pytest

from flowml.domain.access.caller import Principal
from flowml.domain.errors import WrongState
from flowml.domain.protocol import PROTOCOL
from flowml.domain.trials import NEEDED_BYTES, NOT_APPLICABLE, Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.domain.workers import LOCAL_ID, Share, Worker
from flowml.services.context import Context
from flowml.services.fleet import workers
from flowml.services.fleet.workers import Fleet
from flowml.store.fleet.blame import MOST_MISHAPS, REST_SECONDS
from flowml.store.fleet.strikes import CONFIRM_SECONDS, LEFT_SECONDS, MISSING_SECONDS, MOST_STRIKES
from flowml.store.fleet.workers import MOST_REFUSED, MOST_SET_ASIDE
from tests.services.fleet.conftest import OWNER
from tests.services.fleet.test_blame import (
    FAILED,
    finished,
    lease_of,
    new_fleet,
    report,
    set_aside,
    take,
    trial,
)
from tests.services.fleet.test_workers import hang_up, join
from tests.services.test_channel import Dispatcher

DONE = TrialReport(TrialStatus.FINISHED, score=0.5)
GIVEN_UP = TrialReport(TrialStatus.PRUNED, fold_scores=(0.1,), error="Short of it.")
OUT_OF_TIME = TrialReport(TrialStatus.CANCELLED, error="Not finished in time.")


def of_another(context: Context, name: str, fleet: Fleet, **given: str) -> Worker:
    """A worker with a token of its own."""
    return join(context.of(Principal(f"the token of {name}", OWNER.may)), name, fleet=fleet, **given)  # type: ignore[arg-type]


def local(dispatcher: Dispatcher, slots: int = 1) -> Worker:
    dispatcher.store.workers.register_local("here", ("cpu",), slots, {}, 1.0, memory_bytes=1000)
    found = dispatcher.store.workers.find(LOCAL_ID)
    assert found is not None
    return found


def statuses(dispatcher: Dispatcher) -> list[TrialStatus]:
    return [one.status for one in dispatcher.ledger.trials()]


@pytest.mark.parametrize(
    "said",
    [
        FAILED,
        TrialReport(TrialStatus.FAILED, metrics={NOT_APPLICABLE: 1.0}, error="It is not for this table."),
        TrialReport(TrialStatus.FAILED, metrics={NEEDED_BYTES: 1e12}, error="Too little memory."),
        TrialReport(TrialStatus.PRUNED, error="It saw nothing in it."),
        GIVEN_UP,
        OUT_OF_TIME,
    ],
    ids=["failed", "not applicable", "too little memory", "nothing in it", "no bar to be short of", "out of time"],
)
def test_what_one_machine_reports_as_impossible_is_tried_by_another(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, said: TrialReport
) -> None:
    bad, good = join(context, "bad", fleet=fleet), join(context, "good", fleet=fleet)
    dispatcher.enqueue()
    report(dispatcher, bad, said)
    assert (trial(dispatcher).status, lease_of(dispatcher, bad)) == (TrialStatus.QUEUED, None)
    report(dispatcher, good, finished(dispatcher))
    assert trial(dispatcher).status is TrialStatus.FINISHED
    (earlier,), _ = context.store.attempts.page(dispatcher.job_id, 10, 0)
    assert earlier.worker_id == bad.id and earlier.error, "it is told who could not do it, and why"


def test_it_has_failed_when_a_second_machine_or_this_server_says_so_too(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    bad, second = join(context, "bad", fleet=fleet), join(context, "second", fleet=fleet)
    dispatcher.enqueue(0)
    report(dispatcher, bad, FAILED)
    said = TrialReport(TrialStatus.FAILED, metrics={NOT_APPLICABLE: 1.0}, error="It is not for this table.")
    report(dispatcher, second, said)
    assert (trial(dispatcher).status, trial(dispatcher).applicable) == (TrialStatus.FAILED, False)
    here = local(dispatcher)
    dispatcher.enqueue(1)
    report(dispatcher, bad, FAILED)
    report(dispatcher, here, FAILED)
    assert trial(dispatcher, 1).status is TrialStatus.FAILED


@pytest.mark.parametrize("said", [FAILED, GIVEN_UP, OUT_OF_TIME])
def test_the_only_machine_has_the_last_word(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, said: TrialReport
) -> None:
    only = join(context, "only", fleet=fleet)
    dispatcher.enqueue()
    report(dispatcher, only, said)
    assert trial(dispatcher).status is TrialStatus.FAILED


def test_what_is_given_up_with_reason_is_not_doubted(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker, _ = join(context, "far", fleet=fleet), join(context, "other", fleet=fleet)
    dispatcher.enqueue(0)
    lease = lease_of(dispatcher, worker)
    assert lease is not None
    dispatcher.now += 55.0
    workers.report(context, fleet, workers.Attempt(worker.id, lease.trial_id, lease.attempt), OUT_OF_TIME)
    assert trial(dispatcher, 0).status is TrialStatus.CANCELLED, "its time was nearly over"
    dispatcher.enqueue(1)
    attempt = take(dispatcher, worker)
    dispatcher.store.trials.redate(dispatcher.job_id, dispatcher.now + 500.0, 60.0, dispatcher.now)
    workers.report(context, fleet, attempt, OUT_OF_TIME)
    assert trial(dispatcher, 1).status is TrialStatus.CANCELLED, "it does not know that there is more by now"
    dispatcher.enqueue(2)
    attempt = take(dispatcher, worker)
    dispatcher.store.trials.cancel([attempt.trial_id], dispatcher.now)
    workers.report(context, fleet, attempt, FAILED)
    assert trial(dispatcher, 2).status.ended, "nobody wants it"
    dispatcher.store.jobs.update(dispatcher.job_id, metric="rmse")
    for number, bar in enumerate([0.05, 0.2], 3):
        spec = TrialSpec(number, "ridge", {"alpha": 2.0}, bar=bar)
        dispatcher.ledger.enqueue(spec, Needs(), dispatcher.now + 60.0, dispatcher.now, dispatcher.now)
        report(dispatcher, worker, GIVEN_UP)
    assert statuses(dispatcher)[3:] == [TrialStatus.PRUNED, TrialStatus.QUEUED], (
        "an error of 0.1 is short of 0.05 alone"
    )


@pytest.mark.parametrize("is_looked_at", [True, False])
def test_a_machine_that_fails_all_at_once_does_not_swallow_the_run(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, is_looked_at: bool
) -> None:
    """The other one is busy with its first trial all the while."""
    bad, good = join(context, "bad", fleet=fleet), join(context, "good", fleet=fleet)
    for number in range(30):
        dispatcher.enqueue(number)
    busy = take(dispatcher, good)
    take(dispatcher, good)
    for _ in range(MOST_MISHAPS):
        report(dispatcher, bad, FAILED)
    assert lease_of(dispatcher, bad) is None, "until others have tried what it failed it rests"
    assert TrialStatus.FAILED not in statuses(dispatcher) and set_aside(context, bad) is None
    dispatcher.now += REST_SECONDS + 1.0
    assert workers.report(context, fleet, busy, DONE) == (True, None)
    if not is_looked_at:
        report(dispatcher, bad, FAILED)
        assert set_aside(context, bad) is None, "what another one says may be a lie"
        return
    dispatcher.store.trials.looked_at(dispatcher.store.trials.get(busy.trial_id))
    report(dispatcher, bad, FAILED)
    assert set_aside(context, bad) is not None, "another one has done the like meanwhile"
    assert TrialStatus.FAILED not in statuses(dispatcher)


def test_who_fails_what_fails_everywhere_neither_rests_nor_is_set_aside(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    first, second = join(context, "first", fleet=fleet), join(context, "second", fleet=fleet)
    dispatcher.enqueue(0)
    report(dispatcher, second, finished(dispatcher))
    for number in range(1, 2 * MOST_MISHAPS):
        dispatcher.enqueue(number)
        report(dispatcher, first, FAILED)
        report(dispatcher, second, FAILED)
    assert set(statuses(dispatcher)[1:]) == {TrialStatus.FAILED}
    assert (set_aside(context, first), set_aside(context, second)) == (None, None)


def test_a_machine_that_is_too_small_is_blamed_only_for_what_a_smaller_one_did(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    """Each has 200 bytes for a trial at most."""
    said = {"small": 300.0, "liar": 1e12}
    for name, needed in said.items():
        worker = of_another(context, name, fleet)
        other = of_another(context, f"other than {name}", fleet)
        if name == "small":
            dispatcher.store.workers.register_local("here", ("cpu",), 1, {}, 1.0, memory_bytes=1000)
            doer = dispatcher.store.workers.find(LOCAL_ID)
        else:
            doer = other
        assert doer is not None
        too_little = TrialReport(TrialStatus.FAILED, metrics={NEEDED_BYTES: needed}, error="Too little memory.")
        for number in range(MOST_MISHAPS + 1):
            dispatcher.enqueue(len(statuses(dispatcher)))
            dispatcher.now += REST_SECONDS + 1.0
            report(dispatcher, worker, too_little)
            if number < MOST_MISHAPS:
                report(dispatcher, doer, finished(dispatcher))
        assert (set_aside(context, worker) is not None) is (name == "liar")
        report(dispatcher, doer, finished(dispatcher))
        workers.leave(context.of(Principal(worker.owner, OWNER.may)), fleet, worker.id)


def test_what_broke_down_is_left_only_to_who_is_free_and_the_second_time_to_who_is_busy_too(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    big, small = join(context, "big", fleet=fleet), join(context, "small", fleet=fleet)
    for number in range(4):
        dispatcher.enqueue(number)
    for _ in range(2):
        take(dispatcher, small)
    workers.give_back(context, take(dispatcher, big), "It broke down.")
    again = take(dispatcher, big)
    assert again.trial_id == trial(dispatcher, 2).id, "the other one is busy"
    workers.give_back(context, again, "It broke down again.")
    assert take(dispatcher, big).trial_id == trial(dispatcher, 3).id
    assert lease_of(dispatcher, big) is None, "twice is enough where there is another one"
    dispatcher.now += CONFIRM_SECONDS + 1.0
    workers.give_back(context, take(dispatcher, big), "It broke down a third time.")
    assert (trial(dispatcher, 2).status, trial(dispatcher, 2).attempt) == (TrialStatus.FAILED, MOST_STRIKES)


def test_it_is_not_left_for_ever_to_one_that_never_asks(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker, _ = join(context, "far", fleet=fleet), join(context, "idle", fleet=fleet)
    dispatcher.enqueue()
    workers.give_back(context, take(dispatcher, worker), "It broke down.")
    assert lease_of(dispatcher, worker) is None
    dispatcher.now += LEFT_SECONDS + 1.0
    report(dispatcher, worker, FAILED)
    assert lease_of(dispatcher, worker) is None
    dispatcher.now += CONFIRM_SECONDS + 1.0
    assert lease_of(dispatcher, worker) is not None


def test_it_is_not_left_to_a_cluster_of_which_no_node_is_large_enough(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    one = workers.register(context, fleet, "one", ["cpu"], Share(1, 1, 1000), {}, protocol=PROTOCOL)
    share, most = Share(20, 1, 100), {"largest_trial_bytes": 200}
    workers.register(context, fleet, "cluster", ["cpu"], share, most, protocol=PROTOCOL)
    dispatcher.enqueue(0, Needs(memory_bytes=900))
    dispatcher.enqueue(1, Needs(memory_bytes=200))
    for _ in range(2):
        workers.give_back(context, take(dispatcher, one), "It broke down.")
        if trial(dispatcher).status is TrialStatus.FAILED:
            break
    assert trial(dispatcher).status is TrialStatus.FAILED, "it is the only one that can take it"
    workers.give_back(context, take(dispatcher, one), "It broke down.")
    assert lease_of(dispatcher, one) is None


@pytest.mark.parametrize("is_back", [True, False])
def test_what_two_were_lost_with_has_failed_unless_they_are_back(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, is_back: bool
) -> None:
    first, second = join(context, "a", "a", fleet=fleet, life="1"), join(context, "b", "b", fleet=fleet, life="1")
    dispatcher.enqueue()
    for worker in (first, second):
        take(dispatcher, worker)
        hang_up(fleet, worker)
        dispatcher.now += 6.0
        assert fleet.attendance.look()
    assert (trial(dispatcher).status, lease_of(dispatcher, local(dispatcher))) == (TrialStatus.QUEUED, None)
    dispatcher.now += 20.0
    if is_back:
        workers.called(context, fleet, first.id)
    dispatcher.now += MISSING_SECONDS
    fleet.attendance.look()
    assert trial(dispatcher).status is (TrialStatus.QUEUED if is_back else TrialStatus.FAILED)
    attempts, _ = context.store.attempts.page(dispatcher.job_id, 10, 0)
    assert [one.attempt for one in attempts] == ([1, 2] if is_back else [1]), "the last one is in its own row"
    if is_back:
        workers.called(context, fleet, second.id)
        assert lease_of(dispatcher, second) is not None


def test_the_attempt_with_which_a_trial_ends_is_recorded_once(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    first, second = join(context, "a", "a", fleet=fleet, life="1"), join(context, "b", "b", fleet=fleet, life="1")
    dispatcher.enqueue()
    for worker, name in ((first, "a"), (second, "b")):
        take(dispatcher, worker)
        dispatcher.now += 50.0
        join(context, name, name, fleet=fleet, life="2")
    assert (trial(dispatcher).status, trial(dispatcher).attempt) == (TrialStatus.FAILED, 2)
    attempts, _ = context.store.attempts.page(dispatcher.job_id, 10, 0)
    assert [one.attempt for one in attempts] == [1]


def test_a_server_that_was_restarted_forgives_as_well(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker = join(context, "a", "a", fleet=fleet, life="1")
    join(context, "b", "b", fleet=fleet, life="1")
    dispatcher.enqueue()
    take(dispatcher, worker)
    hang_up(fleet, worker)
    dispatcher.now += 6.0
    fleet.attendance.look()
    assert lease_of(dispatcher, worker) is None
    after = new_fleet(context)
    workers.heartbeat(context, after, worker.id, [], dispatcher.now, "1")
    lease = lease_of(dispatcher, worker)
    assert lease is not None and lease.failures == 0


def test_two_workers_of_one_token_do_not_end_a_trial_where_there_are_others(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    bad = [join(context, name, name, fleet=fleet) for name in ("one", "two", "three")]
    other = of_another(context, "good", fleet)
    dispatcher.enqueue()
    for worker in bad[:2]:
        report(dispatcher, worker, FAILED)
    assert trial(dispatcher).status is TrialStatus.QUEUED
    assert lease_of(dispatcher, bad[2]) is None, "whoever belongs to them does not get it either"
    report(dispatcher, other, finished(dispatcher))
    assert trial(dispatcher).status is TrialStatus.FINISHED


def test_a_token_whose_workers_were_set_aside_gets_no_more_until_one_is_resumed(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    store = context.store
    bad = [join(context, f"worker {number}", str(number), fleet=fleet) for number in range(MOST_SET_ASIDE)]
    for worker in bad:
        for _ in range(MOST_REFUSED):
            store.workers.blame(worker.id, "It lies.")
    with pytest.raises(WrongState) as refused:
        join(context, "worker 9", "9", fleet=fleet)
    assert "have them take trials again" in (refused.value.hint or "")
    assert join(context, "worker 0", "0", fleet=fleet).set_aside == "It lies.", "who is known is what it was"
    assert of_another(context, "good", fleet).set_aside is None
    store.workers.resume(bad[0].id)
    another = join(context, "worker 9", "9", fleet=fleet)
    dispatcher.enqueue()
    report(dispatcher, bad[0], finished(dispatcher))
    for _ in range(MOST_REFUSED):
        store.workers.blame(another.id, "It lies.")
    assert join(context, "worker 10", "10", fleet=fleet).set_aside is None, "one of them does well"


def test_a_refusal_counts_less_the_more_was_done_well_since(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context, "far", fleet=fleet)
    assert not context.store.workers.blame(worker.id, "It was cut short.")
    for number in range(20):
        dispatcher.enqueue(number)
        report(dispatcher, worker, finished(dispatcher))
    verdicts = [context.store.workers.blame(worker.id, "It was cut short.") for _ in range(MOST_REFUSED)]
    assert verdicts == [False] * (MOST_REFUSED - 1) + [True]


def test_one_that_rests_does_not_stand_for_others_who_wait(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    bad, good = join(context, "bad", fleet=fleet), join(context, "good", fleet=fleet)
    here = local(dispatcher, slots=MOST_MISHAPS)
    for number in range(MOST_MISHAPS):
        dispatcher.enqueue(number)
        report(dispatcher, bad, FAILED)
        take(dispatcher, here)
    dispatcher.enqueue(MOST_MISHAPS)
    room, has_come = fleet.waiting_room, threading.Event()
    room.stand(bad.id, bad.name, Offer(), lambda: None)
    waiter = room.stand(good.id, good.name, Offer(), has_come.set)
    assert has_come.wait(30.0)
    assert room.leave(waiter) is not None
