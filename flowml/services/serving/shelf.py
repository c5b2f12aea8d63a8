"""The loaded models of a store: one that was used lately stays in memory, by the hash of its file."""

import logging
import math
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from flowml.domain.errors import FlowMLError, NotFound, NotReady, WrongState
from flowml.domain.models import Model
from flowml.services.context import Context, Models
from flowml.services.serving.figures import Figures
from flowml.services.serving.loaded import Loaded
from flowml.store.store import Store

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel

# For so long after a prediction its model makes no room for one that is only likely to be asked.
_IN_USE_SECONDS = 600.0
_MOST_TO_WARM = 8
_LOOK_SECONDS = 0.05
# So long what the thread has seen is believed, and so long it goes on after the last prediction.
_TRUSTED_SECONDS = 0.5
_WATCHED_SECONDS = 30.0
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Kept:
    """A model in memory, and when it was last used, by the steady clock."""

    fitted: "FittedModel"
    used_at: float


@dataclass(eq=False)
class _Record:
    """Which model a name stands for, as the tables were at these versions; `looked_at` by the monotonic clock."""

    loaded: Loaded
    data_version: int
    models_version: int
    looked_at: float


class Shelf:
    """The loaded models of one store. Where there are too many, the one goes that was not used for longest.

    A model file never changes, so what may change is only which one a name stands for. What this process stores of that
    it counts; what others store, conductors above all, a thread looks for as long as there are predictions, some times
    a second. So whoever asks for a warm model looks at no table.
    """

    def __init__(self, store: Store) -> None:
        self.figures = Figures()
        self.only: str | None = None
        self._store = ref(store)
        self._models: dict[str, _Kept] = {}
        self._records: dict[str, _Record] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._to_warm: OrderedDict[str, Context] = OrderedDict()
        self._is_warming = False
        self._looked_at = self._asked_at = -math.inf
        self._is_watched = False

    def peek(self, context: Context, model_id: str) -> Loaded | None:
        """The model when it is in memory and still the one that this names; else None."""
        known = self._records.get(model_id)
        if known is None:
            return None
        now = self._asked_at = time.monotonic()
        looked_at = max(known.looked_at, self._looked_at)
        if known.models_version == context.store.models_version and now - looked_at < _TRUSTED_SECONDS:
            return known.loaded
        if not self._is_watched:
            self._watch()
        return known.loaded if self._is_still_meant(context.store, model_id, known) else None

    def _is_still_meant(self, store: Store, model_id: str, known: _Record) -> bool:
        """Whether a name stands for what it stood for; if not, that is forgotten."""
        # Read first: what is stored while the table is looked at is looked for again.
        looked_at, models_version, data_version = time.monotonic(), store.models_version, store.data_version()
        if (models_version, data_version) != (known.models_version, known.data_version):
            # Something was stored, as training does all the time; mostly it is nothing of this model.
            if store.models.meant(model_id) != (known.loaded.id, known.loaded.file):
                with self._lock:
                    if self._records.get(model_id) is known:
                        del self._records[model_id]
                return False
            known.models_version, known.data_version = models_version, data_version
        known.looked_at = looked_at
        return True

    def _watch(self) -> None:
        with self._lock:
            if self._is_watched:
                return
            self._is_watched = True
        threading.Thread(target=self._look_again, daemon=True).start()

    def _look_again(self) -> None:
        try:
            while time.monotonic() - self._asked_at < _WATCHED_SECONDS:
                store = self._store()
                if store is None or store.is_closed:
                    return
                now = time.monotonic()
                for model_id, known in list(self._records.items()):
                    self._is_still_meant(store, model_id, known)
                self._looked_at = now
                del store
                time.sleep(_LOOK_SECONDS)
        except Exception:
            # Whoever asks looks by themselves then, and hears what is wrong.
            _log.debug("the models are not looked after", exc_info=True)
        finally:
            self._is_watched = False

    def file(self, context: Context, loaded: Loaded) -> Path:
        """Its file, for another process. Raises Damaged for one that is not what was stored."""
        return context.store.files.whole(loaded.file, "file of this model")

    def use(self, context: Context, loaded: Loaded) -> None:
        """Note that it predicts."""
        kept = self._models.get(loaded.file)
        if kept is not None:
            kept.used_at = context.steady()

    def load(self, context: Context, model_id: str, *, is_used: bool = True) -> Loaded:
        """A model, or a training run's best. Raises NotFound, NotReady for a run without a model yet, WrongState for
        one that left none."""
        known = self.peek(context, model_id)
        if known is not None:
            return known
        store = context.store
        looked_at, models_version, data_version = time.monotonic(), store.models_version, store.data_version()
        model = find_model(context, model_id)
        # Never twice for those who wait for the same model; who asks for another one does not wait.
        with self._lock:
            loading = self._loading.setdefault(model.file, threading.Lock())
        with loading:
            fitted = self._fitted(context, model.file, is_used)
        loaded = Loaded(model.id, model.name, model.file, fitted, model.predict_ms)
        with self._lock:
            self._loading.pop(model.file, None)
            self._records[model_id] = _Record(loaded, data_version, models_version, looked_at)
            # A record keeps its model alive, so it goes when the model leaves the shelf.
            self._records = {key: item for key, item in self._records.items() if item.loaded.file in self._models}
        return loaded

    def _fitted(self, context: Context, file: str, is_used: bool) -> "FittedModel":
        kept = self._models.get(file)
        if kept is None:
            from flowml.automl.model import modelfile
            from flowml.automl.model.one_row import compute_on_one_thread

            compute_on_one_thread()
            # By its hash it is what this server's own training has written and tried, and nothing else.
            fitted = modelfile.read_bytes(context.store.files.content(file), tried=False, is_own=True)
            kept = _Kept(fitted, context.steady() - (0.0 if is_used else _IN_USE_SECONDS))
            self._prepare(fitted)
        with self._lock:
            self._models[file] = kept
            while len(self._models) > context.settings.model_cache_size:
                del self._models[self._least_used()]
        return kept.fitted

    def _prepare(self, fitted: "FittedModel") -> None:
        """Make single rows quick: now where that saves the import of a library, else beside the first answers."""
        if any(name not in sys.modules for name in fitted.libraries):
            fitted.one_row.prepare()
        else:
            threading.Thread(target=fitted.one_row.prepare, daemon=True).start()

    def _least_used(self) -> str:
        return min(self._models, key=lambda file: self._models[file].used_at)

    def warm_soon(self, context: Context, model_id: str) -> None:
        """Have it loaded in the background, one at a time and the latest that was asked for first; of very many only
        some."""
        if self.peek(context, model_id) is not None:
            return
        with self._lock:
            self._to_warm[model_id] = context
            self._to_warm.move_to_end(model_id)
            if len(self._to_warm) > _MOST_TO_WARM:
                self._to_warm.popitem(last=False)
            if self._is_warming:
                return
            self._is_warming = True
        threading.Thread(target=self._warm, daemon=True).start()

    def _warm(self) -> None:
        while True:
            with self._lock:
                self._is_warming = bool(self._to_warm)
                if not self._is_warming:
                    return
                model_id, context = self._to_warm.popitem()
            try:
                if self._has_room(context):
                    # The first row makes the encoders' look-ups; an empty one makes them as well.
                    self.load(context, model_id, is_used=False).fitted.predict_row({})
            except FlowMLError:
                # It is told of when it is asked.
                pass
            except Exception:
                _log.exception("the model %s could not be loaded", model_id)

    def _has_room(self, context: Context) -> bool:
        """Whether a model more takes the place of none that is in use."""
        with self._lock:
            if len(self._models) < context.settings.model_cache_size:
                return True
            least = self._models[self._least_used()]
        return context.steady() - least.used_at >= _IN_USE_SECONDS


_shelves: WeakKeyDictionary[Store, Shelf] = WeakKeyDictionary()
_shelves_lock = threading.Lock()


def models_of(context: Context) -> Models:
    """What answers for this server: what its context names, else the shelf of its store."""
    if context.models is not None:
        return context.models
    found = _shelves.get(context.store)
    if found is None:
        with _shelves_lock:
            found = _shelves.setdefault(context.store, Shelf(context.store))
    return found


def find_model(context: Context, model_id: str) -> Model:
    try:
        return context.store.models.get(model_id)
    except NotFound as missing:
        try:
            job = context.store.jobs.get(model_id)
        except NotFound:
            raise missing from None
    if job.best_model_id is None and job.status.ended:
        raise WrongState("This training run has ended without a model.", hint="Start another one, with more time.")
    if job.best_model_id is None:
        raise NotReady("This training run has no model yet.", hint="Wait until the first one is trained.")
    return context.store.models.get(job.best_model_id)
