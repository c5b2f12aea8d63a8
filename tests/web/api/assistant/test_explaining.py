"""Results in words, over HTTP: FlowML's own always, a language model's with its numbers held to the figures."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flowml.domain.jobs import Job, JobStatus
from flowml.domain.models import Model
from flowml.services.assistant import explaining, sharing
from tests.assistant.behaviours import Behaviour
from tests.assistant.stand_in import StandIn, cut_off, error_line, fails, says, silent, stand_in
from tests.services.insight.judged import judged
from tests.services.records import add_job
from tests.web.serving import Served, serve, until
from tests.web.test_leaving import ask

PATH = "/api/llm/explain-results"
LONG = "Right in 77,777 rows" + " and so on" * 2_000


@pytest.fixture(scope="module")
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, ollama: StandIn) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), ollama_url=ollama.url) as served:
        yield served


@pytest.fixture(scope="module")
def run(house: Served) -> tuple[Job, list[Model]]:
    return judged(house.store)


def lines(served: Served, body: dict[str, Any]) -> list[dict[str, Any]]:
    with served.client.stream("POST", f"{PATH}/lines", json=body) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in response.iter_lines()]


def test_its_own_words_come_without_any_model(server: Served) -> None:
    job, models = judged(server.store)
    found = server.client.get(f"/api/results/job/{job.id}/explanation").json()
    assert found["sections"][0]["key"] == "opening"
    facts = {fact["id"]: fact for fact in found["facts"]}
    for section in found["sections"]:
        for sentence in section["sentences"]:
            assert sentence["text"] in found["text"]
            assert set(sentence["facts"]) <= set(facts)
    assert any(fact["link"].startswith("/models/") for fact in facts.values())
    other = server.client.get(f"/api/results/model/{models[1].id}/explanation").json()
    assert other["verdict"] != "none" and other["facts"] != found["facts"]
    empty = server.client.get(f"/api/results/job/{add_job(server.store).id}/explanation").json()
    assert empty["verdict"] == "none"
    for missing in ("job/none", "model/none"):
        assert server.client.get(f"/api/results/{missing}/explanation").status_code == 404


def test_without_a_model_the_answer_says_what_to_do(server: Served) -> None:
    job = add_job(server.store)
    for path in (PATH, f"{PATH}/lines"):
        for missing in ({"job_id": "none"}, {"model_id": "none"}):
            assert server.client.post(path, json=missing).status_code == 404
        answer = server.client.post(path, json={"job_id": job.id})
        assert answer.status_code == 503 and answer.json()["hint"]
        assert server.client.post(path, json={}).status_code == 422
        assert server.client.post(path, json={"job_id": job.id, "model_id": "m"}).status_code == 422


def test_the_text_of_a_model_has_its_numbers_checked(
    house: Served, ollama: StandIn, run: tuple[Job, list[Model]]
) -> None:
    ollama.answers(
        "It predicts c5 from 240 rows [f1], and is right in 99.7 % of 48,000 cases [f1, f99]. <b>So</b> it is."
    )
    answer = house.client.post(PATH, json={"job_id": run[0].id})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["text"].startswith("It predicts “bought” from") and "<b>So</b>" in found["text"]
    marked = [(found["text"][mark["start"] : mark["end"]], mark["kind"]) for mark in found["marks"]]
    assert ("48,000", "invented") in marked and ("f99", "no_such_fact") in marked
    assert "240" not in [text for text, _ in marked]
    assert [fact["id"] for fact in found["cited"]] == ["f1"]
    assert found["model"] == "stand-in:3b" and found["where"] and found["numbers"] >= 2
    assert house.client.post(PATH, json={"model_id": run[1][1].id}).status_code == 200
    assert house.client.post(PATH, json={"job_id": "none"}).status_code == 404


def test_the_last_text_is_kept_until_another_comes_to_its_end(
    house: Served, ollama: StandIn, run: tuple[Job, list[Model]]
) -> None:
    def last() -> Any:
        found = house.client.get("/api/llm/last", params={"purpose": "results", "model_id": run[1][1].id})
        assert found.status_code == 200, found.text
        return found.json()["last"]

    body = {"model_id": run[1][1].id}
    ollama.answers("It is right in 77,777 rows [f1].")
    said = lines(house, body)[-1]["said"]
    assert last()["said"] == said and said["marks"] and last()["stale"] == "" and last()["suggestions"] is None
    ollama.behaves(cut_off("It is"))
    assert lines(house, body)[-1]["said"]["reason"]
    assert last()["said"] == said
    job = house.store.jobs.get(run[0].id)
    best, other = job.best_model_id, next(model.id for model in run[1] if model.id != job.best_model_id)
    house.store.jobs.update(job.id, best_model_id=other)
    assert "another best model" in last()["stale"] and last()["said"] == said
    house.store.jobs.update(job.id, best_model_id=best)
    for both in ({}, {"job_id": job.id, "model_id": other}):
        assert house.client.get("/api/llm/last", params={"purpose": "results", **both}).status_code == 422


def test_a_kept_text_is_true_of_what_it_was_told(house: Served, ollama: StandIn) -> None:
    job, models = judged(house.store)
    known = house.store.jobs.get(job.id)
    other = next(model.id for model in models if model.id != known.best_model_id)
    best = {"best_model_id": known.best_model_id}

    def stale(about: dict[str, str], before: dict[str, Any], meanwhile: dict[str, Any]) -> str:
        """Of what is written while the run becomes another one, and whether it holds when nothing comes after."""
        house.store.jobs.update(job.id, **before)

        def answer(_: object) -> str:
            house.store.jobs.update(job.id, **meanwhile)
            return "It goes on [f1]."

        ollama.answers(answer)
        assert house.client.post(PATH, json=about).status_code == 200
        found = house.client.get("/api/llm/last", params={"purpose": "results", **about}).json()["last"]
        return str(found["stale"])

    for about in ({"job_id": job.id}, {"model_id": other}):
        assert stale(about, best, best) == ""
        assert "another best model" in stale(about, {"best_model_id": other}, best)
        running, completed = {"status": JobStatus.RUNNING}, {"status": JobStatus.COMPLETED}
        assert "went on" in stale(about, running, completed)


def test_it_comes_in_lines_and_says_who_answers(house: Served, ollama: StandIn, run: tuple[Job, list[Model]]) -> None:
    ollama.answers("It says c5 or c55, v1 or v2 [f1]. " + "That is all. " * 300)
    found = lines(house, {"job_id": run[0].id})
    assert [found[0]["type"], found[-1]["type"]] == ["by", "ended"]
    assert found[0]["model"] == "stand-in:3b"
    texts = [line["text"] for line in found if line["type"] == "text"]
    whole = found[-1]["said"]["text"]
    assert texts and whole.startswith("".join(texts)) and "It says “bought” or c55" in whole
    # However long it is, it is sent as it is and once more as a whole.
    assert "anew" not in [line["type"] for line in found] and sum(map(len, texts)) <= len(whole)


def test_what_there_is_of_an_answer_that_breaks_off_is_shown_with_the_reason(
    house: Served, ollama: StandIn, run: tuple[Job, list[Model]]
) -> None:
    ollama.behaves(cut_off("It is right in 77,777 rows"))
    said = lines(house, {"job_id": run[0].id})[-1]["said"]
    assert said["text"].startswith("It is right in 77,777 rows") and said["reason"]
    assert [mark["kind"] for mark in said["marks"]] == ["invented"]
    assert house.client.post(PATH, json={"job_id": run[0].id}).status_code == 503


@pytest.mark.parametrize(
    ("behaviour", "text", "reason"),
    [
        (fails(500, "model requires more system memory"), "", "does not fit into the memory"),
        (fails(503, "server busy, please try again.  maximum pending requests exceeded"), "", "more requests"),
        (error_line("CUDA error: out of memory", "Right in 77,777 rows"), "Right in 77,777 rows", "does not fit"),
        (says(""), "", "The model said nothing."),
        (says(LONG, piece=500), LONG[:12_000].strip(), "The model says more than an explanation may have"),
    ],
    ids=["no memory", "busy", "no memory in the middle", "nothing said", "too much said"],
)
def test_whatever_it_ends_with_the_last_line_says_so(
    house: Served, ollama: StandIn, run: tuple[Job, list[Model]], behaviour: Behaviour, text: str, reason: str
) -> None:
    ollama.behaves(behaviour)
    last = lines(house, {"job_id": run[0].id})[-1]
    assert last["type"] == "ended"
    said = last["said"]
    assert said["text"] == text and reason in said["reason"] and said["hint"]
    assert [mark["kind"] for mark in said["marks"]] == ["invented"] * bool(text)


def test_an_error_of_our_own_ends_it_in_words_and_is_logged(
    house: Served,
    ollama: StandIn,
    run: tuple[Job, list[Model]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ollama.answers("Good.")
    monkeypatch.setattr(explaining, "check", lambda *_: 1 // 0)
    said = lines(house, {"job_id": run[0].id})[-1]["said"]
    assert said["reason"] == "This could not be explained, because of an error in FlowML."
    assert until(lambda: "an answer in lines broke off" in caplog.text)


def test_who_leaves_ends_the_answer(house: Served, ollama: StandIn, run: tuple[Job, list[Model]]) -> None:
    ollama.behaves(silent())
    for path in (PATH, f"{PATH}/lines"):
        ollama.left.clear()
        before = len(ollama.chats)
        connection = ask(house, "POST", path, {"job_id": run[0].id})
        while len(ollama.chats) == before:
            assert not ollama.left.wait(0.02)
        connection.close()
        assert ollama.left.wait(20)


def test_what_would_be_sent_is_what_is_sent(
    house: Served, ollama: StandIn, run: tuple[Job, list[Model]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama.answers("Good.")
    shown = house.client.get("/api/llm/sent", params={"purpose": "results", "job_id": run[0].id}).json()
    assert house.client.post(PATH, json={"job_id": run[0].id}).status_code == 200
    sent = ollama.chats[-1].messages
    mark = sent[1]["content"].split()[2]
    assert [message["content"].replace(shown["mark"], mark) for message in shown["messages"]] == [
        message["content"] for message in sent
    ]
    # No value of the data is told of which the owner has not said so; the names of classes are values.
    assert "Graz" not in ollama.chats[-1].text and "“yes”" not in ollama.chats[-1].text
    assert house.client.get("/api/llm/sent", params={"purpose": "results"}).status_code == 422
    for module in (explaining, sharing):
        monkeypatch.setattr(module, "shared_columns", lambda *_: frozenset({"bought"}))
    house.client.post(PATH, json={"job_id": run[0].id})
    assert "“yes”" in ollama.chats[-1].text and "Graz" not in ollama.chats[-1].text
    before = len(ollama.chats)
    monkeypatch.setattr(sharing, "shared_columns", lambda *_: frozenset())
    refused = house.client.post(PATH, json={"job_id": run[0].id})
    assert refused.status_code == 409 and "“bought”" in refused.json()["detail"] and len(ollama.chats) == before
