"""How much was predicted, and how long that took."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_REMEMBERED = 2000


@dataclass(frozen=True)
class PredictionFigures:
    """Rows predicted since the start, and how long the latest requests took."""

    total: int
    p50_ms: float | None
    p95_ms: float | None


class Figures:
    """Counts what is predicted in this process."""

    def __init__(self) -> None:
        self._total = 0
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)

    def record(self, rows: int, milliseconds: float) -> None:
        """Count an answered request."""
        self._total += rows
        self._latencies.append(milliseconds)

    def read(self) -> PredictionFigures:
        """As they are now."""
        ordered = sorted(self._latencies)
        if not ordered:
            return PredictionFigures(self._total, None, None)
        return PredictionFigures(self._total, _quantile(ordered, 0.5), _quantile(ordered, 0.95))


def milliseconds_since(started: float) -> float:
    """From a `time.perf_counter()` value, to a thousandth."""
    return round((time.perf_counter() - started) * 1000, 3)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
