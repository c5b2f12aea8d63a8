"""What a model suggests and what it would be sent, over HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.assistant.stand_in import StandIn, silent, stand_in
from tests.services.assistant.tables import people
from tests.web.serving import Served, serve
from tests.web.test_leaving import ask

FILL = {"op": "fill", "column": "c1", "with": "median"}
DROP = {"op": "drop", "columns": ["c4"]}


@pytest.fixture(scope="module")
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, ollama: StandIn) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), ollama_url=ollama.url) as served:
        yield served


@pytest.fixture(scope="module")
def dataset_id(house: Served) -> str:
    return str(house.client.post("/api/datasets/upload", files={"file": ("people.csv", people())}).json()["id"])


def test_suggestions_have_the_shape_of_the_contract(house: Served, ollama: StandIn, dataset_id: str) -> None:
    suggestions = [{"reason": "c1 has gaps.", "facts": ["f2"], "operations": [FILL]}]
    suggestions.append({"reason": "<b>x</b> [y](http://z.example)", "facts": [], "operations": [DROP]})
    ollama.answers(json.dumps({"suggestions": suggestions}))
    answer = house.client.post("/api/llm/suggest-cleaning", json={"dataset_id": dataset_id})
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["suggestions"]
    assert set(first) == {"title", "reason", "code", "operations", "facts", "marks", "effect", "elsewhere"}
    assert first["title"] == "Fill what is missing in “age” with the median" and first["code"] is None
    assert first["facts"][0]["link"].startswith(f"/datasets/{dataset_id}")
    assert second["effect"]["destroys"] and second["effect"]["columns_removed"] == ["unit"]
    assert second["reason"] == "‹b›x‹/b› (y)(http://z.example)"
    done = {"operations": first["operations"]}
    assert house.client.post(f"/api/datasets/{dataset_id}/transform", json=done).status_code == 200
    assert house.client.get("/api/datasets").json()["total"] == 1


def test_the_last_answer_is_kept_with_the_table_and_told_to_be_old_for_a_version_of_it(
    house: Served, ollama: StandIn
) -> None:
    def last(about: str, **more: str) -> Any:
        found = house.client.get("/api/llm/last", params={"purpose": "cleaning", "dataset_id": about, **more})
        assert found.status_code == 200, found.text
        return found.json()["last"]

    table = house.client.post("/api/datasets/upload", files={"file": ("people.csv", people())}).json()["id"]
    assert last(table) is None
    ollama.answers(json.dumps({"suggestions": [{"reason": "9999 gaps.", "facts": ["f2"], "operations": [FILL]}]}))
    said = house.client.post("/api/llm/suggest-cleaning", json={"dataset_id": table}).json()
    kept = last(table)
    assert kept["suggestions"] == said and kept["said"] is None and kept["stale"] == "" and kept["made_at"]
    assert said["suggestions"][0]["marks"], "marks are kept as well"
    assert last(table, target="bought") is None, "another question"
    done = {"operations": said["suggestions"][0]["operations"], "preview": False}
    version = house.client.post(f"/api/datasets/{table}/transform", json=done).json()["id"]
    assert last(version)["suggestions"] == said and "version before" in last(version)["stale"]
    ollama.answers('{"suggestions": []}')
    house.client.post("/api/llm/suggest-cleaning", json={"dataset_id": version})
    assert last(version)["stale"] == "" and last(version)["suggestions"]["suggestions"] == []
    for one in (version, table):
        assert house.client.delete(f"/api/datasets/{one}").status_code == 204
    assert house.client.get("/api/llm/last", params={"purpose": "cleaning", "dataset_id": table}).status_code == 404
    assert house.client.get("/api/llm/last", params={"purpose": "cleaning"}).status_code == 422


def test_features_need_a_target_that_is_there(house: Served, ollama: StandIn, dataset_id: str) -> None:
    ollama.answers('{"suggestions": []}')
    path = "/api/llm/feature-engineering"
    assert house.client.post(path, json={"dataset_id": dataset_id}).status_code == 422
    missing = house.client.post(path, json={"dataset_id": dataset_id, "target": "bough"})
    assert (missing.status_code, missing.json()["hint"]) == (422, "Did you mean “bought”?")
    found = house.client.post(path, json={"dataset_id": dataset_id, "target": "bought"}).json()
    assert found["suggestions"] == found["dropped"] == [] and found["model"] == "stand-in:3b"


def test_what_would_be_sent_is_shown_and_not_sent(house: Served, ollama: StandIn, dataset_id: str) -> None:
    before = len(ollama.chats)
    found = house.client.get("/api/llm/sent", params={"purpose": "cleaning", "dataset_id": dataset_id}).json()
    assert [message["role"] for message in found["messages"]] == ["system", "user", "user"]
    assert found["characters"] == sum(len(message["content"]) for message in found["messages"])
    assert found["is_local"] and found["url"].startswith("http://127.0.0.1") and len(ollama.chats) == before
    wrong = house.client.get("/api/llm/sent", params={"purpose": "mischief"})
    assert wrong.status_code == 422 and "cleaning" in wrong.json()["hint"]
    assert house.client.get("/api/llm/sent", params={"purpose": "cleaning"}).status_code == 422


def test_who_leaves_ends_the_model_s_answer(house: Served, ollama: StandIn, dataset_id: str) -> None:
    ollama.behaves(silent())
    ollama.left.clear()
    before = len(ollama.chats)
    connection = ask(house, "POST", "/api/llm/suggest-cleaning", {"dataset_id": dataset_id})
    while len(ollama.chats) == before:
        assert not ollama.left.wait(0.02)
    connection.close()
    assert ollama.left.wait(20)


def test_without_a_model_the_answer_says_what_to_do(server: Served) -> None:
    uploaded = server.client.post("/api/datasets/upload", files={"file": ("people.csv", people())}).json()["id"]
    answer = server.client.post("/api/llm/suggest-cleaning", json={"dataset_id": uploaded})
    assert answer.status_code == 503 and answer.json()["hint"]
    sent = server.client.get("/api/llm/sent", params={"purpose": "cleaning", "dataset_id": uploaded}).json()
    assert sent["model"] is None and len(sent["messages"]) == 3
