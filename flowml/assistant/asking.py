"""Asking a model for an answer of a certain shape, and getting that or a reason in words.

The shape is asked for twice, as the server's `format` and in words: several models ignore the one, and most do better
with the other. What comes is looked for in whatever is said around it, checked against the shape, and then by whoever
asked; where that fails the model hears why, once.
"""

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, TypeVar, cast

from flowml.assistant import finding, shape
from flowml.assistant.model import (
    MOST_TOKENS,
    LanguageModel,
    Message,
    Misshapen,
    ReachedItsLength,
    Role,
    TooSlow,
)
from flowml.assistant.spoken import all_cleaned, cleaned
from flowml.assistant.untrusted import without_marks
from flowml.domain.errors import InvalidInput

Answer = TypeVar("Answer")

_LONGEST_REPEATED = 4_000
_LONGEST_PROBLEM = 400
_LEAST_SECONDS = 2.0
_UNSAID = "what it says cannot be done"


def with_schema(messages: Sequence[Message], schema: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages as they are sent: the first one, which is FlowML's own, also says which shape the answer has to
    have.

    >>> with_schema([Message(Role.SYSTEM, "Help.")], {"type": "object"})[0].content.splitlines()[-1]
    '{"type":"object"}'
    """
    words = (
        "Answer with one JSON object and nothing else: no words before or after it, no Markdown. "
        "It has to match this JSON Schema:\n" + json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    )
    first = next((at for at, message in enumerate(messages) if message.role == Role.SYSTEM), None)
    if first is None:
        return (Message(Role.SYSTEM, words), *messages)
    told = replace(messages[first], content=f"{messages[first].content}\n\n{words}")
    return (*messages[:first], told, *messages[first + 1 :])


def ask(
    model: LanguageModel,
    messages: Sequence[Message],
    schema: Mapping[str, Any],
    check: Callable[[dict[str, Any]], Answer],
    *,
    seconds: float,
    stopped: Event | None = None,
    most_tokens: int = MOST_TOKENS,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
    sending: Callable[[], None] | None = None,
    problem_for: Callable[[str, str], str] | None = None,
) -> Answer:
    """What `check` makes of the answer. It is given an object that has the shape of `schema` (`shape.py` says which
    words of JSON Schema there are), and raises InvalidInput in words where that cannot be used. `seconds` are for all
    of it, a second try included. Of what `check` finds wrong the model hears what `problem_for` makes of its words and
    of the answer (`Told.problem`), because these may name what a model is not told; without it only that it cannot be
    done. Raises what `LanguageModel.chat` does, and Misshapen."""
    asking = ask_growing(
        model,
        messages,
        schema,
        check,
        None,
        seconds=seconds,
        stopped=stopped,
        most_tokens=most_tokens,
        seed=seed,
        told=told,
        sending=sending,
        problem_for=problem_for,
    )
    while True:
        try:
            next(asking)
        except StopIteration as end:
            return cast(Answer, end.value)


def ask_growing(
    model: LanguageModel,
    messages: Sequence[Message],
    schema: Mapping[str, Any],
    check: Callable[[dict[str, Any]], Answer],
    field: str | None,
    *,
    seconds: float,
    stopped: Event | None = None,
    most_tokens: int = MOST_TOKENS,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
    sending: Callable[[], None] | None = None,
    problem_for: Callable[[str, str], str] | None = None,
) -> Generator[str, None, Answer]:
    """The same, and meanwhile what there is so far of one text of the answer, the field of this name: the whole of it
    each time. Where the model is asked a second time it begins anew, with an empty one. The generator returns what
    `check` makes of the answer (`answer = yield from …`, or StopIteration's `value`); closing it ends the answer."""
    asked, end = with_schema(messages, schema), time.monotonic() + seconds
    text, problem, heard = "", "", ""
    heard_by: dict[str, Any] = {"told": told, "sending": sending}
    for attempt in range(2):
        left = end - time.monotonic()
        if attempt:
            if left < _LEAST_SECONDS:
                raise TooSlow(
                    "The model's answer could not be used, and there was no time to ask again.",
                    hint="Ask again, or choose a smaller model, which answers faster.",
                )
            if told is not None:
                told("The answer could not be used; the model is asked again.")
            if field is not None:
                yield ""
            asked = (*with_schema(messages, schema), *_again(text, heard))
        growing, text, so_far = finding.Growing(field or "", _longest(schema, field)), "", ""
        answer = model.chat(
            asked,
            schema=shape.for_grammar(schema),
            seconds=left,
            stopped=stopped,
            most_tokens=most_tokens,
            seed=seed,
            **{name: one for name, one in heard_by.items() if one is not None},
        )
        try:
            for piece in answer:
                text += piece
                if field is None:
                    continue
                # What has come before is not looked at again: pieces may be as short as a character.
                if new := cleaned(growing.take(piece)):
                    so_far += new
                    yield so_far
                if growing.is_too_long:
                    raise ReachedItsLength("The text of the answer is longer than it may be.")
            value = _shaped(text, schema)
        except ReachedItsLength:
            problem = heard = "it is too long and was cut off: answer in fewer words"
        except finding.NoJSON as wrong:
            problem = heard = str(wrong)
        else:
            try:
                return check(value)
            except InvalidInput as wrong:
                problem = wrong.detail
                heard = _UNSAID if problem_for is None else problem_for(problem, text)
        finally:
            if isinstance(answer, Generator):
                # Whoever leaves in the middle ends the answer where it is made.
                answer.close()
    raise Misshapen(
        f"What the model answered cannot be used, the second time either: {problem[:_LONGEST_PROBLEM]}.",
        text,
        hint="Ask again, or choose another model: small ones often cannot keep to a form.",
    )


def _longest(schema: Mapping[str, Any], field: str | None) -> int | None:
    """How many characters a text of the answer may have."""
    most: int | None = schema.get("properties", {}).get(field, {}).get("maxLength")
    return most


def _shaped(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = all_cleaned(finding.found(text))
    wrong = shape.problem(value, schema)
    if wrong is not None:
        raise finding.NoJSON(wrong)
    return value


def _again(text: str, problem: str) -> tuple[Message, Message]:
    return (
        Message(Role.ASSISTANT, without_marks(text[:_LONGEST_REPEATED]) or "(nothing)"),
        Message(
            Role.USER,
            f"That cannot be used: {problem[:_LONGEST_PROBLEM].rstrip('.')}."
            " Answer once more, with the JSON object alone and all of it.",
        ),
    )
