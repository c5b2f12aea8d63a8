"""Which language model answers, over HTTP."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowml.services.assistant import probes as probing
from flowml.services.assistant.choosing import assistance_of
from tests.assistant.stand_in import Model, StandIn, cut_off, says, stand_in
from tests.web.serving import serve, until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_BEGIN_SECONDS", 0.0)


def test_without_a_model_the_status_says_what_to_do(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        found = server.client.get("/api/llm/status").json()
        assert (found["available"], found["url"], found["model"], found["models"]) == (False, None, None, [])
        assert "ollama pull" in found["hint"]
        refused = server.client.patch("/api/llm/model", json={"model": "llama3.2"})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "model")


def test_a_model_is_chosen_loaded_tried_and_stays_so(tmp_path: Path) -> None:
    models = (
        Model("a:1b", digest="1" * 64),
        Model("b:1b", digest="2" * 64, binds=False),
        Model("c:latest", capabilities=("embedding",)),
    )
    with stand_in(*models) as ollama:
        with serve(tmp_path, ollama_url=ollama.url) as server:
            found = server.client.get("/api/llm/status").json()
            assert (found["available"], found["url"], found["model"], found["where"]) == (
                True,
                ollama.url,
                "b:1b",
                "this machine",
            )
            assert found["models"] == ["a:1b", "b:1b"]
            assert [one["refusal"] for one in found["known"]] == [None, None, "makes embeddings, and does not answer"]
            assert server.client.patch("/api/llm/model", json={"model": "c"}).status_code == 422
            missed = server.client.patch("/api/llm/model", json={"model": "a:2b"}).json()
            assert missed["hint"] == "Did you mean “a:1b”?"
            chosen = server.client.patch("/api/llm/model", json={"model": "a:1b"}).json()
            assert (chosen["model"], chosen["choice"]) == ("a:1b", {"model": "a:1b", "machine": "server"})
            assert until(lambda: [one.path for one in ollama.requests].count("/api/generate") == 1), "it is loaded"
            assert assistance_of(server.context).probes.settled(10)
            probe = server.client.get("/api/llm/status").json()["known"][0]["probe"]
            assert (probe["plain"], probe["thinking"]) == (True, None)
        with serve(tmp_path, ollama_url=ollama.url) as server:
            assert server.client.get("/api/llm/status").json()["model"] == "a:1b", "also after a new start"
            assert server.client.patch("/api/llm/model", json={"model": None}).json()["model"] == "b:1b"
        assert len(ollama.probes) == 1, "what is known is not asked again"


def test_a_page_is_not_held_up_by_a_server_that_does_not_answer(tmp_path: Path, ollama: StandIn) -> None:
    ollama.instead = lambda stream: stream.wait(600.0)
    with serve(tmp_path, ollama_url=ollama.url) as server:
        answer = server.client.get("/api/llm/status")
        assert answer.json()["available"] is False
        assert answer.elapsed.total_seconds() < 3


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.iter_lines()]


def test_a_model_is_tried_and_says_hello(tmp_path: Path, ollama: StandIn) -> None:
    ollama.answers("Hello to you.")
    with serve(tmp_path, ollama_url=ollama.url) as server:
        with server.client.stream("POST", "/api/llm/model/try", json={}) as answer:
            told = lines(answer)
        assert "".join(one["text"] for one in told if one["type"] == "text") == "Hello to you."
        assert (told[0]["type"], told[-1]["type"], told[-1]["model"]) == ("wait", "ended", "stand-in:3b")
        ollama.behaves(cut_off("Hel"))
        with server.client.stream("POST", "/api/llm/model/try", json={}) as answer:
            *_, last = lines(answer)
        assert last["type"] == "failed" and "in the middle" in last["detail"]


def test_whoever_leaves_ends_what_the_model_says(tmp_path: Path, ollama: StandIn) -> None:
    ollama.behaves(says("again " * 5_000, slowly=0.2))
    with serve(tmp_path, ollama_url=ollama.url) as server:
        with server.client.stream("POST", "/api/llm/model/try", json={}) as answer:
            assert next(line for line in answer.iter_lines() if '"text":"again' in line)
        assert ollama.left.wait(10)
        assert until(lambda: server.client.get("/api/llm/status").json()["waiting"] == 0)
