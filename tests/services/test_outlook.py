"""What a time budget has room for: by what trials took here, and not by what was hoped."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowml.automl import algorithms
from flowml.domain.datasets import Dataset
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.domain.workers import LOCAL_ID, Share
from flowml.services import outlook
from flowml.services.context import Context
from flowml.services.outlook import Basis, Outlook, look_ahead, other_load
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job, add_model


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    store = Store(tmp_path, now=1.0)
    store.workers.register_local("here", ("cpu",), 2, {}, 1.0)
    monkeypatch.setattr(outlook, "usable_cores", lambda: 2)
    monkeypatch.setattr("psutil.cpu_count", lambda: 2)
    monkeypatch.setattr("psutil.getloadavg", lambda: (0.0, 0.0, 0.0))
    yield Context(Settings(home=tmp_path), store, lambda: 2.0, QuietTrainers())
    store.close()


def run_of(
    context: Context, times_as_long: float, dataset: str = "d1", origin: str = "portfolio", worker: str = LOCAL_ID
) -> None:
    """An earlier run, whose trials took so many times as long as their algorithm says."""
    store = context.store
    job = add_job(store, dataset_id=dataset)
    store.jobs.claim(9, 2.0, 2.0)
    shape = outlook._shape(store.datasets.get(dataset), ProblemType.CLASSIFICATION, 2)
    stated = 5 * algorithms.get("knn").seconds_per_fit(shape)
    for number in range(6):
        store.trials.add(job.id, TrialSpec(number, "knn", {}, origin), Needs(), 60.0, 2.0)
        lease = store.trials.claim("o", worker, worker, Offer(), 30, 3.0, 3.0)
        assert lease is not None
        report = TrialReport(TrialStatus.FINISHED, 0.9, fit_seconds=times_as_long * stated)
        store.trials.finish(lease, report, 3.0 + report.fit_seconds, 3.0 + report.fit_seconds)
        store.trials.looked_at(store.trials.get(lease.trial_id))
    model = add_model(store, job, f"best of {job.id}", 0.9)
    store.jobs.update(job.id, status="completed", problem_type="classification", best_model_id=model.id)


def ahead(context: Context, dataset: Dataset) -> Outlook:
    return look_ahead(context, dataset, ProblemType.CLASSIFICATION, 2)


def test_runs_on_the_same_table_say_how_long_its_trials_take(context: Context) -> None:
    dataset = add_dataset(context.store)
    usual = ahead(context, dataset)
    assert (usual.basis, usual.slots, usual.busy) == (Basis.USUAL, 2, 1.0)
    run_of(context, times_as_long=100.0)
    slow = ahead(context, dataset)
    assert slow.basis is Basis.TABLE
    assert list(slow.seconds) == pytest.approx([100 * each for each in usual.seconds], rel=0.01)
    assert slow.trials(20) < usual.trials(20)


def test_the_closest_runs_count(context: Context) -> None:
    store = context.store
    small = add_dataset(store)
    alike = replace(small, id="alike", n_rows=2 * small.n_rows)
    large = replace(small, id="large", n_rows=1000 * small.n_rows)
    for dataset in (alike, large):
        store.datasets.add(dataset, ())
    usual = ahead(context, small)
    run_of(context, times_as_long=7.0, dataset="large")
    assert ahead(context, small).basis is Basis.MACHINE
    run_of(context, times_as_long=3.0, dataset="alike")
    of_its_kind = ahead(context, small)
    assert of_its_kind.basis is Basis.KIND
    assert of_its_kind.seconds[0] == pytest.approx(3 * usual.seconds[0], rel=0.01)
    assert ahead(context, large).seconds[0] > usual.seconds[0]


def test_what_came_after_the_first_settings_says_how_long_the_others_take(context: Context) -> None:
    dataset = add_dataset(context.store)
    run_of(context, times_as_long=50.0, origin="search")
    trials = context.store.trials.of_job(context.store.jobs.page(1, 0)[0][0].id)
    assert ahead(context, dataset).later == pytest.approx(trials[0].fit_seconds)


def test_other_work_is_counted_now_and_as_it_was_then(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(threads: float) -> None:
        monkeypatch.setattr("psutil.getloadavg", lambda: (threads, 0.0, 0.0))

    dataset = add_dataset(context.store)
    load(6.0)
    assert ahead(context, dataset).busy == 4.0
    run_of(context, times_as_long=2.0)
    assert (ahead(context, dataset).busy, ahead(context, dataset).basis) == (4.0, Basis.TABLE)
    load(0.0)
    idle = ahead(context, dataset)
    assert idle.busy == 1.0
    # What trials took beside as much work they take again beside as much, and less without.
    job = context.store.jobs.page(1, 0)[0][0]
    context.store.jobs.update(job.id, other_load=6.0)
    assert list(ahead(context, dataset).seconds) == pytest.approx([each / 4 for each in idle.seconds])
    load(6.0)
    beside = ahead(context, dataset)
    assert [beside.busy * each for each in beside.seconds] == pytest.approx(list(idle.seconds))


def test_the_load_of_own_runs_is_not_that_of_others(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    add_dataset(context.store)
    now = 1_000.0
    context = replace(context, clock=lambda: now)
    monkeypatch.setattr("psutil.getloadavg", lambda: (5.0, 0.0, 0.0))
    job = add_job(context.store)
    context.store.jobs.claim(9, now - 600, 2.0)
    assert other_load(context) == pytest.approx(3.0, abs=0.001)
    assert ahead(context, context.store.datasets.get("d1")).busy == pytest.approx(5.0, abs=0.001)
    context.store.jobs.update(job.id, status="completed", finished_at=now - 60)
    assert other_load(context) == pytest.approx(5 - 2 / math.e, abs=0.001)
    context.store.jobs.update(job.id, finished_at=now - 900)
    assert other_load(context) == pytest.approx(5.0, abs=0.001)


def test_what_else_runs_here_slows_no_other_machine(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    context = replace(context, clock=lambda: now)
    dataset = add_dataset(context.store)
    monkeypatch.setattr("psutil.getloadavg", lambda: (6.0, 0.0, 0.0))
    run_of(context, times_as_long=2.0, worker="elsewhere")
    # As long as it took there it takes again, whatever ran here.
    job = context.store.jobs.page(1, 0)[0][0]
    before = list(ahead(context, dataset).seconds)
    context.store.jobs.update(job.id, other_load=6.0, started_at=now - 900, finished_at=now - 600)
    assert list(ahead(context, dataset).seconds) == pytest.approx(before)
    context.store.workers.register("far", ("cpu",), Share(38, 1, 0), {}, 1.0, owner="o")
    context.store.jobs.update(job.id, status="running", finished_at=None)
    assert other_load(context) == pytest.approx(4.0, abs=0.001), "two of six are this machine's own trials"
    context.store.jobs.update(job.id, status="completed", finished_at=now - 600)
    found = ahead(context, dataset)
    assert (found.slots, found.busy) == (40, pytest.approx(40 / (2 / 4 + 38)))


def test_a_forecast_is_how_many_trials_fit() -> None:
    def found(seconds: list[float], later: float, budget: float, **given: Any) -> int:
        return Outlook(
            seconds, later, given.get("limit"), given.get("slots", 1), Basis.TABLE, given.get("busy", 1.0)
        ).trials(budget)

    assert found([1.0, 1.0], 1.0, 20) == 17, "18.5 seconds, and the last one would be cut off"
    assert found([1.0, 1.0], 1.0, 20, slots=2) == 34
    assert found([1.0, 1.0], 1.0, 20, busy=4.0) == 4
    assert found([1.0, 1.0], 1.0, 20, limit=5) == 5
    assert found([1.0, 30.0, 1.0], 1.0, 20) == 17, "one that would take most of the time is not begun"
    assert found([5.0], 5.0, 2) == 0
    assert found([1.0], 0.0, 3600) < 400_000
    assert found([1.0], 1.0, 20, slots=0) == 0


def test_places_that_take_nothing_of_usual_runs_are_not_counted(context: Context) -> None:
    dataset = add_dataset(context.store)
    for name, queues in (("speaker", ("llm",)), ("rank", ("priority",)), ("card", ("gpu", "gpu.vram8"))):
        context.store.workers.register(name, queues, Share(10, 1, 0), {}, 1.0, owner=name)
    assert ahead(context, dataset).slots == 12
