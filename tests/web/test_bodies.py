"""A large body is read in parts, and says the same as one that is read at once."""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import RootModel

from flowml.domain.errors import FlowMLError, InvalidInput, MalformedRequest
from flowml.web.bodies import parse_in_parts, parse_json, write_in_parts
from flowml.web.schemas.results import Predict
from tests.web.serving import Served

ANYTHING = RootModel[Any]
SOUND = (
    "{}",
    ' {\n"a" :\t[ ] , "b":[ 1 , {"c": [2, []]}, "x,]}" ],"d":{"e":null}, "f": -1.5e3 } ',
    '{"a": [[1], [2, 3]], "a": true}',
    r'{"a": ["\ud83d\ude00", "\u00e4", "\\ud83d"], "\"b\"": "ä😀"}',
    "[1, 2]",
    "7",
)
BROKEN = (
    "", " ", "{", '{"a"', '{"a":', '{"a": 1', '{"a": 1,}', "{1: 2}", '{"a" 1}', '{"a": [1,]}', '{"a": [1 2]}',
    '{"a": [1', '{"a": 1} x', '{"a": 1}}', "{'a': 1}", '{"a": tru}', '{"a": "\x01"}', '{"a": "\\x"}', '{"a": [}',
    "{,}", '{"a": [,]}', '{"a": ' + "[" * 100_000, r'{"a": ["\ud83d"]}', r'{"a": "\ude00\ud83d"}',
)  # fmt: skip


@pytest.mark.parametrize("text", SOUND)
def test_what_is_sound_says_the_same_as_when_it_is_read_at_once(text: str) -> None:
    assert parse_in_parts(text.encode(), ANYTHING).root == json.loads(text) == parse_json(text.encode(), ANYTHING).root


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_malformed(text: str) -> None:
    for parse in (parse_in_parts, parse_json):
        with pytest.raises(MalformedRequest):
            parse(text.encode(), ANYTHING)


def test_bytes_that_are_no_text_are_malformed() -> None:
    for content in (b'{"a": "\xff"}', b'{"a": ["\xc3"]}'):
        with pytest.raises(MalformedRequest):
            parse_in_parts(content, ANYTHING)


def test_any_cut_and_any_slip_is_treated_alike() -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    whole = json.dumps({"model_id": "m", "rows": [{"a": 1, "b": [True, None]}, {"ü": "x\\"}], "features": {"a": {}}})
    for _ in range(500):
        at = chance.randrange(len(whole))
        text = whole[:at] + chance.choice('{}[]",:\\ 1a') + whole[at + chance.randrange(2) :]
        outcomes = []
        for parse in (parse_in_parts, parse_json):
            try:
                outcomes.append(parse(text.encode(), ANYTHING).root)
            except FlowMLError as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1], f"seed {seed}: {text}"


def test_a_wrong_field_of_a_large_body_is_named(server: Served) -> None:
    rows: list[Any] = [{"x": "y" * 1000}] * 100
    for body, field in (
        ({"model_id": "m", "rows": [*rows, 7]}, "rows.100"),
        ({"model_id": "m", "rows": rows, "row": 1}, "row"),
    ):
        with pytest.raises(InvalidInput) as refused:
            parse_in_parts(json.dumps(body).encode(), Predict)
        assert [problem.field for problem in refused.value.fields] == [field]
        answer = server.client.post("/api/results/predict", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def turns_during(work: Callable[[], Any]) -> int:
    """How often another thread gets its turn meanwhile."""
    turns = 0
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        turns += 1
        time.sleep(0)
    return turns


def test_while_a_large_answer_is_written_others_go_on() -> None:
    rows = [[at * 1.25 for at in range(5_000)]] * 1_000

    content = write_in_parts("rows", rows[:2], columns=["ä"], total=2)
    assert json.loads(content) == {"rows": rows[:2], "columns": ["ä"], "total": 2}
    # Written by one call, there would be a handful before it and after it.
    assert turns_during(lambda: write_in_parts("rows", rows, total=2)) > 10


def test_while_a_large_body_is_read_others_go_on() -> None:
    content = json.dumps({"model_id": "m", "rows": [{f"c{at}": "text" * 5 for at in range(20)}] * 40_000}).encode()

    assert turns_during(lambda: parse_in_parts(content, Predict)) > 10
