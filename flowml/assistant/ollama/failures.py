"""What goes wrong with a model server, in words: what it is, and what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from flowml.assistant.model import Busy, CutOff, NoModel, NotRunning, OutOfMemory, TooLong, TooSlow
from flowml.domain.names import shown
from flowml.domain.wording import plural
from flowml.machine.ollama import VARIABLE, Address

_LONGEST = 300
_MISSING = re.compile(r"\bmodel\b.*\bnot found\b|\bnot found\b.*\bmodel\b|pulling it first", re.IGNORECASE)
_MEMORY = re.compile(
    r"requires more (?:system|gpu)? ?memory|out of memory|cudaMalloc failed|unable to allocate|cannot allocate memory"
    r"|insufficient (?:system |gpu )?memory|\boom\b",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"context (?:length|window|size)|prompt is too long|input (?:length|too long)", re.IGNORECASE)
_BUSY = re.compile(r"server busy|maximum pending requests", re.IGNORECASE)
_NO_CHAT = re.compile(r"does not support (?:chat|generate|completion)", re.IGNORECASE)
_NO_THINKING = re.compile(r"does not support thinking|think value", re.IGNORECASE)

AGAIN = "Ask again. If it keeps happening, Ollama's own log says why."
TOO_LONG_HINT = "Ask about fewer columns, or choose a model that takes longer texts."


class ThinkingRefused(NoModel):
    """The model cannot be told to think, or how much."""


def words(text: object) -> str:
    """What a model server says, as it may be shown: one line, nothing invisible, at most 300 characters."""
    return shown(" ".join(str(text).split()), _LONGEST)


def words_of(problem: Exception) -> str:
    """What a connection failed with, without what only programmers read."""
    text = str(problem)
    if "refused" in text:
        return "nothing listens there"
    if "Name or service" in text or "getaddrinfo" in text or "nodename" in text or "resolution" in text:
        return "no machine of this name is known"
    if "unreachable" in text or "No route" in text:
        return "that machine cannot be reached"
    if "CERTIFICATE" in text or "certificate" in text:
        return "its certificate is not valid"
    return "the connection failed"


def cut_off() -> CutOff:
    """The connection broke."""
    return CutOff("The connection to the model server broke in the middle of its answer.", hint=AGAIN)


def too_much() -> CutOff:
    """No answer is so long."""
    return CutOff("The model server sends more than an answer has, and was not listened to any longer.")


def unreachable(address: Address, why: str) -> NotRunning:
    """Nobody answers there."""
    do = f"Start it{'' if address.is_loopback else ' there'} with “ollama serve”"
    return NotRunning(
        f"No Ollama server answers at {address.url}: {why}.",
        hint=f"{do}, or install it from ollama.com. If it is elsewhere, start FlowML with its address in {VARIABLE}.",
    )


def silent(address: Address, seconds: float) -> NotRunning:
    """Somebody takes the call and does not answer it."""
    return unreachable(address, f"no answer within {plural(max(1, round(seconds)), 'second')}")


def hung_up(address: Address) -> NotRunning:
    """Somebody answers the call and says nothing."""
    return NotRunning(
        f"What answers at {address.url} hung up without an answer.",
        hint=f"Look whether that is Ollama, and whether it runs; the address is set by {VARIABLE}.",
    )


def no_ollama(address: Address, what: str) -> NotRunning:
    """Another server answers there."""
    return NotRunning(
        f"Something that is no Ollama server answers at {address.url}: {what}.",
        hint=f"{VARIABLE} is to be the address of Ollama itself, such as http://127.0.0.1:11434.",
    )


def too_slow(seconds: float, *, any_came: bool) -> TooSlow:
    """It took longer than it may."""
    if any_came:
        return TooSlow(
            "The model stopped answering in the middle, or took longer than it may.",
            hint="Ask again, or choose a smaller model: on a machine without a GPU large ones take minutes.",
        )
    return TooSlow(
        f"The model has said nothing within {plural(max(1, round(seconds)), 'second')}.",
        hint="The first answer takes longest, because the model is loaded then: ask again, or choose a smaller one.",
    )


def check_kind(address: Address, kind: str, encoding: str) -> None:
    """Raises NotRunning for an answer that is nothing of Ollama's, by its headers."""
    kind = kind.partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/x-ndjson"):
        raise no_ollama(address, f"it answers with {words(kind)[:60] or 'something unnamed'}")
    if encoding.strip().lower() not in ("", "identity"):
        raise no_ollama(address, "its answer is packed, though nobody asked for that")


def parsed(address: Address, content: bytes) -> Any:
    """The JSON of an answer. Raises NotRunning for what is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise no_ollama(address, "its answer is not JSON") from None


def line(address: Address, content: bytes) -> dict[str, Any]:
    """The object of a line. Raises CutOff for what is none, and what an error in it means."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CutOff("The model server sent a line that is none of Ollama's.", hint=AGAIN)
    if "error" in found:
        said(address, found["error"])
    return found


def refused(address: Address, status: int, content: bytes) -> NoReturn:
    """Raise what an answer with such a status means."""
    if 300 <= status < 400:
        raise NotRunning(
            f"What answers at {address.url} sends FlowML to another address, where it does not go.",
            hint=f"Set {VARIABLE} to the address of Ollama itself.",
        )
    if status in (401, 403, 407):
        raise NotRunning(
            f"The server at {address.url} asks who we are ({status}), or does not let this machine in.",
            hint="A proxy before it wants a name and a password: http://name:password@host:port.",
        )
    try:
        problem = json.loads(content)
        problem = problem["error"]
    except (ValueError, RecursionError, LookupError, TypeError):
        if status in (502, 503, 504):
            raise unreachable(address, f"a proxy before it says {status}") from None
        raise no_ollama(address, f"it answers {status}, not as Ollama does") from None
    said(address, problem)


def said(address: Address, problem: object) -> NoReturn:
    """Raise what Ollama's own words for an error mean."""
    text = words(problem)
    if _NO_THINKING.search(text):
        raise ThinkingRefused(f"The model cannot think aloud: “{text}”.")
    if _MISSING.search(text):
        raise NoModel(
            f"Ollama at {address.url} does not have this model: “{text}”.",
            hint="Choose one that is installed, or fetch it there with “ollama pull” and its name.",
        )
    if _MEMORY.search(text):
        raise OutOfMemory(
            f"The model does not fit into the memory of its machine: “{text}”.",
            hint="Choose a smaller model, or end what else needs memory there.",
        )
    if _BUSY.search(text):
        raise Busy("Ollama has more requests than it takes.", hint="Ask again in a moment.")
    if _NO_CHAT.search(text):
        raise NoModel(
            f"This model is not made to talk: “{text}”.",
            hint="Choose another one; models for embeddings cannot answer.",
        )
    if _TOO_LONG.search(text):
        raise TooLong(f"What is to be told is longer than the model can take: “{text}”.", hint=TOO_LONG_HINT)
    raise CutOff(f"Ollama says: “{text or 'an error'}”.", hint=AGAIN)
