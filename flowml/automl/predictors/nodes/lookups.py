"""The look-ups of several forests for one row at once."""

from collections.abc import Sequence

import numpy as np

from flowml.automl.predictors.nodes.forest import Lookup

_MOST_CELLS = 5_000_000


class Lookups:
    """float32 (…, features) → float32 (…, look-ups). With each look-up comes where its forest finds its features in the
    row. Raises ValueError for tables that take too much room."""

    def __init__(self, lookups: Sequence[tuple[Lookup, np.ndarray]]):
        if sum(lookup.table.size for lookup, _ in lookups) > _MOST_CELLS:
            raise ValueError("statistics that take too much room")
        sources = [(source, where) for lookup, where in lookups for source in lookup.sources]
        self._features = np.array([where[source.feature] for source, where in sources], dtype=np.intp)
        self._sizes = np.array([source.size for source, _ in sources], dtype=np.float32)
        border = [source.border for source, _ in sources]
        code = [source.code for source, _ in sources]
        self._plain = all(one is None for one in border + code)
        self._is_border = np.array([one is not None for one in border])
        self._borders = np.array([0.0 if one is None else one for one in border])
        self._above = np.array([source.missing_above for source, _ in sources])
        self._is_code = np.array([one is not None for one in code])
        self._codes = np.array([-9.0 if one is None else one for one in code])
        strides, bases, base = [], [], 0
        for lookup, _ in lookups:
            strides += [step // lookup.table.itemsize for step in np.ascontiguousarray(lookup.table).strides]
            bases.append(base)
            base += lookup.table.size
        self._strides = np.array(strides, dtype=np.float64)
        self._bases = np.array(bases, dtype=np.int64)
        counts = np.array([len(lookup.sources) for lookup, _ in lookups])
        self._starts = np.cumsum(counts) - counts
        self._single = bool((counts == 1).all())
        self._tables = np.concatenate([np.ravel(lookup.table) for lookup, _ in lookups])

    def __call__(self, row: np.ndarray) -> np.ndarray:
        values = row.take(self._features, axis=-1)
        # What is no number compares as false, and so takes the last place.
        with np.errstate(invalid="ignore"):
            places = np.where((values >= 0) & (values < self._sizes), values, self._sizes)
            if not self._plain:
                missing = values != values
                above = np.where(missing, self._above, values > self._borders)
                # A missing one is asked for by the code -1.
                equal = np.where(missing, -1.0, values) == self._codes
                places = np.where(self._is_border, above, np.where(self._is_code, equal, places))
            at = places * self._strides
        summed = at if self._single else np.add.reduceat(at, self._starts, axis=-1)
        found: np.ndarray = self._tables.take(summed.astype(np.int64) + self._bases)
        return found
