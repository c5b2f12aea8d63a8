"""A worker that means no good answers for a language model: it is cleaned, counted, cut and refused."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowml.assistant.model import CutOff, Message, NotRunning, Role
from flowml.services.assistant import choosing, exchange
from flowml.services.fleet import workers as fleet_workers
from tests.web.api.test_cluster import WORKER, join, who
from tests.web.serving import Served, serve, until

HELLO = [Message(Role.USER, "Hello")]
MODEL: dict[str, Any] = {"name": "theirs:1b", "digest": "ab"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path, who=who, ollama_url=None) as served:
        yield served


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def send(server: Served, address: str, **body: Any) -> Any:
    return server.client.post(f"/api/workers/llm/{address}", json=body, headers=WORKER)


@pytest.fixture
def worker_id(server: Served) -> str:
    return join(server, queues=["cpu", "llm"])


def asked(server: Served, worker_id: str, pool: ThreadPoolExecutor) -> tuple["Future[str]", str]:
    """A question on its way to the worker: what comes of it, and its id."""
    assert send(server, "lease", worker_id=worker_id, models=[MODEL]).json() == {"question": None}
    model = choosing.language_model(server.context)
    answer = pool.submit(lambda: "".join(model.chat(HELLO, seconds=20)))
    taken = send(server, "lease", worker_id=worker_id, models=[MODEL], wait_seconds=10).json()["question"]
    return answer, taken["id"]


def test_only_who_offers_language_models_is_asked(server: Served) -> None:
    plain = join(server, name="plain", queues=["cpu"])
    refused = send(server, "lease", worker_id=plain, models=[MODEL])
    assert (refused.status_code, "does not offer" in refused.json()["detail"]) == (409, True)
    assert send(server, "lease", worker_id="somebody", models=[]).status_code == 404
    assert server.client.post("/api/workers/llm/lease", json={"worker_id": plain, "models": []}).status_code in (
        403,
        404,
    )
    assert not choosing.status(server.context).known


def test_who_leaves_while_a_question_is_asked_for_is_not_waited_for(
    server: Served, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_serve = fleet_workers.must_serve

    def leave(*told: Any) -> None:
        must_serve(*told)
        left = server.client.post("/api/workers/leave", json={"worker_id": worker_id}, headers=WORKER)
        assert left.status_code < 300, left.text

    monkeypatch.setattr(fleet_workers, "must_serve", leave)
    assert send(server, "lease", worker_id=worker_id, models=[MODEL]).status_code == 404
    assert not choosing.assistance_of(server.context).exchange.hosts()


@pytest.mark.parametrize(
    "model",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a\x1b[2J"},
        {"name": "a\u202eb"},
        {"name": "x" * 201},
        {"name": "a", "digest": "<script>"},
        {"name": "a", "size_bytes": -1},
        {"name": "a", "context_tokens": 0},
        {"name": "a", "capabilities": ["x"] * 51},
        {"name": "a", "more": 1},
    ],
)
def test_a_model_is_nothing_else(server: Served, worker_id: str, model: dict[str, Any]) -> None:
    answer = send(server, "lease", worker_id=worker_id, models=[model])
    assert answer.status_code == 422 and len(answer.text) < 2_000
    assert send(server, "lease", worker_id=worker_id, models=[MODEL] * 501).status_code == 422


def test_an_answer_is_cleaned_and_comes_once(server: Served, worker_id: str, pool: ThreadPoolExecutor) -> None:
    answer, question_id = asked(server, worker_id, pool)
    piece = {"worker_id": worker_id, "question_id": question_id}
    said = "a\x1b[2J\u202eb"
    for _ in range(2):
        assert send(server, "answer", **piece, number=0, text=said).json() == {"stop": False}
    assert send(server, "answer", **piece, number=1, told="\x07Hm\n" * 90).json() == {"stop": False}
    assert send(server, "answer", **piece, number=2, text="c", has_ended=True).json() == {"stop": True}
    assert answer.result(10) == "a[2Jbc"
    assert send(server, "answer", **piece, number=3, text="more").status_code == 404
    assert send(server, "watch", **piece, wait_seconds=5).status_code == 404


def test_what_no_answer_has_ends_it(server: Served, worker_id: str, pool: ThreadPoolExecutor) -> None:
    answer, question_id = asked(server, worker_id, pool)
    piece = {"worker_id": worker_id, "question_id": question_id}
    assert send(server, "answer", **piece, number=0, text="x" * 65_537).status_code == 422
    assert send(server, "answer", **piece, number=0, text="x" * 60_000).json() == {"stop": False}
    assert send(server, "answer", **piece, number=1, text="x").json() == {"stop": True}
    with pytest.raises(CutOff, match="more than an answer has"):
        answer.result(10)
    # What is left of nothing when it is cleaned is counted as well.
    answer, question_id = asked(server, worker_id, pool)
    piece["question_id"] = question_id
    assert send(server, "answer", **piece, number=0, text="\x07" * 60_000).json() == {"stop": False}
    assert send(server, "answer", **piece, number=1, text="\x07").json() == {"stop": True}
    with pytest.raises(CutOff, match="more than an answer has"):
        answer.result(10)
    answer, question_id = asked(server, worker_id, pool)
    piece["question_id"] = question_id
    assert send(server, "answer", **piece, number=5, text="x").json() == {"stop": True}
    with pytest.raises(CutOff, match="Pieces of the answer were lost"):
        answer.result(10)
    answer, question_id = asked(server, worker_id, pool)
    piece["question_id"] = question_id
    failed = {"kind": "SystemExit", "detail": "\x1b[31mred\n" * 200, "hint": "\u202e" * 50}
    assert send(server, "answer", **piece, number=0, failed=failed).json() == {"stop": True}
    with pytest.raises(CutOff) as caught:
        answer.result(10)
    assert caught.value.detail.isprintable() and len(caught.value.detail) < 400


def test_nobody_answers_for_another(server: Served, worker_id: str, pool: ThreadPoolExecutor) -> None:
    answer, question_id = asked(server, worker_id, pool)
    other = join(server, name="other", queues=["llm"])
    send(server, "lease", worker_id=other, models=[MODEL])
    assert send(server, "answer", worker_id=other, question_id=question_id, number=0, text="No").status_code == 404
    stranger = {"worker_id": worker_id, "question_id": question_id, "number": 0, "text": "No"}
    assert server.client.post("/api/workers/llm/answer", json=stranger).status_code in (403, 404)
    assert send(server, "answer", **stranger, has_ended=True).status_code == 200
    assert answer.result(10) == "No"


def test_a_question_that_was_lost_on_its_way_is_given_again(
    server: Served, worker_id: str, pool: ThreadPoolExecutor
) -> None:
    answer, question_id = asked(server, worker_id, pool)
    again = send(server, "lease", worker_id=worker_id, models=[MODEL], wait_seconds=5).json()["question"]
    assert again["id"] == question_id
    send(server, "answer", worker_id=worker_id, question_id=question_id, number=0, text="Yes", has_ended=True)
    assert answer.result(10) == "Yes"


def test_a_worker_that_takes_no_question_is_not_waited_for_long(
    server: Served, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TAKEN_SECONDS", 0.2)
    send(server, "lease", worker_id=worker_id, models=[MODEL])
    with pytest.raises(NotRunning, match="does not take the question"):
        list(choosing.language_model(server.context).chat(HELLO, seconds=20))
    assert until(lambda: choosing.status(server.context).waiting == 0)
