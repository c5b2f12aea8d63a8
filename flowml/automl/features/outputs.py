"""The target as columns of numbers, whose means per category or term can be told."""

import numpy as np

MAX_TOLD = 10


def told_columns(target: np.ndarray, n_outputs: int, most: int = MAX_TOLD) -> tuple[np.ndarray, list[str]]:
    """float64 (rows, told) and their names: the values, the share of the second class, or of the frequent classes.

    `target`: class codes 0..n_outputs-1, or values where `n_outputs` is 1.
    """
    if n_outputs == 1:
        return target.reshape(-1, 1).astype(np.float64), ["target"]
    if n_outputs == 2:
        return (target == 1).astype(np.float64).reshape(-1, 1), ["target"]
    classes = np.argsort(-np.bincount(target, minlength=n_outputs), kind="stable")[:most]
    return (target.reshape(-1, 1) == classes).astype(np.float64), [f"class {index}" for index in classes]
