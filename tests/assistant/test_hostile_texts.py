"""Texts of models made to be slow to read: four times as long takes about four times as long, and not sixteen."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from flowml.assistant import finding
from flowml.assistant.asking import ask_growing
from flowml.assistant.chatting import SoFar, earlier_messages
from flowml.assistant.facts import Fact
from flowml.assistant.model import Message, Misshapen, Role
from flowml.assistant.numbers.apart import citations, without_list_numbers
from flowml.assistant.numbers.checking import check
from flowml.assistant.ollama.thinking import WithoutThinking
from flowml.assistant.telling import Told
from flowml.assistant.words import MOST_ADDED
from flowml.domain.conversations import AnswerState, Said, Speaker

SHORT, LONG = 4_000, 16_000
# Where the square of the length was taken it is sixteen.
MOST_TIMES = 9.0
FACTS = (Fact("f1", "62 of 100 rows were right", (62.0, 100.0, 0.62)),)
TOLD = Told((), {"c1": "age", "c12": "fare"}, {"v1": "Bonn"}, FACTS)
SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 6_000}}, "required": ["text"]}


def find(text: str) -> None:
    with suppress(finding.NoJSON):
        finding.found(text)


def think(text: str) -> None:
    plain = WithoutThinking()
    for at in range(0, len(text), 3):
        plain.take(text[at : at + 3])
    plain.rest()


def grow(text: str) -> None:
    so_far = SoFar(TOLD)
    for end in range(0, len(text), 30):
        so_far.of(text[:end])


def earlier(text: str) -> None:
    said = Said("a", 1, "d", None, "", Speaker.ASSISTANT, text, AnswerState.COMPLETE, 0.0, model="m", values_of=())
    earlier_messages([said], frozenset())


def numbers(text: str) -> None:
    check(text, FACTS, ["name 1", "1"])


READ: list[tuple[Callable[[str], object], str, str, str]] = [
    (find, "```a", " \n", "x"),
    (find, "```", "\n", ""),
    (find, "", "```a\n", ""),
    (find, "", "<think>", ""),
    (find, "", "{", ""),
    (find, "", '{"a": "', ""),
    (think, "", " \n", "x"),
    (think, "<think>", "</thin", "x"),
    (citations, "(f1", " ", "x"),
    (citations, "(f1", " f1", "x"),
    (citations, "", "(f1", ""),
    (citations, "(f1", ", ", "x"),
    (without_list_numbers, "1", " \n", "x"),
    (without_list_numbers, "", "1\n", ""),
    (numbers, "It is right (f1", " ", "x in 62%."),
    (numbers, "1", " ", "x"),
    (numbers, "", ". ", "("),
    (numbers, "", "1 “", ""),
    (numbers, "", "八", "%"),
    (numbers, "", "in 2019 and ", ""),
    (numbers, "in 2019", " to 2019", "x"),
    (numbers, "", "1 June ", "x"),
    (numbers, "", "1.6.19 ", ""),
    (numbers, "", "plus or minus 1 ", ""),
    (numbers, "", "every “", "row is right"),
    (numbers, "all", " of the", " rows are right"),
    (grow, "", "c1 ", ""),
    (grow, "", "c1", ""),
    (grow, "", "a", ""),
    (grow, "", "“", ""),
    (grow, "", " \n", "["),
    (earlier, "x", " ", "y"),
    (earlier, "", "“", ""),
    (earlier, "", "[f1 ", ""),
]


@pytest.mark.parametrize(("read", "begins", "again", "ends"), READ)
def test_reading_takes_as_long_as_the_text_is(
    read: Callable[[str], object], begins: str, again: str, ends: str
) -> None:
    def seconds(length: int) -> float:
        text, best = begins + again * (length // len(again)) + ends, float("inf")
        for _ in range(2):
            began = time.thread_time()
            read(text)
            best = min(best, time.thread_time() - began)
        return best

    # Next to nothing says nothing of how it grows.
    assert seconds(LONG) < MOST_TIMES * max(seconds(SHORT), 0.002)


def test_a_run_of_citations_is_not_read_in_two_ways() -> None:
    """With two ways of reading a blank this would not end."""
    assert citations("(f1" + " f1" * 60 + " x") == []
    assert [one.id for one in citations("(f1 f2;f3 , f4 & f5) [ f6 ]")] == ["f1", "f2", "f3", "f4", "f5", "f6"]


class Endless:
    """A model whose text does not end."""

    name, where = "m", "w"

    def __init__(self) -> None:
        self.pieces = 0

    def chat(self, *_: object, **__: object) -> Iterator[str]:
        yield '{"text": "'
        for _ in range(100_000):
            self.pieces += 1
            yield "abc"


def test_a_text_is_read_no_further_than_it_may_be_long() -> None:
    model, seen = Endless(), list[int]()
    with pytest.raises(Misshapen, match="too long"):
        for text in ask_growing(model, [Message(Role.USER, "?")], SCHEMA, lambda answer: answer, "text", seconds=60.0):
            seen.append(len(text))
    assert model.pieces <= 2 * 2_002
    assert max(seen) <= 6_003


def test_names_make_a_text_only_so_much_longer() -> None:
    told = Told((), {"c1": "n" * 200})
    text = "c1 " * 1_990
    assert len(told.named(text)) <= len(text) + MOST_ADDED
    assert told.named(text).endswith("…")
    assert told.named("c1, c1 and c1.").count("n" * 200) == 3


@pytest.mark.parametrize(
    "text", ["Mend `c1`, “c12” or 'v1' [f1]: c1\"c12\" c123 c1234567 abc1", "c1" * 20, "“" * 9 + "c1”"]
)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_text_that_grows_ends_as_the_whole_of_it(text: str, size: int) -> None:
    so_far, before = SoFar(TOLD), ""
    for end in range(0, len(text) + 1, size):
        shown = so_far.of(text[:end])
        assert shown.startswith(before)
        before = shown
    assert so_far.of(f"{text} ") == TOLD.named(f"{text} ")
    assert so_far.of("Anew, c1 ") == "Anew, “age” "
