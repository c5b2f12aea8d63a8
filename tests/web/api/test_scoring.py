"""A file in, a file out: at once or while nobody waits, with progress, cancelled, and after the server has ended."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import polars as pl
import pytest

from flowml.data import child
from flowml.domain.access.caller import TokenKind
from flowml.domain.errors import InvalidInput
from flowml.domain.models import Scoring
from flowml.services.access.tokens import create_token
from flowml.services.background import keeper
from flowml.services.background.progress import Told, read_progress, write_progress
from flowml.services.scoring import files
from flowml.services.scoring.task import score
from flowml.services.serving import predicting
from flowml.web.api.scoring import accepted
from tests.services import trained
from tests.services.background.meanwhile import NO_THREADS, Meanwhile
from tests.services.records import add_job
from tests.web.serving import Served, serve

NEW = "age,city,member,joined\n60,Ulm,true,2024-01-05\n20,Rome,false,2024-01-06\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as found:
        trained.store_table(found.store)
        trained.add_trained(found.store, add_job(found.store, target="bought"), "m1", "bought", "decision_tree")
        yield found


class Beside:
    """In place of the child process: the same in a thread of this one, when it is let."""

    def __init__(self) -> None:
        self.may_go_on = Event()
        self.may_go_on.set()
        self.said: list[Any] = []

    def __call__(self, module: str, *, starter: Any) -> "Beside":
        return self

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *raised: object) -> None: ...

    def perform(self, task: str, request: dict[str, Any], *, cancelled: Event, **bounds: Any) -> dict[str, Any]:
        write_progress(Path(request["progress"]), Told(1, 2, 0.5))
        while not self.may_go_on.wait(0.01):
            if cancelled.is_set():
                raise child._words(child.child.Cancelled("It was cancelled."), False, 1.0, 1, 1)
        return score(request)


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Beside:
    found = Beside()
    monkeypatch.setattr(files, "Child", found)
    monkeypatch.setattr(files, "_SMALL_BYTES", 0)
    monkeypatch.setattr("tempfile.tempdir", None)
    return found


def sent(served: Served, content: bytes | str = NEW, name: str = "new.csv", **more: Any) -> httpx.Response:
    path = more.pop("path", "/api/results/model/m1/predict-file")
    return served.client.post(path, files={"file": (name, content)}, **more)


def until(served: Served, scoring_id: str, *states: str) -> dict[str, Any]:
    for _ in range(1_000):
        found: dict[str, Any] = served.client.get(f"/api/results/scoring/{scoring_id}").json()
        if found["status"] in states:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_a_file_is_answered_by_a_process_of_its_own(served: Served) -> None:
    answer = sent(served)
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "new-scored.csv" in answer.headers["content-disposition"]
    lines = answer.text.splitlines()
    assert lines[0] == "age,city,member,joined,prediction,probability_no,probability_yes"
    assert [line.split(",")[4] for line in lines[1:]] == ["yes", "no"]
    found = served.client.get(f"/api/results/scoring/{answer.headers['X-FlowML-Scoring']}").json()
    assert (found["status"], found["rows"], found["n_rows"], found["filename"]) == ("finished", 2, 2, "new.csv")
    assert "In “city”, 1 of 2 values did not occur in the training data: “Rome” (line 3)." in found["notes"]
    columns = {column["name"]: column for column in found["summary"]["columns"]}
    assert columns["city"]["unseen"] == 1 and columns["age"]["psi"] is not None
    assert [one["label"] for one in found["summary"]["predictions"]["classes"]] == ["no", "yes"]
    assert found["summary"]["predictions"]["classes"][1]["share_in_training"] is not None


def test_all_formats_in_and_out(served: Served, beside: Beside) -> None:
    frame = pl.read_csv(io.StringIO(NEW), try_parse_dates=True)
    parquet, arrow = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_ipc(arrow)
    records = frame.with_columns(pl.col("joined").cast(pl.String)).write_ndjson().encode()
    for name, content in (("n.parquet", parquet.getvalue()), ("n.arrow", arrow.getvalue()), ("n.jsonl", records)):
        for format, read in (("parquet", pl.read_parquet), ("arrow", pl.read_ipc), ("jsonl", pl.read_ndjson)):
            answer = sent(served, content, name, params={"format": format})
            assert read(io.BytesIO(answer.content))["prediction"].to_list() == ["yes", "no"], (name, format)
    liked = sent(served, headers={"Accept": "text/html;q=.2, application/vnd.apache.parquet"})
    assert pl.read_parquet(io.BytesIO(liked.content)).height == 2
    assert accepted("text/csv;q=0.1, application/x-ndjson;q=0.9") == "jsonl"
    assert accepted("application/vnd.apache.arrow.file;q=0, */*") == accepted("") == accepted("q=;=,;;") == "csv"


def test_what_is_wrong_with_a_file_is_said_with_its_status(served: Served, beside: Beside) -> None:
    for content, name, status, words in (
        ("a,b\n1,2\n", "x.csv", 422, "none of the columns"),
        (b"PAR1 and no more of it", "x.parquet", 422, "cut off"),
        ("", "x.csv", 422, "empty"),
    ):
        answer = sent(served, content, name)
        assert answer.status_code == status and words in answer.json()["detail"]
    assert sent(served, path="/api/results/model/none/predict-file").status_code == 404
    assert sent(served, params={"format": "doc"}).status_code == 422
    assert not list(served.store.home.temporary.iterdir())


def test_one_that_nobody_waits_for_is_watched_and_taken_away(served: Served, beside: Beside) -> None:
    beside.may_go_on.clear()
    first = sent(served, params={"wait": "false", "format": "jsonl"})
    assert first.status_code == 202
    at = first.headers["location"]
    second = sent(served, params={"wait": "false"}).json()
    running = until(served, first.json()["id"], "running")
    while running["rows"] == 0:
        running = served.client.get(at).json()
    assert (running["rows"], running["n_rows"], running["rows_per_second"]) == (1, 2, 2.0)
    # One at a time.
    assert until(served, second["id"], "waiting")["rows"] == 0
    assert served.client.get(f"{at}/download").status_code == 409
    assert served.client.delete(f"/api/results/scoring/{second['id']}").status_code == 204
    assert until(served, second["id"], "cancelled")["ended_at"] is not None
    beside.may_go_on.set()
    assert until(served, first.json()["id"], "finished")["rows"] == 2
    taken = served.client.get(f"{at}/download")
    assert pl.read_ndjson(taken.content).height == 2 and taken.headers["content-type"] == "application/jsonl"
    assert served.client.delete(at).status_code == 204
    assert served.client.get(at).status_code == served.client.get(f"{at}/download").status_code == 404


def test_one_that_is_cancelled_when_its_turn_comes_stays_cancelled(served: Served, beside: Beside) -> None:
    beside.may_go_on.clear()
    first, second = (sent(served, params={"wait": "false"}).json()["id"] for _ in range(2))
    until(served, first, "running")
    served.store.scorings.cancel(second, 1.0)
    served.store.scorings.begin(second)
    assert until(served, second, "cancelled")["ended_at"] is not None
    for scoring_id in (first, second):
        files.leave(served.context, scoring_id)
    until(served, first, "cancelled")


def test_who_leaves_ends_the_work(served: Served, beside: Beside) -> None:
    beside.may_go_on.clear()
    with pytest.raises(httpx.ReadTimeout):
        sent(served, timeout=0.5)
    for _ in range(500):
        if not files._keepers.of(served.store).open:
            break
        time.sleep(0.01)
    (row,) = [s for s in _all(served) if s["status"] not in ("finished", "failed") and s["filename"] == "new.csv"][-1:]
    assert row["status"] == "cancelled"
    assert not list(served.store.home.temporary.iterdir())


def test_a_small_file_does_not_wait_for_a_large_one(
    served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside.may_go_on.clear()
    large = sent(served, params={"wait": "false"}).json()
    until(served, large["id"], "running")
    monkeypatch.setattr(files, "_SMALL_BYTES", 1_000)
    small = sent(served, params={"wait": "false"}).json()
    until(served, small["id"], "running")
    beside.may_go_on.set()
    for scoring in (large, small):
        until(served, scoring["id"], "finished")


def test_callers_get_their_turns_by_turns(served: Served, beside: Beside) -> None:
    beside.may_go_on.clear()
    own = [sent(served, params={"wait": "false"}).json() for _ in range(3)]
    until(served, own[0]["id"], "running")
    _, secret = create_token(served.context, TokenKind.API, "another", model_id=None)
    other = sent(served, params={"wait": "false"}, headers={"Authorization": f"Bearer {secret}"}).json()
    for scoring in (own[1], other):
        until(served, scoring["id"], "waiting")
    # After one more of these, the other's comes before the rest of them.
    for done, following in ((own[0], own[1]), (own[1], other)):
        served.client.delete(f"/api/results/scoring/{done['id']}")
        until(served, following["id"], "running")
    assert until(served, own[2]["id"], "waiting")["rows"] == 0
    beside.may_go_on.set()
    until(served, own[2]["id"], "finished")


def test_its_rows_are_counted_and_its_time_is_no_latency(
    served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def figures() -> tuple[int, int, int]:
        found = served.client.get("/api/stats").json()["predictions"]
        of_model = [one for one in found["by_model"] if one["model_id"] == "m1"]
        return found["total"], sum(one["rows"] for one in of_model), sum(one["requests"] for one in of_model)

    before, at_its_end = figures(), []
    finish = served.store.scorings.finish

    def note(*given: Any) -> None:
        at_its_end.append(figures())
        finish(*given)

    monkeypatch.setattr(served.store.scorings, "finish", note)
    sent(served)
    # Also for whoever sees at once that it has finished.
    assert [figures()] == at_its_end == [(before[0] + 2, before[1] + 2, before[2])]


def running_when(served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch, does: Callable[[str], object]) -> str:
    """One that runs; what `does` does comes just before the next look at it and its work together."""
    beside.may_go_on.clear()
    scoring_id = str(sent(served, params={"wait": "false"}).json()["id"])
    until(served, scoring_id, "running")
    found = files._keepers.of(served.store)
    monkeypatch.setattr(found, "lock", Meanwhile(found, lambda: does(scoring_id)))
    return scoring_id


def idle(served: Served) -> None:
    for _ in range(1_000):
        if not files._keepers.of(served.store).open:
            return
        time.sleep(0.01)
    raise AssertionError("still worked on")


def test_one_that_is_cancelled_just_before_its_end_leaves_nothing(
    served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = list[int]()
    monkeypatch.setattr(predicting, "record_rows", lambda context, rows, model_id: counted.append(rows))
    scoring_id = running_when(served, beside, monkeypatch, lambda found: files.cancel(served.context, found))
    beside.may_go_on.set()
    idle(served)
    assert until(served, scoring_id, "cancelled")["rows"] == 0 and counted == []
    assert not files._result(served.context, served.store.scorings.get(scoring_id)).exists()


def test_who_cancels_one_that_ends_just_then_forgets_what_came_of_it(
    served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Scoring] = []

    def end(scoring_id: str) -> None:
        beside.may_go_on.set()
        until(served, scoring_id, "finished")
        ended.append(served.store.scorings.get(scoring_id))

    scoring_id = running_when(served, beside, monkeypatch, end)
    assert served.client.delete(f"/api/results/scoring/{scoring_id}").status_code == 204
    assert served.client.get(f"/api/results/scoring/{scoring_id}").status_code == 404
    assert not files._result(served.context, ended[0]).exists()


def test_who_leaves_one_that_fails_just_then_does_not_leave_it_running(
    served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        beside.may_go_on.wait(30)
        raise InvalidInput("It is no table.")

    monkeypatch.setattr(beside, "perform", fail)
    scoring_id = running_when(served, beside, monkeypatch, lambda found: files.leave(served.context, found))
    beside.may_go_on.set()
    idle(served)
    assert until(served, scoring_id, "cancelled")["problem"] is None


def test_where_no_thread_can_be_started_it_is_said_and_nothing_waits(
    served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(served)
    monkeypatch.setattr(keeper, "threading", NO_THREADS)
    refused = sent(served, params={"wait": "false"})
    assert refused.status_code == 503 and "too busy" in refused.json()["detail"]
    assert not [one for one in _all(served) if one["status"] in ("waiting", "running")]
    assert not list(served.store.home.temporary.iterdir())


def test_an_end_of_the_server_is_said(served: Served, beside: Beside) -> None:
    beside.may_go_on.clear()
    scoring = sent(served, params={"wait": "false"}).json()
    until(served, scoring["id"], "running")
    # What a new server does, whatever the old one was doing.
    files.recover(served.store, 2e9)
    found = until(served, scoring["id"], "failed")
    assert found["problem"]["detail"] == "The server ended while this file was worked on."
    files.leave(served.context, scoring["id"])
    while files._keepers.of(served.store).open:
        time.sleep(0.01)
    assert until(served, scoring["id"], "failed")["problem"]["hint"] == "Send the file again."


def test_many_files_of_one_are_too_many(served: Served, beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files._keepers.of(served.store), "_kind", replace(files._KIND, most_of_one=1))
    beside.may_go_on.clear()
    scoring = sent(served, params={"wait": "false"}).json()
    assert sent(served).status_code == 429
    beside.may_go_on.set()
    until(served, scoring["id"], "finished")


def test_who_may_predict_sees_what_is_theirs(served: Served, beside: Beside, tmp_path: Path) -> None:
    scoring = sent(served, params={"wait": "false"}).json()
    until(served, scoring["id"], "finished")
    _, secret = create_token(served.context, TokenKind.API, "program", model_id=None)
    theirs = {"Authorization": f"Bearer {secret}"}
    at = f"/api/results/scoring/{scoring['id']}"
    assert served.client.get(at, headers=theirs).status_code == 404
    assert served.client.delete(at, headers=theirs).status_code == 404
    own = sent(served, headers=theirs)
    assert own.status_code == 200
    assert served.client.get(f"/api/results/scoring/{own.headers['X-FlowML-Scoring']}", headers=theirs).is_success


def test_progress_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    assert read_progress(path) is None
    for text in ("", "{", "[]", '{"rows": 1}'):
        path.write_text(text)
        assert read_progress(path) is None
    write_progress(path, Told(1, None, 0.5))
    assert read_progress(path) == Told(1, None, 0.5)


def _all(served: Served) -> list[dict[str, Any]]:
    rows = served.store._database.read().execute("SELECT status, filename FROM scorings ORDER BY created_at")
    return [dict(row) for row in rows]
