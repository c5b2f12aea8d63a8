"""How much was predicted, by which model, and how long that took."""

import time
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper ends of the classes of latencies; what takes longer is in one more."""
OTHER = "other"
"""Stands for models that were not asked lately, and for ids that belong to none."""
_REMEMBERED = 2000
_OF_ONE_MODEL = 500
# Each is a dozen lines for whoever collects the figures.
_MOST_MODELS = 50


@dataclass(frozen=True)
class ModelFigures:
    """Of one model since the start: answered requests and their rows, requests that failed, and how many took up to
    each of `SECONDS`, or longer; `p50_ms` and `p95_ms` are of the latest ones."""

    model_id: str
    requests: int
    rows: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    seconds: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class PredictionFigures:
    """Rows predicted since the start, and how long the latest requests took."""

    total: int
    p50_ms: float | None
    p95_ms: float | None
    by_model: tuple[ModelFigures, ...] = ()


class _OfModel:
    """What is counted of one model."""

    def __init__(self) -> None:
        self.requests = self.rows = self.errors = 0
        self.seconds = 0.0
        self.counts = [0] * (len(SECONDS) + 1)
        self.latencies: deque[float] = deque(maxlen=_OF_ONE_MODEL)

    def add(self, other: "_OfModel") -> None:
        self.requests, self.rows = self.requests + other.requests, self.rows + other.rows
        self.errors, self.seconds = self.errors + other.errors, self.seconds + other.seconds
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.latencies.extend(other.latencies)

    def read(self, model_id: str) -> ModelFigures:
        p50, p95 = _quantiles(self.latencies)
        return ModelFigures(model_id, self.requests, self.rows, self.errors, p50, p95, self.seconds, tuple(self.counts))


class Figures:
    """Counts what is predicted in this process. Single rows are counted by the event loop, others by threads: none of
    them waits for another, so a count may be lost where two of one model end in the same moment."""

    def __init__(self) -> None:
        self._total = 0
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._by_model: OrderedDict[str, _OfModel] = OrderedDict()

    def record(self, rows: int, milliseconds: float, model_id: str) -> None:
        """Count an answered request of a model that there is."""
        self._total += rows
        self._latencies.append(milliseconds)
        known = self._by_model.get(model_id)
        if known is None:
            known = self._new(model_id)
        known.requests += 1
        known.rows += rows
        known.seconds += milliseconds / 1000
        known.counts[bisect_left(SECONDS, milliseconds / 1000)] += 1
        known.latencies.append(milliseconds)

    def record_rows(self, rows: int, model_id: str) -> None:
        """Count rows that were answered without a request for them, of a model that there is."""
        self._total += rows
        known = self._by_model.get(model_id)
        (self._new(model_id) if known is None else known).rows += rows

    def failed(self, model_id: str) -> None:
        """Count a request that was answered by an error. What it named may be no model at all."""
        known = self._by_model.get(model_id)
        if known is None:
            known = self._new(OTHER) if OTHER not in self._by_model else self._by_model[OTHER]
        known.errors += 1

    def _new(self, model_id: str) -> _OfModel:
        found = self._by_model.setdefault(model_id, _OfModel())
        while len(self._by_model) > _MOST_MODELS:
            # The least asked one: its figures are kept with those of others.
            least = min((one for one in self._by_model if one not in (OTHER, model_id)), key=self._requests)
            gone = self._by_model.pop(least)
            self._by_model.setdefault(OTHER, _OfModel()).add(gone)
        return found

    def _requests(self, model_id: str) -> int:
        return self._by_model[model_id].requests

    def read(self) -> PredictionFigures:
        """As they are now, the model that was asked most first."""
        by_model = [known.read(model_id) for model_id, known in list(self._by_model.items())]
        by_model.sort(key=lambda one: -one.requests)
        return PredictionFigures(self._total, *_quantiles(self._latencies), tuple(by_model))


def milliseconds_since(started: float) -> float:
    """From a `time.perf_counter()` value, to a thousandth."""
    return round((time.perf_counter() - started) * 1000, 3)


def _quantiles(latencies: Iterable[float]) -> tuple[float | None, float | None]:
    """The median and what 95 % are at most; None of none."""
    ordered = sorted(latencies)
    if not ordered:
        return None, None
    last = len(ordered) - 1
    return ordered[min(last, int(0.5 * len(ordered)))], ordered[min(last, int(0.95 * len(ordered)))]
