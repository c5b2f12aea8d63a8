"""What a language model is to everything else: messages in, text out, piece by piece."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Any, Protocol

from flowml.domain import errors

MOST_TOKENS = 2048
"""The longest answer, in tokens."""


class Role(StrEnum):
    """Whose words a message is."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    """One message of a conversation with a model."""

    role: Role
    content: str


NoAnswer = errors.NoAnswer
NoAssistant = errors.NoAssistant


class NotRunning(NoAnswer):
    """No server answers there."""


class NoModel(NoAnswer):
    """The server has no model, or not this one."""


class OutOfMemory(NoAnswer):
    """The machine that has the model has too little memory for it."""


class Busy(NoAnswer):
    """More requests wait for the model than it takes."""


class TooLong(NoAnswer):
    """What the model is to be told, with room for its answer, is more than it takes: it would be cut."""


class TooSlow(NoAnswer):
    """It took longer than it may."""


class CutOff(NoAnswer):
    """The answer ended in the middle. `text`: what there was of it."""

    def __init__(self, detail: str, text: str = "", *, hint: str | None = None):
        super().__init__(detail, hint=hint)
        self.text = text


class ReachedItsLength(CutOff):
    """It was longer than it may be."""


class Stopped(NoAnswer):
    """Nobody waits for it any more, or somebody has stopped it."""


class Misshapen(NoAnswer):
    """What it answered is not what was asked for, the second time either. `text`: what it said then."""

    def __init__(self, detail: str, text: str = "", *, hint: str | None = None):
        super().__init__(detail, hint=hint)
        self.text = text


class LanguageModel(Protocol):
    """A model that can be asked, wherever it runs."""

    @property
    def name(self) -> str:
        """As its server calls it: "llama3.2:3b"."""
        ...

    @property
    def where(self) -> str:
        """Which machine answers, in words for people: "this machine", "the worker kiwi"."""
        ...

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        seconds: float,
        stopped: Event | None = None,
        most_tokens: int = MOST_TOKENS,
        seed: int = 0,
        told: Callable[[str], None] | None = None,
        sending: Callable[[], None] | None = None,
    ) -> Iterator[str]:
        """The answer as it comes, at temperature 0. With a `schema` the server is asked to hold it to that JSON Schema
        (`format`), which models may ignore. `seconds` count from when it has its turn; one machine answers one after
        the other. `told` hears, in words for people, what happens as long as nothing of the answer is there ("2 are
        before you", "The model is being loaded"). `sending` is called whenever the messages are about to leave, after
        all waiting; what it raises keeps them here. Raises NotRunning, NoModel, OutOfMemory, Busy, TooLong, TooSlow,
        CutOff and Stopped, also in the middle. Closing the iterator ends the answer where it is made."""
        ...
