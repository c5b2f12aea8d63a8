"""A column that says how much each row counts."""

import numpy as np
import polars as pl

from flowml.domain.errors import InvalidInput
from flowml.domain.names import did_you_mean

_FIELD = "weight_column"


def check_weights(frame: pl.DataFrame, name: str, target: str) -> np.ndarray:
    """The weights of the rows, float64 (rows,), not negative. Raises InvalidInput naming `weight_column`."""
    if name not in frame.columns:
        raise InvalidInput.of_field(
            _FIELD, f"There is no column “{name}” in this table.", hint=did_you_mean(name, frame.columns)
        )
    if name == target:
        raise InvalidInput.of_field(
            _FIELD, f"“{name}” is what is to be predicted; it cannot say how much a row counts.", hint="Name another."
        )
    series = frame[name]
    if not series.dtype.is_numeric():
        raise InvalidInput.of_field(_FIELD, f"“{name}” holds no numbers, so it cannot say how much a row counts.")
    values = series.cast(pl.Float64).to_numpy().astype(np.float64)
    missing = int(np.isnan(values).sum())
    if missing:
        raise InvalidInput.of_field(
            _FIELD,
            f"“{name}” is missing in {missing:,} {'row' if missing == 1 else 'rows'}, which would have no weight.",
            hint="Fill them, 0 for rows that are not to count.",
        )
    if not np.isfinite(values).all() or (values < 0).any():
        wrong = values[~np.isfinite(values) | (values < 0)][0]
        raise InvalidInput.of_field(
            _FIELD, f"“{name}” holds {wrong:g}; a weight is a number from 0 up.", hint="Correct it, or name another."
        )
    if not (values > 0).any():
        raise InvalidInput.of_field(_FIELD, f"“{name}” is 0 in every row, so no row would count.")
    return values
