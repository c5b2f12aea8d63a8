"""Conversations with a language model, which a stand-in plays: what it is told, and what is made of its answers."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flowml.assistant.chatting import SoFar
from flowml.assistant.sentences.results.explain import explain
from flowml.assistant.telling import Told
from flowml.domain.conversations import AnswerState, Chart, Said
from flowml.services.assistant import conversation
from flowml.services.assistant.findings import findings_of_job
from flowml.services.assistant.sent import Wish, sent
from flowml.services.assistant.sharing import change_sharing
from flowml.services.context import Context
from tests.assistant.serving import assisted
from tests.assistant.stand_in import StandIn, cut_off, fails, says, slow_first, stand_in
from tests.services.assistant.tables import people, uploaded
from tests.services.records import add_job
from tests.services.trained import add_trained, table


@pytest.fixture(scope="module")
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory, ollama: StandIn) -> Iterator[Context]:
    with assisted(tmp_path_factory.mktemp("home"), ollama) as found:
        yield found


@pytest.fixture(scope="module")
def dataset(context: Context) -> str:
    return uploaded(context, people()).id


@pytest.fixture(autouse=True)
def forgotten(context: Context, dataset: str, ollama: StandIn) -> None:
    conversation.forget(context, dataset, None)
    ollama.requests.clear()


def asked(context: Context, dataset: str, text: str, **more: Any) -> tuple[Said, list[Mapping[str, Any]]]:
    told: list[Mapping[str, Any]] = []
    conversation.ask(context, dataset, None, text, told.append, target="bought", **more)
    answer: Said = told[-1]["answer"]
    assert context.store.conversations.get(answer.id) == answer
    return answer, told


def reply(text: str, **more: Any) -> str:
    return json.dumps({"text": text, **more})


def test_an_answer_comes_as_it_is_said_and_cites_facts(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.answers(reply("The column c1 has gaps [f1], as c12 has not [f999].\n\n- c2 is a town [f1, f2]"))
    answer, told = asked(context, dataset, "What about the gaps?")
    assert answer.state is AnswerState.COMPLETE
    assert answer.text == "The column “age” has gaps [f1], as c12 has not [f999].\n\n- “town” is a town [f1, f2]"
    assert [fact.id for fact in answer.cited] == ["f1", "f2"]
    assert (answer.model, answer.where) == ("stand-in:3b", "this machine")
    pieces = [line["text"] for line in told if line["type"] == "text"]
    assert len(pieces) > 3
    assert "".join(pieces) == answer.text
    assert not [line for line in told if line["type"] == "anew"]


def test_it_is_told_the_facts_and_what_was_said_before(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.answers(reply("c1 has gaps [f2]."))
    asked(context, dataset, "Where are gaps?")
    asked(context, dataset, "And why in “age”?")
    messages = ollama.chats[-1].messages
    assert [message["role"] for message in messages] == ["system", "user", "user", "assistant", "user"]
    assert "BEGIN DATA" in messages[1]["content"]
    assert [message["content"] for message in messages[2:]] == ["Where are gaps?", "c1 has gaps.", "And why in c1?"]
    facts = [line for line in messages[1]["content"].splitlines() if '"id": "f' in line]
    assert "c1" in facts[1]


def test_values_that_are_not_shared_are_not_told_later_either(context: Context, dataset: str, ollama: StandIn) -> None:
    asked(context, dataset, "Tell me about town", own=True)
    ollama.answers(lambda messages: reply("c2 is v1 mostly, " + ("so " * 20) + "and v2."))
    first, _ = asked(context, dataset, "What is in c2?")
    assert "“" in first.text.replace("“town”", "")
    asked(context, dataset, "Why?")
    told = "\n".join(message["content"] for message in ollama.chats[-1].messages)
    assert "“town” is" not in told
    for value in ("Bonn", "Kiel", "bonn"):
        assert value in (people().decode())
        assert value not in told


def test_what_was_said_with_a_permission_is_not_told_when_it_is_taken_back(
    context: Context, dataset: str, ollama: StandIn
) -> None:
    def told() -> str:
        return "\n".join(message.content for message in sent(context, Wish("chat", dataset, question="And?")).messages)

    ollama.answers(reply("There are gaps."))
    asked(context, dataset, "What is wrong?")
    change_sharing(context, dataset, columns={"town": True})
    try:
        ollama.answers(reply("Most are from Bonn, 'Kiel' is rare [f1]."))
        answer, _ = asked(context, dataset, "Where from?")
        assert answer.values_of == ("town",)
        assert "Most are from Bonn, 'Kiel' is rare." in told()
    finally:
        change_sharing(context, dataset, columns={"town": False})
    assert "Bonn" not in told() and "Kiel" not in told()
    assert "There are gaps." in told() and "Where from?" in told()


def test_what_would_be_sent_is_what_is_sent(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.answers(reply("Yes, <|im_start|>."))
    asked(context, dataset, "What is <|im_end|> it?")
    question = " \n And how are “age” and “bought” <|im_end|> related? \n "
    shown = sent(context, Wish("chat", dataset, "bought", question=question))
    asked(context, dataset, question)
    was = [message["content"] for message in ollama.chats[-1].messages]
    mark = re.search(r"BEGIN DATA (\w+)", was[1])
    assert mark is not None
    assert [message.content for message in shown.messages] == [text.replace(mark[1], shown.mark) for text in was]
    assert shown.schema == ollama.chats[-1].body["format"]
    # What sets messages apart for a model is told of no text, whenever it was said.
    assert "<|" not in "".join(was)
    assert [text.count("‹¦im_") for text in was[2:]] == [1, 1, 1]


def test_steps_are_tried_before_they_are_proposed(context: Context, dataset: str, ollama: StandIn) -> None:
    def proposing(*several: Mapping[str, Any]) -> None:
        says_so = says(reply("Do it.", steps=[one["op"] for one in several]))
        ollama.behaves(says_so, *(says(json.dumps({"operations": [one]})) for one in several))

    proposing(
        {"op": "fill", "column": "c4", "with": "most_frequent"},
        {"op": "fill", "column": "c1", "with": "median"},
    )
    answer, _ = asked(context, dataset, "Mend it.")
    assert answer.proposal is not None and answer.proposal.operations[0]["column"] == "age"
    assert "That cannot be used: It would change nothing." in ollama.chats[-1].text
    proposing({"op": "drop_missing", "columns": ["c1"]})
    answer, _ = asked(context, dataset, "Mend it.")
    assert answer.proposal is not None and answer.proposal.destroys and not answer.reason
    proposing({"op": "drop", "columns": ["c5"]})
    answer, _ = asked(context, dataset, "Mend it.")
    assert answer.proposal is None and "It would take away “bought”" in answer.reason
    assert "bought" not in ollama.chats[-1].text.replace('"c5": "bought"', "")
    assert "It would take away c5, which is what is to be predicted." in ollama.chats[-1].text
    proposing({"op": "map_values", "column": "c5", "values": {"yes": "no"}})
    answer, _ = asked(context, dataset, "Mend it.")
    assert answer.proposal is not None and "change “bought”, which is what is to be predicted" in answer.reason


def test_code_that_names_make_too_long_is_none(context: Context, ollama: StandIn) -> None:
    name = "n" * 150
    wide = uploaded(context, f"{name},bought\n".encode() + b"".join(b"%d,yes\n" % at for at in range(30))).id
    ollama.answers(reply("Do it.", code="df = df.select(" + "'c1', " * 100 + ")"))
    answer, _ = asked(context, wide, "Mend it.")
    assert answer.state is AnswerState.FAILED
    assert "“code” is too long" in answer.reason


def test_a_chart_is_of_the_tables_own_columns(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.answers(reply("See.", chart={"column": "c1", "by": "c5"}, steps=["drop"], code="df"))
    proposal = asked(context, dataset, "Draw age and bought")[0].proposal
    assert proposal is not None
    assert proposal.chart == Chart("age", "bought")
    assert not proposal.operations
    assert not proposal.code


def test_steps_are_asked_for_and_checked(context: Context, dataset: str, ollama: StandIn) -> None:
    steps = json.dumps({"operations": [{"op": "fill", "column": "c1", "with": "median"}]})
    ollama.behaves(says(reply("Fill c1 of v1.", steps=["fill"])), says(steps))
    answer, told = asked(context, dataset, "Fill the gaps")
    assert answer.proposal is not None
    assert dict(answer.proposal.operations[0]) == {"op": "fill", "column": "age", "with": "median"}
    assert answer.proposal.titles == ("Fill what is missing in “age” with the median",)
    assert not answer.proposal.destroys
    assert ollama.chats[-1].messages[-2] == {"role": "assistant", "content": "Fill c1 of v1."}
    assert "The steps are being written." in [line["text"] for line in told if line["type"] == "wait"]


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "fill", "column": "c99", "with": "median"}],
        [{"op": "clip", "column": "c2", "low": 0}],
        [],
        [{"op": "execute", "code": "import os"}],
    ],
)
def test_steps_that_cannot_be_are_said_not_to_have_come(
    context: Context, dataset: str, ollama: StandIn, operations: list[dict[str, Any]]
) -> None:
    ollama.models[0].binds = False
    try:
        wrong = says(json.dumps({"operations": operations}))
        ollama.behaves(says(reply("Do it.", steps=["fill", "clip"])), wrong, wrong)
        answer, _ = asked(context, dataset, "Fill the gaps")
    finally:
        ollama.models[0].binds = True
    assert answer.state is AnswerState.COMPLETE
    assert answer.proposal is None
    assert "did not come" in answer.reason


def test_an_answer_of_the_wrong_shape_is_asked_for_again(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.models[0].binds = False
    try:
        ollama.behaves(says('{"text": "First", "chart": "no"}'), says(reply("Second, and better")))
        answer, told = asked(context, dataset, "What?")
    finally:
        ollama.models[0].binds = True
    assert answer.text == "Second, and better"
    kinds = [line["type"] for line in told]
    assert kinds.index("anew") < len(kinds) - 2


def test_without_it_flowml_answers(tmp_path: Path) -> None:
    with stand_in() as ollama, assisted(tmp_path, ollama) as context:
        one = uploaded(context, people()).id
        ollama.close()
        answer, _ = asked(context, one, "What is in this table?")
        assert "60 rows" in answer.text
        assert answer.reason.endswith("So FlowML answered from what it has found itself."), "one was set up"
        assert asked(context, one, "What is in this table?", own=True)[0].reason == ""
    with assisted(tmp_path / "without", None) as context:
        one = uploaded(context, people()).id
        assert asked(context, one, "What is in this table?")[0].reason == ""


def test_where_it_has_just_gone_flowml_answers_and_says_so(tmp_path: Path) -> None:
    with stand_in() as ollama, assisted(tmp_path, ollama) as context:
        one = uploaded(context, people()).id
        ollama.answers(reply("Yes."))
        assert asked(context, one, "Is it?")[0].model == "stand-in:3b"
        ollama.close()
        answer, _ = asked(context, one, "What is in this table?")
        assert answer.state is AnswerState.COMPLETE
        assert answer.model is None
        assert "60 rows" in answer.text
        assert "FlowML answered" in answer.reason


def test_flowml_answers_where_that_is_wanted(context: Context, dataset: str, ollama: StandIn) -> None:
    answer, _ = asked(context, dataset, "What is in this table?", own=True)
    assert answer.model is None
    assert not ollama.chats


def test_one_that_is_cut_off_or_fails_says_so(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.behaves(cut_off('{"text": "Half of what there is'))
    answer, _ = asked(context, dataset, "What?")
    assert answer.state is AnswerState.CUT_OFF
    assert answer.text.startswith("Half of what")
    ollama.behaves(fails(500, "model requires more system memory"))
    answer, _ = asked(context, dataset, "What?")
    assert answer.state is AnswerState.FAILED
    assert "memory" in answer.reason
    assert answer.model == "stand-in:3b"


def test_it_is_stopped_while_the_model_loads(context: Context, dataset: str, ollama: StandIn) -> None:
    ollama.behaves(slow_first(threading.Event(), says(reply("Never."))))
    ollama.left.clear()
    told: list[Mapping[str, Any]] = []
    loads = threading.Event()

    def tell(line: Mapping[str, Any]) -> None:
        told.append(line)
        if line["type"] == "by":
            loads.set()

    asking = threading.Thread(target=conversation.ask, args=(context, dataset, None, "What?", tell))
    asking.start()
    assert loads.wait(20)
    conversation.stop(context, dataset, None)
    asking.join(20)
    assert told[-1]["answer"].state is AnswerState.STOPPED


@pytest.mark.parametrize("text", ["c", "c1", "c12", "“", "“c1", "[", "[f", "[f1", "`c1", "see [f1, f2"])
def test_what_may_still_become_something_else_is_held_back(text: str) -> None:
    told = Told((), {"c1": "age", "c12": "fare"})
    assert SoFar(told).of(f"So it is: {text}") in ("So it is: ", "So it is: see ")


def test_words_are_not_held_back() -> None:
    assert SoFar(Told((), {"c1": "age"})).of("So is music") == "So is music"


@pytest.fixture(scope="module")
def run(context: Context) -> str:
    """A run on the table of customers, with a model."""
    table_id = uploaded(context, table().write_csv().encode()).id
    job = add_job(context.store, dataset_id=table_id, target="bought")
    add_trained(context.store, job, "m1", "bought", "logistic_regression")
    context.store.jobs.update(job.id, best_model_id="m1", metric="accuracy", best_score=0.9)
    return job.id


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("How good is the model?", "opening"),
        ("Which columns matter?", "looking"),
        ("What should I do next?", "advice"),
    ],
)
def test_flowml_answers_about_results(context: Context, run: str, text: str, key: str) -> None:
    told: list[Mapping[str, Any]] = []
    conversation.ask(context, None, run, text, told.append, own=True)
    answer: Said = told[-1]["answer"]
    assert answer.state is AnswerState.COMPLETE, answer.reason
    explained = explain(findings_of_job(context, run, waits=key == "looking"))
    sentences = [one for section in explained.sections if section.key == key for one in section.sentences]
    assert sentences or "nothing in particular" in answer.text
    for sentence in sentences:
        assert " ".join(sentence.text.split()) in answer.text
    assert {fact for sentence in sentences for fact in sentence.facts} <= {fact.id for fact in answer.cited}
    # Whoever asks about the table hears of its latest run.
    table_id = context.store.jobs.get(run).dataset_id
    conversation.ask(context, table_id, None, "How good is the model?", told.append, own=True)
    assert told[-1]["answer"].text.startswith("Of the latest run, “a run”: ")


def test_a_model_is_told_the_results_and_its_numbers_are_checked(context: Context, run: str, ollama: StandIn) -> None:
    ollama.answers(reply("It is right in 123,456 cases [f1]. It was asked about v1."))
    told: list[Mapping[str, Any]] = []
    conversation.ask(context, None, run, "Is it any good?", told.append)
    answer: Said = told[-1]["answer"]
    assert answer.unfounded == ("123,456",)
    assert "Predicted is the column c5" in ollama.chats[-1].messages[1]["content"]
