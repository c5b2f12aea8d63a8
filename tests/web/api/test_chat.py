"""Conversations over HTTP: lines as they come, and what is left when somebody leaves."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flowml.services.assistant import answering
from tests.web.serving import Served, until

TABLE = b"age,bought\n" + b"".join(b"%d,%s\n" % (at, b"yes" if at % 3 else b"no") for at in range(30))


@pytest.fixture
def dataset(server: Served) -> Iterator[str]:
    answer = server.client.post("/api/datasets/upload", files={"file": ("a.csv", TABLE)})
    identifier = answer.json()["id"]
    yield identifier
    server.client.delete(f"/api/datasets/{identifier}")


def said(server: Served, dataset: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.client.get("/api/llm/chat", params={"dataset_id": dataset}).json()["items"]
    return items


def test_an_answer_comes_in_lines(server: Served, dataset: str) -> None:
    question = {"dataset_id": dataset, "text": "What is in this table?", "target": "bought"}
    with server.client.stream("POST", "/api/llm/chat", json=question) as response:
        assert response.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in response.iter_lines()]
    assert [line["type"] for line in lines] == ["started", "by", "wait", "text", "ended"]
    answer = lines[-1]["answer"]
    assert answer["state"] == "complete"
    assert "30 rows and 2 columns" in answer["text"]
    assert [item["id"] for item in said(server, dataset)] == [lines[0]["question"]["id"], answer["id"]]
    assert said(server, dataset)[1] == answer
    assert server.client.delete("/api/llm/chat", params={"dataset_id": dataset}).status_code == 204
    assert said(server, dataset) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": "What?"}, 422),
        ({"dataset_id": "nothing", "text": "What?"}, 404),
        ({"dataset_id": "{}", "text": ""}, 422),
        ({"dataset_id": "{}", "text": "  "}, 422),
        ({"dataset_id": "{}", "text": "a" * 2_001}, 422),
        ({"dataset_id": "{}", "text": "What?", "model": "x"}, 422),
    ],
)
def test_what_cannot_be_answered_is_refused_before_a_line(
    server: Served, dataset: str, body: dict[str, str], status: int
) -> None:
    sent = {name: text.replace("{}", dataset) for name, text in body.items()}
    answer = server.client.post("/api/llm/chat", json=sent)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert said(server, dataset) == []


class Slow:
    """An answer that goes on until somebody ends it."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __call__(self, context: Any, *arguments: Any, **more: Any) -> answering.Answered:
        arguments[4].so_far("A part.")
        assert context.left.wait(20)
        self.ended.set()
        raise answering.Stopped("Nobody waits for it any more.")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    answer = Slow()
    monkeypatch.setattr(answering, "answer", answer)
    return answer


def test_who_leaves_ends_the_answer_and_the_part_is_kept(server: Served, dataset: str, slow: Slow) -> None:
    with (
        httpx.Client(base_url=server.url, trust_env=False, timeout=20) as leaving,
        leaving.stream("POST", "/api/llm/chat", json={"dataset_id": dataset, "text": "What?"}) as response,
    ):
        for line in response.iter_lines():
            if json.loads(line)["type"] == "text":
                break
    assert slow.ended.wait(20)
    assert until(lambda: said(server, dataset)[-1]["state"] == "stopped", 20)
    assert said(server, dataset)[-1]["text"] == "A part."


def test_it_is_stopped_from_another_tab(server: Served, dataset: str, slow: Slow) -> None:
    with server.client.stream("POST", "/api/llm/chat", json={"dataset_id": dataset, "text": "What?"}) as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["type"] == "started"
        again = httpx.post(f"{server.url}/api/llm/chat", json={"dataset_id": dataset, "text": "And?"}, trust_env=False)
        assert again.status_code == 409
        ending = {"dataset_id": dataset}
        assert httpx.post(f"{server.url}/api/llm/chat/stop", json=ending, trust_env=False).status_code == 204
        assert json.loads(list(lines)[-1])["answer"]["state"] == "stopped"
