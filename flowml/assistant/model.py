"""What a language model is to everything else: messages in, text out, piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Any, Protocol

from flowml.domain.errors import FlowMLError

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


class NoAnswer(FlowMLError):
    """A model gave none, or none that is of use; says why and what to do."""


class NotRunning(NoAnswer):
    """No server answers there."""


class NoModel(NoAnswer):
    """The server has no model, or not this one."""


class TooSlow(NoAnswer):
    """It took longer than it may."""


class CutOff(NoAnswer):
    """The answer ended in the middle. `text`: what there was of it."""

    def __init__(self, detail: str, text: str = "", *, hint: str | None = None):
        super().__init__(detail, hint=hint)
        self.text = text


class Stopped(NoAnswer):
    """Nobody waits for it any more, or somebody has stopped it."""


class Misshapen(NoAnswer):
    """What it answered is not what was asked for, the second time either."""


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
    ) -> Iterator[str]:
        """The answer as it comes, at temperature 0. With a `schema` the server is asked to hold it to that JSON Schema
        (`format`), which models may ignore. Raises NotRunning, NoModel, TooSlow, CutOff, Stopped, also in the
        middle."""
        ...
