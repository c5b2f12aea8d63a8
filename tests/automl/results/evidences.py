"""What models said of rows, made up."""

from typing import Any

import numpy as np

from flowml.automl.results.evidence import Evidence, Tested


def rows_tested(target: np.ndarray, **values: Any) -> Tested:
    """Rows of a table of that many, in five folds, of which models learned from four in five."""
    n_rows = len(target)
    given = {
        "rows": np.arange(n_rows),
        "folds": (np.arange(n_rows) % 5).astype(np.int8),
        "weights": None,
        "units": None,
        "learned": 0.8 * n_rows,
        "fingerprint": "f",
    }
    return Tested(target=target, **{**given, **values})


def two_classes(n_rows: int = 600, seed: int = 0, noise: float = 1.0, **values: Any) -> Evidence:
    """Probabilities that are right on average; the second class in about one row of three."""
    random = np.random.default_rng(seed)
    truth = random.normal(-1, 1.5, n_rows)
    target = (random.random(n_rows) < 1 / (1 + np.exp(-truth))).astype(np.int32)
    said = 1 / (1 + np.exp(-(truth + noise * random.normal(0, 0.3, n_rows))))
    return Evidence.of(rows_tested(target, **values), np.column_stack([1 - said, said]), ("no", "yes"))
