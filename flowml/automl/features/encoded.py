"""What an encoder makes of a table: one matrix of numbers, ready for one kind of algorithm."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class View(StrEnum):
    """The form an algorithm wants its features in.

    NATIVE    for boosters: numbers as they are, missing as NaN, categories as integer codes by frequency, each
              category column listed in `categorical`; rare and unseen ones share the last code where there were rare
              ones, else unseen ones are NaN
    WIDE      NATIVE, and beside it what combinations of columns say: arithmetic of two numbers, a number against its
              group, target means of crosses; chosen on the training rows
    ORDINAL   for trees of scikit-learn: nothing missing (indicators beside it), a handful of categories one-hot,
              more as out-of-fold target means
    DENSE     for linear models, SVM, k-NN, naive Bayes and MLP: imputed, missing indicators, scaled to unit
              variance with heavy tails logged, up to 50 categories one-hot, more as out-of-fold target means
    """

    NATIVE = "native"
    WIDE = "wide"
    ORDINAL = "ordinal"
    DENSE = "dense"

    @property
    def takes_missing(self) -> bool:
        """Whether categories stay codes and missing values stay missing in it."""
        return self in (View.NATIVE, View.WIDE)


@dataclass(frozen=True)
class Encoded:
    """An encoded table.

    `values` has shape (rows, features), float32, C order; `names` one entry a feature; `categorical` the indices
    of the columns that hold category codes (only in the NATIVE and WIDE views), with `cardinalities` the number of
    codes each.
    """

    values: np.ndarray
    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()
    cardinalities: tuple[int, ...] = ()

    @property
    def n_rows(self) -> int:
        return int(self.values.shape[0])

    def take(self, rows: np.ndarray) -> "Encoded":
        """The given rows, in the given order."""
        return Encoded(np.ascontiguousarray(self.values[rows]), self.names, self.categorical, self.cardinalities)
