"""Numbers as each view wants them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowml.automl.features.encoded import View

_HEAVY_TAIL = 3.0
_FARTHEST = 12.0


@dataclass(frozen=True)
class NumberEncoder:
    """One column of numbers.

    `fill` stands in for a missing value (NaN: it stays missing), `log` takes the signed logarithm first, then
    (x - centre) / scale; `mark_missing` adds a column that says so; `period` gives sine and cosine instead.
    """

    name: str
    fill: float
    centre: float = 0.0
    scale: float = 1.0
    log: bool = False
    mark_missing: bool = False
    period: float | None = None

    @classmethod
    def fit(cls, view: View, name: str, values: np.ndarray, *, flag: bool, period: float | None) -> "NumberEncoder":
        """Learn from the training rows; `values` float64 with NaN for missing."""
        if flag:
            return cls(name, fill=0.0)
        if view is View.NATIVE:
            return cls(name, fill=math.nan)
        known = values[np.isfinite(values)]
        fill = float(np.median(known)) if len(known) else 0.0
        mark = 0 < len(known) < len(values)
        if view is View.ORDINAL:
            return cls(name, fill=fill, mark_missing=mark)
        if period is not None:
            return cls(name, fill=fill, mark_missing=mark, period=period)
        if len(known) < 2:
            return cls(name, fill=fill, mark_missing=mark)
        log = _skewness(known) > _HEAVY_TAIL
        shaped = _signed_log(known) if log else known
        spread = float(shaped.std())
        return cls(name, fill, float(shaped.mean()), spread if spread > 1e-12 else 1.0, log, mark)

    def names(self) -> list[str]:
        base = [f"{self.name} sine", f"{self.name} cosine"] if self.period else [self.name]
        return [*base, f"{self.name} is missing"] if self.mark_missing else base

    def transform(self, values: np.ndarray) -> np.ndarray:
        """float64 (rows,) → (rows, columns)."""
        missing = ~np.isfinite(values)
        filled = np.where(missing, self.fill, values)
        if self.period:
            angle = filled * (2 * math.pi / self.period)
            columns = [np.sin(angle), np.cos(angle)]
        else:
            shaped = _signed_log(filled) if self.log else filled
            scaled = (shaped - self.centre) / self.scale
            columns = [np.clip(scaled, -_FARTHEST, _FARTHEST) if self._bounded else scaled]
        if self.mark_missing:
            columns.append(missing.astype(np.float64))
        return np.column_stack(columns)

    def value(self, number: float) -> Sequence[float]:
        """One number → its columns."""
        missing = not math.isfinite(number)
        filled = self.fill if missing else number
        if self.period:
            angle = filled * (2 * math.pi / self.period)
            answer = [math.sin(angle), math.cos(angle)]
        else:
            shaped = math.copysign(math.log1p(abs(filled)), filled) if self.log else filled
            scaled = (shaped - self.centre) / self.scale
            answer = [min(max(scaled, -_FARTHEST), _FARTHEST) if self._bounded else scaled]
        if self.mark_missing:
            answer.append(1.0 if missing else 0.0)
        return answer

    def state(self) -> dict[str, Any]:
        state = asdict(self)
        return {**state, "fill": None if math.isnan(self.fill) else self.fill}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "NumberEncoder":
        return cls(**{**state, "fill": math.nan if state["fill"] is None else float(state["fill"])})

    @property
    def _bounded(self) -> bool:
        return self.scale != 1.0 or self.centre != 0.0


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.copysign(np.log1p(np.abs(values)), values))


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    if spread < 1e-12:
        return 0.0
    return float(abs((((values - values.mean()) / spread) ** 3).mean()))
