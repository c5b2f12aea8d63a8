"""What is found out about models when they are first used, beside what people ask them: whether they keep to a form.

It takes a question or two, which is seconds, or minutes on a processor; so it is kept for as long as the model and its
server stay the same, is done in the background, and gives way to whoever asks something.
"""

import logging
import threading
from collections.abc import Callable
from threading import Event
from weakref import ref

from flowml.assistant import probing
from flowml.assistant.model import NoAnswer, Stopped
from flowml.assistant.ollama.client import Way
from flowml.domain.assistant.language_models import ModelProbe
from flowml.services.assistant.hosts import Host, Offer
from flowml.services.context import Context
from flowml.store.store import Store

log = logging.getLogger(__name__)

# Whoever has just asked for the model is about to ask it something, and comes first.
_BEGIN_SECONDS = 1.0
_AGAIN_SECONDS = 5.0
_MOST_TRIES = 20
_TURN_SECONDS = 600.0
# One that failed is tried again when it is asked for later; of so many that is remembered.
_LATER_SECONDS = 300.0
_MOST_FAILED = 200

Subject = tuple[str, str, str]


class Probes:
    """Those of one process: one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._subject: Subject | None = None
        self._failed: dict[Subject, float] = {}
        self.closing = Event()

    def is_asking(self, host: Host, offer: Offer) -> bool:
        """Whether this model is being tried now."""
        return self._subject is not None and self._subject[:2] == (host.key, offer.installed.digest)

    def known(self, context: Context, host: Host, offer: Offer, version: str) -> ModelProbe | None:
        """What was found out about this model; None where nothing was yet."""
        digest = offer.installed.digest
        return context.store.language_models.probe(host.key, digest, version) if digest else None

    def way(self, context: Context, host: Host, offer: Offer, version: str) -> Way:
        """How this model is best asked, as far as is known."""
        known = self.known(context, host, offer, version)
        found = (None, None) if known is None else (known.plain, known.thinking)
        return probing.way(offer.shown, offer.installed.family, *found)

    def begin(self, context: Context, host: Host, offer: Offer, version: str) -> None:
        """Find out, unless that is known or being done."""
        subject = (host.key, offer.installed.digest, version)
        if not offer.installed.digest or self.known(context, host, offer, version) is not None:
            return
        now = context.steady()
        if now - self._failed.get(subject, now - _LATER_SECONDS) < _LATER_SECONDS:
            return
        with self._lock:
            if self._thread is not None or self.closing.is_set():
                return
            # It may outlast its server, whose store is not to be held open for it.
            work = (ref(context.store), context.clock(), context.steady, host, offer, subject)
            thread = threading.Thread(target=self._work, args=work, name="model-probe", daemon=True)
            self._subject, self._thread = subject, thread
            try:
                thread.start()
            except BaseException:
                self._thread = self._subject = None
                raise

    def settled(self, seconds: float) -> bool:
        """Wait until nothing is being found out; whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._thread is None

    def _has_failed(self, subject: Subject, now: float) -> None:
        self._failed.pop(subject, None)
        # A worker may say that it has another model each time it asks.
        while len(self._failed) >= _MOST_FAILED:
            del self._failed[next(iter(self._failed))]
        self._failed[subject] = now

    def _work(
        self,
        store_of: "ref[Store]",
        now: float,
        steady: Callable[[], float],
        host: Host,
        offer: Offer,
        subject: Subject,
    ) -> None:
        try:
            self.closing.wait(_BEGIN_SECONDS)
            for _ in range(_MOST_TRIES):
                if self.closing.is_set() or _is_closed(store_of()):
                    return
                try:
                    found = self._asked(host, offer)
                except Stopped:
                    self.closing.wait(_AGAIN_SECONDS)
                    continue
                store = store_of()
                if store is not None and not store.is_closed:
                    probe = ModelProbe(*subject, found.get("plain"), found.get("thinking"), now)
                    store.language_models.remember(probe)
                    log.info("the model %s %s", offer.name, words(probe))
                return
        except NoAnswer as problem:
            self._has_failed(subject, steady())
            log.info("whether the model %s keeps to a form did not come out: %s", offer.name, problem.detail)
        except Exception:
            self._has_failed(subject, steady())
            if not _is_closed(store_of()):
                log.exception("a model could not be tried")
        finally:
            with self._lock:
                self._thread = self._subject = None

    def _asked(self, host: Host, offer: Offer) -> dict[str, bool | None]:
        found: dict[str, bool | None] = {}
        for kind, way in probing.ways(offer.shown, offer.installed.family):
            stopped = Event()
            with host.line.turn(_TURN_SECONDS, self.closing, gives_way=stopped):
                found[kind] = probing.binds(host.chat, offer.name, way, stopped=stopped)
        return found


def _is_closed(store: Store | None) -> bool:
    return store is None or store.is_closed


def words(probe: ModelProbe | None) -> str:
    """
    >>> words(None), words(ModelProbe("", "", "", True, None, 0.0))
    ('has not been tried yet', 'keeps to the form that is asked for')
    >>> words(ModelProbe("", "", "", False, True, 0.0))
    'keeps to a form only when it thinks first'
    """
    if probe is None:
        return "has not been tried yet"
    if probe.plain:
        return "keeps to the form that is asked for"
    if probe.thinking:
        return (
            "keeps to a form only when it thinks first"
            if probe.plain is False
            else "keeps to the form that is asked for"
        )
    if probe.plain is None and probe.thinking is None:
        return "did not say enough to tell whether it keeps to a form"
    return "does not keep to the form that is asked for: its answers are checked, and asked for again more often"
