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
        fill, centre, scale, unit = (float(figure[0]) for figure in _figures(view, known[None, :]))
        mark = 0 < len(known) < len(values)
        if view is View.DENSE and period is not None:
            return cls(name, fill=fill, mark_missing=mark, period=period)
        if view.takes_missing:
            # Boosters learn where missing values belong, but only from missing values.
            return cls(name, fill=fill if complete else math.nan, centre=centre)
        return cls(name, fill, centre, scale, unit, bounded=view is View.DENSE, mark_missing=mark)

    @classmethod
    def fit_all(cls, view: View, names: Sequence[str], values: np.ndarray) -> list["NumberEncoder"]:
        """The same for many columns at once, (columns, rows): they are neither flags nor have they a period.

        Column by column, a table of thousands of columns spends most of a short trial in calls.
        """
        found: list[NumberEncoder | None] = [None] * len(names)
        complete = np.flatnonzero(np.isfinite(values).all(axis=1)) if values.shape[1] else np.empty(0, dtype=np.intp)
        known = values if len(complete) == len(names) else values[complete]
        figures = np.stack(_figures(view, known), axis=1).tolist()
        for index, (fill, centre, scale, unit) in zip(complete.tolist(), figures, strict=True):
            found[index] = cls(names[index], fill, centre, scale, unit, bounded=view is View.DENSE)
        return [
            cls.fit(view, name, column, flag=False, period=None) if encoder is None else encoder
            for encoder, name, column in zip(found, names, values, strict=True)
        ]

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

    @staticmethod
    def transform_all(encoders: Sequence["NumberEncoder"], values: np.ndarray) -> np.ndarray:
        """What `transform` makes of many columns, (columns, rows) → float32 (rows, columns); none has a period."""
        missing = ~np.isfinite(values)
        fill, centre, scale, unit = (
            np.array([getattr(encoder, name) for encoder in encoders])[:, None]
            for name in ("fill", "centre", "scale", "log_unit")
        )
        bounded, marked = (
            np.array([getattr(encoder, name) for encoder in encoders]) for name in ("bounded", "mark_missing")
        )
        shaped = np.where(missing, fill, values)
        for index in np.flatnonzero(unit):
            shaped[index] = _signed_log(shaped[index], float(unit[index, 0]))
        scaled = (shaped - centre) / scale
        farthest = np.where(bounded, _FARTHEST, np.inf)[:, None]
        places = np.arange(len(encoders)) + np.cumsum(marked) - marked
        columns = np.empty((values.shape[1], len(encoders) + int(marked.sum())), dtype=np.float32)
        columns[:, places] = np.clip(scaled, -farthest, farthest).T
        columns[:, places[marked] + 1] = missing[marked].T
        return columns

    @property
    def only_fills(self) -> bool:
        """Whether a number becomes itself, and what is missing `fill`."""
        plain = self.centre == 0.0 and self.scale == 1.0 and not self.log_unit and self.period is None
        return plain and not self.bounded and not self.mark_missing

    @property
    def only_scales(self) -> tuple[float, float, float, float] | None:
        """What stands in for a missing value, centre, scale, and how far from 0 at most; None where more is done."""
        if self.log_unit or self.period is not None or self.mark_missing or not math.isfinite(self.fill):
            return None
        return self.fill, self.centre, self.scale, _FARTHEST if self.bounded else math.inf

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


def _figures(view: View, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fill, centre, scale and unit of the logarithm, each (columns,), of columns with no value missing."""
    n_columns, n_rows = known.shape
    nothing, one = np.zeros(n_columns), np.ones(n_columns)
    if not n_rows:
        return nothing, nothing, one, nothing
    fill = np.median(known, axis=1)
    if view is not View.DENSE:
        return fill, _origins(known, fill), one, nothing
    if n_rows < 2:
        return fill, fill, one, nothing
    shaped, unit, skewness = known, np.zeros(n_columns), _skewness(known)
    for index in np.flatnonzero(skewness > _HEAVY_TAIL):
        column = known[index]
        its_unit = float(np.median(np.abs(column[column != 0.0])))
        logged = _signed_log(column, its_unit)
        # A tail that the logarithm does not tame, such as 0 and 1 with few ones, stays as it is.
        if _skewness(logged[None, :])[0] < skewness[index] - 0.5:
            shaped = known.copy() if shaped is known else shaped
            shaped[index], unit[index] = logged, its_unit
    spread, centre = shaped.std(axis=1), shaped.mean(axis=1)
    # The spread of equal values is the rounding of their mean.
    return fill, centre, np.where(spread > 1e-9 * np.maximum(np.abs(centre), 1e-300), spread, 1.0), unit


def _origins(known: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """What to count from, where float32 would blur neighbouring values (a serial number, a time in seconds)."""
    largest = np.abs(known).max(axis=1)
    return np.where((largest >= _EXACT_IN_FLOAT32) & (np.ptp(known, axis=1) < largest), middle, 0.0)


def _signed_log(values: np.ndarray, unit: float) -> np.ndarray:
    return np.asarray(np.copysign(np.log1p(np.abs(values) / unit), values))


def _skewness(values: np.ndarray) -> np.ndarray:
    """Without its sign, of each column: (columns, rows) → (columns,)."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    # Not `scaled ** 3`, which calls a power function for every number.
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    return np.asarray(np.abs((scaled * scaled * scaled).mean(axis=1)))
