"""What a time budget has room for: by what trials took here, and not by what was hoped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.automl import algorithms
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.services import outlook
from flowml.services.context import Context
from flowml.services.outlook import Outlook, look_ahead
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job, add_model


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    store = Store(tmp_path, now=1.0)
    store.workers.register_local("here", ("cpu",), 2, {}, 1.0)
    monkeypatch.setattr(outlook, "usable_cores", lambda: 2)
    monkeypatch.setattr("psutil.getloadavg", lambda: (0.0, 0.0, 0.0))
    yield Context(Settings(home=tmp_path), store, lambda: 2.0, QuietTrainers())
    store.close()


def run_of(context: Context, times_as_long: float) -> None:
    """An earlier run on `d1`, whose trials took so many times as long as their algorithm says."""
    store = context.store
    job = add_job(store)
    store.jobs.claim(9, 2.0)
    shape = outlook._shape(store.datasets.get("d1"), ProblemType.CLASSIFICATION, 2)
    stated = 5 * algorithms.get("knn").seconds_per_fit(shape)
    for number in range(6):
        store.trials.add(job.id, TrialSpec(number, "knn", {}), Needs(), 60.0, 2.0)
        lease = store.trials.claim("o", "w", "w", Offer(), 30, 3.0)
        assert lease is not None
        report = TrialReport(TrialStatus.FINISHED, 0.9, fit_seconds=times_as_long * stated)
        store.trials.finish(lease, report, 4.0)
    add_model(store, job, "m1", 0.9)
    store.jobs.update(job.id, status="completed", problem_type="classification", best_model_id="m1")


def test_earlier_runs_say_how_fast_this_machine_is(context: Context) -> None:
    dataset = add_dataset(context.store)
    usual = look_ahead(context, dataset, ProblemType.CLASSIFICATION, 2)
    assert not usual.measured and usual.slots == 2 and usual.busy == 1.0
    run_of(context, times_as_long=100.0)
    slow = look_ahead(context, dataset, ProblemType.CLASSIFICATION, 2)
    assert slow.measured
    assert list(slow.seconds) == pytest.approx([100 * each for each in usual.seconds], rel=0.01)
    assert slow.trials(20) < usual.trials(20)


def test_other_work_is_counted(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = add_dataset(context.store)
    monkeypatch.setattr("psutil.getloadavg", lambda: (6.0, 0.0, 0.0))
    assert look_ahead(context, dataset, ProblemType.CLASSIFICATION, 2).busy == 4.0


def test_a_trial_that_would_take_most_of_the_time_is_not_counted() -> None:
    assert Outlook([1.0, 1.0, 30.0, 2.0], 1, True, 1.0).trials(10) == 3
    assert Outlook([1.0, 1.0, 30.0, 2.0], 1, True, 4.0).trials(10) == 1
    assert Outlook([5.0], 1, True, 1.0).trials(2) == 0
