"""Which combinations of columns tell something that a booster on the columns alone did not find.

Candidates are judged by how much of a quick model's out-of-fold residuals they explain, cross-fitted; the best of them
then stand a trial against each other and against doing without, in the same quick model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from flowml.automl.features.categorical import CategoryEncoder
from flowml.automl.features.combinations import Arithmetic, Combination, Cross, Deviation, Rotation
from flowml.automl.features.derive import Part
from flowml.automl.features.encoded import Encoded
from flowml.automl.features.outputs import told_columns
from flowml.automl.features.prepared import Labels, Numbers, PreparedColumn

MAX_CHOSEN = 16
_SCREENED_ROWS = 10_000
_SCREENED_CELLS = 800_000
_INNER_FOLDS = 5
_FEWEST_ROWS = 600
_MOST_FEATURES = 250
_NUMBERS = 9
_LABELS = 6
_MOST_LEVELS = 400
_TOLD = 3
_BINS = 24
_GRID = 16
_STRIPES = 8
_FINALISTS = 40
_ROUNDS = 60
_ANGLES = (22.5, 45.0, 67.5, 112.5, 135.0, 157.5)
_SIMILAR_SCALE = 20.0
_SURE = 0.5
_SURE_TOGETHER = 1.0


@dataclass(frozen=True)
class _Source:
    """A part that may be combined: its position among all parts, and its values in the screened rows."""

    index: int
    name: str
    column: PreparedColumn
    whole: PreparedColumn


@dataclass(frozen=True)
class _Candidate:
    combination: Combination
    column: PreparedColumn
    gain: float


def choose_combinations(
    parts: Sequence[Part],
    encoded: Encoded,
    target: np.ndarray,
    n_outputs: int,
    seed: int,
    inner: np.ndarray | None = None,
) -> list[Combination]:
    """At most `MAX_CHOSEN` combinations of these parts, best first; none where nothing is gained by them.

    `parts` and `encoded` are the training rows, the latter as the view without combinations has them. Rows of the same
    `inner` fold, (rows,), are judged together, where there is something to keep apart.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(encoded.n_rows)
    # What it may cost is bounded: four small models of all these columns and the finalists, for each told column.
    width = encoded.values.shape[1] + _FINALISTS
    affordable = _SCREENED_CELLS // (width * min(n_outputs if n_outputs > 2 else 1, _TOLD))
    rows = np.sort(order[: min(_SCREENED_ROWS, affordable)])
    if len(rows) < _FEWEST_ROWS or encoded.values.shape[1] > _MOST_FEATURES:
        return []
    values = encoded.values[rows]
    told = told_columns(target, n_outputs, _TOLD)[0][rows]
    told = (told - told.mean(axis=0)) / np.maximum(told.std(axis=0), 1e-12)
    kept_apart = None if inner is None else inner[rows]
    half = _halves(generator, len(rows), kept_apart)
    quick = _Quick(told, half, seed)
    predicted, importance = quick.run(values, list(encoded.categorical))
    residual = told - predicted
    weight: dict[str, float] = {}
    for name, gain in zip(encoded.names, importance, strict=True):
        weight[name] = weight.get(name, 0.0) + gain
    numbers, labels = _sources(parts, rows, weight)
    judge = _Judge(residual, half)
    found = [_Candidate(item, column, judge.gain(column)) for item, column in _candidates(numbers, labels)]
    finalists = _distinct(sorted((item for item in found if item.gain > 0), key=lambda item: -item.gain))
    if not finalists:
        return []
    drawn = np.random.default_rng(seed).permutation(len(rows)) % _INNER_FOLDS if kept_apart is None else kept_apart
    columns = [_as_numbers(item, target[rows], n_outputs, drawn) for item in finalists]
    widths = [column.shape[1] for column in columns]
    _, gains = quick.run(np.column_stack([values, *columns]), list(encoded.categorical))
    starts = values.shape[1] + np.cumsum([0, *widths[:-1]])
    of_each = np.array([gains[at : at + width].sum() for at, width in zip(starts, widths, strict=True)])
    best = [index for index in np.argsort(-of_each, kind="stable")[:MAX_CHOSEN] if of_each[index] > 0]
    # Judged once more, the same rows divided anew: a choice that was luck mostly falls apart then.
    other = _Quick(told, _halves(generator, len(rows), kept_apart), seed)
    without, _ = other.run(values, list(encoded.categorical))
    beside, _ = other.run(np.column_stack([values, *(columns[index] for index in best)]), list(encoded.categorical))
    better = ((told - without) ** 2 - (told - beside) ** 2).sum(axis=1)
    if better.mean() <= _SURE_TOGETHER * better.std() / len(better) ** 0.5:
        return []
    return [finalists[index].combination for index in best]


def _halves(generator: np.random.Generator, n_rows: int, inner: np.ndarray | None) -> np.ndarray:
    """Which half each row is in, 0 or 1: at random, or by whole inner folds."""
    numbers, fold = np.unique(inner if inner is not None else np.zeros(n_rows), return_inverse=True)
    if len(numbers) < 2:
        return generator.permutation(n_rows) % 2
    return (generator.permutation(len(numbers)) % 2)[fold.reshape(-1)]


class _Quick:
    """A small LightGBM for each told column, each half of the rows predicted from the other."""

    def __init__(self, told: np.ndarray, half: np.ndarray, seed: int):
        self._told = told
        self._half = half
        self._settings = {
            "objective": "regression",
            "learning_rate": 0.12,
            "num_leaves": 16,
            "min_data_in_leaf": max(5, min(20, len(half) // 100)),
            "min_data_per_group": max(5, min(50, len(half) // 50)),
            "feature_fraction": 0.7,
            "lambda_l2": 1.0,
            "max_bin": 127,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "seed": seed,
            "verbosity": -1,
        }

    def run(self, values: np.ndarray, categorical: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Out-of-fold predictions (rows, told) and the gain of each feature."""
        import lightgbm

        predicted = np.zeros_like(self._told)
        gain = np.zeros(values.shape[1])
        for half in (0, 1):
            train, held = self._half != half, self._half == half
            for index in range(self._told.shape[1]):
                data = lightgbm.Dataset(
                    values[train],
                    self._told[train, index],
                    categorical_feature=list(categorical),
                    params=self._settings,
                )
                booster = lightgbm.train(self._settings, data, _ROUNDS)
                predicted[held, index] = booster.predict(values[held], num_threads=1)
                gain += booster.feature_importance("gain")
        return predicted, gain


class _Judge:
    """How much of residuals a column explains, each half of the rows from what the other half says of its cells."""

    def __init__(self, residual: np.ndarray, half: np.ndarray):
        self._residual = residual
        self._half = half

    def gain(self, column: PreparedColumn) -> float:
        """The fall of the sum of squares; 0 where it may be chance, as the best of hundreds of columns of noise."""
        cells = column.codes.astype(np.int64) if isinstance(column, Labels) else _bins(column.values)
        size = int(cells.max(initial=0)) + 2
        cells = np.where(cells < 0, size - 1, cells)
        fall = np.zeros(len(cells))
        for half in (0, 1):
            train, held = self._half != half, self._half == half
            counts = np.bincount(cells[train], minlength=size) + 10.0
            for residual in self._residual.T:
                means = np.bincount(cells[train], weights=residual[train], minlength=size) / counts
                guess = means[cells[held]]
                fall[held] += guess * (2 * residual[held] - guess)
        gain = float(fall.sum())
        return gain if gain > _SURE * float(fall.std()) * len(fall) ** 0.5 else 0.0


def _sources(parts: Sequence[Part], rows: np.ndarray, weight: dict[str, float]) -> tuple[list[_Source], list[_Source]]:
    numbers: list[tuple[float, _Source]] = []
    labels: list[tuple[float, _Source]] = []
    for index, part in enumerate(parts):
        means = sum(gain for name, gain in weight.items() if name.startswith(f"{part.name} mean of "))
        gain = weight.get(part.name, 0.0) + means
        if part.text or part.flag or part.derived or gain <= 0:
            continue
        column = part.column.take(rows)
        source = _Source(index, part.name, column, part.column)
        if isinstance(column, Labels):
            if 2 <= np.count_nonzero(column.counts()) <= _MOST_LEVELS:
                labels.append((gain, source))
        elif len(np.unique(column.values[np.isfinite(column.values)])) > 2:
            numbers.append((gain, source))
    return _top(numbers, _NUMBERS), _top(labels, _LABELS)


def _top(sources: list[tuple[float, _Source]], most: int) -> list[_Source]:
    return [source for _, source in sorted(sources, key=lambda item: -item[0])[:most]]


def _candidates(numbers: Sequence[_Source], labels: Sequence[_Source]) -> list[tuple[Combination, PreparedColumn]]:
    found: list[Combination] = []
    scale = {source.index: _spread(source.column) for source in numbers}
    for a, b in combinations(numbers, 2):
        both = (a.index, b.index)
        if max(scale[a.index], scale[b.index]) <= _SIMILAR_SCALE * min(scale[a.index], scale[b.index]):
            found += [Arithmetic.of_names(a.name, b.name, both, operation) for operation in ("difference", "sum")]
        found.append(Arithmetic.of_names(a.name, b.name, both, "product"))
        found += [_rotation(a, b, scale, angle) for angle in _ANGLES]
        found.append(Cross(f"{a.name} × {b.name}", both, (_edges(a, _GRID), _edges(b, _GRID))))
    found += [Arithmetic.of_names(a.name, b.name, (a.index, b.index), "ratio") for a, b in permutations(numbers, 2)]
    for label in labels:
        for number in numbers:
            name, both = f"{number.name} against {label.name}", (number.index, label.index)
            assert isinstance(number.whole, Numbers) and isinstance(label.whole, Labels)
            found.append(Deviation.fit(name, both, number.whole, label.whole))
            found.append(
                Cross(f"{label.name} × {number.name}", (label.index, number.index), (None, _edges(number, _STRIPES)))
            )
    found += [Cross(f"{a.name} × {b.name}", (a.index, b.index), (None, None)) for a, b in combinations(labels, 2)]
    column = {source.index: source.column for source in (*numbers, *labels)}
    return [(item, item.column(*(column[source] for source in item.sources))) for item in found]


def _rotation(a: _Source, b: _Source, scale: dict[int, float], angle: float) -> Rotation:
    turn = np.deg2rad(angle)
    weights = (float(np.cos(turn)) / scale[a.index], float(np.sin(turn)) / scale[b.index])
    return Rotation(f"{a.name} and {b.name} at {angle:g}°", (a.index, b.index), weights)


def _as_numbers(item: _Candidate, target: np.ndarray, n_outputs: int, inner: np.ndarray) -> np.ndarray:
    if isinstance(item.column, Labels):
        return CategoryEncoder.means("", item.column, target, n_outputs, inner, most=_TOLD)[1]
    return item.column.values.reshape(-1, 1)


def _distinct(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Without those that order the rows much as a better one does."""
    kept: list[_Candidate] = []
    ranks: list[np.ndarray] = []
    for item in candidates:
        if isinstance(item.column, Numbers):
            bins = _bins(item.column.values).astype(np.float64)
            bins -= bins.mean()
            bins /= max(float(np.sqrt((bins**2).sum())), 1e-12)
            if any(abs(float(bins @ other)) > 0.97 for other in ranks):
                continue
            ranks.append(bins)
        kept.append(item)
        if len(kept) == _FINALISTS:
            break
    return kept


def _bins(values: np.ndarray) -> np.ndarray:
    """The quantile that each value lies in; -1 for a missing one."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return np.full(len(values), -1)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)


def _edges(source: _Source, bins: int) -> list[float]:
    assert isinstance(source.column, Numbers)
    known = source.column.values[np.isfinite(source.column.values)]
    edges: list[float] = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])).tolist()
    return edges


def _spread(column: PreparedColumn) -> float:
    assert isinstance(column, Numbers)
    known = column.values[np.isfinite(column.values)]
    return max(float(known.std()), 1e-12)
