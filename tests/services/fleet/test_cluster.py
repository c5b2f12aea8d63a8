"""What waits, and for how many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.domain.jobs import JobStatus
from flowml.domain.trials import Needs, TrialSpec
from flowml.domain.workers import LOCAL_ID
from flowml.services.context import Context
from flowml.services.fleet.cluster import QueueState, load
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job

NOW = 1_000.0


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    add_dataset(store)
    yield Context(Settings(home=tmp_path / "home"), store, lambda: NOW, QuietTrainers())
    store.close()


def test_a_run_that_waits_for_a_machine_counts_where_nobody_takes_it(context: Context) -> None:
    """Somebody who starts machines by these figures would else never start the first one."""
    add_job(context.store, queue="gpu.vram12")
    running = add_job(context.store)
    context.store.jobs.update(running.id, status=str(JobStatus.RUNNING))
    add_job(context.store)
    for number in range(3):
        context.store.trials.add(running.id, TrialSpec(number, "ridge", {}), Needs("cpu", 1, 0.0), NOW + 60, NOW)
    assert load(context).slots_total == 0

    context.store.workers.register_local("this machine", ("cpu",), 2, {}, NOW)
    found = load(context)
    assert found.queues == (QueueState("cpu", 1, 4, 0), QueueState("gpu.vram12", 0, 1, 0))
    assert (found.slots_total, found.slots_free) == (2, 2)
    assert found.workers == {"online": 1, "offline": 0, "draining": 0}
    assert context.store.workers.find(LOCAL_ID) is not None
