"""How far off a model is likely to be on a row, by look-ups: the scale that makes a conformal interval adaptive."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from flowml.automl.features.prepared import Labels, Numbers, PreparedColumn
from flowml.automl.features.values import days_of, label_of, number_of
from flowml.domain.datasets import Role

PREDICTION, NUMBER, DATE, CATEGORY = "prediction", "number", "date", "category"
_MOST_TERMS, _MOST_BINS, _FARTHEST = 100, 64, 200.0


def kinds_of(roles: Mapping[str, Role]) -> dict[str, str]:
    """The columns that difficulty may depend on, and what they are to it."""
    kinds = {Role.NUMERIC: NUMBER, Role.BOOLEAN: NUMBER, Role.DATETIME: DATE, Role.CATEGORICAL: CATEGORY}
    return {name: kinds[role] for name, role in roles.items() if role in kinds}


@dataclass(frozen=True)
class Term:
    """What one column, or the prediction itself, adds to the logarithm of the scale.

    Of numbers `edges` are in ascending order, and bin i are the values above edge i - 1 and not above edge i; of
    categories `levels` are the bins. `values`: of each bin, of numbers one more than edges; of categories there is one
    more for all other levels; the last one is for a missing value.
    """

    kind: str
    name: str
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    values: tuple[float, ...]

    def bins(self, column: PreparedColumn) -> np.ndarray:
        """The bin of each row, (rows,)."""
        if isinstance(column, Labels):
            place = {level: at for at, level in enumerate(self.levels)}
            other = len(self.levels)
            table = np.array([*(place.get(level, other) for level in column.levels), other + 1])
            return np.asarray(table[column.codes])
        found = np.searchsorted(np.asarray(self.edges), column.values, side="left")
        return np.where(np.isfinite(column.values), found, len(self.edges) + 1)

    def compile(self) -> Callable[[Any], float]:
        """From one value of the column to what it adds."""
        values, missing = self.values, self.values[-1]
        if self.kind == CATEGORY:
            table = dict(zip(self.levels, values, strict=False))
            other = values[-2]

            def of_label(value: Any) -> float:
                label = label_of(value)
                return missing if label is None else table.get(label, other)

            return of_label
        read, edges = days_of if self.kind == DATE else number_of, list(self.edges)

        def of_number(value: Any) -> float:
            number = read(value)
            return values[bisect_left(edges, number)] if math.isfinite(number) else missing

        return of_number

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Term":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        found = cls(
            kind=str(state["kind"]),
            name=str(state["name"]),
            edges=tuple(float(edge) for edge in state["edges"]),
            levels=tuple(str(level) for level in state["levels"]),
            values=tuple(float(value) for value in state["values"]),
        )
        is_category = found.kind == CATEGORY
        if found.kind not in (PREDICTION, NUMBER, DATE, CATEGORY) or (found.edges if is_category else found.levels):
            raise ValueError("a difficulty of an unknown kind")
        bins = found.levels if is_category else found.edges
        if len(bins) > _MOST_BINS or len(found.values) != len(bins) + 2 or len(set(bins)) != len(bins):
            raise ValueError("a difficulty whose bins do not fit")
        if list(found.edges) != sorted(found.edges) or not all(map(math.isfinite, (*found.edges, *found.values))):
            raise ValueError("a difficulty out of order")
        return found


@dataclass(frozen=True)
class Difficulty:
    """The scale of a row: exp of `base` and what each term adds, kept within `least` and `greatest` (logarithms), as no
    row of training was easier or harder."""

    base: float
    least: float
    greatest: float
    terms: tuple[Term, ...]

    def scales(self, columns: Mapping[str, PreparedColumn], predictions: np.ndarray) -> np.ndarray:
        """Of rows: (rows,). `columns` has those of `names`; `predictions` is (rows,)."""
        total = np.full(len(predictions), self.base)
        for term in self.terms:
            column = Numbers(predictions) if term.kind == PREDICTION else columns[term.name]
            total += np.asarray(term.values)[term.bins(column)]
        return np.asarray(np.exp(np.clip(total, self.least, self.greatest)))

    def scale(self, row: Mapping[str, Any], prediction: float) -> float:
        """Of one row as `ModelSchema.check_row` leaves it."""
        total = self.base
        for name, value in self._steps:
            total += value(prediction if name is None else row.get(name))
        return math.exp(min(max(total, self.least), self.greatest))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(term.name for term in self.terms if term.kind != PREDICTION)

    @cached_property
    def _steps(self) -> list[tuple[str | None, Callable[[Any], float]]]:
        return [(None if term.kind == PREDICTION else term.name, term.compile()) for term in self.terms]

    def __getstate__(self) -> dict[str, Any]:
        # Without what is compiled of it.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, state: Mapping[str, Any], kinds: Mapping[str, str]) -> "Difficulty":
        """`kinds`: of each column that a model has, what it is here. Raises KeyError, TypeError or ValueError."""
        terms = tuple(Term.of(term) for term in state["terms"])
        found = cls(float(state["base"]), float(state["least"]), float(state["greatest"]), terms)
        figures = (found.base, found.least, found.greatest)
        if not all(math.isfinite(one) and abs(one) <= _FARTHEST for one in figures) or found.least > found.greatest:
            raise ValueError("a difficulty without bounds")
        if len(terms) > _MOST_TERMS or any(abs(value) > _FARTHEST for term in terms for value in term.values):
            raise ValueError("a difficulty beyond all bounds")
        if any(term.kind != PREDICTION and kinds.get(term.name) != term.kind for term in terms):
            raise ValueError("a difficulty of other columns")
        return found


def learn(
    columns: Sequence[tuple[str, str, PreparedColumn]],
    residuals: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    rounds: int = 60,
    rate: float = 0.2,
) -> Difficulty:
    """The scale of absolute residuals (rows,), all finite, from `columns`: kind, name and values.

    Gradient boosting of stumps for the deviance of a gamma distribution with a logarithmic link, summed up by column: a
    generalised additive model of the mean of |residual| (Lou, Caruana and Gehrke 2012). It is as good as a forest of
    deep trees here (docs/answers.md), and answers a row by one look-up a column.
    """
    counts = np.ones(len(residuals)) if weights is None else weights * (len(residuals) / weights.sum())
    mean = float(np.average(residuals, weights=weights))
    base = math.log(mean) if mean > 0.0 else 0.0
    # Terms are measured by what they add, so empty ones first.
    empty = [_binned(*column) for column in columns]
    codes = [term.bins(column) for term, (_, _, column) in zip(empty, columns, strict=True)]
    ordered = [
        _ordered(one, len(term.values), residuals * counts, counts) for term, one in zip(empty, codes, strict=True)
    ]
    n_bins = max(len(term.values) for term in empty)
    added = _boosted([places for places, _ in ordered], n_bins, residuals / max(mean, 1e-300), counts, rounds, rate)
    terms, total = [], np.full(len(residuals), base)
    for term, one, (_, rank), values in zip(empty, codes, ordered, added, strict=True):
        of_bins = values[rank]
        if of_bins.any():
            total += of_bins[one]
            terms.append(Term(term.kind, term.name, term.edges, term.levels, tuple(of_bins.tolist())))
    kept = sorted(terms, key=lambda term: -float(np.ptp(term.values)))[:_MOST_TERMS]
    return Difficulty(base, float(total.min()), float(total.max()), tuple(kept))


def _binned(kind: str, name: str, column: PreparedColumn, bins: int = 16) -> Term:
    if isinstance(column, Labels):
        often = np.argsort(-column.counts(), kind="stable")[:bins]
        levels = tuple(column.levels[at] for at in often)
        return Term(kind, name, (), levels, (0.0,) * (len(levels) + 2))
    known = column.values[np.isfinite(column.values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)
    # What lies above the greatest edge has to be something.
    edges = edges[edges < known.max()] if len(known) else edges
    return Term(kind, name, tuple(edges.tolist()), (), (0.0,) * (len(edges) + 2))


def _ordered(bins: np.ndarray, n_bins: int, sums: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bins of rows in the order of their mean residual, with few rows drawn to the overall mean; and the place of
    each bin in it."""
    overall = sums.sum() / counts.sum()
    means = (np.bincount(bins, sums, n_bins) + 20.0 * overall) / (np.bincount(bins, counts, n_bins) + 20.0)
    rank = np.empty(n_bins, dtype=np.intp)
    rank[np.argsort(means, kind="stable")] = np.arange(n_bins)
    return rank[bins], rank


def _boosted(
    places: Sequence[np.ndarray], n_bins: int, ratio: np.ndarray, counts: np.ndarray, rounds: int, rate: float
) -> list[np.ndarray]:
    """What each bin of each column adds; `places` are the bins of rows, `ratio` residuals over their mean."""
    flat = np.concatenate([one + at * n_bins for at, one in enumerate(places)])
    shape, smooth, fewest = (len(places), n_bins), 20.0, 20.0
    rows_of = np.bincount(flat, np.tile(counts, len(places)), shape[0] * n_bins).reshape(shape).cumsum(axis=1)
    added, total = np.zeros(shape), np.zeros(len(ratio))
    rest = rows_of[:, -1:] - rows_of
    possible = (rows_of >= fewest) & (rest >= fewest)
    if not possible.any():
        return list(added)
    for _ in range(rounds):
        slopes = counts * (np.minimum(ratio / np.exp(total), 20.0) - 1.0)
        low = np.bincount(flat, np.tile(slopes, len(places)), shape[0] * n_bins).reshape(shape).cumsum(axis=1)
        high = low[:, -1:] - low
        gains = np.where(possible, low**2 / (rows_of + smooth) + high**2 / (rest + smooth), -1.0)
        column, cut = divmod(int(gains.argmax()), n_bins)
        below = rate * low[column, cut] / (rows_of[column, cut] + smooth)
        above = rate * high[column, cut] / (rest[column, cut] + smooth)
        added[column, : cut + 1] += below
        added[column, cut + 1 :] += above
        total += np.where(places[column] <= cut, below, above)
    return list(added)
