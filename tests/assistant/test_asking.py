"""An answer of the shape that was asked for, or a reason in words."""

import json
import random
from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml.assistant import finding, shape
from flowml.assistant.asking import ask, ask_growing, with_schema
from flowml.assistant.model import CutOff, Message, Misshapen, ReachedItsLength, Role, TooSlow
from flowml.assistant.ollama.client import Ollama, OllamaModel, Way
from flowml.domain.errors import InvalidInput
from flowml.machine.ollama import parse
from tests.assistant.stand_in import Model, StandIn, cut_off, says, stand_in

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 200}, "n": {"type": "integer", "minimum": 1}},
    "required": ["text", "n"],
    "additionalProperties": False,
}
ASKED = [Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "How many?")]
GOOD = '{"text": "three", "n": 3}'


def model_of(ollama: StandIn, name: str = "stand-in:3b", way: Way | None = None) -> OllamaModel:
    return OllamaModel(Ollama(parse(ollama.url)), name, way or Way())


@pytest.fixture
def loose() -> Iterator[StandIn]:
    """One whose model ignores `format`."""
    with stand_in(Model(binds=False)) as server:
        yield server


def number(value: dict[str, Any]) -> int:
    if value["n"] > 10:
        raise InvalidInput(f"“n” is one of the columns 1 to 10, and not {value['n']}")
    return int(value["n"])


def test_the_shape_is_asked_for_by_format_and_in_words(ollama: StandIn) -> None:
    ollama.answers(GOOD)
    assert ask(model_of(ollama), ASKED, SCHEMA, number, seconds=10) == 3
    sent = ollama.chats[0].body
    assert sent["format"] == SCHEMA
    assert sent["options"]["temperature"] == 0
    assert sent["messages"] == [
        {"role": str(message.role), "content": message.content} for message in with_schema(ASKED, SCHEMA)
    ]
    assert json.dumps(SCHEMA, separators=(",", ":")) in sent["messages"][0]["content"]


@pytest.mark.parametrize(
    "said",
    [
        f"Sure! Here you are:\n```json\n{GOOD}\n```\nDo you need anything else?",
        f"<think>They want {{n}}. Hm, {{</think>\n\n{GOOD}",
        f"The answer {{as asked}} is {GOOD}.",
        f"```\n{GOOD}\n```",
        f"  \ufeff{GOOD}\n\n",
    ],
)
def test_an_object_is_found_in_whatever_is_said_around_it(loose: StandIn, said: str) -> None:
    loose.answers(said)
    assert ask(model_of(loose), ASKED, SCHEMA, number, seconds=10) == 3
    assert len(loose.chats) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("I would say three.", "there is no JSON object"),
        ('{"text": "three", "n": 0}', "“n” has to be at least 1"),
        ('{"text": "three", "n": true}', "“n” has to be a whole number"),
        ('{"text": "three"}', "“n” is missing"),
        ('{"text": "three", "n": 3, "more": 1}', "“more” is not asked for"),
        ('{"text": "three", "n": 3, "n": 4}', "twice"),
        ('{"text": "three", "n": 1e999}', "too large"),
        ('{"text": "three", "n": NaN}', "NaN"),
        ('{"text": "three", "n": ' + "9" * 5000 + "}", "too long"),
        ("[" * 9_000, "no JSON object"),
        ('{"text": "three", "n": 3', "at its end"),
        ("[1, 2]", "no object"),
        ('{"text": "three", "n": 11}', "columns 1 to 10"),
        ("", "no JSON object"),
    ],
)
def test_what_cannot_be_used_is_said_to_the_model_once_and_to_the_user_then(
    loose: StandIn, said: str, why: str
) -> None:
    loose.behaves(says(said, piece=1000), says(GOOD))
    assert ask(model_of(loose), ASKED, SCHEMA, number, seconds=10, problem_for=lambda detail, _: detail) == 3
    first, second = loose.chats
    assert len(second.messages) == len(first.messages) + 2
    assert why in second.messages[-1]["content"]
    loose.answers(said)
    with pytest.raises(Misshapen, match="second time") as caught:
        ask(model_of(loose), ASKED, SCHEMA, number, seconds=10)
    assert why in caught.value.detail
    assert caught.value.text == said
    assert len(loose.chats) == 4, "and no third time"


def test_an_answer_that_reaches_its_length_is_asked_for_in_fewer_words(loose: StandIn) -> None:
    loose.behaves(says('{"text": "' + "long " * 100, piece=5), says(GOOD))
    assert ask(model_of(loose), ASKED, SCHEMA, number, seconds=10, most_tokens=20) == 3
    assert "fewer words" in loose.chats[1].messages[-1]["content"]


def test_a_connection_that_breaks_is_no_answer_of_a_wrong_shape(ollama: StandIn) -> None:
    ollama.behaves(cut_off('{"text": "th'))
    with pytest.raises(CutOff) as caught:
        ask(model_of(ollama), ASKED, SCHEMA, number, seconds=10)
    assert not isinstance(caught.value, ReachedItsLength)
    assert caught.value.text.startswith('{"text": "th')
    assert len(ollama.chats) == 1


def test_both_tries_share_the_time(loose: StandIn) -> None:
    loose.answers("No.")
    with pytest.raises(TooSlow, match="no time to ask again"):
        ask(model_of(loose), ASKED, SCHEMA, number, seconds=1.9)


def test_texts_of_an_answer_are_cleaned_however_they_are_written(loose: StandIn) -> None:
    loose.answers('{"text": "a\\u0000\\u001b[2J\\ud800\\u202eb", "n": 1}')
    assert ask(model_of(loose), ASKED, SCHEMA, lambda value: value["text"], seconds=10) == "a[2Jb"


def test_one_text_grows_while_the_answer_comes(loose: StandIn) -> None:
    wrong = '{"text": "four\\u00e9 \\ud83d\\ude00\\n", "n": 0}'
    loose.behaves(says(wrong, piece=1), says('Well: {"n": 2, "text": "a \\"b\\""}', piece=1))
    grown = list[str]()

    def collect() -> Generator[str, None, int]:
        found = yield from ask_growing(model_of(loose), ASKED, SCHEMA, number, "text", seconds=10)
        return found

    asking = collect()
    while True:
        try:
            grown.append(next(asking))
        except StopIteration as end:
            assert end.value == 2
            break
    anew = grown.index("")
    assert grown[anew - 1] == "fouré 😀\n"
    assert grown[-1] == 'a "b"'
    assert all(later.startswith(before) for before, later in pairwise(grown[:anew]))


@given(st.text(), st.text(max_size=3), st.integers(0, 2**32), st.booleans())
def test_a_growing_text_is_what_json_makes_of_it_however_it_is_cut(
    text: str, other: str, seed: int, is_ascii: bool
) -> None:
    whole = json.dumps({"a": [{"text": other}], other: 1, "text": text, "b": other}, ensure_ascii=is_ascii)
    expected = json.loads(whole)["text"]
    growing, random_cuts, at = finding.Growing("text"), random.Random(seed), 0
    said = ""
    while at < len(whole):
        step = random_cuts.randint(1, 6)
        said += growing.take(whole[at : at + step])
        at += step
    assert said == growing.text == (expected if other != "text" else said)


def test_a_schema_of_ours_with_an_unknown_word_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="pattern"):
        shape.problem("a", {"type": "string", "pattern": "a+"})


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (1.0, {"type": "integer"}, None),
        (True, {"enum": [1, 2]}, "the answer has to be one of 1, 2"),
        ([1, "a"], {"type": "array", "items": {"type": "integer"}}, "“[1]” has to be a whole number"),
        ([], {"type": "array", "minItems": 1}, "the answer needs at least 1 entries"),
        (
            {"a": {"b": 1}},
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
            "“a” has to",
        ),
        (None, {"type": ["string", "null"]}, None),
        (
            {"op": "drop", "n": "x"},
            {
                "anyOf": [
                    {"type": "object", "properties": {"op": {"const": "fill"}}},
                    {"type": "object", "properties": {"op": {"const": "drop"}, "n": {"type": "integer"}}},
                ]
            },
            "“n” has to be a whole number",
        ),
    ],
)
def test_the_shape_of_an_answer(value: Any, schema: dict[str, Any], expected: str | None) -> None:
    found = shape.problem(value, schema)
    assert found is None if expected is None else (found or "").startswith(expected)


def test_a_bound_that_no_grammar_can_be_made_of_is_said_in_words_and_checked(loose: StandIn) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3_000}}, "required": ["text"]}
    loose.answers(json.dumps({"text": "x" * 3_001}))
    with pytest.raises(Misshapen, match="at most 3000 characters"):
        ask(model_of(loose), ASKED, schema, lambda answer: answer, seconds=20)
    sent = loose.chats[0].body
    assert sent["format"]["properties"]["text"] == {"type": "string"}
    assert '"maxLength":3000' in sent["messages"][0]["content"]


def test_without_a_coder_the_model_hears_nothing_of_what_was_found_wrong(loose: StandIn) -> None:
    loose.behaves(says('{"text": "three", "n": 11}', piece=1000))
    with pytest.raises(Misshapen) as raised:
        ask(model_of(loose), ASKED, SCHEMA, number, seconds=10)
    assert "columns 1 to 10" in raised.value.detail
    assert "columns 1 to 10" not in loose.chats[-1].text.partition("That cannot be used")[2]
    assert "That cannot be used: what it says cannot be done." in loose.chats[-1].text
