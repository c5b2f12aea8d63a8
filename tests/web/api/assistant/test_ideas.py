"""Ideas over HTTP: FlowML's own, tried once whoever asks, watched, stopped, and after the server has ended."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from flowml.data import child
from flowml.domain.errors import FlowMLError, InvalidInput, TooLarge
from flowml.domain.ideas import Difference, Learned, Measured, Pair, Verdict
from flowml.services.assistant import trying
from flowml.services.background.progress import Told, write_progress, write_whole
from flowml.store.store import Store
from tests.services.records import add_job
from tests.web.serving import Served, serve

ROWS = ["width,height,colour,weight,area"] + [
    f"{width},{height},{('red', 'blue', 'green')[at % 3]},{1 + at % 2},{width * height + at % 5 * 0.1:.1f}"
    for at, (width, height) in enumerate((at * 7 % 41 - 20, at * 11 % 37 - 18) for at in range(240))
]
PRODUCT = [{"op": "derive", "column": "size", "expression": "width * height"}]


def measured(*gains: float, p: float = 0.001, verdict: Verdict = Verdict.HELPS) -> Measured:
    pairs = tuple(Pair(0, at, 0.5, 0.5 + gain) for at, gain in enumerate(gains))
    mean = sum(gains) / len(gains)
    found = Difference(verdict, mean, mean - 0.01, mean + 0.01, p, len(gains), sum(gain > 0 for gain in gains))
    same = Difference(Verdict.SAME, 0.0, 0.0, 0.0, 1.0, len(gains), 0)
    return Measured(
        (
            Learned("boosting", "Gradient boosting", pairs, 0.5, 0.5 + mean, found),
            Learned("linear", "Linear model", pairs, 0.4, 0.4, same),
        ),
        ("Compute “size”",),
        ("size",),
        "r2",
        True,
        120,
        1_000,
        "5 folds.",
        5,
        (),
    )


class Beside:
    """In place of the child process that measures: answers when it is let; checks are done by the real one."""

    def __init__(self) -> None:
        self.may_go_on = Event()
        self.began = threading.Semaphore(0)
        self.count = 0
        self.asked: list[dict[str, Any]] = []

    def __call__(self, module: str, *, starter: Any) -> "Beside":
        return self

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *raised: object) -> None: ...

    def perform(self, task: str, request: dict[str, Any], *, cancelled: Event, **bounds: Any) -> dict[str, Any]:
        self.count += 1
        self.asked.append(request)
        write_progress(Path(request["progress"]), Told(3, 10, 0.5))
        self.began.release()
        while not self.may_go_on.wait(0.01):
            if cancelled.is_set():
                raise child._words(child.child.Cancelled("It was cancelled."), False, 1.0, 1, 1)
        return asdict(measured(0.05, 0.04, 0.06, 0.05, 0.05))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def dataset(house: Served) -> str:
    answer = house.client.post("/api/datasets/upload", files={"file": ("areas.csv", "\n".join(ROWS))})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    found = Beside()
    monkeypatch.setattr(trying, "Child", found)
    yield found
    found.may_go_on.set()


def start(house: Served, dataset: str, operations: Any = PRODUCT, status: int = 202, **more: Any) -> Any:
    body = {"dataset_id": dataset, "operations": operations, "target": "area", **more}
    answer = house.client.post("/api/llm/try", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def until(house: Served, try_id: str, *states: str) -> Any:
    for _ in range(6_000):
        found = house.client.get(f"/api/llm/try/{try_id}").json()
        if found["status"] in states:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_own_ideas_have_reasons_and_operations_that_can_be_done(house: Served, dataset: str) -> None:
    query = {"dataset_id": dataset, "target": "area"}
    found = house.client.get("/api/llm/own/ideas", params=query).json()
    product = next(idea for idea in found["ideas"] if idea["kind"] == "product")
    assert sorted(product["columns"]) == ["height", "width"] and "“area”" in product["reason"]
    preview = house.client.post(f"/api/datasets/{dataset}/transform", json={"operations": product["operations"]})
    assert preview.status_code == 200 and preview.json()["columns_added"] == [product["operations"][0]["column"]]
    assert house.client.get("/api/llm/own/ideas", params={**query, "target": "aera"}).status_code == 422
    assert house.client.get("/api/llm/own/ideas", params={**query, "dataset_id": "none"}).status_code == 404


def test_an_idea_is_measured_by_a_process_of_its_own(house: Served) -> None:
    few = "\n".join(ROWS[:41])
    dataset = str(house.client.post("/api/datasets/upload", files={"file": ("few.csv", few)}).json()["id"])
    begun = start(house, dataset)
    assert begun["status"] in ("waiting", "running") and begun["operations"][0]["column"] == "size"
    found = until(house, begun["id"], "finished", "failed", "stopped")
    assert found["status"] == "finished", found["problem"]
    outcome = found["outcome"]
    families = {family["name"]: family for family in outcome["families"]}
    assert set(families) == {"boosting", "linear"} and families["linear"]["verdict"] == "helps"
    points = families["linear"]["points"]
    assert len(points) == families["linear"]["n_folds"] == 15
    assert points[0]["gain"] == pytest.approx(points[0]["beside"] - points[0]["without"])
    assert outcome["columns"] == ["size"] and outcome["rows"] == 40 and outcome["metric_title"] == "R²"
    assert any("that chance hardly makes" in sentence for sentence in outcome["sentences"])


def test_it_is_tried_once_whoever_asks_and_shown_at_once(house: Served, dataset: str, beside: Beside) -> None:
    first, second = start(house, dataset), start(house, dataset)
    assert first["id"] == second["id"]
    assert beside.began.acquire(timeout=30)
    found = until(house, first["id"], "running")
    assert (found["folds_done"], found["folds"]) == (3, 10)
    beside.may_go_on.set()
    until(house, first["id"], "finished")
    # Also with what a preview has filled in, and by the run whose settings are the same.
    assert start(house, dataset)["status"] == "finished" and beside.count == 1
    listed = house.client.get("/api/llm/try", params={"dataset_id": dataset, "target": "area"}).json()
    assert [one["id"] for one in listed["items"]] == [first["id"]] and listed["many"] == ""
    other = house.client.get("/api/llm/try", params={"dataset_id": dataset, "target": "width"}).json()
    assert other["items"] == []


def test_what_models_reach_without_an_idea_is_learned_once(house: Served, dataset: str, beside: Beside) -> None:
    beside.may_go_on.set()
    until(house, start(house, dataset)["id"], "finished")
    until(house, start(house, dataset, [{"op": "derive", "column": "w", "expression": "width ^ 2"}])["id"], "finished")
    job = add_job(house.store, dataset_id=dataset, target="area", metric="mae")
    until(house, start(house, dataset, job_id=job.id)["id"], "finished")
    first, second, by_another_metric = (one["without"] for one in beside.asked)
    assert first == by_another_metric == {}
    assert second["boosting"] == [(0, fold, 0.5) for fold in range(5)] and set(second) == {"boosting", "linear"}


def test_scores_of_another_program_are_not_taken_over(
    house: Served, dataset: str, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside.may_go_on.set()
    until(house, start(house, dataset)["id"], "finished")
    monkeypatch.setattr(trying, "_versions", lambda: ["another"])
    until(house, start(house, dataset, [{"op": "derive", "column": "w", "expression": "width ^ 2"}])["id"], "finished")
    assert [one["without"] for one in beside.asked] == [{}, {}]


def test_what_a_preview_has_learned_makes_no_other_idea(house: Served, dataset: str, beside: Beside) -> None:
    beside.may_go_on.set()
    clip = {"op": "clip", "column": "width", "high_quantile": 0.9}
    first = start(house, dataset, [clip])
    until(house, first["id"], "finished")
    assert "high" not in first["operations"][0]
    assert start(house, dataset, [{**clip, "high": 30.5}])["id"] == first["id"] and beside.count == 1


def test_the_settings_of_a_run_are_taken(house: Served, dataset: str, beside: Beside) -> None:
    beside.may_go_on.set()
    job = add_job(
        house.store,
        dataset_id=dataset,
        target="area",
        metric="mae",
        cv="group:colour",
        weight_column="weight",
        exclude_columns=("height",),
    )
    refused = start(house, dataset, status=422, job_id=job.id)
    assert "“height” is left out of the training" in refused["detail"]
    assert refused["errors"][0]["field"].startswith("operations.0")
    grouped = start(
        house, dataset, [{"op": "derive", "column": "w", "expression": "width * weight"}], 422, job_id=job.id
    )
    assert "how much each row counts" in grouped["detail"]
    upper = [{"op": "clean_text", "columns": ["colour"], "case": "upper"}]
    assert "decides how models are tested" in start(house, dataset, upper, 422, job_id=job.id)["detail"]
    begun = start(house, dataset, [{"op": "derive", "column": "w", "expression": "width ^ 2"}], job_id=job.id)
    assert until(house, begun["id"], "finished")["target"] == "area"
    kept = house.store.tries.get(begun["id"]).settings
    assert (kept["metric"], kept["cv"], kept["exclude_columns"]) == ("mae", "group:colour", ["height"])
    assert start(house, dataset, PRODUCT, 422, job_id=job.id, target="width")["errors"][0]["field"] == "target"
    assert start(house, dataset, PRODUCT, 404, job_id="none")


def test_with_the_run_goes_what_is_tried_with_its_settings_alone(house: Served, dataset: str, beside: Beside) -> None:
    def another(metric: str) -> str:
        return add_job(house.store, dataset_id=dataset, target="area", metric=metric).id

    first, second, usual = another("mae"), another("mae"), another("auto")
    alone = start(house, dataset, job_id=first)
    assert beside.began.acquire(timeout=30)
    square = [{"op": "derive", "column": "w", "expression": "width ^ 2"}]
    shared = start(house, dataset, square, job_id=first)
    assert start(house, dataset, square, job_id=second)["id"] == shared["id"]
    of_both = start(house, dataset, job_id=usual)
    by_itself = start(house, dataset)
    assert by_itself["id"] == of_both["id"]

    for job_id in (first, usual):
        assert house.client.delete(f"/api/training/{job_id}").status_code == 204
    gone = until(house, alone["id"], "stopped")
    assert "training run was deleted" in gone["problem"]["detail"] and "another run" in gone["problem"]["hint"]
    for one in (shared, by_itself):
        assert house.client.get(f"/api/llm/try/{one['id']}").json()["status"] in ("waiting", "running")
    assert start(house, dataset, job_id=first, status=404)
    # Begun again it is another one's, which the end of the one before does not touch.
    assert start(house, dataset, job_id=second)["id"] == alone["id"]
    beside.may_go_on.set()
    for one in (alone, shared, by_itself):
        until(house, one["id"], "finished")


def test_what_was_tried_counts_whatever_becomes_of_it(house: Served, beside: Beside) -> None:
    rows = [f"{line}{',x' if at else ',extra'}" for at, line in enumerate(ROWS)]
    answer = house.client.post("/api/datasets/upload", files={"file": ("counted.csv", "\n".join(rows))})
    table = answer.json()["id"]
    beside.may_go_on.set()

    def tried(on: str, *expressions: str) -> str:
        for expression in expressions:
            begun = start(house, on, [{"op": "derive", "column": "w", "expression": expression}])
            until(house, begun["id"], "finished")
        return str(begun["id"])

    def said(on: str, target: str = "area") -> str:
        answer = house.client.get("/api/llm/try", params={"dataset_id": on, "target": target})
        return str(answer.json()["many"])

    last = tried(table, "width ^ 2", "width * 2", "height ^ 2")
    assert said(table).startswith("3 ideas were tried for this target. Of 3")
    assert house.client.delete(f"/api/llm/try/{last}").status_code == 204
    assert said(table).startswith("3 ideas were tried for this target, 1 of them on other versions")
    tried(table, "height ^ 2")
    assert said(table).startswith("3 ideas were tried for this target. Of 3")

    body = {"operations": [{"op": "drop", "columns": ["extra"]}], "preview": False}
    version = house.client.post(f"/api/datasets/{table}/transform", json=body).json()["id"]
    assert said(version) == ""
    tried(version, "width ^ 3")
    assert said(version).startswith("4 ideas were tried for this target, 3 of them on other versions")
    assert said(table).startswith("4 ideas")
    assert house.client.delete(f"/api/datasets/{table}").status_code == 204
    assert said(version).startswith("4 ideas were tried for this target, 3 of them on other versions")
    assert house.store.tries.count(version, "height") == 0
    assert house.client.delete(f"/api/datasets/{version}").status_code == 204
    again = house.client.post("/api/datasets/upload", files={"file": ("counted.csv", "\n".join(rows))}).json()["id"]
    assert house.store.tries.count(again, "area") == 0


@pytest.mark.parametrize(
    ("ended", "folds", "status"),
    [
        (child.TookTooLong("It took longer than 240 seconds and was stopped."), 3, "finished"),
        (TooLarge("This takes more than the 2.0 GB of memory there are for it."), 3, "finished"),
        (child.TookTooLong("It took longer than 240 seconds and was stopped."), 0, "failed"),
        (InvalidInput("No model could be fitted."), 3, "failed"),
    ],
)
def test_what_was_measured_is_shown_when_its_process_is_ended(
    house: Served,
    dataset: str,
    beside: Beside,
    monkeypatch: pytest.MonkeyPatch,
    ended: FlowMLError,
    folds: int,
    status: str,
) -> None:
    def perform(task: str, request: dict[str, Any], **_: Any) -> Any:
        if folds:
            write_whole(Path(request["so_far"]), json.dumps(asdict(measured(*[0.05] * folds))))
        raise ended

    monkeypatch.setattr(beside, "perform", perform)
    found = until(house, start(house, dataset)["id"], "finished", "failed")
    assert found["status"] == status
    if status == "finished":
        said = f"3 of 5 folds were measured before it was ended. {ended.detail}"
        assert said in found["outcome"]["sentences"]
        assert [len(one["points"]) for one in found["outcome"]["families"]] == [3, 3]
    else:
        assert found["problem"]["detail"] == ended.detail and found["outcome"] is None


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"learners": []}', '{"learners": [{}]}'])
def test_what_a_process_has_left_that_is_nothing_measured_is_none(tmp_path: Path, content: str) -> None:
    ended = child.TookTooLong("It took too long.")
    (tmp_path / "so_far").write_text(content)
    with pytest.raises(child.TookTooLong):
        trying._measured_so_far(tmp_path / "so_far", ended)


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([{"op": "derive", "column": "z", "expression": "area * 2"}], "“area” is what is to be predicted"),
        ([{"op": "filter", "expression": "width > 3"}], "leaves out or moves rows"),
        ([{"op": "fill", "column": "width", "with": "previous"}], "takes values from other rows"),
        ([{"op": "derive", "column": "z", "expression": "depth"}], "no column “depth”"),
        ([{"op": "derive", "column": "z", "expression": "1"}], "nothing to learn from"),
        ([{"op": "run", "code": "import os"}], "no operation “run”"),
    ],
)
def test_what_is_no_idea_is_refused_in_words(
    house: Served, dataset: str, beside: Beside, operations: Any, words: str
) -> None:
    refused = start(house, dataset, operations, 422)
    assert words in refused["detail"] and beside.count == 0
    listed = house.client.get("/api/llm/try", params={"dataset_id": dataset}).json()
    assert listed["items"] == []


def test_it_can_be_stopped_and_begun_again(house: Served, dataset: str, beside: Beside) -> None:
    first = start(house, dataset)
    assert beside.began.acquire(timeout=30)
    waiting = start(house, dataset, [{"op": "derive", "column": "w", "expression": "width ^ 2"}])
    assert until(house, waiting["id"], "waiting")["folds"] is None
    for one in (first, waiting):
        assert house.client.delete(f"/api/llm/try/{one['id']}?only=open").status_code == 204
    stopped = until(house, first["id"], "stopped")
    assert stopped["problem"]["detail"] == "It was stopped." and stopped["outcome"] is None
    again = start(house, dataset)
    assert again["id"] == first["id"] and again["status"] == "waiting"
    beside.may_go_on.set()
    finished = until(house, first["id"], "finished")
    assert finished["problem"] is None and finished["outcome"]["verdict"] == "helps"
    # Who stops it a moment too late does not lose what came of it; otherwise one that has ended is forgotten.
    assert house.client.delete(f"/api/llm/try/{first['id']}?only=open").status_code == 204
    assert house.client.get(f"/api/llm/try/{first['id']}").json()["status"] == "finished"
    assert house.client.delete(f"/api/llm/try/{first['id']}").status_code == 204
    assert house.client.get(f"/api/llm/try/{first['id']}").status_code == 404


def test_a_failure_is_said_and_can_be_tried_again(
    house: Served, dataset: str, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(beside, "perform", broken)
    begun = start(house, dataset)
    assert "was not expected" in until(house, begun["id"], "failed")["problem"]["detail"]
    monkeypatch.undo()
    monkeypatch.setattr(trying, "Child", beside)
    beside.may_go_on.set()
    assert start(house, dataset)["id"] == begun["id"]
    until(house, begun["id"], "finished")


def test_after_the_server_was_killed_it_is_shown_as_stopped_and_can_be_begun_again(
    house: Served, dataset: str, beside: Beside
) -> None:
    begun = start(house, dataset)
    assert beside.began.acquire(timeout=30)
    # What the next server does at its start, with a database that says it runs.
    house.store.tries.begin(begun["id"])
    other = Store(house.context.settings.home)
    trying.recover(other, 5.0)
    other.close()
    found = until(house, begun["id"], "stopped")
    assert found["problem"]["detail"] == "The server ended while this was tried." and found["outcome"] is None
    beside.may_go_on.set()
    for _ in range(500):
        if not trying._keepers.of(house.store).open:
            break
        time.sleep(0.01)
    # The old one came to an end afterwards: what it found does not count any more.
    assert until(house, begun["id"], "stopped")["outcome"] is None
    assert start(house, dataset)["id"] == begun["id"]
    assert until(house, begun["id"], "finished")["outcome"]["verdict"] == "helps"


def test_with_the_data_set_goes_what_was_tried(house: Served, dataset: str, beside: Beside) -> None:
    begun = start(house, dataset)
    assert beside.began.acquire(timeout=30)
    assert house.client.delete(f"/api/datasets/{dataset}").status_code == 204
    # It ends without being let go on, and others have their turn.
    for _ in range(1_000):
        if not trying._keepers.of(house.store).open:
            break
        time.sleep(0.01)
    assert not trying._keepers.of(house.store).open
    assert house.client.get(f"/api/llm/try/{begun['id']}").status_code == 404
    assert house.client.get("/api/llm/try", params={"dataset_id": dataset}).status_code == 404


def test_too_many_at_once_are_refused(house: Served, dataset: str, beside: Beside) -> None:
    begun = [
        start(house, dataset, [{"op": "derive", "column": "w", "expression": f"width + {at}"}])
        for at in range(trying._KIND.most_of_one)
    ]
    assert "Many ideas wait" in start(house, dataset, PRODUCT, 429)["detail"]
    for one in begun:
        house.client.delete(f"/api/llm/try/{one['id']}")
        until(house, one["id"], "stopped")
