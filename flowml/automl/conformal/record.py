"""What a model file keeps of how far off its model was, and the intervals and sets that follow from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from flowml.automl.conformal.difficulty import Difficulty
from flowml.automl.features.prepared import PreparedColumn

LOWEST, HIGHEST, DEFAULT = 0.5, 0.99, 0.9
LEVELS: tuple[float, ...] = tuple(round(LOWEST + 0.01 * step, 2) for step in range(50))
_MOST_REMEMBERED = 64


@dataclass(frozen=True)
class Conformal:
    """`quantiles`: at each of `LEVELS` a figure; a line for all rows, or one a class.

    Of a regression it is how many scales the truth is at most away from the prediction; the scale of a row is its
    `difficulty`, 1 where there is none. `low` and `high` are what no target is below or above; None: no bound.
    Of a classification it is the least probability with which a class belongs to the set; the predicted one
    does anyway.
    """

    quantiles: tuple[tuple[float, ...], ...]
    difficulty: Difficulty | None = None
    low: float | None = None
    high: float | None = None

    def interval(self, row: Mapping[str, Any], value: float, coverage: float = DEFAULT) -> tuple[float, float]:
        """Where the truth of a row lies of which the model says `value`; `row` as `ModelSchema.check_row` left it."""
        half = self.at(coverage)[0]
        if self.difficulty is not None:
            half *= self.difficulty.scale(row, value)
        low, high = value - half, value + half
        # Never on the other side of the prediction.
        if self.low is not None and low < self.low:
            low = min(self.low, value)
        if self.high is not None and high > self.high:
            high = max(self.high, value)
        return low, high

    def intervals(
        self, columns: Mapping[str, PreparedColumn], values: np.ndarray, coverage: float = DEFAULT
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same for rows: both (rows,), from the prepared columns of `names`, and predictions (rows,)."""
        half: Any = self.at(coverage)[0]
        if self.difficulty is not None:
            half = half * self.difficulty.scales(columns, values)
        low, high = values - half, values + half
        if self.low is not None:
            low = np.where(low < self.low, np.minimum(self.low, values), low)
        if self.high is not None:
            high = np.where(high > self.high, np.maximum(self.high, values), high)
        return low, high

    def members(self, shares: Sequence[float], chosen: int, coverage: float = DEFAULT) -> list[int]:
        """The codes of the classes in the set of a row with these probabilities, the most likely first; `chosen` is the
        one that is predicted."""
        least = self.at(coverage)
        if len(least) == 1:
            found = [code for code, share in enumerate(shares) if share >= least[0] or code == chosen]
        else:
            found = [code for code, share in enumerate(shares) if share >= least[code] or code == chosen]
        return found if len(found) < 2 else sorted(found, key=lambda code: -shares[code])

    def belong(self, shares: np.ndarray, chosen: np.ndarray, coverage: float = DEFAULT) -> np.ndarray:
        """Which classes are in the sets of rows: bool (rows, classes); `chosen`, (rows,), are those predicted."""
        found = np.asarray(shares >= np.asarray(self.at(coverage)))
        found[np.arange(len(found)), chosen] = True
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that intervals depend on."""
        return () if self.difficulty is None else self.difficulty.names

    def at(self, coverage: float) -> tuple[float, ...]:
        """The figure of each line at a coverage within [LOWEST, HIGHEST], between two levels in proportion."""
        known = self._known.get(coverage)
        if known is None:
            place = min(max((coverage - LOWEST) * 100.0, 0.0), len(LEVELS) - 1.0)
            first = min(int(place + 1e-9), len(LEVELS) - 2)
            share = max(place - first, 0.0)
            share = 0.0 if share < 1e-9 else share
            known = tuple(line[first] + share * (line[first + 1] - line[first]) for line in self.quantiles)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[coverage] = known
        return known

    @cached_property
    def _known(self) -> dict[float, tuple[float, ...]]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        # Without what is remembered.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, state: Mapping[str, Any], n_classes: int | None, kinds: Mapping[str, str]) -> "Conformal":
        """`n_classes`: None for a regression; `kinds` as `Difficulty.of` has them. Raises KeyError, TypeError or
        ValueError for a state that is none."""
        lines = state["quantiles"]
        if len(lines) not in (1, n_classes or 1):
            raise ValueError("coverage of other classes")
        quantiles = tuple(tuple(float(value) for value in line) for line in lines)
        # The greater the coverage, the wider an interval, and the smaller the share that is enough for a set.
        sign = 1.0 if n_classes is None else -1.0
        for line in quantiles:
            if len(line) != len(LEVELS) or not all(math.isfinite(value) and value >= 0.0 for value in line):
                raise ValueError("coverage that is none")
            if any(sign * (after - before) < 0.0 for before, after in pairwise(line)):
                raise ValueError("coverage out of order")
        difficulty, low, high = state["difficulty"], state["low"], state["high"]
        if n_classes is not None:
            if not (difficulty is None and low is None and high is None and all(line[0] <= 1.0 for line in quantiles)):
                raise ValueError("an interval of classes")
            return cls(quantiles)
        bounds = tuple(None if bound is None else float(bound) for bound in (low, high))
        if not all(bound is None or math.isfinite(bound) for bound in bounds):
            raise ValueError("a bound that is none")
        if None not in bounds and bounds[0] > bounds[1]:  # type: ignore[operator]
            raise ValueError("bounds out of order")
        return cls(quantiles, None if difficulty is None else Difficulty.of(difficulty, kinds), *bounds)
