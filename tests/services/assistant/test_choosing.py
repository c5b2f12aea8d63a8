"""Which model answers, and what is said where none does."""

from pathlib import Path

import pytest

from flowml.assistant.model import Message, NoAssistant, Role
from flowml.services.assistant import choosing
from tests.assistant.serving import assisted
from tests.assistant.stand_in import Model, StandIn, stand_in

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
