"""Categories as each view wants them: codes, one column a level, or what the target was on average.

Whatever the form, an encoder is a table with one line a level, one for levels that are rare or unseen and one for
missing values; encoding is looking up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.features.encoded import View
from flowml.automl.features.outputs import MAX_TOLD, told_columns
from flowml.automl.features.prepared import Labels

_MAX_CODES = 250
_MAX_ONE_HOT = {View.ORDINAL: 8, View.DENSE: 50}
_MAX_MEAN_LEVELS = 20_000
_SMOOTHING = 10.0


@dataclass(frozen=True)
class CategoryEncoder:
    """`table`: float64 (levels + 2, columns); the last two lines are for other levels and for missing values."""

    name: str
    levels: tuple[str, ...]
    table: np.ndarray
    column_names: tuple[str, ...]
    coded: bool

    @classmethod
    def fit(
        cls, view: View, name: str, column: Labels, target: np.ndarray, n_outputs: int, inner: np.ndarray
    ) -> tuple["CategoryEncoder", np.ndarray]:
        """Learn from the training rows; returns the encoder and those rows encoded, (rows, columns).

        Where target means are used, the rows are encoded from the other inner folds (Micci-Barreca 2001, smoothed;
        cross-fitted as in scikit-learn's TargetEncoder), so that no row has seen its own target.
        """
        kept, rare, missing = _kept(column, _MAX_CODES if view.takes_missing else None)
        levels = tuple(column.levels[index] for index in kept)
        if view.takes_missing:
            encoder = cls._codes(name, levels, rare, missing)
        elif len(levels) <= _MAX_ONE_HOT[view]:
            encoder = cls._one_hot(name, levels, rare, missing)
        else:
            return cls.means(name, column, target, n_outputs, inner, scaled=view is View.DENSE)
        encoded = encoder.transform(column)
        if not missing and not view.takes_missing and len(encoded):
            # Never missing in training: a missing value is then a bit of everything.
            encoder.table[-1] = encoded.mean(axis=0)
        return encoder, encoded

    @classmethod
    def _codes(cls, name: str, levels: tuple[str, ...], rare: bool, missing: bool) -> "CategoryEncoder":
        other = float(len(levels)) if rare else np.nan
        # Boosters learn where missing values belong, but only from missing values; else it is the usual level.
        absent = np.nan if missing or not levels else 0.0
        table = np.array([*np.arange(len(levels), dtype=np.float64), other, absent]).reshape(-1, 1)
        return cls(name, levels, table, (name,), coded=True)

    @classmethod
    def _one_hot(cls, name: str, levels: tuple[str, ...], rare: bool, missing: bool) -> "CategoryEncoder":
        n = len(levels)
        table = np.zeros((n + 2, n + 2))
        table[np.arange(n + 2), np.arange(n + 2)] = 1.0
        keep = list(range(n)) + ([n] if rare else []) + ([n + 1] if missing else [])
        if n == 2 and not rare and not missing:
            # Two levels are one question.
            keep = [1]
        names = [*(f"{name} = {level}" for level in levels), f"{name} = other", f"{name} is missing"]
        return cls(name, levels, table[:, keep], tuple(names[index] for index in keep), coded=False)

    @classmethod
    def means(
        cls,
        name: str,
        column: Labels,
        target: np.ndarray,
        n_outputs: int,
        inner: np.ndarray,
        *,
        scaled: bool = False,
        most: int = MAX_TOLD,
    ) -> tuple["CategoryEncoder", np.ndarray]:
        """Target means, of at most so many classes, and the logarithm of how many rows there are of each level."""
        levels = tuple(column.levels[index] for index in _kept(column, _MAX_MEAN_LEVELS)[0])
        values, labels = told_columns(target, n_outputs, most)
        lines = _lines(column, levels)
        n_lines = len(levels) + 2
        table = np.column_stack([_smoothed(lines, values, n_lines), _log_counts(lines, n_lines)])
        encoded = table[lines]
        for fold in np.unique(inner):
            held, rest = inner == fold, inner != fold
            encoded[held, : values.shape[1]] = _smoothed(lines[rest], values[rest], n_lines)[lines[held]]
        if scaled:
            centre, spread = encoded.mean(axis=0), encoded.std(axis=0)
            spread[spread < 1e-12] = 1.0
            table, encoded = (table - centre) / spread, (encoded - centre) / spread
        if (column.codes >= 0).all() and len(encoded):
            table[-1] = encoded.mean(axis=0)
        names = (*(f"{name} mean of {label}" for label in labels), f"{name} frequency")
        return cls(name, levels, table, names, coded=False), encoded

    def names(self) -> Sequence[str]:
        """One for each column of `transform`."""
        return self.column_names

    def transform(self, column: Labels) -> np.ndarray:
        """Labels → float64 (rows, columns)."""
        return np.asarray(self.table[_lines(column, self.levels)])

    def lookup(self) -> tuple[Mapping[str, Sequence[float]], Sequence[float], Sequence[float]]:
        """For single rows: the line of each level, of other levels, and of a missing value."""
        lines = [tuple(line) for line in self.table.tolist()]
        return dict(zip(self.levels, lines, strict=False)), lines[-2], lines[-1]

    def state(self) -> dict[str, Any]:
        table = [[None if value != value else value for value in line] for line in self.table.tolist()]
        return {
            "name": self.name,
            "levels": list(self.levels),
            "table": table,
            "column_names": list(self.column_names),
            "coded": self.coded,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "CategoryEncoder":
        """Raises ValueError for a table that does not fit its levels."""
        names = tuple(str(name) for name in state["column_names"])
        table = np.array(
            [[np.nan if value is None else float(value) for value in line] for line in state["table"]], dtype=np.float64
        )
        levels = tuple(str(level) for level in state["levels"])
        if table.shape != (len(levels) + 2, len(names)):
            raise ValueError(f"the table of “{state['name']}” does not fit its levels")
        if np.isinf(table).any():
            raise ValueError(f"the table of “{state['name']}” is infinite")
        coded = bool(state["coded"])
        codes = table[~np.isnan(table)]
        if coded and (len(names) != 1 or ((codes < 0) | (codes > len(levels)) | (codes % 1 != 0)).any()):
            raise ValueError(f"the codes of “{state['name']}” are none")
        return cls(str(state["name"]), levels, table, names, coded)


def _kept(column: Labels, most: int | None) -> tuple[list[int], bool, bool]:
    """The codes of the levels to know, the frequent first; whether rows have others; whether rows have none."""
    counts = column.counts()
    least = 2 if len(column.codes) >= 100 else 1
    frequent = np.argsort(-counts, kind="stable")[:most]
    kept = frequent[counts[frequent] >= least].tolist()
    return kept, bool(counts.sum() > counts[kept].sum()), bool((column.codes < 0).any())


def _lines(column: Labels, levels: tuple[str, ...]) -> np.ndarray:
    # A code of -1, missing, takes the last entry.
    of_level = np.full(len(column.levels) + 1, len(levels), dtype=np.int64)
    of_level[-1] = len(levels) + 1
    position = column.positions()
    for index, level in enumerate(levels):
        at = position.get(level)
        if at is not None:
            of_level[at] = index
    return np.asarray(of_level[column.codes])


def _smoothed(lines: np.ndarray, values: np.ndarray, n_lines: int) -> np.ndarray:
    counts = np.bincount(lines, minlength=n_lines).astype(np.float64)
    overall = values.mean(axis=0)
    sums = np.column_stack([np.bincount(lines, weights=column, minlength=n_lines) for column in values.T])
    return np.asarray((sums + _SMOOTHING * overall) / (counts + _SMOOTHING).reshape(-1, 1))


def _log_counts(lines: np.ndarray, n_lines: int) -> np.ndarray:
    return np.asarray(np.log1p(np.bincount(lines, minlength=n_lines)).reshape(-1, 1))
