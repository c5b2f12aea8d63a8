"""Numbers as each view wants them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowml.automl.features.encoded import View

_HEAVY_TAIL = 3.0
_FARTHEST = 12.0
_EXACT_IN_FLOAT32 = 2.0**24


@dataclass(frozen=True)
class NumberEncoder:
    """One column of numbers.

    `fill` stands in for a missing value (NaN: it stays missing); `log_unit`, where not 0, takes the signed logarithm
    in that unit first; then (x - centre) / scale, where `bounded` no farther than 12 from 0. `mark_missing` adds a
    column that says so; `period` gives sine and cosine instead.
    """

    name: str
    fill: float
    centre: float = 0.0
    scale: float = 1.0
    log_unit: float = 0.0
    bounded: bool = False
    mark_missing: bool = False
    period: float | None = None

    @classmethod
    def fit(cls, view: View, name: str, values: np.ndarray, *, flag: bool, period: float | None) -> "NumberEncoder":
        """Learn from the training rows; `values` (rows,) with NaN for missing."""
        known = values[np.isfinite(values)]
        complete = len(known) == len(values) > 0
        if flag:
            # A missing text has none of the words; where texts were never missing it is as good as any of them.
            return cls(name, fill=float(known.mean(dtype=np.float64)) if complete else 0.0)
        fill = float(np.median(known)) if len(known) else 0.0
        if view.takes_missing:
            # Boosters learn where missing values belong, but only from missing values.
            return cls(name, fill=fill if complete else math.nan, centre=_origin(known))
        mark = 0 < len(known) < len(values)
        if view is View.ORDINAL:
            return cls(name, fill=fill, centre=_origin(known), mark_missing=mark)
        if period is not None:
            return cls(name, fill=fill, mark_missing=mark, period=period)
        if len(known) < 2:
            return cls(name, fill=fill, centre=fill, bounded=True, mark_missing=mark)
        shaped, unit = known, 0.0
        if _skewness(known) > _HEAVY_TAIL:
            unit = float(np.median(np.abs(known[known != 0.0])))
            logged = _signed_log(known, unit)
            # A tail that the logarithm does not tame, such as 0 and 1 with few ones, stays as it is.
            shaped, unit = (logged, unit) if _skewness(logged) < _skewness(known) - 0.5 else (known, 0.0)
        spread = float(shaped.std())
        centre = float(shaped.mean())
        # The spread of equal values is the rounding of their mean.
        scale = spread if spread > 1e-9 * max(abs(centre), 1e-300) else 1.0
        return cls(name, fill, centre, scale, unit, bounded=True, mark_missing=mark)

    def names(self) -> list[str]:
        """One for each column of `transform`."""
        base = [f"{self.name} sine", f"{self.name} cosine"] if self.period else [self.name]
        return [*base, f"{self.name} is missing"] if self.mark_missing else base

    def transform(self, values: np.ndarray) -> np.ndarray:
        """(rows,) → float64 (rows, columns)."""
        missing = ~np.isfinite(values)
        filled = np.where(missing, self.fill, values)
        if self.period:
            angle = filled * (2 * math.pi / self.period)
            columns = [np.sin(angle), np.cos(angle)]
        else:
            shaped = _signed_log(filled, self.log_unit) if self.log_unit else filled
            scaled = (shaped - self.centre) / self.scale
            columns = [np.clip(scaled, -_FARTHEST, _FARTHEST) if self.bounded else scaled]
        if self.mark_missing:
            columns.append(missing.astype(np.float64))
        return np.column_stack(columns)

    def value(self, number: float) -> Sequence[float]:
        """One number → its columns, to the bit what `transform` makes of it."""
        missing = not math.isfinite(number)
        filled = self.fill if missing else number
        if self.period:
            angle = filled * (2 * math.pi / self.period)
            answer = [float(np.sin(angle)), float(np.cos(angle))]
        else:
            if self.log_unit:
                # math.log1p rounds differently.
                filled = math.copysign(float(np.log1p(abs(filled) / self.log_unit)), filled)
            scaled = (filled - self.centre) / self.scale
            answer = [min(max(scaled, -_FARTHEST), _FARTHEST) if self.bounded else scaled]
        if self.mark_missing:
            answer.append(1.0 if missing else 0.0)
        return answer

    def state(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "fill": None if math.isnan(self.fill) else self.fill}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "NumberEncoder":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        encoder = cls(
            name=str(state["name"]),
            fill=math.nan if state["fill"] is None else float(state["fill"]),
            centre=float(state["centre"]),
            scale=float(state["scale"]),
            log_unit=float(state["log_unit"]),
            bounded=bool(state["bounded"]),
            mark_missing=bool(state["mark_missing"]),
            period=None if state["period"] is None else float(state["period"]),
        )
        figures = (encoder.centre, encoder.scale, encoder.log_unit, encoder.period or 1.0)
        if not all(map(math.isfinite, figures)) or math.isinf(encoder.fill):
            raise ValueError(f"a figure of “{encoder.name}” is no number")
        if not encoder.scale or encoder.log_unit < 0:
            raise ValueError(f"the scale of “{encoder.name}” is 0")
        return encoder


def _origin(known: np.ndarray) -> float:
    """What to count from, where float32 would blur neighbouring values (a serial number, a time in seconds)."""
    if len(known) == 0 or np.abs(known).max() < _EXACT_IN_FLOAT32:
        return 0.0
    return float(np.median(known)) if np.ptp(known) < np.abs(known).max() else 0.0


def _signed_log(values: np.ndarray, unit: float) -> np.ndarray:
    return np.asarray(np.copysign(np.log1p(np.abs(values) / unit), values))


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    spread = centred.std()
    if not spread > 0:
        return 0.0
    scaled = centred / spread
    # Not `scaled ** 3`, which calls a power function for every number.
    return float(abs((scaled * scaled * scaled).mean()))
