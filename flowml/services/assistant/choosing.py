"""Which model answers, and on which machine: the one that an admin has chosen, else the one that is set, else the
largest that most machines run well. Where none does, why, and what to do about it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from flowml.assistant.model import LanguageModel, NoAnswer, NoAssistant
from flowml.assistant.ollama.client import Installed, Ollama, OllamaModel, Way
from flowml.domain.errors import FlowMLError
from flowml.machine import ollama
from flowml.services.assistant.lining import InLine, Line
from flowml.services.assistant.looking import Look
from flowml.services.context import Context
from flowml.store.store import Store

# What a page waits for at most, and what somebody who asks for something waits.
_GLANCE_SECONDS = 0.7
_LOOK_SECONDS = 4.0
# A model of four bits for each of eight billion parameters fits into the memory of most machines.
_FITS_BYTES = 6_000_000_000


@dataclass(frozen=True)
class Status:
    """Whether there is a model to ask, and which. `url` is the address that is set, without a password; `where` says
    in words which machine answers, and `is_local` whether that is this one. Where there is none, `reason` says why and
    `hint` what to do."""

    available: bool
    url: str | None
    model: str | None
    models: tuple[str, ...]
    where: str | None = None
    is_local: bool = True
    reason: str | None = None
    hint: str | None = None


class _Assistance:
    """What this process knows of the model server that is set."""

    def __init__(self, context: Context):
        url = context.settings.ollama_url
        self.server = Ollama(ollama.parse(url)) if url else None
        self.look = None if self.server is None else Look(self.server, context.steady)
        self.line = Line()


_known: WeakKeyDictionary[Store, _Assistance] = WeakKeyDictionary()
_known_lock = threading.Lock()


def _assistance(context: Context) -> _Assistance:
    with _known_lock:
        found = _known.get(context.store)
        if found is None:
            found = _known[context.store] = _Assistance(context)
        return found


def status(context: Context) -> Status:
    """At once, or nearly so: what is known of the model server."""
    try:
        model = _chosen(context, _GLANCE_SECONDS)
    except NoAnswer as problem:
        known = _assistance(context)
        models = _names(known)
        url = None if known.server is None else known.server.address.url
        is_local = known.server is None or known.server.address.is_loopback
        return Status(False, url, None, models, None, is_local, problem.detail, problem.hint)
    known = _assistance(context)
    assert known.server is not None
    return Status(
        True, known.server.address.url, model.name, _names(known), known.server.where, known.server.address.is_loopback
    )


def language_model(context: Context) -> LanguageModel:
    """The model that answers now. Raises NoAssistant where there is none."""
    known = _assistance(context)
    model = _chosen(context, _LOOK_SECONDS)
    assert known.server is not None
    return InLine(OllamaModel(known.server, model.name, Way()), known.line)


def _chosen(context: Context, wait_seconds: float) -> Installed:
    known = _assistance(context)
    if known.server is None or known.look is None:
        raise NoAssistant(
            "No language model is set up.",
            hint="Install Ollama from ollama.com, fetch a model with “ollama pull llama3.2”, and start FlowML with"
            f" {ollama.VARIABLE}={ollama.USUAL_ADDRESS}.",
        )
    found = known.look.found(wait_seconds)
    if found is None:
        raise NoAssistant(
            f"The model server at {known.server.address.url} has not answered yet.", hint="Look again in a moment."
        )
    if found.problem is not None:
        raise _none(found.problem)
    return choose(found.models, context.settings.ollama_model)


def choose(models: Sequence[Installed], wanted: str | None) -> Installed:
    """The model of these that answers. Raises NoAssistant where none does."""
    own = [model for model in models if not model.is_remote]
    if wanted is not None:
        names = (wanted, f"{wanted}:latest")
        chosen = next((model for model in own if model.name in names), None)
        if chosen is None:
            raise NoAssistant(
                f"The model “{wanted}” is not installed.",
                hint=f"Fetch it with “ollama pull {wanted}”, or choose another.",
            )
        return chosen
    if not own:
        raise NoAssistant("Ollama runs and has no model.", hint="Fetch one with “ollama pull llama3.2”.")
    fitting = [model for model in own if (model.size_bytes or 0) <= _FITS_BYTES]
    return max(fitting, key=_size) if fitting else min(own, key=_size)


def _size(model: Installed) -> tuple[int, str]:
    return model.size_bytes or 0, model.name


def _names(known: _Assistance) -> tuple[str, ...]:
    found = None if known.look is None else known.look.found(0.0)
    return () if found is None else tuple(model.name for model in found.models if not model.is_remote)


def _none(problem: FlowMLError) -> NoAssistant:
    return NoAssistant(problem.detail, hint=problem.hint)
