"""What is stored of when things happened in a run, and of what its log says."""

from flowml.domain.events import Event
from flowml.domain.trials import Offer, TrialReport, TrialStatus
from flowml.store.store import Store
from tests.store.adding import add_trial, running_job

OFFER = Offer()


def finished_at(store: Store, job_id: str, number: int, now: float) -> float | None:
    """The seconds of its run that are stored of a trial which ends now."""
    trial_id = add_trial(store, job_id, number)
    lease = store.trials.claim("o", "w", "w", OFFER, 30.0, now, now)
    assert lease is not None and lease.trial_id == trial_id
    assert store.trials.finish(lease, TrialReport(TrialStatus.FINISHED, 0.9), now, now)
    return store.trials.get(trial_id).elapsed_seconds


def test_trials_end_in_the_seconds_of_their_run_and_stay_there(store: Store) -> None:
    job_id = running_job(store)
    begun = store.jobs.get(job_id)
    assert begun.deadline_at is not None
    began = begun.deadline_at - begun.time_budget_seconds
    assert finished_at(store, job_id, 0, began + 5) == 5

    # More time while it runs moves nothing.
    store.jobs.update(job_id, time_budget_seconds=begun.time_budget_seconds + 60, deadline_at=begun.deadline_at + 60)
    assert finished_at(store, job_id, 1, began + 9) == 9

    # It ends, and goes on an hour later: the pause does not count.
    store.jobs.update(job_id, status="queued", elapsed_seconds=20.0)
    again = store.jobs.claim(100, began + 3600, began + 3600)
    assert again is not None and again.id == job_id
    assert store.jobs.elapsed(job_id, began + 3600) == 20
    assert finished_at(store, job_id, 2, began + 3604) == 24
    assert [trial.elapsed_seconds for trial in store.trials.of_job(job_id)] == [5, 9, 24]


def test_what_a_log_says_stays_as_long_as_its_job(store: Store) -> None:
    job_id, other = running_job(store), running_job(store)
    room = f"job:{job_id}"
    kept = [
        Event(store.events.append(room, "log", {"n": n}, float(n)), room, "log", float(n), {"n": n}) for n in (1, 2, 3)
    ]
    for event in kept:
        store.history.keep(job_id, event)
    store.events.remove_before(99.0)
    assert store.events.since(0) == []
    assert store.history.of_job(job_id, kept[-1].id) == kept
    assert store.history.of_job(job_id, kept[1].id) == kept[:2]
    assert store.history.of_job(other, kept[-1].id) == []
    store.jobs.delete(job_id)
    assert store.history.of_job(job_id, kept[-1].id) == []
