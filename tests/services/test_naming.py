"""Names of data sets and runs: no two are alike, and each may be changed."""

from pathlib import Path

import pytest

from flowml.domain.errors import InvalidInput, NotFound, WrongState
from flowml.domain.names import LONGEST_NAME, numbered, shown
from flowml.services import datasets, jobs
from flowml.services.context import Context
from flowml.services.naming import free_name, new_name
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job


class Things:
    def __init__(self, *names: str):
        self._names = names

    def names_from(self, beginning: str) -> set[str]:
        return {name for name in self._names if name.startswith(beginning)}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Settings(home=tmp_path), Store(tmp_path, now=1.0), lambda: 42.0, QuietTrainers())


@pytest.mark.parametrize(
    ("name", "there", "free"),
    [
        ("train", (), "train"),
        ("train", ("train",), "train 2"),
        ("train", ("train", "train 3"), "train 2"),
        ("train 2", ("train", "train 2"), "train 2 2"),
        ("Train", ("train",), "Train"),
        ("100%_", ("100%_", "100x_ 2"), "100%_ 2"),
        ("  train ", ("train",), "train 2"),
    ],
)
def test_a_name_that_is_taken_gets_a_number(name: str, there: tuple[str, ...], free: str) -> None:
    assert free_name(Things(*there), name) == free


def test_the_longest_names_stay_within_bounds_and_apart() -> None:
    name = "ü" * LONGEST_NAME
    there: list[str] = []
    for _ in range(12):
        there.append(free_name(Things(*there), name + "more"))
    assert len(set(there)) == 12 and max(map(len, there)) == LONGEST_NAME
    assert there[0] == name and there[-1].endswith(" 12")


def test_names_are_one_line_of_what_can_be_seen() -> None:
    assert shown(" a\x00b\u202e\ufeff\u2028c\td ") == "abcd"
    assert shown("cafe\u0301") == "café" and shown("x" * 300) == "x" * LONGEST_NAME
    assert numbered("a", {"a", "a 2"}) == "a 3"


def test_a_new_name_is_one_that_no_other_has() -> None:
    there = Things("train", "test")
    assert new_name(there, " other\n", "train", "data set") == "other"
    assert new_name(there, "train", "train", "data set") == "train"
    with pytest.raises(WrongState, match="Another data set is called “test”") as refused:
        new_name(there, "test", "train", "data set")
    assert refused.value.hint and "“test 2” is free" in refused.value.hint
    with pytest.raises(InvalidInput, match="at least one character"):
        new_name(there, "\u200b \n", "train", "data set")


def test_a_data_set_is_renamed_and_whoever_watches_hears_of_it(context: Context) -> None:
    add_dataset(context.store, "d1")
    add_dataset(context.store, "d2")
    assert datasets.rename_dataset(context, "d2", "passengers").name == "passengers"
    assert context.store.datasets.get("d2").name == "passengers"
    with pytest.raises(WrongState):
        datasets.rename_dataset(context, "d2", "table")
    with pytest.raises(NotFound):
        datasets.rename_dataset(context, "nowhere", "x")

    told = context.store.events.since(0, ["system"], 10)
    assert [(event.type, dict(event.data)) for event in told] == [
        ("renamed", {"kind": "dataset", "id": "d2", "name": "passengers"})
    ]


def test_a_run_is_renamed_wherever_it_is_on_show(context: Context) -> None:
    job = add_job(context.store)
    assert jobs.rename_job(context, job.id, "first try").name == "first try"
    told = context.store.events.since(0, ["system", f"job:{job.id}"], 10)
    assert [event.type for event in told] == ["job_update", "renamed"]
    assert told[0].data["job"]["name"] == told[1].data["name"] == "first try"


def test_the_store_finds_names_by_their_beginning(context: Context) -> None:
    for name in ("run", "run 2", "running", "Run", "ru", "run 😀"):
        jobs.rename_job(context, add_job(context.store).id, name)
    assert context.store.jobs.names_from("run") == {"run", "run 2", "running", "run 😀"}
    plan = context.store._database.read().execute(
        "EXPLAIN QUERY PLAN SELECT name FROM jobs WHERE name >= 'a' AND name < 'b'"
    )
    assert "jobs_name" in plan.fetchone()[3]
