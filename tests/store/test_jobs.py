"""Jobs keep what was asked for, wait for their turn, and are read as older versions have written them."""

import json
import sqlite3
from dataclasses import replace

import pytest

from flowml.domain.jobs import JobSpec, JobStatus, Validation, ValidationKind
from flowml.domain.models import ModelDetails
from flowml.store.store import Store
from tests.services.records import add_job, add_model


def test_only_so_many_jobs_run_and_the_urgent_one_goes_first(store: Store) -> None:
    ordinary = store.jobs.add(JobSpec("d", "t"), "ordinary", 1.0)
    urgent = store.jobs.add(JobSpec("d", "t", priority=5), "urgent", 2.0)
    third = store.jobs.add(JobSpec("d", "t"), "third", 3.0)
    claimed = [store.jobs.claim(2, 4.0, 4.0), store.jobs.claim(2, 4.0, 4.0), store.jobs.claim(2, 4.0, 4.0)]
    assert [job.id if job else None for job in claimed] == [urgent.id, ordinary.id, None]
    assert store.jobs.get(third.id).status is JobStatus.QUEUED
    store.jobs.update(urgent.id, status="completed")
    after = store.jobs.claim(2, 5.0, 5.0)
    assert after is not None and after.id == third.id


def test_a_job_keeps_its_spec(store: Store) -> None:
    spec = JobSpec("d", "t", algorithms=("ridge", "svm"), exclude_columns=("x",), max_trials=3, seed=7, cv="time:x")
    assert store.jobs.get(store.jobs.add(spec, "n", 1.0).id).spec == spec


def test_a_job_keeps_how_its_models_are_tested(store: Store) -> None:
    job = store.jobs.add(JobSpec("d", "t"), "n", 1.0)
    assert job.validation is None
    validation = Validation(ValidationKind.GROUP, "patient", "They belong together.", 5)
    store.jobs.update(job.id, validation=validation)
    found = store.jobs.get(job.id).validation
    assert found == validation and isinstance(found.kind, ValidationKind)


def test_a_job_of_an_older_version_is_read(store: Store) -> None:
    job = store.jobs.add(JobSpec("d", "t"), "n", 1.0)
    with sqlite3.connect(store.home.database) as connection:
        spec = json.loads(connection.execute("SELECT spec FROM jobs").fetchone()[0])
        older = {name: value for name, value in spec.items() if name not in ("cv", "weight_column")}
        connection.execute("UPDATE jobs SET spec = ?", (json.dumps(older),))
    assert store.jobs.get(job.id).spec == JobSpec("d", "t", cv="auto", weight_column=None)


def test_changing_an_unknown_column_of_a_job_is_refused(store: Store) -> None:
    job = store.jobs.add(JobSpec("d", "t"), "n", 1.0)
    with pytest.raises(KeyError):
        store.jobs.update(job.id, id="other")


def test_what_has_not_ended_is_found_however_old_it_is_and_what_runs_stands_first(store: Store) -> None:
    waiting, running = (store.jobs.add(JobSpec("d", "t"), name, 1.0).id for name in ("waiting", "running"))
    store.jobs.update(running, status="running")
    for number in range(5):
        store.jobs.update(store.jobs.add(JobSpec("d", "t"), "ended", 10.0 + number).id, status="completed")
    newer = store.jobs.add(JobSpec("d", "t"), "newer", 20.0).id
    assert [job.id for job in store.jobs.open(2)] == [running, newer]
    assert [job.id for job in store.jobs.running()] == [running]
    assert [job.id for job in store.jobs.waiting()] == [newer, waiting]


def test_the_runs_of_a_table_are_found_behind_those_of_others(store: Store) -> None:
    oldest, second = (store.jobs.add(JobSpec("rare", "t"), "rare", at).id for at in (1.0, 2.0))
    for number in range(3):
        store.jobs.add(JobSpec("often", "t"), "often", 3.0 + number)
    found, total = store.jobs.page(1, 1, "rare")
    assert [job.id for job in found] == [oldest] and total == 2
    assert store.jobs.page(1, 0, "rare")[0][0].id == second and store.jobs.page(1, 0)[1] == 5


def test_champions_are_the_best_of_each_question_by_its_own_direction(store: Store) -> None:
    def ended(name: str, target: str, metric: str, score: float, at: float, model: str | None = "m") -> str:
        job = store.jobs.add(JobSpec("d", target), name, at)
        store.jobs.update(job.id, status="completed", metric=metric, best_score=score, best_model_id=model)
        return name

    best = ended("best", "t", "accuracy", 0.9, 1.0)
    ended("worse", "t", "accuracy", 0.8, 2.0)
    ended("without a model", "t", "accuracy", 0.95, 3.0, model=None)
    smallest_error = ended("smallest error", "t", "rmse", 1.5, 5.0)
    ended("larger error", "t", "rmse", 2.5, 6.0)
    other = ended("other column", "u", "accuracy", 0.1, 4.0)
    store.jobs.update(store.jobs.add(JobSpec("d", "v"), "runs", 9.0).id, status="running", best_model_id="m")
    assert [job.name for job in store.jobs.champions(9)] == [smallest_error, other, best]
    assert [job.name for job in store.jobs.champions(1)] == [smallest_error]


def test_a_job_shows_what_its_best_model_says_now(store: Store) -> None:
    job = add_job(store)
    add_model(store, job, "a", 0.5, classes=("no", "yes"))
    add_model(store, job, "b", 0.6, classes=("x", "y", "z"), details={"fast_model_id": "twin of b"})
    assert store.jobs.get(job.id).fast_model_id is None
    shown = store.jobs.update(job.id, best_model_id="a")
    assert (shown.fast_model_id, shown.positive_class) == (None, "yes")
    store.models.set_details("a", ModelDetails(fast_model_id="twin of a").record())
    assert store.jobs.get(job.id).fast_model_id == "twin of a"
    shown = store.jobs.update(job.id, best_model_id="b")
    assert (shown.fast_model_id, shown.positive_class) == ("twin of b", None)
    store.models.put(replace(store.models.get("b"), details=ModelDetails()), 0.6)
    assert store.jobs.get(job.id).fast_model_id is None
