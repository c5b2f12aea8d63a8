"""The store keeps what it was given, in one piece, whoever else is writing."""

import json
import multiprocessing
import sqlite3
import threading
from pathlib import Path

import pytest

from flowml.domain.datasets import Column, ColumnStats, Dataset, Role, TopValue
from flowml.domain.errors import NotFound, StartupError
from flowml.domain.jobs import JobSpec, JobStatus, Validation, ValidationKind
from flowml.domain.trials import Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.store.files import hash_file
from flowml.store.home import Home, ServerLock
from flowml.store.migrations import MIGRATIONS, Migration, migrate
from flowml.store.store import Store
from flowml.store.trials import MAX_FAILURES


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home", now=1.0)


def running_job(store: Store, priority: int = 0) -> str:
    job = store.jobs.add(JobSpec("d", "t", priority=priority), "job", 1.0)
    while (claimed := store.jobs.claim(100, 2.0)) is not None:
        if claimed.id == job.id:
            break
    return job.id


def add_trial(store: Store, job_id: str, number: int = 0) -> str:
    return store.trials.add(job_id, TrialSpec(number, "ridge", {"alpha": 1.0}), Needs(), 60.0, 1.0).id


def test_a_dataset_comes_back_as_it_went_in(store: Store) -> None:
    columns = (Column("Größe, °C", "Float64", Role.NUMERIC), Column("n", "String", Role.TEXT))
    stats = (ColumnStats("Größe, °C", "Float64", Role.NUMERIC, 3, 1, 0.25, 2, top=(TopValue(1.5, 2),)),)
    dataset = Dataset("d1", "täble", "täble.csv", "csv", 4, 2, 99, "a" * 64, "b" * 64, None, 5.0, columns, ("careful",))
    store.datasets.add(dataset, stats)
    assert store.datasets.get("d1") == dataset
    assert store.datasets.stats("d1") == stats
    assert store.datasets.page(10, 0) == ([dataset], 1)
    store.datasets.delete("d1")
    with pytest.raises(NotFound):
        store.datasets.get("d1")
    with pytest.raises(NotFound):
        store.datasets.delete("d1")


def test_values_that_json_does_not_know_become_null(store: Store) -> None:
    store.events.append("system", "log", {"value": float("nan"), "inside": [float("inf"), 1.5]}, 1.0)
    assert store.events.since(0)[0].data == {"value": None, "inside": [None, 1.5]}


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


def test_a_trial_is_leased_once(store: Store) -> None:
    add_trial(store, running_job(store))
    leases = [store.trials.claim(owner, "w", "w", Offer(), 30, 3.0) for owner in ("a", "b")]
    assert leases[0] is not None and leases[1] is None
    assert leases[0].params == {"alpha": 1.0}


def test_many_threads_share_the_trials_without_taking_one_twice(store: Store) -> None:
    job_id = running_job(store)
    for number in range(40):
        add_trial(store, job_id, number)
    taken: list[str] = []

    def take(owner: str) -> None:
        while (lease := store.trials.claim(owner, "w", "w", Offer(), 30, 3.0)) is not None:
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
    assert store.trials.claim("a", "w", "w", Offer(), 30, 3.0) is None
    store.jobs.claim(3, 2.0)
    store.jobs.update(waiting.id, cancel_requested=True)
    assert store.trials.claim("a", "w", "w", Offer(), 30, 3.0) is None


def test_jobs_share_the_trainers_evenly(store: Store) -> None:
    first, second = running_job(store), running_job(store)
    for number in range(3):
        add_trial(store, first, number)
        add_trial(store, second, number)
    jobs = [lease.job_id for owner in "abcd" if (lease := store.trials.claim(owner, "w", "w", Offer(), 30, 3.0))]
    assert jobs.count(first) == jobs.count(second) == 2


def test_a_stale_report_changes_nothing(store: Store) -> None:
    trial_id = add_trial(store, running_job(store))
    old = store.trials.claim("a", "w", "w", Offer(), 30, 3.0)
    assert old is not None
    store.trials.expire(1000.0)
    new = store.trials.claim("b", "w", "w", Offer(), 30, 1001.0)
    assert new is not None and new.attempt == old.attempt + 1
    late = TrialReport(TrialStatus.FINISHED, score=0.1)
    assert not store.trials.finish(old, late, 1002.0)
    assert not store.trials.renew(old, [0.1], 30, 1002.0)
    assert store.trials.finish(new, TrialReport(TrialStatus.FINISHED, score=0.9), 1003.0)
    assert store.trials.get(trial_id).score == 0.9


def test_a_trial_whose_trainer_keeps_dying_fails_with_the_reason(store: Store) -> None:
    trial_id = add_trial(store, running_job(store))
    for attempt in range(MAX_FAILURES):
        lease = store.trials.claim(f"o{attempt}", "w", "w", Offer(), 30, 3.0)
        assert lease is not None
        store.trials.give_back(lease.owner, "it crashed", 4.0)
    trial = store.trials.get(trial_id)
    assert (trial.status, trial.error) == (TrialStatus.FAILED, "it crashed")
    assert store.trials.claim("c", "w", "w", Offer(), 30, 5.0) is None


def test_a_server_restart_is_not_the_trials_fault(store: Store) -> None:
    trial_id = add_trial(store, running_job(store))
    for attempt in range(MAX_FAILURES + 2):
        assert store.trials.claim(f"o{attempt}", "w", "w", Offer(), 30, 3.0) is not None
        store.trials.abandon_all_leases("w", 4.0)
    assert store.trials.get(trial_id).status is TrialStatus.QUEUED


def test_cancelling_takes_back_the_queued_and_stops_the_running(store: Store) -> None:
    job_id = running_job(store)
    running, queued = add_trial(store, job_id, 0), add_trial(store, job_id, 1)
    lease = store.trials.claim("a", "w", "w", Offer(), 30, 3.0)
    assert lease is not None and lease.trial_id == running
    store.trials.cancel([running, queued], 4.0)
    assert store.trials.get(queued).status is TrialStatus.CANCELLED
    assert not store.trials.renew(lease, [], 30, 5.0)
    store.trials.give_back("a", "killed", 6.0)
    assert store.trials.get(running).status is TrialStatus.CANCELLED


def test_events_only_grow_and_are_read_from_where_one_left_off(store: Store) -> None:
    ids = [store.events.append(room, "log", {"n": n}, 1.0) for n, room in enumerate(["a", "b", "a"])]
    assert ids == sorted(set(ids))
    assert [event.data["n"] for event in store.events.since(0, ["a"])] == [0, 2]
    assert [event.id for event in store.events.since(ids[0])] == ids[1:]
    store.events.remove_before(2.0)
    assert store.events.append("a", "log", {}, 3.0) > ids[-1]


def test_a_failed_transaction_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.jobs.add(JobSpec("d", "t"), "n", 1.0)
        store.events.append("system", "log", {}, 1.0)
        raise RuntimeError
    assert store.jobs.page(10, 0) == ([], 0)
    assert store.events.last_id() == 0


def test_what_a_transaction_has_written_it_can_read(store: Store) -> None:
    with store.transaction():
        job = store.jobs.add(JobSpec("d", "t"), "n", 1.0)
        assert store.jobs.update(job.id, message="changed").message == "changed"


def test_files_are_stored_once_under_their_hash(store: Store) -> None:
    first, second = store.files.put_bytes(b"content"), store.files.put_bytes(b"content")
    temporary = store.files.new_temp()
    temporary.write_bytes(b"content")
    assert first == second == store.files.put_path(temporary) == hash_file(store.files.path(first))
    assert not temporary.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 64, "/etc/passwd"])
def test_only_hashes_of_stored_files_lead_to_a_path(store: Store, name: str) -> None:
    with pytest.raises(NotFound):
        store.files.path(name)


def test_unused_files_go_when_they_are_old(store: Store) -> None:
    used, unused = store.files.put_bytes(b"used"), store.files.put_bytes(b"unused")
    assert store.files.remove_unused({used}, older_than=0.0) == 0
    assert store.files.remove_unused({used}, older_than=1e12) == 1
    assert store.files.path(used).exists()
    with pytest.raises(NotFound):
        store.files.path(unused)


def test_migrations_are_each_all_or_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    good = Migration(1, "good", ("CREATE TABLE one (a)",))
    bad = Migration(2, "bad", ("CREATE TABLE two (a)", "NONSENSE"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, 1.0, (good, bad))
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "one" in tables and "two" not in tables
    migrate(connection, 1.0, (good,))


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    store.close()
    with sqlite3.connect(tmp_path / "flowml.sqlite") as connection:
        connection.execute("INSERT INTO migrations VALUES (?, 'from the future', 1)", (MIGRATIONS[-1].number + 1,))
    with pytest.raises(StartupError, match="newer version"):
        Store(tmp_path, now=1.0)


def test_a_damaged_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "flowml.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StartupError, match="cannot be opened"):
        Store(tmp_path, now=1.0)


def test_a_home_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StartupError, match="cannot be used"):
        Store(tmp_path / "home", now=1.0)


def test_one_server_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = ServerLock(home)
    with pytest.raises(StartupError, match="already using"):
        ServerLock(home)
    lock.release()
    ServerLock(home).release()


def _write_many(home: str, room: str) -> None:
    store = Store(Path(home), now=1.0)
    for number in range(200):
        store.events.append(room, "log", {"n": number}, 1.0)


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path, now=1.0)
    before = store.data_version()
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_write_many, args=(str(tmp_path), f"r{index}")) for index in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert len(store.events.since(0, limit=1000)) == 600
    assert store.data_version() != before


def test_a_low_priority_job_that_runs_gets_its_turn(store: Store) -> None:
    low, high = running_job(store), running_job(store, priority=9)
    for number in range(3):
        add_trial(store, low, number)
        add_trial(store, high, number)
    jobs = [lease.job_id for owner in "abcd" if (lease := store.trials.claim(owner, "w", "w", Offer(), 30, 3.0))]
    assert jobs == [high, low, high, low]


def test_this_machine_stays_the_same_worker_under_another_name(store: Store) -> None:
    first = store.workers.register_local("laptop", ("cpu",), 2, {}, 1.0)
    assert store.workers.register_local("desktop", ("cpu",), 4, {}, 2.0) == first
    (worker,) = store.workers.all()
    assert (worker.name, worker.slots) == ("desktop", 4)


def test_runs_of_an_older_version_keep_their_number(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None) as connection:
        migrate(connection, 1.0, MIGRATIONS[:3])
        for job, details in (("told", {"estimate": {"score": 0.8, "low": 0.7, "high": 0.9}}), ("untold", {})):
            columns = "id, name, dataset_id, spec, status, stage, progress, message, time_budget_seconds"
            connection.execute(
                f"INSERT INTO jobs ({columns}, elapsed_seconds, best_score, best_model_id, priority, created_at)"
                " VALUES (?, '', 'd', '{}', 'completed', 'done', 100, '', 10, 10, 0.85, ?, 0, 1)",
                (job, job),
            )
            table = {row[1]: "" if row[2] == "TEXT" else 0 for row in connection.execute("PRAGMA table_info(models)")}
            values = table | {"id": job, "job_id": job, "trial_id": None, "details": json.dumps(details)}
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO models ({', '.join(values)}) VALUES ({marks})", list(values.values()))
        migrate(connection, 2.0)
        found = dict(connection.execute("SELECT id, best_score FROM jobs"))
        kept = dict(connection.execute("SELECT id, json_extract(estimate, '$.low') FROM jobs"))
    assert found == {"told": 0.8, "untold": 0.85}
    assert kept == {"told": 0.7, "untold": None}
