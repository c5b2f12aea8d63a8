"""Which model answers, and on which machine: the one that an admin has chosen, else the one that is set, else the
largest that most machines run well. Where none does, why, and what to do about it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any
from weakref import WeakKeyDictionary

from flowml.assistant.model import (
    CutOff,
    LanguageModel,
    Message,
    NoAnswer,
    NoAssistant,
    NotRunning,
    ReachedItsLength,
    Role,
)
from flowml.assistant.ollama.client import Ollama, Way
from flowml.domain.assistant.language_models import SERVER, ModelChoice, ModelProbe
from flowml.domain.errors import InvalidInput
from flowml.domain.names import did_you_mean
from flowml.machine import ollama
from flowml.services.assistant.exchange import Exchange
from flowml.services.assistant.hosts import Found, Host, Offer, ServerHost
from flowml.services.assistant.lining import InLine
from flowml.services.assistant.probes import Probes
from flowml.services.context import Context
from flowml.store.store import Store

# What a page waits for at most, and what somebody who asks for something waits.
_GLANCE_SECONDS = 0.7
_LOOK_SECONDS = 4.0
# A model of four bits for each of eight billion parameters fits into the memory of most machines.
_FITS_BYTES = 6_000_000_000
_TRIAL = (Message(Role.USER, "Say hello in one short sentence."),)
_TRIAL_SECONDS = 300.0
_TRIAL_TOKENS = 80
SAID_NOTHING = "The model said nothing."
ASK_AGAIN = "Ask again, or choose another model."


@dataclass(frozen=True)
class KnownModel:
    """A model on a machine; one that `is_remote` answers on its makers'. `refusal` says why it is not asked, where it
    is not; `probe` what was found out about it, and `is_tried` whether that is being done now."""

    name: str
    machine: str
    where: str
    size_bytes: int | None
    parameters: str | None
    quantization: str | None
    thinks: bool
    context_tokens: int | None
    refusal: str | None
    is_remote: bool
    probe: ModelProbe | None
    is_tried: bool


@dataclass(frozen=True)
class Status:
    """Whether there is a model to ask, and which. `url` is the address that is set, without a password; `where` says
    in words which machine answers, and `is_local` whether that is this one. `known` are all models of all machines.
    `choice` is what an admin has chosen. `waiting` are answered or wait for it now. Where there is none, `reason` says
    why and `hint` what to do. `version` is Ollama's."""

    available: bool
    url: str | None
    model: str | None
    models: tuple[str, ...]
    machine: str | None = None
    where: str | None = None
    is_local: bool = True
    known: tuple[KnownModel, ...] = ()
    choice: ModelChoice | None = None
    waiting: int = 0
    version: str | None = None
    reason: str | None = None
    hint: str | None = None


class Assistance:
    """What this process knows of machines that have models."""

    def __init__(self, context: Context):
        url = context.settings.ollama_url
        self.server = None if url is None else ServerHost(Ollama(ollama.parse(url)), context.steady)
        self.probes = Probes()
        self.exchange = Exchange(context.steady)

    def hosts(self) -> list[Host]:
        """All of them; first the one that is set, then workers."""
        return [*([] if self.server is None else [self.server]), *self.exchange.hosts()]


@dataclass(frozen=True)
class _Chosen:
    host: Host
    offer: Offer
    version: str


_known: WeakKeyDictionary[Store, Assistance] = WeakKeyDictionary()
_known_lock = threading.Lock()


def assistance_of(context: Context) -> Assistance:
    """What is known for this server."""
    with _known_lock:
        found = _known.get(context.store)
        if found is None:
            found = _known[context.store] = Assistance(context)
        return found


def status(context: Context) -> Status:
    """At once, or nearly so: what is known of models and their machines."""
    known = assistance_of(context)
    url = None if known.server is None else known.server.server.address.url
    problem = chosen = None
    try:
        chosen = _chosen(context, _GLANCE_SECONDS)
    except NoAnswer as caught:
        problem = caught
    models = tuple(_models(context, known))
    asked = chosen.host if chosen is not None else None
    names = tuple(dict.fromkeys(one.name for one in models if one.refusal is None))
    return Status(
        available=chosen is not None,
        url=url,
        model=None if chosen is None else chosen.offer.name,
        models=names,
        machine=None if asked is None else asked.key,
        where=None if asked is None else asked.where,
        is_local=asked.is_local if asked is not None else known.server is None or known.server.is_local,
        known=models,
        choice=context.store.language_models.choice(),
        waiting=0 if asked is None else asked.line.length,
        version=None if chosen is None else chosen.version,
        reason=None if problem is None else problem.detail,
        hint=None if problem is None else problem.hint,
    )


def language_model(context: Context) -> LanguageModel:
    """The model that answers now. Raises NoAssistant where there is none."""
    chosen = _chosen(context, _LOOK_SECONDS)
    probes = assistance_of(context).probes
    probes.begin(context, chosen.host, chosen.offer, chosen.version)
    answering = [chosen, *_others(context, chosen)]
    return FirstOf(
        [
            InLine(
                _Model(one.host, one.offer.name, probes.way(context, one.host, one.offer, one.version)), one.host.line
            )
            for one in answering
        ]
    )


def is_set_up(context: Context) -> bool:
    """Whether somebody has said that a model is to answer, whether or not it does."""
    return assistance_of(context).server is not None or context.store.language_models.choice() is not None


def choose(context: Context, model: str | None, machine: str | None = None) -> Status:
    """From now on this model answers, of this machine: SERVER, a worker's id, or whichever has it. None: whichever does
    by itself. Raises InvalidInput for one that is not there."""
    if model is None:
        context.store.language_models.choose(None)
        return status(context)
    hosts = [host for host in assistance_of(context).hosts() if machine in (None, host.key)]
    found = [(host, one) for host in hosts if (one := host.found(_LOOK_SECONDS)) is not None]
    offers = [(host, at, offer) for host, at in found if (offer := at.offer(model)) is not None]
    if not offers:
        names = [offer.name for _, at in found for offer in at.offers if offer.refusal is None]
        hint = did_you_mean(model, names, "models") if names else "There is none that could be chosen."
        raise InvalidInput.of_field("model", f"There is no model “{model[:100]}”.", hint=hint)
    host, at, offer = offers[0]
    if offer.refusal is not None:
        raise InvalidInput.of_field("model", f"“{offer.name}” {offer.refusal}.", hint="Choose another one.")
    context.store.language_models.choose(ModelChoice(offer.name, host.key))
    assistance_of(context).probes.begin(context, host, offer, at.version)
    host.load(offer.name)
    return status(context)


def try_it(context: Context, tell: Callable[[Mapping[str, Any]], None]) -> None:
    """Have the model say something short, and tell what comes: `wait`, `text`, and `ended` or `failed`."""
    began, said_something = context.steady(), False
    try:
        model = language_model(context)

        def wait(words: str) -> None:
            tell({"type": "wait", "text": words})

        said = model.chat(_TRIAL, seconds=_TRIAL_SECONDS, stopped=context.left, most_tokens=_TRIAL_TOKENS, told=wait)
        for piece in said:
            said_something = said_something or not piece.isspace()
            tell({"type": "text", "text": piece})
    except ReachedItsLength:
        # It answers, and talks a lot.
        pass
    except NoAnswer as problem:
        tell({"type": "failed", "detail": problem.detail, "hint": problem.hint or ""})
        return
    if not said_something:
        tell({"type": "failed", "detail": SAID_NOTHING, "hint": ASK_AGAIN})
        return
    seconds = round(context.steady() - began, 1)
    tell({"type": "ended", "seconds": seconds, "model": model.name, "where": model.where})


class FirstOf:
    """One model on several machines: where one of them is lost before anything of its answer was there, the next is
    asked. `name` and `where` are of the one that answers."""

    def __init__(self, models: Sequence[LanguageModel]):
        self._models = models
        self._now = models[0]

    @property
    def name(self) -> str:
        return self._now.name

    @property
    def where(self) -> str:
        return self._now.where

    def chat(self, messages: Sequence[Message], **how: Any) -> Iterator[str]:
        """As `LanguageModel.chat`."""
        told: Callable[[str], None] | None = how.get("told")
        for at, model in enumerate(self._models):
            self._now = model
            has_begun = False
            try:
                for piece in model.chat(messages, **how):
                    has_begun = True
                    yield piece
                return
            except (NotRunning, CutOff) as problem:
                if has_begun or isinstance(problem, ReachedItsLength) or at + 1 == len(self._models):
                    raise
                if told is not None:
                    told(f"{problem.detail} Another machine is asked.")


class _Model:
    """A model of a machine, asked in the way that suits it."""

    def __init__(self, host: Host, name: str, way: Way):
        self._host = host
        self.name = name
        self._way = way

    @property
    def where(self) -> str:
        return self._host.where

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        seconds: float,
        stopped: Event | None = None,
        sending: Callable[[], None] | None = None,
        **more: Any,
    ) -> Iterator[str]:
        if sending is not None:
            sending()
        return self._host.chat(self.name, messages, self._way, schema=schema, seconds=seconds, stopped=stopped, **more)


def _chosen(context: Context, wait_seconds: float) -> _Chosen:
    hosts = assistance_of(context).hosts()
    if not hosts:
        raise NoAssistant(
            "No language model is set up.",
            hint="Install Ollama from ollama.com, fetch a model with “ollama pull llama3.2”, and start FlowML with"
            f" {ollama.VARIABLE}={ollama.USUAL_ADDRESS}. Or have a machine on which it runs join as a worker.",
        )
    choice = context.store.language_models.choice()
    if choice is not None:
        host = next((one for one in hosts if one.key == choice.machine), None)
        if host is None:
            raise NoAssistant(
                f"The worker that has the chosen model “{choice.model}” is not there.",
                hint="Start it again, or choose another model under Settings.",
            )
        return _of(host, _found(host, wait_seconds), choice.model)
    problem: NoAnswer | None = None
    # Who has set an address wants what is told to go there: to a worker it goes when that is chosen.
    for host in hosts if hosts[0].key != SERVER else hosts[:1]:
        try:
            return _of(host, _found(host, wait_seconds), context.settings.ollama_model)
        except NoAnswer as caught:
            problem = problem or caught
    assert problem is not None
    raise problem


def _others(context: Context, chosen: _Chosen) -> Iterator[_Chosen]:
    """Other machines that have the very same model, for where a worker is lost; instead of the address that is set no
    other is asked."""
    for host in assistance_of(context).hosts() if chosen.host.key != SERVER else ():
        found = None if host.key == chosen.host.key else host.found(0.0)
        offer = None if found is None else found.offer(chosen.offer.name)
        same = offer is not None and offer.installed.digest == chosen.offer.installed.digest != ""
        if found is not None and offer is not None and same and offer.refusal is None:
            yield _Chosen(host, offer, found.version)


def _found(host: Host, wait_seconds: float) -> Found:
    found = host.found(wait_seconds)
    if found is None:
        raise NoAssistant("The model server has not answered yet.", hint="Look again in a moment.")
    if found.problem is not None:
        raise NoAssistant(found.problem.detail, hint=found.problem.hint)
    return found


def _of(host: Host, found: Found, wanted: str | None) -> _Chosen:
    """The model of this machine that answers. Raises NoAssistant where none does."""
    usable = [offer for offer in found.offers if offer.refusal is None]
    if wanted is not None:
        offer = found.offer(wanted)
        if offer is None or offer.refusal is not None:
            why = "is not installed" if offer is None else str(offer.refusal)
            raise NoAssistant(
                f"The model “{wanted[:100]}” {why} on {host.where}.",
                hint=f"Fetch it there with “ollama pull {wanted[:100]}”, or choose another one under Settings."
                if offer is None
                else "Choose another one under Settings.",
            )
        return _Chosen(host, offer, found.version)
    if not usable:
        others = "only models that cannot be asked" if found.offers else "no model"
        raise NoAssistant(
            f"Ollama runs on {host.where} and has {others}.", hint="Fetch one there with “ollama pull llama3.2”."
        )
    # One of which nobody has said yet what it can may make nothing but embeddings.
    usable = [offer for offer in usable if offer.shown.is_known] or usable
    fitting = [offer for offer in usable if (offer.installed.size_bytes or 0) <= _FITS_BYTES]
    return _Chosen(host, max(fitting, key=_size) if fitting else min(usable, key=_size), found.version)


def _size(offer: Offer) -> tuple[int, str]:
    return offer.installed.size_bytes or 0, offer.name


def _models(context: Context, known: Assistance) -> Iterator[KnownModel]:
    for host in known.hosts():
        found = host.found(0.0)
        for offer in () if found is None else found.offers:
            installed = offer.installed
            yield KnownModel(
                name=offer.name,
                machine=host.key,
                where=host.where,
                size_bytes=installed.size_bytes,
                parameters=installed.parameters,
                quantization=installed.quantization,
                thinks=offer.shown.thinks,
                context_tokens=offer.shown.context_tokens,
                refusal=offer.refusal,
                is_remote=offer.is_remote,
                probe=known.probes.known(context, host, offer, found.version if found else ""),
                is_tried=known.probes.is_asking(host, offer),
            )
