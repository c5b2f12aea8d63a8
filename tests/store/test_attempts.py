"""What is kept of work on trials that did not end them."""

from flowml.domain.trials import Lease, Offer, TrialReport, TrialStatus
from flowml.store.store import Store
from tests.store.adding import add_trial, running_job


def claim(store: Store, worker: str, steady: float) -> Lease:
    lease = store.trials.claim(worker, worker, f"box {worker}", Offer(), 60.0, 100.0, steady)
    assert lease is not None
    return lease


def test_a_machine_that_was_lost_stays_beside_the_one_that_finished(store: Store) -> None:
    job_id = running_job(store)
    trial_id = add_trial(store, job_id)
    claim(store, "a", 7.0)
    assert store.trials.get(trial_id).started_seconds == 6.0
    store.jobs.update(job_id, elapsed_seconds=9.0)
    (waiting,) = store.trials.abandon_all_leases("a", 101.0)
    # All that a page that is open needs to show it is in what it hears.
    assert (waiting.attempt, waiting.worker_name) == (1, "box a")
    assert (waiting.started_seconds, waiting.elapsed_seconds) == (6.0, 9.0)
    again = claim(store, "b", 13.0)
    assert store.trials.get(trial_id).elapsed_seconds is None
    store.trials.finish(again, TrialReport(TrialStatus.FINISHED, 0.5), 102.0, 15.0)
    trial = store.trials.get(trial_id)
    assert (trial.worker_name, trial.attempt, trial.started_seconds, trial.elapsed_seconds) == ("box b", 2, 12.0, 14.0)
    (earlier,), total = store.attempts.page(job_id, 10, 0)
    assert total == 1
    assert (earlier.trial_id, earlier.attempt, earlier.worker_id, earlier.worker_name) == (trial_id, 1, "a", "box a")
    assert (earlier.started_seconds, earlier.ended_seconds, earlier.error) == (6.0, 9.0, None)


def test_what_was_reported_and_not_used_says_why(store: Store) -> None:
    job_id = running_job(store)
    trial_id = add_trial(store, job_id)
    store.trials.finish(claim(store, "a", 3.0), TrialReport(TrialStatus.FINISHED, 0.5), 100.0, 6.0)
    store.trials.refuse(trial_id, "The score is another one.", 5.0)
    (earlier,), _ = store.attempts.page(job_id, 10, 0)
    assert (earlier.started_seconds, earlier.ended_seconds, earlier.error) == (2.0, 5.0, "The score is another one.")


def test_how_long_it_was_worked_on_is_known_however_it_ended(store: Store) -> None:
    job_id = running_job(store)
    failing, cancelled = add_trial(store, job_id, 0), add_trial(store, job_id, 1)
    claim(store, "a", 3.0)
    store.jobs.update(job_id, elapsed_seconds=4.0)
    store.trials.give_back("a", "It crashed.", 100.0, retry=False)
    claim(store, "a", 6.0)
    # The run has noted its time before the trial began.
    store.trials.cancel_open(job_id, 101.0)
    assert store.trials.get(failing).elapsed_seconds == 4.0
    ended = store.trials.get(cancelled)
    assert (ended.status, ended.started_seconds, ended.elapsed_seconds) == (TrialStatus.CANCELLED, 5.0, 5.0)
    assert store.attempts.page(job_id, 10, 0) == ([], 0)


def test_of_very_many_attempts_the_last_are_kept_and_none_longer_than_its_run(store: Store) -> None:
    job_id = running_job(store)
    add_trial(store, job_id)
    for at in range(25):
        claim(store, "a", 3.0 + at)
        store.trials.abandon_all_leases("a", 100.0 + at)
    found, total = store.attempts.page(job_id, 4, 2)
    assert (total, [attempt.attempt for attempt in found]) == (10, [18, 19, 20, 21])
    store.jobs.update(job_id, status="completed")
    store.jobs.delete(job_id)
    assert store.attempts.page(job_id, 4, 0) == ([], 0)
