"""Whether a model really keeps to the form that is asked for, and how it is asked best.

Ollama takes a JSON Schema as `format` and holds the answer to it. With models that think it begins without, to let them
think, and applies the form when the thoughts end; where there are none, because they were switched off, it never does
(its issues 14645 and 15260, for whole families of models and several versions). Nothing in its answer says so. So each
model is asked once for something that nobody would say unless held to it, with its thoughts on and off.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

from flowml.assistant import finding, shape
from flowml.assistant.model import CutOff, Message, NoModel, Role
from flowml.assistant.ollama.client import Shown, Way

FIELD = "flowml_probe"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {FIELD: {"type": "string", "enum": ["kumquat", "quokka"]}},
    "required": [FIELD],
    "additionalProperties": False,
}
_MESSAGES = (Message(Role.USER, "Say good morning in one short sentence."),)
_PLAIN_TOKENS = 60
_SECONDS = 240.0
# These always think; how much can be said, and not that they are not to.
_LEVELS = frozenset({"gptoss", "gpt-oss"})

Chat = Callable[..., Iterator[str]]


def binds(chat: Chat, name: str, way: Way, *, stopped: Event | None = None) -> bool | None:
    """Whether `format` binds this model when it is asked this way; None where that did not come out. `chat` is
    `Ollama.chat`. Raises what that does, but for an answer that ends too early."""
    text = ""
    try:
        for piece in chat(
            name, _MESSAGES, way, schema=SCHEMA, seconds=_SECONDS, stopped=stopped, most_tokens=_PLAIN_TOKENS
        ):
            text += piece
    except CutOff as cut:
        # Whoever keeps to the form has said it long before.
        text = cut.text
        if not text:
            return None
    except NoModel:
        return None
    try:
        return shape.problem(finding.found(text), SCHEMA) is None
    except finding.NoJSON:
        return False


def ways(shown: Shown, family: str | None) -> Sequence[tuple[str, Way]]:
    """How this model can be asked: "plain", "thinking", or both; in the order in which they are tried."""
    context = shown.context_tokens
    if not shown.thinks:
        return (("plain", Way(None, None, context)),)
    if family in _LEVELS:
        return (("thinking", Way("low", "low", context)),)
    return (("plain", Way(False, False, context)), ("thinking", Way(True, True, context)))


def way(shown: Shown, family: str | None, plain: bool | None, thinking: bool | None) -> Way:
    """How this model is best asked: without thoughts, which take minutes on a processor, unless it keeps to a form only
    with them.

    >>> shown = Shown(frozenset({"completion", "thinking"}), 40_960)
    >>> way(shown, "qwen3", False, True), way(shown, "qwen3", None, None).think_with_schema
    (Way(think=False, think_with_schema=True, context_tokens=40960), False)
    """
    first = ways(shown, family)[0][1]
    if plain is False and thinking:
        return Way(first.think, True, first.context_tokens)
    return first
