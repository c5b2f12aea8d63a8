"""A large body is read in parts, and says the same as one that is read at once."""

import difflib
import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import RootModel

from flowml.domain.errors import FlowMLError, InvalidInput, MalformedRequest
from flowml.web.api import results
from flowml.web.bodies import parse_in_parts, parse_json, write_in_parts
from flowml.web.schemas.results import Predict
from flowml.web.schemas.training import StartTraining
from tests.web.serving import Served

ANYTHING = RootModel[Any]
SOUND = (
    "{}",
    ' {\n"a" :\t[ ] , "b":[ 1 , {"c": [2, []]}, "x,]}" ],"d":{"e":null}, "f": -1.5e3 } ',
    '{"a": [[1], [2, 3]], "b": {"a": true}}',
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


LONG = f'"x": "{"y" * 200_000}", "z": [{", ".join(["1.5"] * 30_000)}]'


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": 2, "a": 1}',
        r'{"rows": [{"b": 1}, {"a": ":", "\u0061" : ":"}]}',
        f'{{"a": 1, {LONG}, "a": 2}}',
        f'{{"a": {{{LONG}, "a": 1, "a": 2}}}}',
        f'{{"a": {{{LONG}}}, "b": 1, "a": 2}}',
    ],
)
def test_a_name_twice_is_refused_however_it_is_read(text: str) -> None:
    for parse in (parse_in_parts, parse_json):
        with pytest.raises(InvalidInput, match="“a” twice") as refused:
            parse(text.encode(), ANYTHING)
        assert [problem.field for problem in refused.value.fields] == ["a"]


def test_bytes_that_are_no_text_are_malformed() -> None:
    for content in (b'{"a": "\xff"}', b'{"a": ["\xc3"]}'):
        with pytest.raises(MalformedRequest):
            parse_in_parts(content, ANYTHING)


def test_any_cut_and_any_slip_is_treated_alike() -> None:
    chance = random.Random(7)
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
        assert outcomes[0] == outcomes[1], text


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


ODD = (
    b"", b" " * 70_000, b"{" * 300, b"[" * 100_000, b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}",
    b'{"a": ' + b'{"a":' * 201 + b"1" + b"}" * 202, b'{"a": "\xff"}', rb'{"a": "\ud83d"}', rb'{"\ude00": [1]}',
    b'{"a": ' + b"9" * 5_000 + b"}", b'{"a": [' + b"9" * 300_000 + b"]}",
)  # fmt: skip


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_what_is_odd_is_refused_in_the_same_words_however_it_is_read(content: bytes) -> None:
    said = []
    for parse in (parse_json, parse_in_parts):
        with pytest.raises(MalformedRequest) as refused:
            parse(content, ANYTHING)
        said.append(refused.value.detail)
    assert said[0] == said[1]
    for inside in ("codec", "surrogate", "set_int", "Exceeds", "char "):
        assert inside not in said[0]


@pytest.mark.parametrize("depth", [199, 200])
def test_what_is_nested_as_deeply_as_allowed_is_read(depth: int) -> None:
    for content in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        assert parse_json(content, ANYTHING) == parse_in_parts(content, ANYTHING)
    too_deep = b"[" * (depth - 1) + b" " * 300_000 + b"[[" + b"]]" * 2 + b"]" * (depth - 3)
    if depth == 200:
        for parse in (parse_json, parse_in_parts):
            with pytest.raises(MalformedRequest, match="nested too deeply"):
                parse(too_deep, ANYTHING)


def test_pieces_end_anywhere() -> None:
    """Numbers, texts and escapes that a piece cuts in two."""
    chance = random.Random(7)
    values = [-12.5e-30, 123456789, 'a"\\u00e4}]', [1, [2]], {"b": [{}]}, True, None, "ä😀", 1e22]
    for filled in range(249_960, 250_010, 3):
        value = {"": "x" * filled, "rows": [chance.choice(values) for _ in range(30)], "z": {"y": "x" * 250_000}}
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
            assert parse_in_parts(text.encode(), ANYTHING).root == value


@pytest.mark.parametrize(
    "body",
    [
        {"model_id": "m", "features": {f"c{at}": 1 for at in range(100_001)}, "rows": "x" * 300_000},
        {"model_id": "m", "rows": [{f"c{at}": "x" * 10 for at in range(100_001)}]},
        {"model_id": "m", "rows": [{"a": 1}] * 100_001},
    ],
)
def test_more_names_or_entries_than_anything_has_are_refused_in_words(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"(more than|at most) 100,000"):
        parse_in_parts(json.dumps(body).encode(), Predict)


@pytest.mark.parametrize("parse", [parse_json, parse_in_parts])
def test_of_very_many_wrong_fields_some_are_named(
    parse: Callable[[bytes, Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda name, *_, **__: looked_up.append(name) or [])
    with pytest.raises(InvalidInput, match=r"There are 2,001 more problems") as refused:
        parse(json.dumps({f"c{at}": at for at in range(2_000)}).encode(), StartTraining)
    assert len(refused.value.fields) == 20
    assert len(looked_up) < 20

    with pytest.raises(InvalidInput) as refused:
        parse(json.dumps({"dataset_id": "d", "target": "y", "exclude_columns": [1] * 9_000}).encode(), StartTraining)
    assert [problem.field for problem in refused.value.fields] == ["exclude_columns.0"]


def test_of_a_very_long_name_only_the_beginning_is_repeated_and_none_like_it_is_looked_for(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    look = difflib.get_close_matches

    def counted(name: str, *names: Any, **limits: Any) -> list[str]:
        compared.append(len(name))
        return look(name[:200], *names, **limits)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    name = "x" * 5_000_000
    for path, body in (
        ("/api/training/start", {name: 1}),
        ("/api/training/start", {"dataset_id": name, "target": name}),
        ("/api/training/start", {"dataset_id": "d", "target": "y", "exclude_columns": [name] * 3, "cv": name}),
        ("/api/results/predict", {"model_id": name, "features": {name: name}}),
        ("/api/datasets/d/transform", {"operations": [{"op": name, name: name}]}),
    ):
        answer = server.client.post(path, json=body)
        assert answer.status_code in (404, 422) and len(answer.content) < 20_000, path
    assert max(compared, default=0) <= 200


def test_what_a_large_body_asks_is_not_answered_on_the_event_loop(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(results, "_at_once", lambda _, model_id, features, *more: asked.append(len(features)))
    for n_features in (3, 5_000):
        features = {f"column {at}": at for at in range(n_features)}
        answer = server.client.post("/api/results/predict", json={"model_id": "none", "features": features})
        assert answer.status_code == 404
    assert asked == [3]


def longest_gap(work: Callable[[], Any]) -> float:
    """How long it worked on, at most, before another thread got its turn; in seconds of its processor time, since on a
    busy machine everything waits."""
    thread = threading.Thread(target=work)
    thread.start()
    clock = time.pthread_getcpuclockid(thread.ident or 0)
    gaps, last = [], 0.0
    while thread.is_alive():
        time.sleep(0.001)
        with suppress(OSError):
            now = time.clock_gettime(clock)
            gaps.append(now - last)
            last = now
    return max(gaps)


@pytest.mark.parametrize(
    "body",
    [
        {"model_id": "m", "features": {f"c{at}": "x" * 280 for at in range(90_000)}},
        {"model_id": "m", "features": {f"c{at}": at for at in range(2_000_000)}},
        {"model_id": "m", "rows": [{f"c{at}": at for at in range(2_000_000)}]},
        {"model_id": "m", "rows": [{f"c{at}": at % 7 for at in range(25_000)}] * 90},
        {f"c{at}": at for at in range(2_000_000)},
        {"model_id": "m", "rows": [7] * 99_000},
    ],
    ids=["features", "endless features", "endless row", "wide rows", "unknown fields", "wrong rows"],
)
def test_whatever_a_large_body_is_made_of_others_get_their_turn(body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()

    def parse() -> None:
        with suppress(FlowMLError):
            parse_in_parts(content, Predict)

    # Read, checked or told by one call, some of these took seconds.
    assert min(longest_gap(parse) for _ in range(2)) < 0.15


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
