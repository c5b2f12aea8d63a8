"""Predictions from stored models, answered from memory.

A model that was used lately stays loaded, by the hash of its file; which file a model or a training run means is
looked up again only when something was stored since. A warm row needs neither the model's file nor another thread.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from flowml.domain.datasets import Role
from flowml.domain.errors import FlowMLError, InvalidInput, NotFound, NotReady, WrongState
from flowml.domain.models import Model
from flowml.services.context import Context
from flowml.services.turns import nobody_waits
from flowml.store.store import Store

if TYPE_CHECKING:
    import numpy as np

    from flowml.automl.model.model import FittedModel

_AT_ONCE_MS = 5.0
_ONE_BY_ONE = 20
# So many rows at once: between two pieces it is looked whether somebody still waits.
_PIECE = 2_000
_REMEMBERED = 2000
# For so long after a prediction its model makes no room for one that is only likely to be asked.
_IN_USE_SECONDS = 600.0
_MOST_TO_WARM = 8
_log = logging.getLogger(__name__)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Interval:
    """Where the true value lies with this probability, going by rows that the model had not seen."""

    low: float
    high: float
    coverage: float


@dataclass(frozen=True)
class Prediction:
    """One row's answer. `probability` and `confidence` are the predicted class's; None for a number."""

    prediction: str | float
    confidence: float | None
    probability: float | None
    probabilities: dict[str, float] | None
    interval: Interval | None
    model_name: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class PredictionFigures:
    """Rows predicted since the start, and how long the latest requests took."""

    total: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True)
class Loaded:
    """A model in memory and the row of the models table that it belongs to."""

    record: Model
    fitted: "FittedModel"

    @property
    def answers_at_once(self) -> bool:
        """Whether a row is quick enough for the event loop."""
        return self.record.predict_ms is None or self.record.predict_ms <= _AT_ONCE_MS


def predict(context: Context, model_id: str, rows: Sequence[Mapping[str, Any]]) -> list[Prediction]:
    """Answers for rows of the original columns, in their order.

    `model_id` may be a training run's: then its best model. Raises NotFound, NotReady for a run without a model yet,
    WrongState for one that has ended without any, InvalidInput naming the column whose value has the wrong type,
    Forbidden for a caller who may ask for another model alone, NotReady when the caller has left.
    """
    context.caller.check_model(model_id)
    shelf = _shelf(context.store)
    loaded = shelf.load(context, model_id)
    shelf.use(context, loaded)
    # What is wrong with a row is said before any is predicted.
    checked = [
        _check(loaded, row, number, len(rows)) for number, row in enumerate(_while_wanted(context, rows, _PIECE), 1)
    ]
    if len(rows) < _ONE_BY_ONE:
        return [
            _answer(loaded, loaded.fitted.predict_row(clean), warnings)
            for clean, warnings in _while_wanted(context, checked)
        ]
    pieces = [checked[start : start + _PIECE] for start in range(0, len(checked), _PIECE)]
    return [answer for piece in _while_wanted(context, pieces) for answer in _predict_many(loaded, piece)]


def ready(context: Context, model_id: str) -> Loaded | None:
    """The model, for a prediction, when it is in memory and still the one that this names; else None. Raises
    Forbidden."""
    context.caller.check_model(model_id)
    shelf = _shelf(context.store)
    loaded = shelf.peek(context, model_id)
    if loaded is not None:
        shelf.use(context, loaded)
    return loaded


def predict_row(loaded: Loaded, row: Mapping[str, Any]) -> Prediction:
    """One row with a loaded model. Raises InvalidInput."""
    clean, warnings = loaded.fitted.schema.check_row(row)
    return _answer(loaded, loaded.fitted.predict_row(clean), warnings)


def _while_wanted(context: Context, items: Iterable[Item], step: int = 1) -> Iterator[Item]:
    """These, as long as somebody waits for the answer, looked at before each, or each so many. Raises NotReady."""
    for at, item in enumerate(items):
        if at % step == 0 and context.left is not None and context.left.is_set():
            raise nobody_waits()
        yield item


def _predict_many(loaded: Loaded, checked: Sequence[tuple[dict[str, Any], list[str]]]) -> list[Prediction]:
    """Many rows at once are quicker by columns."""
    import polars as pl

    columns = []
    for feature in loaded.fitted.schema.features:
        values = [clean.get(feature.name) for clean, _ in checked]
        if feature.role in (Role.NUMERIC, Role.BOOLEAN):
            columns.append(pl.Series(feature.name, values, dtype=pl.Float64))
        else:
            # Dates go as text: one column may mix days, times and zones.
            texts = [value.isoformat() if isinstance(value, date) else value for value in values]
            columns.append(pl.Series(feature.name, texts, dtype=pl.String))
    outputs = loaded.fitted.predict_features(pl.DataFrame(columns))
    return [_answer(loaded, row, warnings) for row, (_, warnings) in zip(outputs, checked, strict=True)]


def _check(loaded: Loaded, row: Mapping[str, Any], number: int, n_rows: int) -> tuple[dict[str, Any], list[str]]:
    try:
        return loaded.fitted.schema.check_row(row)
    except InvalidInput as error:
        if n_rows == 1:
            raise
        raise InvalidInput(f"Row {number}: {error.detail}", hint=error.hint, fields=error.fields) from None


def _answer(loaded: Loaded, outputs: "np.ndarray", warnings: Sequence[str]) -> Prediction:
    """A row of the model's outputs in words: the class with its share, or the value with its interval."""
    schema = loaded.fitted.schema
    name = loaded.record.name
    values: list[float] = outputs.tolist()
    if schema.classes is None:
        value, half = values[0], schema.interval_half_width
        interval = None if half is None else Interval(value - half, value + half, schema.interval_coverage)
        return Prediction(value, None, None, None, interval, name, tuple(warnings))
    chosen = int(loaded.fitted.decide(outputs))
    label, share = schema.classes[chosen], values[chosen]
    probabilities = dict(zip(schema.classes, values, strict=True))
    return Prediction(label, share, share, probabilities, None, name, tuple(warnings))


def warm_soon(context: Context, model_id: str) -> None:
    """Load a model, in the background, that somebody will probably ask next, unless it would take the place of one that
    is in use; one that cannot be loaded is told of when it is asked."""
    shelf = _shelf(context.store)
    if shelf.peek(context, model_id) is None:
        shelf.warm_soon(context, model_id)


def record(context: Context, rows: int, milliseconds: float) -> None:
    """Count an answered request."""
    _shelf(context.store).record(rows, milliseconds)


def figures(context: Context) -> PredictionFigures:
    """How much was predicted, and how fast."""
    return _shelf(context.store).figures()


@dataclass(eq=False)
class _Kept:
    """A model in memory, and when it was last used, by the steady clock."""

    fitted: "FittedModel"
    used_at: float


class _Shelf:
    """The loaded models of one store. Where there are too many, the one goes that was not used for longest."""

    def __init__(self) -> None:
        self._models: dict[str, _Kept] = {}
        self._records: dict[str, tuple[int, Loaded]] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._to_warm: OrderedDict[str, Context] = OrderedDict()
        self._is_warming = False
        self._total = 0
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)

    def peek(self, context: Context, model_id: str) -> Loaded | None:
        known = self._records.get(model_id)
        if known is None:
            return None
        version, loaded = known
        found = context.store.data_version()
        if found != version:
            # Something was stored, as training does all the time; mostly it is nothing of this model.
            if context.store.models.meant(model_id) != (loaded.record.id, loaded.record.file):
                return None
            with self._lock:
                if model_id in self._records:
                    self._records[model_id] = (found, loaded)
        return loaded

    def use(self, context: Context, loaded: Loaded) -> None:
        """Note that it predicts."""
        kept = self._models.get(loaded.record.file)
        if kept is not None:
            kept.used_at = context.steady()

    def load(self, context: Context, model_id: str, *, is_used: bool = True) -> Loaded:
        known = self.peek(context, model_id)
        if known is not None:
            return known
        version = context.store.data_version()
        model = _find(context, model_id)
        # Never twice for those who wait for the same model; who asks for another one does not wait.
        with self._lock:
            loading = self._loading.setdefault(model.file, threading.Lock())
        with loading:
            loaded = Loaded(model, self._fitted(context, model.file, is_used))
        with self._lock:
            self._loading.pop(model.file, None)
            self._records[model_id] = (version, loaded)
            # A record keeps its model alive, so it goes when the model leaves the shelf.
            self._records = {key: item for key, item in self._records.items() if item[1].record.file in self._models}
        return loaded

    def _fitted(self, context: Context, file: str, is_used: bool) -> "FittedModel":
        kept = self._models.get(file)
        if kept is None:
            from flowml.automl.model import modelfile

            # By its hash it is what this server's own training has written, and nothing else.
            fitted = modelfile.read_bytes(context.store.files.content(file))
            kept = _Kept(fitted, context.steady() - (0.0 if is_used else _IN_USE_SECONDS))
        with self._lock:
            self._models[file] = kept
            while len(self._models) > context.settings.model_cache_size:
                del self._models[self._least_used()]
        return kept.fitted

    def _least_used(self) -> str:
        return min(self._models, key=lambda file: self._models[file].used_at)

    def warm_soon(self, context: Context, model_id: str) -> None:
        """Have it loaded, one at a time and the latest that was asked for first; of very many only some."""
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

    def record(self, rows: int, milliseconds: float) -> None:
        self._total += rows
        self._latencies.append(milliseconds)

    def figures(self) -> PredictionFigures:
        ordered = sorted(self._latencies)
        if not ordered:
            return PredictionFigures(self._total, None, None)
        return PredictionFigures(self._total, _quantile(ordered, 0.5), _quantile(ordered, 0.95))


_shelves: WeakKeyDictionary[Store, _Shelf] = WeakKeyDictionary()
_shelves_lock = threading.Lock()


def _shelf(store: Store) -> _Shelf:
    found = _shelves.get(store)
    if found is None:
        with _shelves_lock:
            found = _shelves.setdefault(store, _Shelf())
    return found


def _find(context: Context, model_id: str) -> Model:
    """A model, or a training run's best. Raises NotFound, NotReady, WrongState for a run that left none."""
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


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds_since(started: float) -> float:
    """From a `time.perf_counter()` value, to a thousandth."""
    return round((time.perf_counter() - started) * 1000, 3)
