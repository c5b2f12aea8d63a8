"""Jobs keep what was asked for, wait for their turn, and are read as older versions have written them."""

import json
import sqlite3

import pytest

from flowml.domain.jobs import JobSpec, JobStatus, Validation, ValidationKind
from flowml.store.store import Store


def test_only_so_many_jobs_run_and_the_urgent_one_goes_first(store: Store) -> None:
    ordinary = store.jobs.add(JobSpec("d", "t"), "ordinary", 1.0)
    urgent = store.jobs.add(JobSpec("d", "t", priority=5), "urgent", 2.0)
    third = store.jobs.add(JobSpec("d", "t"), "third", 3.0)
    claimed = [store.jobs.claim(2, 4.0), store.jobs.claim(2, 4.0), store.jobs.claim(2, 4.0)]
    assert [job.id if job else None for job in claimed] == [urgent.id, ordinary.id, None]
    assert store.jobs.get(third.id).status is JobStatus.QUEUED
    store.jobs.update(urgent.id, status="completed")
    after = store.jobs.claim(2, 5.0)
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
