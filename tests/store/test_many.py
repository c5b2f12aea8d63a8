"""What a list costs does not grow with what is not on it: trials of other runs, and what stands behind the page."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from flowml.domain.datasets import Dataset
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Offer
from flowml.store.database import Database
from flowml.store.datasets import Datasets
from flowml.store.events import Events
from flowml.store.jobs import Jobs
from flowml.store.models import Models
from flowml.store.store import Store
from flowml.store.trials import Trials
from tests.store.adding import add_trial, running_job

OTHERS = 300
NEWEST = "newest"
LISTS: dict[str, Callable[[Database], object]] = {
    "runs": lambda database: Jobs(database).page(1, 0),
    "runs of a table": lambda database: Jobs(database).page(1, 0, NEWEST),
    "runs that have not ended": lambda database: Jobs(database).open(5),
    "trials": lambda database: Trials(database).of_job(Jobs(database).page(1, 0)[0][0].id),
    "models": lambda database: Models(database).count(Jobs(database).page(1, 0)[0][0].id),
    "data sets": lambda database: Datasets(database).page(1, 0),
    "names": lambda database: Datasets(database).names({NEWEST}),
    "old events": lambda database: Events(database).remove_before(0.5),
}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The database of a home with a run and a table, and that of one with very many older ones beside them."""
    paths = []
    for others in (1, OTHERS):
        store = Store(tmp_path_factory.mktemp("home"), now=1.0)
        with store.transaction():
            for number in range(others):
                _add(store, f"old{number}", 1.0 + number)
            _add(store, NEWEST, 1e6)
        with sqlite3.connect(store.home.database) as connection:
            connection.execute("UPDATE trials SET status = 'finished', worker_id = 'local'")
            connection.execute("UPDATE jobs SET status = 'completed' WHERE name <> ?", (NEWEST,))
        store.close()
        paths.append(store.home.database)
    return paths[0], paths[1]


def _add(store: Store, name: str, at: float) -> None:
    store.datasets.add(Dataset(name, name, "t.csv", "csv", 1, 1, 9, "a" * 64, "b" * 64, None, at, ()), ())
    add_trial(store, store.jobs.add(JobSpec(name, "t"), name, at).id)
    store.events.append("system", "log", {}, at)


@pytest.mark.parametrize("name", LISTS)
def test_what_is_not_on_a_list_costs_it_nothing(homes: tuple[Path, Path], name: str) -> None:
    alone, among_many = (_instructions(path, LISTS[name]) for path in homes)
    assert among_many <= alone + OTHERS / 2


QUEUE: dict[str, Callable[[Database], object]] = {
    "claim": lambda database: Trials(database).claim("o", "w", "w", Offer(), 30.0, 9.0, 9.0),
    "claim of nothing": lambda database: Trials(database).claim("o", "w", "w", Offer(("gpu",)), 30.0, 9.0, 9.0),
    "needs": lambda database: Trials(database).waiting_needs(),
}


@pytest.mark.parametrize("name", QUEUE)
def test_what_waits_behind_others_makes_nothing_dearer(tmp_path: Path, name: str) -> None:
    costs = []
    for waiting in (1, OTHERS):
        store = Store(tmp_path / str(waiting), now=1.0)
        job_id = running_job(store)
        with store.transaction():
            for number in range(waiting):
                add_trial(store, job_id, number)
        store.close()
        costs.append(_instructions(store.home.database, QUEUE[name]))
    of_each = 40 if name == "claim of nothing" else 0
    assert costs[1] <= costs[0] + OTHERS * of_each + OTHERS / 2


def _instructions(path: Path, ask: Callable[[Database], object]) -> int:
    """How many instructions of SQLite's machine this takes, to the next ten."""
    database = Database(path)
    count = 0

    def step() -> None:
        nonlocal count
        count += 10

    with database.maintenance() as writer:
        for connection in (writer, database.read()):
            connection.set_progress_handler(step, 10)
        ask(database)
    database.close()
    return count
