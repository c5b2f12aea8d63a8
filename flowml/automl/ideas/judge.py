"""How much of a target a column tells, for ideas to be chosen by: shares of its variation, less what chance gives."""

import numpy as np
import polars as pl

from flowml.data.relations.strength import Association

# Of many candidates the best looks good by chance: what is worth a word has to tell so much more than its sources, and
# on few rows as much more as the noise of twenty groups comes to.
_LEAST_GAIN = 0.01
_NOISE = 25.0


class Judge:
    """Judges columns by one target, which has a value in every row."""

    def __init__(self, target: pl.Series):
        self._association = Association(target)
        self.n_rows = len(target)
        self.measure = self._association.measure
        self.least_gain = max(_LEAST_GAIN, _NOISE / max(1, self.n_rows))
        self._known: dict[str, float] = {}
        self.numbers = _as_numbers(target)
        """The target as numbers, centred and of unit spread (0 and 1 where there are two classes); None for others."""

    def told(self, values: pl.Series) -> float:
        """The share of the target's variation that goes with these values, whatever the shape of that: the square of
        Cramér's V or of the correlation ratio."""
        strength, _ = self._association.with_column(values)
        return 0.0 if strength is None else float(strength) ** 2

    def told_by(self, column: pl.Series) -> float:
        """The same of a column of the table, worked out once."""
        if column.name not in self._known:
            self._known[column.name] = self.told(column)
        return self._known[column.name]

    def by_lines(self, *columns: np.ndarray) -> float:
        """The share that a linear model of these columns tells, (rows,) each; missing ones count as their mean. 0 for a
        target that is no number."""
        if self.numbers is None:
            return 0.0
        table = np.column_stack([_standardised(column) for column in columns])
        coefficients, *_ = np.linalg.lstsq(table, self.numbers, rcond=None)
        left = float(((self.numbers - table @ coefficients) ** 2).mean())
        return float(max(0.0, 1.0 - left - table.shape[1] / max(1, self.n_rows)))

    def line(self, *columns: np.ndarray) -> np.ndarray | None:
        """What a linear model of these columns says of each row; None for a target that is no number."""
        if self.numbers is None:
            return None
        table = np.column_stack([_standardised(column) for column in columns])
        coefficients, *_ = np.linalg.lstsq(table, self.numbers, rcond=None)
        return np.asarray(table @ coefficients)


def _as_numbers(target: pl.Series) -> np.ndarray | None:
    if target.dtype.is_numeric() and target.n_unique() > 2:
        values = target.cast(pl.Float64).to_numpy().astype(np.float64)
        values = np.clip(values, *np.quantile(values, [0.005, 0.995]))
    elif target.n_unique() == 2:
        values = (target == target.min()).to_numpy().astype(np.float64)
    else:
        return None
    values = values - values.mean()
    spread = float(values.std())
    return values / spread if spread > 0 else None


def _standardised(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    # A few that are very far out would decide the line.
    low, high = np.quantile(values[known], [0.005, 0.995])
    values = np.where(known, np.clip(values, low, high), np.nan)
    values = np.where(known, values, np.nanmean(values))
    values = values - values.mean()
    spread = float(values.std())
    return np.asarray(values / spread if spread > 0 else values)
