"""Who trains for a server: joins, is heard of, is missed, and touches nothing of others."""

import hashlib
import threading
import time
from dataclasses import replace

import pytest

from flowml.domain.access.caller import Principal, TokenKind
from flowml.domain.access.tokens import Token
from flowml.domain.errors import LeaseLost, NotFound, WrongState
from flowml.domain.protocol import PROTOCOL
from flowml.domain.trials import Offer, Trial, TrialReport, TrialStatus
from flowml.domain.workers import GPULoad, Load, Share, Worker, WorkerStatus
from flowml.services.context import Context
from flowml.services.dispatch.channel import LEASE_SECONDS
from flowml.services.fleet import attendance, cluster, workers
from flowml.services.fleet.answers import Answers
from flowml.services.fleet.workers import Attempt, Fleet, Working
from flowml.services.housekeeping import FILE_AGE_SECONDS, keep_house
from flowml.store.fleet.blame import MOST_MISHAPS
from tests.services.fleet.conftest import OWNER
from tests.services.test_channel import Dispatcher


def join(
    context: Context,
    name: str = "far",
    instance: str | None = None,
    protocol: int = PROTOCOL,
    fleet: Fleet | None = None,
    life: str | None = None,
    slots: int = 2,
) -> Worker:
    fleet, share = fleet or Fleet(context), Share(slots, 1, 100)
    fleet.attendance.close()
    return workers.register(context, fleet, name, ["cpu"], share, {}, protocol=protocol, instance=instance, life=life)


def beat(context: Context, fleet: Fleet, worker_id: str, working: list[Working]) -> frozenset[str]:
    return workers.heartbeat(context, fleet, worker_id, working, context.steady())


def hang_up(fleet: Fleet, worker: Worker) -> None:
    with fleet.attendance.line(worker.id) as has_left:
        has_left()


def claim(dispatcher: Dispatcher, worker: Worker, number: int = 0) -> Attempt:
    dispatcher.enqueue(number)
    lease = dispatcher.store.trials.claim(
        worker.id, worker.id, worker.name, Offer(), LEASE_SECONDS, dispatcher.now, dispatcher.now
    )
    assert lease is not None
    return Attempt(worker.id, lease.trial_id, lease.attempt)


def trial(dispatcher: Dispatcher) -> Trial:
    return dispatcher.ledger.trials()[0]


def status(context: Context, worker: Worker) -> str:
    found = context.store.workers.find(worker.id)
    assert found is not None
    return str(found.status)


def test_the_same_machine_is_the_same_worker_and_another_of_its_name_gets_a_number(context: Context) -> None:
    first = join(context, instance="a")
    assert join(context, instance="a").id == first.id
    assert join(context).id == first.id, "who says nothing of itself is known by its name"
    second = join(context, instance="b")
    assert (second.name, second.id != first.id) == ("far (2)", True)
    renamed = join(context, "near", instance="a")
    assert (renamed.id, renamed.name) == (first.id, "near")
    others = context.of(Principal("another fleet", OWNER.may))
    assert join(others, "near").name == "near (2)", "of another owner it is another worker"


def test_who_comes_back_under_the_name_of_one_that_is_gone_is_that_one(context: Context, fleet: Fleet) -> None:
    first = join(context, instance="a")
    fleet.attendance.gone(first.id, "has gone")
    assert join(context, instance="b").id == first.id


def test_a_run_that_waits_for_somebody_to_train_it_begins_when_somebody_joins(context: Context) -> None:
    join(context)
    assert context.trainers.nudges == 1  # type: ignore[attr-defined]
    (event,) = context.store.events.since(0, ["workers"])
    assert event.type == "worker_status" and event.data["worker"]["name"] == "far"


@pytest.mark.parametrize(("protocol", "side"), [(PROTOCOL - 1, "the worker"), (PROTOCOL + 1, "this server")])
def test_who_speaks_another_protocol_hears_which_side_to_upgrade(context: Context, protocol: int, side: str) -> None:
    with pytest.raises(WrongState) as refused:
        join(context, protocol=protocol)
    assert refused.value.hint is not None and f"Upgrade {side}" in refused.value.hint


def test_who_is_silent_is_given_up_and_its_trial_waits_again_without_blame(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    attempt = claim(dispatcher, worker)
    fleet.attendance.look()
    for _ in range(3):
        dispatcher.now += 29.0
        assert beat(context, fleet, worker.id, [Working(attempt.trial_id, 1)]) == frozenset()
        fleet.attendance.look()
    assert (status(context, worker), trial(dispatcher).status) == ("online", TrialStatus.LEASED)
    dispatcher.store.trials.redate(dispatcher.job_id, 1e9, 1e9, dispatcher.now)
    dispatcher.now += 91.0
    fleet.attendance.look()
    assert (status(context, worker), trial(dispatcher).status) == ("offline", TrialStatus.QUEUED)
    assert trial(dispatcher).error is None
    workers.called(context, fleet, worker.id)
    assert status(context, worker) == "online"


def test_who_hangs_up_is_missed_within_seconds_unless_it_calls_again(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    claim(dispatcher, worker)
    hang_up(fleet, worker)
    dispatcher.now += 4.0
    workers.called(context, fleet, worker.id)
    dispatcher.now += 4.0
    fleet.attendance.look()
    assert status(context, worker) == "online"
    hang_up(fleet, worker)
    dispatcher.now += 6.0
    fleet.attendance.look()
    assert (status(context, worker), trial(dispatcher).status) == ("offline", TrialStatus.QUEUED)


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_who_is_ended_by_the_end_of_its_token_has_not_died_with_its_trial(
    how: str, dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    store = context.store
    far, near = (Token(name, TokenKind.WORKER, name, None, dispatcher.now, None) for name in ("far", "near"))
    if how == "expired":
        far = replace(far, expires_at=dispatcher.now + 10.0)
    for number, token in enumerate((far, near)):
        store.tokens.add(token, str(number) * 64)
    refused, other = join(context.of(far.caller()), fleet=fleet), join(context.of(near.caller()), "near", fleet=fleet)
    attempts = [claim(dispatcher, worker, number) for number, worker in enumerate((refused, other))]
    fleet.attendance.look()
    assert status(context, refused) == "online"
    if how == "revoked":
        store.tokens.revoke(far.id, dispatcher.now)
    dispatcher.now += 10.0
    fleet.attendance.heard(other.id)
    hang_up(fleet, refused)
    fleet.attendance.look()
    dispatcher.now += 6.0
    fleet.attendance.look()
    assert (status(context, refused), status(context, other)) == ("offline", "online")
    waiting, kept = (store.trials.get(attempt.trial_id) for attempt in attempts)
    assert (waiting.status, kept.status) == (TrialStatus.QUEUED, TrialStatus.LEASED)
    read = store._database.read()
    assert read.execute("SELECT failures FROM trials WHERE id = ?", (waiting.id,)).fetchone()[0] == 0
    assert read.execute("SELECT count(*) FROM strikes WHERE trial_id = ?", (waiting.id,)).fetchone()[0] == 0
    assert read.execute("SELECT count(*) FROM mishaps WHERE worker_id = ?", (refused.id,)).fetchone()[0] == 0
    assert "token has ended" in str(store.events.since(0, ["system"])[-1].data)


def test_what_an_upload_that_broke_off_has_left_goes_with_the_housekeeping_and_at_a_start(
    dispatcher: Dispatcher, context: Context
) -> None:
    attempt = claim(dispatcher, join(context))
    file = hashlib.sha256(b"all of it").hexdigest()
    temporary = dispatcher.store.files.new_temp().parent
    for tidy in (
        lambda: keep_house(context, lambda: time.time() + FILE_AGE_SECONDS + 60.0),
        dispatcher.store.files.remove_temporary,
    ):
        assert workers.append(context, attempt, file, 0, 9, b"all ") == 4
        assert [path.stat().st_size for path in temporary.iterdir()] == [4]
        tidy()
        assert not list(temporary.iterdir())
        assert workers.received(context, attempt, file) == 0


def test_a_connection_that_ends_tells_nothing_while_another_is_open_or_when_a_later_one_was_answered(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker, line = join(context), fleet.attendance.line

    def seen_after_a_while() -> str:
        dispatcher.now += 6.0
        fleet.attendance.look()
        return status(context, worker)

    with line(worker.id):
        hang_up(fleet, worker)
        assert seen_after_a_while() == "online"
    with line(worker.id) as first_left:
        with line(worker.id):
            pass
        first_left()
    assert seen_after_a_while() == "online", "that end was late"
    with line(worker.id) as first_left, line(worker.id) as second_left:
        first_left(), second_left()
    assert seen_after_a_while() == "offline"


def test_who_registers_and_vanishes_is_given_up(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker = join(context, fleet=fleet)
    assert fleet.attendance.look()
    dispatcher.now += 91.0
    fleet.attendance.look()
    assert status(context, worker) == "offline" and not fleet.attendance.look()


def test_what_is_leased_to_somebody_who_is_gone_expires_without_blame(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context, fleet=fleet)
    dispatcher.enqueue()
    for _ in range(3):
        workers.called(context, fleet, worker.id)
        dispatcher.store.trials.claim(
            worker.id, worker.id, "far", Offer(), LEASE_SECONDS, dispatcher.now, dispatcher.now
        )
        dispatcher.store.workers.set_status(worker.id, WorkerStatus.OFFLINE)
        assert fleet.attendance.look(), "somebody has to look after it"
        dispatcher.now += LEASE_SECONDS + 1.0
        fleet.attendance.look()
        assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.QUEUED, None)
    assert not fleet.attendance.look()


def test_who_has_left_is_not_there_again_by_what_it_had_asked_before(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker, told = join(context, fleet=fleet), list[str]()
    waiter = fleet.waiting_room.stand(worker.id, worker.name, Offer(), lambda: told.append("lease"))
    fleet.waiting_room.watch(worker.id, [], lambda: told.append("watch"))
    workers.leave(context, fleet, worker.id)
    assert sorted(told) == ["lease", "watch"] and not len(fleet.waiting_room)
    dispatcher.enqueue()
    assert fleet.waiting_room.leave(waiter) is None and trial(dispatcher).status is TrialStatus.QUEUED
    with pytest.raises(NotFound):
        workers.called(context, fleet, worker.id)
    assert status(context, worker) == "offline"
    assert join(context, fleet=fleet).id == worker.id
    workers.called(context, fleet, worker.id)


def test_copies_of_one_machine_are_two_workers_and_one_that_starts_anew_is_the_same(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    first = join(context, instance="a", fleet=fleet, life="1")
    claim(dispatcher, first)
    assert join(context, instance="a", fleet=fleet, life="1").id == first.id
    second = join(context, instance="a", fleet=fleet, life="2")
    assert (second.name, second.id != first.id) == ("far (2)", True)
    assert trial(dispatcher).status is TrialStatus.LEASED
    hang_up(fleet, first)
    assert join(context, instance="a", fleet=fleet, life="3").id == first.id
    assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.QUEUED, None), "at once"


def test_who_starts_anew_after_the_server_did_is_the_same_worker(context: Context, fleet: Fleet) -> None:
    worker = join(context, instance="a", fleet=fleet, life="1")
    fleet.close()
    after = Fleet(context)
    after.attendance.close()
    # The server only knows of the old process what stands in its tables.
    after.attendance.look()
    assert join(context, instance="a", fleet=after, life="2").id == worker.id


def test_of_two_that_take_themselves_for_one_worker_the_second_joins_anew(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    """As two copies do after a new start of the server, which knows of no lives then."""
    worker = join(context, instance="a")
    workers.heartbeat(context, fleet, worker.id, [], dispatcher.now, "1")
    with pytest.raises(NotFound):
        workers.heartbeat(context, fleet, worker.id, [], dispatcher.now, "2")
    assert join(context, instance="a", fleet=fleet, life="2").id != worker.id
    workers.heartbeat(context, fleet, worker.id, [], dispatcher.now, "1")


def test_a_machine_is_known_by_what_it_is_before_its_name(context: Context, fleet: Fleet) -> None:
    gone, mine = join(context, "far", instance="a"), join(context, "near", instance="b")
    fleet.attendance.gone(gone.id, "has gone")
    assert join(context, "far", instance="b").id == mine.id


def test_after_a_new_start_of_the_server_everybody_has_time_to_call(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    dispatcher.now += 10_000.0
    fleet.attendance.look()
    assert status(context, worker) == "online"


def test_a_lease_that_never_reached_its_worker_waits_again(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    beat(context, fleet, worker.id, [])
    dispatcher.now += 1.0
    attempt = claim(dispatcher, worker)
    dispatcher.now += 1.0
    beat(context, fleet, worker.id, [])
    assert trial(dispatcher).status is TrialStatus.LEASED, "it may be on its way"
    dispatcher.now += 11.0
    beat(context, fleet, worker.id, [])
    assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.QUEUED, None)
    assert beat(context, fleet, worker.id, [Working(attempt.trial_id, 1)]) == {attempt.trial_id}


def test_a_heartbeat_that_was_on_its_way_for_long_takes_nothing(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    beat(context, fleet, worker.id, [])
    written = dispatcher.now
    attempt = claim(dispatcher, worker)
    dispatcher.now += 11.0
    workers.heartbeat(context, fleet, worker.id, [], written)
    workers.heartbeat(context, fleet, worker.id, [Working(attempt.trial_id, 1)], dispatcher.now)
    assert trial(dispatcher).status is TrialStatus.LEASED


def test_a_heartbeat_of_an_earlier_attempt_does_not_keep_the_later_one(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    attempt = claim(dispatcher, worker)
    workers.give_back(context, attempt, None)
    dispatcher.store.trials.claim(worker.id, worker.id, "far", Offer(), LEASE_SECONDS, dispatcher.now, dispatcher.now)
    for _ in range(3):
        dispatcher.now += 11.0
        assert beat(context, fleet, worker.id, [Working(attempt.trial_id, 1)]) == {attempt.trial_id}
    assert trial(dispatcher).status is TrialStatus.QUEUED


def test_a_heartbeat_with_nothing_to_say_and_a_look_write_nothing(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = join(context, fleet=fleet)
    beat(context, fleet, worker.id, [])
    monkeypatch.setattr(dispatcher.store._database, "write", None)
    dispatcher.now += 5.0
    assert beat(context, fleet, worker.id, []) == frozenset() and fleet.attendance.look()


def test_when_workers_were_last_heard_of_is_stored_for_all_at_once(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [join(context, f"far {number}", fleet=fleet) for number in range(3)]
    dispatcher.now += 20.0
    write, written = dispatcher.store._database.write, []
    monkeypatch.setattr(dispatcher.store._database, "write", lambda: written.append(1) or write())
    for worker in found[:2]:
        workers.called(context, fleet, worker.id)
    assert not written
    dispatcher.now += 1.0
    fleet.attendance.look()
    fleet.attendance.look()
    assert len(written) == 1
    seen = {worker.id: worker.last_seen_at for worker in context.store.workers.all()}
    assert [seen[worker.id] for worker in found] == [120.0, 120.0, 100.0]


def test_how_busy_a_machine_is_comes_with_its_heartbeats(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context, fleet=fleet)
    load = Load(50.0, 2, 4, (GPULoad(0, 1, 8, 30.0), GPULoad(1, 0, 8)))
    dispatcher.now += 20.0
    workers.heartbeat(context, fleet, worker.id, [], dispatcher.now, load=load)
    workers.heartbeat(context, fleet, worker.id, [], dispatcher.now)
    fleet.attendance.look()
    assert cluster.get_worker(context, worker.id).load == load


FAILED = TrialReport(TrialStatus.FAILED, error="no")


def test_a_report_brings_the_next_trial_if_one_fits_and_the_worker_is_to_have_one(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context, fleet=fleet)
    attempt = claim(dispatcher, worker)
    wanted = dispatcher.enqueue(1)
    accepted, lease = workers.report(context, fleet, attempt, FAILED, Offer())
    assert accepted and lease is not None and (lease.trial_id, lease.owner) == (wanted, worker.id)
    dispatcher.enqueue(2)
    attempt = Attempt(worker.id, lease.trial_id, lease.attempt)
    with pytest.raises(NotFound):
        workers.report(context, fleet, attempt, replace(FAILED, model="e" * 64), Offer())
    assert workers.report(context, fleet, attempt, FAILED, Offer(("gpu",))) == (True, None)
    assert workers.report(context, fleet, attempt, FAILED, Offer()) == (True, None), "what was said before"
    with pytest.raises(LeaseLost):
        workers.report(context, fleet, replace(attempt, number=attempt.number + 1), FAILED, Offer())
    for number, stop in enumerate((cluster.drain, lambda context, _: fleet.close()), start=3):
        attempt = claim(dispatcher, worker, number)
        stop(context, worker.id)
        assert workers.report(context, fleet, attempt, FAILED, Offer()) == (True, None)
        cluster.resume(context, worker.id)
    assert [trial.status for trial in dispatcher.ledger.trials()].count(TrialStatus.QUEUED) == 1


def test_a_next_trial_whose_answer_was_lost_waits_again(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker = join(context, fleet=fleet)
    attempt = claim(dispatcher, worker)
    dispatcher.enqueue(1)
    beat(context, fleet, worker.id, [Working(attempt.trial_id, 1)])
    assert workers.report(context, fleet, attempt, FAILED, Offer())[1] is not None
    for _ in range(3):
        dispatcher.now += 15.0
        beat(context, fleet, worker.id, [])
    assert dispatcher.ledger.trials()[1].status is TrialStatus.QUEUED


def test_nobody_has_more_trials_than_slots(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker = join(context, fleet=fleet, slots=2)
    held = [claim(dispatcher, worker, number) for number in range(2)]
    dispatcher.enqueue(2)
    assert fleet.waiting_room.take(worker.id, worker.name, Offer()) is None
    accepted, lease = workers.report(context, fleet, held[0], FAILED, Offer())
    assert accepted and lease is not None, "the one that was reported makes room"


def test_a_drained_worker_stays_so_until_it_is_resumed_or_starts_anew(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context, instance="a", fleet=fleet, life="1")
    cluster.drain(context, worker.id)
    assert join(context, instance="a", fleet=fleet, life="1").id == worker.id, "it has tried its GPUs, say"
    assert status(context, worker) == "draining"
    fleet.attendance.gone(worker.id, "has gone")
    workers.called(context, fleet, worker.id)
    assert status(context, worker) == "draining"
    fleet.attendance.gone(worker.id, "has gone")
    cluster.resume(context, worker.id)
    workers.called(context, fleet, worker.id)
    assert status(context, worker) == "online"
    fleet.attendance.gone(worker.id, "has gone")
    assert cluster.drain(context, worker.id).status is WorkerStatus.OFFLINE, "it is not there"
    assert join(context, instance="a", fleet=fleet, life="1").status is WorkerStatus.DRAINING
    hang_up(fleet, worker)
    assert join(context, instance="a", fleet=fleet, life="2").status is WorkerStatus.ONLINE


def test_a_report_whose_answer_was_lost_is_answered_the_same_again(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context, fleet=fleet, slots=1)
    attempt = claim(dispatcher, worker)
    dispatcher.enqueue(1)
    accepted, lease = workers.report(context, fleet, attempt, FAILED, Offer())
    dispatcher.now += 2.0
    again = workers.report(context, fleet, attempt, FAILED, Offer())
    assert accepted and lease is not None and again[1] is not None
    assert again == (True, replace(lease, lease_seconds=58.0, seconds_left=58.0))
    stranger = context.of(Principal("another fleet", OWNER.may))
    with pytest.raises(LeaseLost):
        workers.report(stranger, fleet, attempt, FAILED, Offer())
    fleet.waiting_room.give_back(lease)
    assert workers.report(context, fleet, attempt, FAILED, Offer()) == (True, None), "it is nobody's now"


def test_so_many_answers_are_remembered() -> None:
    answers = Answers(most=2)
    for number in range(3):
        answers.given((str(number),), None)
    assert len(answers) == 2 and not answers.knows(("0",)) and answers.knows(("2",))


def test_who_holds_on_to_a_trial_far_beyond_its_time_loses_it_and_it_counts(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    other, holder = join(context, "other", fleet=fleet), join(context, "holder", fleet=fleet, slots=MOST_MISHAPS)
    done = claim(dispatcher, other)
    workers.report(context, fleet, done, TrialReport(TrialStatus.FINISHED, 1.0, (1.0,)))
    dispatcher.store.trials.looked_at(dispatcher.store.trials.get(done.trial_id))
    held = []
    for number in range(1, MOST_MISHAPS + 1):
        # It is left to the other for a moment.
        dispatcher.enqueue(number)
        dispatcher.now += 1.0
        lease = fleet.waiting_room.take(holder.id, holder.name, Offer())
        assert lease is not None
        held.append(Attempt(holder.id, lease.trial_id, lease.attempt))

    def beats() -> frozenset[str]:
        working = [Working(attempt.trial_id, attempt.number) for attempt in held]
        return workers.heartbeat(context, fleet, holder.id, working, dispatcher.now)

    # A trial that is late by its time's share, and whose report is on its way.
    for _ in range(5):
        dispatcher.now += 25.0
        assert beats() == frozenset()
        fleet.attendance.look()
    assert status(context, holder) == "online"
    dispatcher.now += 25.0
    fleet.attendance.look()
    assert beats() == {attempt.trial_id for attempt in held}
    assert {one.status for one in dispatcher.ledger.trials()[1:]} == {TrialStatus.CANCELLED}
    assert status(context, holder) == "draining", "others could do the like"


def test_one_worker_that_cannot_be_given_up_concerns_no_other_and_is_given_up_later(
    dispatcher: Dispatcher, context: Context, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [join(context, f"far {number}", fleet=fleet) for number in range(3)]
    set_status, failing = context.store.workers.set_status, {found[0].id}

    def on_a_full_disk(worker_id: str, status: WorkerStatus) -> None:
        if worker_id in failing:
            raise OSError("full")
        set_status(worker_id, status)

    monkeypatch.setattr(context.store.workers, "set_status", on_a_full_disk)
    dispatcher.now += 91.0
    assert fleet.attendance.look()
    assert [status(context, one) for one in found] == ["online", "offline", "offline"]
    failing.clear()
    fleet.attendance.look()
    assert status(context, found[0]) == "offline", "it has been silent all the while"


def test_who_comes_when_the_thread_is_about_to_end_is_looked_after(
    dispatcher: Dispatcher, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "_TICK_SECONDS", 0.01)
    fleet = Fleet(context)
    looks, look, is_seen = list[bool](), fleet.attendance.look, threading.Event()

    def look_and_be_called() -> bool:
        looks.append(look())
        if len(looks) == 1:
            # Between what was found and what follows from it.
            fleet.attendance.start()
        else:
            is_seen.set()
        return looks[-1]

    monkeypatch.setattr(fleet.attendance, "look", look_and_be_called)
    fleet.attendance.start()
    assert is_seen.wait(5) and not any(looks)
    fleet.close()


def test_of_workers_that_are_in_no_table_any_more_nothing_is_kept(context: Context, fleet: Fleet) -> None:
    for number in range(300):
        worker = join(context, f"far {number}", instance=str(number), fleet=fleet, life=str(number))
        workers.leave(context, fleet, worker.id)
        context.store.workers.remove_offline()
    kept = fleet.attendance
    assert max(len(kept._lives), len(kept._left)) <= 101


def test_who_leaves_gives_back_what_it_had(dispatcher: Dispatcher, context: Context, fleet: Fleet) -> None:
    worker = join(context)
    claim(dispatcher, worker)
    workers.leave(context, fleet, worker.id)
    assert (status(context, worker), trial(dispatcher).status) == ("offline", TrialStatus.QUEUED)


def test_a_trial_that_killed_two_is_not_tried_a_third_time(dispatcher: Dispatcher, context: Context) -> None:
    first, second = join(context, "first"), join(context, "second")
    workers.give_back(context, claim(dispatcher, first), "It broke down.")
    assert trial(dispatcher).status is TrialStatus.QUEUED
    lease = dispatcher.store.trials.claim(second.id, second.id, "second", Offer(), 60.0, 1e6, 1e6)
    assert lease is not None
    workers.give_back(context, Attempt(second.id, lease.trial_id, lease.attempt), "It broke down.")
    assert (trial(dispatcher).status, trial(dispatcher).error) == (TrialStatus.FAILED, "It broke down.")


def test_nobody_touches_the_worker_or_the_trial_of_another(
    dispatcher: Dispatcher, context: Context, fleet: Fleet
) -> None:
    worker = join(context)
    attempt = claim(dispatcher, worker)
    other = context.of(Principal("another fleet", OWNER.may))
    mine = join(other, "mine")
    for caller in (lambda: workers.called(other, fleet, worker.id), lambda: workers.leave(other, fleet, worker.id)):
        with pytest.raises(NotFound):
            caller()
    for theirs in (attempt, replace(attempt, worker_id=mine.id), replace(attempt, worker_id="local")):
        for call in (
            lambda theirs=theirs: workers.brief(other, theirs),
            lambda theirs=theirs: workers.file(other, theirs, dispatcher.table),
            lambda theirs=theirs: workers.append(other, theirs, "0" * 64, 0, 1, b"x"),
            lambda theirs=theirs: workers.give_back(other, theirs, "mischief"),
            lambda theirs=theirs: workers.report(other, fleet, theirs, TrialReport(TrialStatus.FINISHED, 1.0)),
        ):
            with pytest.raises(LeaseLost):
                call()
    assert beat(other, fleet, mine.id, [Working(attempt.trial_id, 1)]) == {attempt.trial_id}
    assert trial(dispatcher).status is TrialStatus.LEASED and status(context, worker) == "online"
