"""What runs, the champion of a table and the runs of a table are shown however many runs are newer."""

import html

import pytest

from flowml.domain.jobs import JobSpec
from tests.services.records import add_dataset, add_job, add_model
from tests.web.serving import Served

NEWER = 210


@pytest.fixture(scope="module")
def home(server: Served) -> Served:
    """A table with a run that goes on and one that was the best, and very many newer runs of another table."""
    store = server.store
    with store.transaction():
        for dataset_id in ("d1", "d2"):
            add_dataset(store, dataset_id)
        store.jobs.update(add_job(store).id, name="it still runs", status="running")
        job = add_job(store)
        add_model(store, job, "m", 0.9)
        best = {"metric": "accuracy", "best_score": 0.9, "best_model_id": "m"}
        store.jobs.update(job.id, name="it was the best", status="completed", **best)
        for number in range(NEWER):
            newer = store.jobs.add(JobSpec("d2", "y"), f"newer {number}", 1.8e9 + number)
            store.jobs.update(newer.id, status="completed")
    return server


@pytest.mark.parametrize(
    ("path", "part", "names"),
    [
        ("/", "main", ["it still runs", "it was the best"]),
        # What runs stands above every page.
        ("/datasets", "head", ["it still runs"]),
        (f"/jobs?offset={NEWER}", "main", ["it still runs", "it was the best"]),
    ],
)
def test_old_runs_are_not_hidden_by_newer_ones(home: Served, path: str, part: str, names: list[str]) -> None:
    head, main = home.client.get(path).text.split("<main", 1)
    assert [name for name in names if name not in (main if part == "main" else head)] == []


@pytest.mark.parametrize(
    ("path", "behind", "last"),
    [("/jobs", 5000, 200), ("/jobs", 250, 200), ("/datasets", 50, 0)],
)
def test_who_asks_for_a_page_behind_the_last_one_gets_the_last_one(
    home: Served, path: str, behind: int, last: int
) -> None:
    answer = home.client.get(f"{path}?offset={behind}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?offset={last}")


def test_who_deletes_something_stays_on_the_page_that_it_stood_on(home: Served) -> None:
    for offset, then in ((0, '"next": "/jobs"'), (200, '"next": "/jobs?offset=200"')):
        assert then in html.unescape(home.client.get(f"/jobs?offset={offset}").text), offset
