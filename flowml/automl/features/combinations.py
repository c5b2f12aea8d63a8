"""One column out of two: what arithmetic, a group's mean or a cross of categories makes of them.

As with derivations, each is written twice in one place, for whole columns and for one row, with the same formula.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from flowml.automl.features.prepared import Labels, Numbers, PreparedColumn
from flowml.automl.features.values import LARGEST

MAX_COMBINATIONS = 200
_MAX_LEVELS = 5_000

OPERATIONS = ("difference", "sum", "product", "ratio")
_SIGNS = {"difference": "-", "sum": "+", "product": "*", "ratio": "/"}


class Combination(ABC):
    """`sources` are the positions of two derived parts; the result is a column of numbers or of labels."""

    kind: ClassVar[str]
    gives_labels: ClassVar[bool] = False

    def __init__(self, name: str, sources: tuple[int, int]):
        self.name = name
        self.sources = sources

    @abstractmethod
    def column(self, first: PreparedColumn, second: PreparedColumn) -> PreparedColumn:
        """Of whole columns."""

    @abstractmethod
    def value(self, first: Any, second: Any) -> Any:
        """Of one row: a float (NaN: missing), or a label or None."""

    @abstractmethod
    def fits(self, first_is_label: bool, second_is_label: bool) -> bool:
        """Whether it can take parts of these kinds."""

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "sources": list(self.sources)}


class Arithmetic(Combination):
    """Two numbers added, subtracted, multiplied or divided; by 0 it is missing."""

    kind = "arithmetic"

    def __init__(self, name: str, sources: tuple[int, int], operation: str):
        super().__init__(name, sources)
        if operation not in OPERATIONS:
            raise ValueError(f"“{operation}” is no operation")
        self.operation = operation

    @classmethod
    def of_names(cls, first: str, second: str, sources: tuple[int, int], operation: str) -> "Arithmetic":
        """Named as it would be written."""
        return cls(f"{first} {_SIGNS[operation]} {second}", sources, operation)

    def column(self, first: PreparedColumn, second: PreparedColumn) -> Numbers:
        assert isinstance(first, Numbers) and isinstance(second, Numbers)
        a, b = first.values, second.values
        with np.errstate(all="ignore"):
            if self.operation == "difference":
                answer = a - b
            elif self.operation == "sum":
                answer = a + b
            elif self.operation == "product":
                answer = a * b
            else:
                answer = np.where(b == 0.0, np.nan, a / b)
            return Numbers(np.where(np.abs(answer) <= LARGEST, answer, np.nan))

    def value(self, first: Any, second: Any) -> float:
        if self.operation == "difference":
            answer = first - second
        elif self.operation == "sum":
            answer = first + second
        elif self.operation == "product":
            answer = first * second
        else:
            answer = first / second if second != 0.0 else math.nan
        return answer if abs(answer) <= LARGEST else math.nan

    def fits(self, first_is_label: bool, second_is_label: bool) -> bool:
        return not first_is_label and not second_is_label

    def state(self) -> dict[str, Any]:
        return {**super().state(), "operation": self.operation}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Arithmetic":
        return cls(str(state["name"]), _sources(state), str(state["operation"]))


class Rotation(Combination):
    """Two numbers in their own units, as seen from another angle: cosine times one plus sine times the other."""

    kind = "rotation"

    def __init__(self, name: str, sources: tuple[int, int], weights: tuple[float, float]):
        super().__init__(name, sources)
        self.weights = weights

    def column(self, first: PreparedColumn, second: PreparedColumn) -> Numbers:
        assert isinstance(first, Numbers) and isinstance(second, Numbers)
        with np.errstate(all="ignore"):
            answer = first.values * self.weights[0] + second.values * self.weights[1]
            return Numbers(np.where(np.abs(answer) <= LARGEST, answer, np.nan))

    def value(self, first: Any, second: Any) -> float:
        answer: float = first * self.weights[0] + second * self.weights[1]
        return answer if abs(answer) <= LARGEST else math.nan

    def fits(self, first_is_label: bool, second_is_label: bool) -> bool:
        return not first_is_label and not second_is_label

    def state(self) -> dict[str, Any]:
        return {**super().state(), "weights": list(self.weights)}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Rotation":
        first, second = (_finite(value) for value in state["weights"])
        return cls(str(state["name"]), _sources(state), (first, second))


class Deviation(Combination):
    """A number less its mean among the rows of the same category."""

    kind = "deviation"

    def __init__(
        self, name: str, sources: tuple[int, int], levels: tuple[str, ...], means: Sequence[float], overall: float
    ):
        super().__init__(name, sources)
        if len(levels) != len(means):
            raise ValueError(f"the means of “{name}” do not fit its levels")
        self.levels = levels
        self.means = list(means)
        self.overall = overall
        self._mean = dict(zip(levels, self.means, strict=True))

    @classmethod
    def fit(cls, name: str, sources: tuple[int, int], number: Numbers, label: Labels) -> "Deviation":
        """Learn the means from the training rows, each drawn towards the overall mean as if by some more rows."""
        known = np.isfinite(number.values) & (label.codes >= 0)
        values, codes = number.values[known], label.codes[known]
        overall = float(values.mean()) if len(values) else 0.0
        counts = np.bincount(codes, minlength=len(label.levels))
        sums = np.bincount(codes, weights=values - overall, minlength=len(label.levels))
        kept = [index for index in np.argsort(-counts, kind="stable")[:_MAX_LEVELS] if counts[index] > 0]
        means = (overall + sums / (counts + 3.0))[kept] if len(kept) else np.empty(0)
        return cls(name, sources, tuple(label.levels[index] for index in kept), means.tolist(), overall)

    def column(self, first: PreparedColumn, second: PreparedColumn) -> Numbers:
        assert isinstance(first, Numbers) and isinstance(second, Labels)
        table = np.full(len(second.levels) + 1, self.overall)
        position = second.positions()
        for level, mean in self._mean.items():
            at = position.get(level)
            if at is not None:
                table[at] = mean
        with np.errstate(all="ignore"):
            answer = first.values - table[second.codes]
            return Numbers(np.where(np.abs(answer) <= LARGEST, answer, np.nan))

    def value(self, first: Any, second: Any) -> float:
        answer: float = first - self._mean.get(second, self.overall)
        return answer if abs(answer) <= LARGEST else math.nan

    def fits(self, first_is_label: bool, second_is_label: bool) -> bool:
        return not first_is_label and second_is_label

    def state(self) -> dict[str, Any]:
        return {**super().state(), "levels": list(self.levels), "means": self.means, "overall": self.overall}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Deviation":
        levels = tuple(str(level) for level in state["levels"])
        means = [_finite(value) for value in state["means"]]
        return cls(str(state["name"]), _sources(state), levels, means, _finite(state["overall"]))


class Cross(Combination):
    """Two categories as one. A number counts as the interval of `edges` that it lies in."""

    kind = "cross"
    gives_labels = True

    def __init__(
        self,
        name: str,
        sources: tuple[int, int],
        edges: tuple[Sequence[float] | None, Sequence[float] | None],
    ):
        super().__init__(name, sources)
        self.edges = edges

    def column(self, first: PreparedColumn, second: PreparedColumn) -> Labels:
        codes_a, names_a = _cells(first, self.edges[0])
        codes_b, names_b = _cells(second, self.edges[1])
        size = max(len(names_b), 1)
        missing = (codes_a < 0) | (codes_b < 0)
        found, codes = np.unique((codes_a * size + codes_b)[~missing], return_inverse=True)
        answer = np.full(len(codes_a), -1, dtype=np.int32)
        answer[~missing] = codes
        levels = tuple(_joined(names_a[key // size], names_b[key % size]) for key in found.tolist())
        return Labels(answer, levels)

    def value(self, first: Any, second: Any) -> str | None:
        a, b = _cell(first, self.edges[0]), _cell(second, self.edges[1])
        return None if a is None or b is None else _joined(a, b)

    def fits(self, first_is_label: bool, second_is_label: bool) -> bool:
        return first_is_label == (self.edges[0] is None) and second_is_label == (self.edges[1] is None)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "edges": [None if edges is None else list(edges) for edges in self.edges]}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Cross":
        first, second = (
            None if edges is None else sorted(_finite(value) for value in edges) for edges in state["edges"]
        )
        return cls(str(state["name"]), _sources(state), (first, second))


_KINDS: dict[str, Any] = {kind.kind: kind for kind in (Arithmetic, Rotation, Deviation, Cross)}


def load_combination(state: Mapping[str, Any]) -> Combination:
    """The combination behind a state. Raises KeyError, TypeError or ValueError for one that is none."""
    combination: Combination = _KINDS[state["kind"]].of(state)
    return combination


def _joined(first: str, second: str) -> str:
    # With its length, so that no two pairs of labels read the same.
    return f"{len(first)} {first} {second}"


def _cells(column: PreparedColumn, edges: Sequence[float] | None) -> tuple[np.ndarray, Sequence[str]]:
    if isinstance(column, Labels):
        return column.codes.astype(np.int64), column.levels
    assert edges is not None
    cells = np.searchsorted(np.asarray(edges, dtype=np.float64), column.values, side="right")
    names = [str(index) for index in range(len(edges) + 1)]
    return np.where(np.isfinite(column.values), cells, -1), names


def _cell(value: Any, edges: Sequence[float] | None) -> str | None:
    if edges is None:
        label: str | None = value
        return label
    return str(bisect_right(edges, value)) if math.isfinite(value) else None


def _sources(state: Mapping[str, Any]) -> tuple[int, int]:
    first, second = state["sources"]
    if isinstance(first, bool) or isinstance(second, bool) or not isinstance(first, int) or not isinstance(second, int):
        raise TypeError("a source that is no position")
    return first, second


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a value that is not a number")
    return number
