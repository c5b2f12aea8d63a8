"""What a model has answered last: one a question, so many, and gone with what it is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.assistant.last_answers import LastAnswer
from flowml.store.assistant.last_answers import MOST_ANSWERS, MOST_CHARACTERS
from flowml.store.store import Store
from tests.services.records import add_dataset, add_job, add_model


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    add_dataset(found)
    yield found
    found.close()


def answer(target: str | None = None, text: str = "a", **about: Any) -> LastAnswer:
    given: dict[str, Any] = {"purpose": "cleaning", "dataset_id": "d1", "job_id": None, "model_id": None} | about
    return LastAnswer(**given, target=target, answer={"text": text}, standing="s", made_at=1.0)


def test_the_latest_of_a_question_is_kept(store: Store) -> None:
    for text in "ab":
        store.last_answers.put(answer("x", text))
    assert store.last_answers.get("cleaning", dataset_id="d1", target="x") == answer("x", "b")
    for other in ({"target": "y"}, {"target": None}, {"dataset_id": "d2", "target": "x"}):
        assert store.last_answers.get("cleaning", **{"dataset_id": "d1", **other}) is None  # type: ignore[arg-type]
    assert store.last_answers.get("features", dataset_id="d1", target="x") is None


def test_the_oldest_go(store: Store) -> None:
    for at in range(MOST_ANSWERS + 1):
        store.last_answers.put(answer(f"t{at}"))
    assert store.last_answers.get("cleaning", dataset_id="d1", target="t0") is None
    assert store.last_answers.get("cleaning", dataset_id="d1", target="t1") is not None
    for name in ("big", "bigger"):
        store.last_answers.put(answer(name, "x" * (MOST_CHARACTERS // 2)))
    assert store.last_answers.get("cleaning", dataset_id="d1", target="big") is None
    assert store.last_answers.get("cleaning", dataset_id="d1", target="bigger") is not None
    store.last_answers.put(answer("biggest", "x" * MOST_CHARACTERS))
    assert store.last_answers.get("cleaning", dataset_id="d1", target="biggest") is None


@pytest.mark.parametrize("gone", ["dataset", "job", "model"])
def test_it_goes_with_what_it_is_about(store: Store, gone: str) -> None:
    job = add_job(store)
    add_model(store, job, "m1", 0.5)
    about: dict[str, Any] = {"purpose": "results", "job_id": job.id, "model_id": "m1"}
    store.last_answers.put(answer(**about))
    assert store.last_answers.get(**about) is not None
    tables = {"dataset": ("datasets", "d1"), "job": ("jobs", job.id), "model": ("models", "m1")}
    table, identifier = tables[gone]
    with store._database.write() as connection:
        connection.execute(f"DELETE FROM {table} WHERE id = ?", (identifier,))
    assert store.last_answers.get(**about) is None
    store.last_answers.put(answer(**{**about, f"{gone}_id": "gone"}))
    assert store.last_answers.get(**about) is None
