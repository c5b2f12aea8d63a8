"""A worker's language model answers for its server."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from flowml.assistant.model import CutOff, Message, NoAssistant, OutOfMemory, Role, Stopped
from flowml.services.assistant import choosing, exchange
from flowml.services.context import Context
from flowml.worker import answering
from tests.assistant.stand_in import (
    Model,
    StandIn,
    cut_off,
    fails,
    says,
    silent,
    stand_in,
)
from tests.web.serving import Served, serve, until
from tests.worker.test_membership import member_of, running, who

HELLO = [Message(Role.SYSTEM, "Be kind."), Message(Role.USER, "Hello")]


@contextmanager
def worker_of(address: str, home: Path, ollama: StandIn, context: Context) -> Iterator[Any]:
    """A real worker whose machine has this Ollama, from when it waits for questions."""
    client = httpx.Client(base_url=address, headers={"Authorization": "Bearer x"}, timeout=60)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FLOWML_OLLAMA_URL", ollama.url)
        membership = member_of(client, home)
        with running(membership) as ended:
            assert until(lambda: choosing.assistance_of(context).exchange.hosts(), 20), ended
            yield membership


@contextmanager
def here(tmp_path: Path, ollama: StandIn, url: str | None = None) -> Iterator[Served]:
    """A server with this address set, or none, and a worker of it that has a model."""
    with ExitStack() as stack:
        server = stack.enter_context(serve(tmp_path / "home", who=who, ollama_url=url))
        stack.enter_context(worker_of(server.url, tmp_path, ollama, server.context))
        yield server


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(exchange, "GONE_SECONDS", 1.0)


def test_the_model_of_a_worker_answers_and_says_so(tmp_path: Path, ollama: StandIn) -> None:
    ollama.models = [Model(capabilities=("completion", "thinking"), binds=True)]
    ollama.answers("Good day from afar.")
    with serve(tmp_path / "home", who=who, ollama_url=None) as server:
        assert not choosing.status(server.context).available
        with worker_of(server.url, tmp_path, ollama, server.context):
            found = server.client.get("/api/llm/status").json()
            assert (found["available"], found["model"], found["where"]) == (True, "stand-in:3b", "the worker far")
            assert (found["is_local"], found["url"]) == (False, None)
            model, told = choosing.language_model(server.context), list[str]()
            assert "".join(model.chat(HELLO, seconds=20, told=told.append)) == "Good day from afar."
            assert model.where == "the worker far"
            assert told[0] == "The model is being loaded and reads what it is told."
            sent = ollama.chats[0].body
            assert [one["content"] for one in sent["messages"]] == ["Be kind.", "Hello"]
            assert (sent["think"], sent["options"]["temperature"]) == (False, 0)
            assert choosing.assistance_of(server.context).probes.settled(20), (
                "whether it binds is asked by the same way"
            )
            assert server.client.get("/api/llm/status").json()["known"][0]["probe"]["plain"]
        assert until(lambda: not choosing.status(server.context).available, 10), "it has left"


def test_a_stop_is_heard_at_the_worker_at_once(tmp_path: Path, ollama: StandIn) -> None:
    ollama.behaves(silent())
    with here(tmp_path, ollama) as server, ThreadPoolExecutor(1) as pool:
        stopped = Event()
        model = choosing.language_model(server.context)
        asked = pool.submit(lambda: list(model.chat(HELLO, seconds=60, stopped=stopped)))
        assert until(lambda: ollama.chats, 10)
        at = time.monotonic()
        stopped.set()
        with pytest.raises(Stopped):
            asked.result(10)
        assert ollama.left.wait(10) and time.monotonic() - at < 8
        ollama.answers("Again.")
        assert "".join(model.chat(HELLO, seconds=20)) == "Again.", "and the next question is answered"


def test_what_goes_wrong_at_the_worker_is_said_by_name(tmp_path: Path, ollama: StandIn) -> None:
    with here(tmp_path, ollama) as server:
        model = choosing.language_model(server.context)
        ollama.behaves(fails(500, "model requires more system memory (9 GiB) than is available"))
        with pytest.raises(OutOfMemory, match="On the worker far: The model does not fit"):
            list(model.chat(HELLO, seconds=20))
        ollama.behaves(cut_off("Half of"))
        with pytest.raises(CutOff, match="On the worker far") as caught:
            list(model.chat(HELLO, seconds=20))
        assert caught.value.text == "Half of "


def test_an_error_of_our_own_at_the_worker_is_said_at_once(
    tmp_path: Path, ollama: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[str]:
        yield "So "
        raise ZeroDivisionError

    monkeypatch.setattr(answering.Answering, "_pieces", broken)
    with here(tmp_path, ollama) as server:
        with pytest.raises(CutOff, match="On the worker far: The answer ended because of an error") as caught:
            list(choosing.language_model(server.context).chat(HELLO, seconds=20))
        assert caught.value.text == "So "


def test_a_worker_lost_in_the_middle_cuts_the_answer_off(tmp_path: Path, ollama: StandIn) -> None:
    ollama.behaves(says("word " * 500, slowly=0.05))
    with serve(tmp_path / "home", who=who, ollama_url=None) as server:
        with worker_of(server.url, tmp_path, ollama, server.context) as membership:
            pieces = choosing.language_model(server.context).chat(HELLO, seconds=60)
            first = next(pieces)
            membership.stop()
            with pytest.raises(CutOff) as caught:
                list(pieces)
        assert first.startswith("word") and caught.value.text.startswith("word")


def test_another_machine_is_asked_where_nothing_of_the_answer_was_there(tmp_path: Path) -> None:
    with stand_in() as theirs, stand_in() as ours, serve(tmp_path / "home", who=who, ollama_url=ours.url) as server:
        with worker_of(server.url, tmp_path, theirs, server.context):
            found = server.client.get("/api/llm/status").json()
            assert [one["where"] for one in found["known"]] == ["this machine", "the worker far"]
            assert found["where"] == "this machine"
            ours.behaves(cut_off(""))
            with pytest.raises(CutOff):
                list(choosing.language_model(server.context).chat(HELLO, seconds=20))
            assert not theirs.chats, "what is told goes to the address that is set, and to no other by itself"
            worker_id = found["known"][1]["machine"]
            chosen = server.client.patch("/api/llm/model", json={"model": "stand-in:3b", "machine": worker_id})
            assert chosen.json()["where"] == "the worker far"
            model, told = choosing.language_model(server.context), list[str]()
            theirs.behaves(cut_off(""))
            ours.answers("Here instead.")
            assert "".join(model.chat(HELLO, seconds=20, told=told.append)) == "Here instead."
            assert model.where == "this machine"
            assert told[-2].endswith("Another machine is asked.")
            theirs.behaves(cut_off("Some of it"))
            with pytest.raises(CutOff):
                list(choosing.language_model(server.context).chat(HELLO, seconds=20))
        with pytest.raises(NoAssistant, match="The worker that has the chosen model"):
            assert until(lambda: len(choosing.assistance_of(server.context).hosts()) == 1, 10)
            choosing.language_model(server.context)


def test_while_the_address_that_is_set_does_not_answer_no_worker_takes_its_place(
    tmp_path: Path, ollama: StandIn
) -> None:
    with here(tmp_path, ollama, "http://127.0.0.1:9") as server:
        found = server.client.get("/api/llm/status").json()
        assert not found["available"] and "127.0.0.1:9" in found["reason"]
        assert found["models"] == ["stand-in:3b"], "it can be chosen"
        chosen = server.client.patch("/api/llm/model", json={"model": "stand-in:3b"}).json()
        assert chosen["where"] == "the worker far"
