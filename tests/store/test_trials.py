"""A trial belongs to one trainer at a time; what comes late, or from one that is gone, changes nothing."""

import threading

from flowml.domain.jobs import JobSpec
from flowml.domain.trials import OUT_OF_TIME, Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.store.fleet.strikes import MAX_FAILURES
from flowml.store.store import Store
from tests.store.adding import add_trial, running_job


def test_a_trial_is_leased_once(store: Store) -> None:
    add_trial(store, running_job(store))
    leases = [store.trials.claim(owner, "w", "w", Offer(), 30, 3.0, 3.0) for owner in ("a", "b")]
    assert leases[0] is not None and leases[1] is None
    assert leases[0].params == {"alpha": 1.0}


def test_many_threads_share_the_trials_without_taking_one_twice(store: Store) -> None:
    job_id = running_job(store)
    for number in range(40):
        add_trial(store, job_id, number)
    taken: list[str] = []

    def take(owner: str) -> None:
        while (lease := store.trials.claim(owner, "w", "w", Offer(), 30, 3.0, 3.0)) is not None:
            taken.append(lease.trial_id)

    threads = [threading.Thread(target=take, args=(f"o{index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_trials_of_a_waiting_or_cancelled_job_are_not_leased(store: Store) -> None:
    waiting = store.jobs.add(JobSpec("d", "t"), "n", 1.0)
    add_trial(store, waiting.id)
    assert store.trials.claim("a", "w", "w", Offer(), 30, 3.0, 3.0) is None
    store.jobs.claim(3, 2.0, 2.0)
    store.jobs.update(waiting.id, cancel_requested=True)
    assert store.trials.claim("a", "w", "w", Offer(), 30, 3.0, 3.0) is None


def test_jobs_share_the_trainers_evenly(store: Store) -> None:
    first, second = running_job(store), running_job(store)
    for number in range(3):
        add_trial(store, first, number)
        add_trial(store, second, number)
    jobs = [lease.job_id for owner in "abcd" if (lease := store.trials.claim(owner, "w", "w", Offer(), 30, 3.0, 3.0))]
    assert jobs.count(first) == jobs.count(second) == 2


def test_a_low_priority_job_that_runs_gets_its_turn(store: Store) -> None:
    low, high = running_job(store), running_job(store, priority=9)
    for number in range(3):
        add_trial(store, low, number)
        add_trial(store, high, number)
    jobs = [lease.job_id for owner in "abcd" if (lease := store.trials.claim(owner, "w", "w", Offer(), 30, 3.0, 3.0))]
    assert jobs == [high, low, high, low]


def test_a_stale_report_changes_nothing(store: Store) -> None:
    trial_id = add_trial(store, running_job(store))
    old = store.trials.claim("a", "w", "w", Offer(), 30, 3.0, 3.0)
    assert old is not None
    store.trials.expire(1000.0, 1000.0)
    new = store.trials.claim("b", "w", "w", Offer(), 30, 1001.0, 1001.0)
    assert new is not None and new.attempt == old.attempt + 1
    late = TrialReport(TrialStatus.FINISHED, score=0.1)
    assert not store.trials.finish(old, late, 1002.0, 1002.0)
    assert not store.trials.renew(old, [0.1], 30, 1002.0)
    assert store.trials.finish(new, TrialReport(TrialStatus.FINISHED, score=0.9), 1003.0, 1003.0)
    assert store.trials.get(trial_id).score == 0.9


def test_a_trial_whose_trainer_keeps_dying_fails_with_the_reason(store: Store) -> None:
    trial_id = add_trial(store, running_job(store))
    for attempt in range(MAX_FAILURES):
        lease = store.trials.claim(f"o{attempt}", "w", "w", Offer(), 30, 3.0, 3.0)
        assert lease is not None
        store.trials.give_back(lease.owner, "it crashed", 4.0)
    trial = store.trials.get(trial_id)
    assert (trial.status, trial.error) == (TrialStatus.FAILED, "it crashed")
    assert store.trials.claim("c", "w", "w", Offer(), 30, 5.0, 5.0) is None


def test_a_server_restart_is_not_the_trials_fault(store: Store) -> None:
    trial_id = add_trial(store, running_job(store))
    for attempt in range(MAX_FAILURES + 2):
        assert store.trials.claim(f"o{attempt}", "w", "w", Offer(), 30, 3.0, 3.0) is not None
        store.trials.abandon_all_leases("w", 4.0)
    assert store.trials.get(trial_id).status is TrialStatus.QUEUED


def test_cancelling_takes_back_the_queued_and_stops_the_running(store: Store) -> None:
    job_id = running_job(store)
    running, queued = add_trial(store, job_id, 0), add_trial(store, job_id, 1)
    lease = store.trials.claim("a", "w", "w", Offer(), 30, 3.0, 3.0)
    assert lease is not None and lease.trial_id == running
    store.trials.cancel([running, queued], 4.0)
    assert store.trials.get(queued).status is TrialStatus.CANCELLED
    assert not store.trials.renew(lease, [], 30, 5.0)
    store.trials.give_back("a", "killed", 6.0)
    assert store.trials.get(running).status is TrialStatus.CANCELLED


def test_each_need_of_what_waits_is_named_once(store: Store) -> None:
    job_id = running_job(store)
    wanted = [Needs(), Needs("cpu", 5), Needs("cpu", 5, 0.25), Needs("gpu", 5, 11.4), Needs("gpu", 7)]
    for number, needs in enumerate(wanted * 3):
        store.trials.add(job_id, TrialSpec(number, "ridge", {}), needs, 99.0, 2.0)
    assert store.trials.waiting_needs() == wanted
    for _ in range(3):
        assert store.trials.claim("a", "w", "w", Offer(("gpu",), 5, 12.0), 30, 3.0, 3.0) is not None
    assert store.trials.waiting_needs() == [needs for needs in wanted if needs != Needs("gpu", 5, 11.4)]


def test_what_finishes_after_it_was_asked_to_stop_has_not_finished_in_time(store: Store) -> None:
    running = add_trial(store, running_job(store))
    lease = store.trials.claim("a", "w", "w", Offer(), 30, 3.0, 3.0)
    assert lease is not None
    store.trials.cancel([running], 4.0)
    late = TrialReport(TrialStatus.FINISHED, 0.9, (0.9,), {"r2": 0.9}, out_of_fold="0" * 64, model="1" * 64)
    assert store.trials.finish(lease, late, 5.0, 5.0)
    trial = store.trials.get(running)
    assert (trial.status, trial.error) == (TrialStatus.CANCELLED, OUT_OF_TIME)
    assert (trial.score, trial.out_of_fold, trial.model_file) == (None, None, None)
