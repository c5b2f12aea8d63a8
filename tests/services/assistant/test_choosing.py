"""Which model answers, and what is said where none does."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from flowml.assistant.model import Busy, Message, NoAssistant, Role, Stopped
from flowml.assistant.ollama.client import Ollama
from flowml.services.assistant import choosing
from flowml.services.assistant import probes as probing
from flowml.services.assistant.lining import MOST_WAITING, Line
from tests.assistant.serving import assisted
from tests.assistant.stand_in import Model, StandIn, fails, says, silent, slow_first, stand_in
from tests.web.serving import until

HELLO = [Message(Role.USER, "Hello")]


def test_without_an_address_nobody_is_asked_and_the_way_to_one_is_said(tmp_path: Path) -> None:
    with assisted(tmp_path, None) as context:
        found = choosing.status(context)
        assert (found.available, found.url, found.model, found.models) == (False, None, None, ())
        assert found.reason == "No language model is set up."
        with pytest.raises(NoAssistant) as caught:
            choosing.language_model(context)
    assert "ollama pull" in str(caught.value.hint)


def test_the_model_answers_and_says_where(tmp_path: Path, ollama: StandIn) -> None:
    ollama.answers("Good day.")
    with assisted(tmp_path, ollama) as context:
        model = choosing.language_model(context)
        assert "".join(model.chat(HELLO, seconds=10)) == "Good day."
        assert (model.name, model.where) == ("stand-in:3b", "this machine")
        found = choosing.status(context)
    assert (found.available, found.url, found.model, found.models) == (
        True,
        ollama.url,
        "stand-in:3b",
        ("stand-in:3b",),
    )


def test_the_largest_that_fits_most_machines_answers_unless_one_is_set(tmp_path: Path) -> None:
    models = (Model("small:1b", size=10**9), Model("right:8b", size=5 * 10**9), Model("large:70b", size=40 * 10**9))
    with stand_in(*models) as ollama:
        with assisted(tmp_path / "a", ollama) as context:
            assert choosing.language_model(context).name == "right:8b"
        with assisted(tmp_path / "b", ollama, ollama_model="small:1b") as context:
            assert choosing.language_model(context).name == "small:1b"
        with assisted(tmp_path / "c", ollama, ollama_model="gone:1b") as context:
            with pytest.raises(NoAssistant, match="not installed") as caught:
                choosing.language_model(context)
            assert "ollama pull gone:1b" in str(caught.value.hint)


def test_a_model_that_another_company_answers_for_is_never_asked(tmp_path: Path) -> None:
    theirs = Model("big:cloud", size=400, remote_host="https://ollama.com:443")
    with stand_in(theirs) as ollama, assisted(tmp_path, ollama) as context:
        assert not choosing.status(context).available
        assert choosing.status(context).models == ()
    assert not ollama.chats


def test_a_server_that_has_ended_is_said_to_have(tmp_path: Path) -> None:
    with stand_in() as ollama:
        pass
    with assisted(tmp_path, ollama) as context:
        found = choosing.status(context)
    assert not found.available
    assert found.reason is not None and ollama.url in found.reason
    assert found.hint is not None and "ollama serve" in found.hint


def test_who_asks_hears_nothing_of_a_failure_that_is_over(tmp_path: Path, ollama: StandIn) -> None:
    with assisted(tmp_path, ollama) as context:
        ollama.instead = fails(503, "server busy")
        assert not choosing.status(context).available
        ollama.instead = None
        assert not choosing.status(context).available, "a page asks for what is known"
        assert choosing.language_model(context).name == "stand-in:3b"
        assert choosing.status(context).available


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_BEGIN_SECONDS", 0.0)
    monkeypatch.setattr(probing, "_AGAIN_SECONDS", 0.05)


THINKS = ("completion", "thinking")


@pytest.mark.usefixtures("in_a_hurry")
@pytest.mark.parametrize(
    ("model", "plain", "thinking", "think"),
    [
        (Model(), True, None, None),
        (Model(binds=False), False, None, None),
        (Model(capabilities=THINKS), True, True, False),
        (Model(capabilities=THINKS, binds=False), False, True, True),
        (Model(capabilities=THINKS, binds=False, binds_thinking=False), False, False, False),
        (Model(capabilities=THINKS, family="gptoss"), None, True, "low"),
        (Model(capabilities=None), True, None, None),
    ],
)
def test_whether_a_model_keeps_to_a_form_is_found_out_and_decides_how_it_is_asked(
    tmp_path: Path, model: Model, plain: bool | None, thinking: bool | None, think: bool | str | None
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    with stand_in(model) as ollama, assisted(tmp_path, ollama) as context:
        choosing.language_model(context)
        assert choosing.assistance_of(context).probes.settled(10)
        (known,) = choosing.status(context).known
        assert known.probe is not None
        assert (known.probe.plain, known.probe.thinking) == (plain, thinking)
        "".join(choosing.language_model(context).chat(HELLO, schema=schema, seconds=10))
        assert ollama.chats[0].body.get("think") == think
        asked = len(ollama.probes)
        # Another model under the same name is another model, and so may another Ollama be.
        ollama.version = "0.99.0"
        choosing.assistance_of(context).server.forget()  # type: ignore[union-attr]
        choosing.language_model(context)
        assert choosing.assistance_of(context).probes.settled(10)
        assert len(ollama.probes) == 2 * asked


@pytest.mark.usefixtures("in_a_hurry")
def test_what_is_found_out_gives_way_to_whoever_asks(tmp_path: Path, ollama: StandIn) -> None:
    probing_now, model = Event(), ollama.models[0]
    model.probe_behaviour = lambda stream: (probing_now.set(), silent()(stream))
    with assisted(tmp_path, ollama) as context:
        asked = choosing.language_model(context)
        assert probing_now.wait(10)
        assert "".join(asked.chat(HELLO, seconds=20)) == "All is well.", "it was not waited for"
        model.probe_behaviour = None
        assert choosing.assistance_of(context).probes.settled(20)
        (known,) = choosing.status(context).known
        assert known.probe is not None and known.probe.plain, "and it was tried again"


def test_one_question_is_answered_at_a_time_and_the_others_hear_their_place(tmp_path: Path, ollama: StandIn) -> None:
    go, told = Event(), list[str]()
    ollama.behaves(slow_first(go, says("first")), says("second"))
    with assisted(tmp_path, ollama) as context:
        model = choosing.language_model(context)
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(lambda: "".join(model.chat(HELLO, seconds=20)))
            assert until(lambda: len(ollama.chats) == 1)
            stopped = Event()
            second = pool.submit(lambda: "".join(model.chat(HELLO, seconds=20, told=told.append)))
            third = pool.submit(lambda: "".join(model.chat(HELLO, seconds=20, stopped=stopped)))
            assert until(lambda: choosing.status(context).waiting == 3)
            stopped.set()
            with pytest.raises(Stopped):
                third.result(10)
            go.set()
            assert (first.result(10), second.result(10)) == ("first", "second")
        assert told[0] == "The model answers one question at a time: 1 question before this one."
        assert choosing.status(context).waiting == 0
    assert ollama.most_at_once == 1


def test_an_answer_that_nobody_reads_to_its_end_holds_up_nobody_for_ever() -> None:
    now = [0.0]
    line = Line(clock=lambda: now[0])
    forgotten = line.turn(10.0)
    forgotten.__enter__()
    now[0] = 60.0
    with line.turn(10.0):
        assert line.length == 1
    forgotten.__exit__(None, None, None)
    assert line.length == 0


def test_only_so_many_wait() -> None:
    line, stopped = Line(), Event()
    with ExitStack() as held, ThreadPoolExecutor(MOST_WAITING) as pool:
        held.callback(stopped.set)
        held.enter_context(line.turn(10.0))
        waiting = [pool.submit(lambda: line.turn(10.0, stopped).__enter__()) for _ in range(MOST_WAITING)]
        assert until(lambda: line.length == MOST_WAITING + 1)
        with pytest.raises(Busy, match="16 questions wait"), line.turn(10.0):
            pass
        stopped.set()
        assert all(isinstance(one.exception(10), Stopped) for one in waiting)


def test_a_choice_holds_while_its_model_is_gone_and_says_so(tmp_path: Path) -> None:
    with stand_in(Model("a:1b"), Model("b:1b")) as ollama, assisted(tmp_path, ollama) as context:
        choosing.choose(context, "a:1b")
        del ollama.models[0]
        choosing.assistance_of(context).server.forget()  # type: ignore[union-attr]
        with pytest.raises(NoAssistant, match="“a:1b” is not installed on this machine"):
            choosing.language_model(context)
        assert choosing.status(context).models == ("b:1b",)
        assert choosing.choose(context, None).model == "b:1b"


def test_whatever_a_server_answers_it_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in(Model(context_tokens=10**400)) as ollama, assisted(tmp_path, ollama) as context:
        (known,) = choosing.status(context).known
        assert known.context_tokens is None
        server = choosing.assistance_of(context).server
        assert server is not None
        server.forget()
        with monkeypatch.context() as broken:
            broken.setattr(Ollama, "models", lambda *_, **__: 1 // 0)
            found = choosing.status(context)
        assert not found.available and found.reason == "What the model server says could not be read." and found.hint
        server.forget()
        assert choosing.status(context).available


def test_any_of_very_many_models_can_be_chosen(tmp_path: Path) -> None:
    models = [Model(f"m{number:03}:1b", digest=f"{number:064x}") for number in range(260)]
    with stand_in(*models) as ollama, assisted(tmp_path, ollama) as context:
        choosing.language_model(context)
        assert choosing.choose(context, "m259:1b").model == "m259:1b"


@pytest.mark.usefixtures("in_a_hurry")
def test_a_model_that_could_not_be_tried_is_tried_again_later(
    tmp_path: Path, ollama: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ollama.models[0]
    model.probe_behaviour = fails(500, "model requires more system memory")
    with assisted(tmp_path, ollama) as context:
        probes = choosing.assistance_of(context).probes
        for _ in range(2):
            choosing.language_model(context)
            assert probes.settled(10)
        assert len(ollama.probes) == 1, "not at once"
        model.probe_behaviour = None
        monkeypatch.setattr(probing, "_LATER_SECONDS", 0.0)
        choosing.language_model(context)
        assert probes.settled(10)
        (known,) = choosing.status(context).known
        assert known.probe is not None and known.probe.plain
