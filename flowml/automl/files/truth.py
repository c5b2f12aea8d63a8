"""How good the answers of a file are, where it has the column that is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.features.prepared import labels_of
from flowml.automl.model.model import FittedModel


@dataclass
class Truth:
    """`given`: rows with any value in that column; `rows`: those whose value is one that the model could predict, of
    which `right` are predicted so, or are off by `error` together."""

    given: int = 0
    rows: int = 0
    right: int = 0
    error: float = 0.0

    def add(self, other: Truth) -> None:
        self.given += other.given
        self.rows += other.rows
        self.right += other.right
        self.error += other.error

    def state(self, *, is_number: bool) -> dict[str, Any] | None:
        """As JSON has it; None where most values are none that the model knows: the column is another one then, or
        written in another way."""
        if not self.rows or 2 * self.rows < self.given:
            return None
        return {
            "rows": self.rows,
            "right": None if is_number else self.right,
            "mean_absolute_error": self.error / self.rows if is_number else None,
        }


def truth_of(model: FittedModel, frame: pl.DataFrame, outputs: np.ndarray) -> Truth | None:
    """Of a table and the model's outputs for it, (rows, outputs). None where it has no such column, or where that is
    made by a recipe."""
    schema = model.schema
    if schema.recipe is not None or schema.target not in frame.columns:
        return None
    values = frame[schema.target]
    if schema.classes is None:
        numbers = values.cast(pl.String).str.strip_chars() if values.dtype == pl.String else values
        known = np.asarray(numbers.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)
        counts = np.isfinite(known)
        error = np.abs(outputs[:, 0] - known)[counts]
        return Truth(values.len() - values.null_count(), int(counts.sum()), 0, float(error.sum()))
    # “True” in a text is what “true” was in training, unless both are classes.
    labels, classes = labels_of(values), pl.Series(schema.classes, dtype=pl.String)
    if classes.str.to_lowercase().n_unique() == len(classes):
        labels, classes = labels.str.to_lowercase(), classes.str.to_lowercase()
    places = {label: place for place, label in enumerate(classes)}
    known = labels.replace_strict(places, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
    right = (known >= 0) & (known == model.decide(outputs))
    return Truth(labels.len() - labels.null_count(), int((known >= 0).sum()), int(right.sum()))
