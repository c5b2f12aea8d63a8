"""The classes of a target as texts, and as the values that they were.

Inside a model a class is a text, which no number of digits can blur; whoever hands labels over gets them back in
their own type.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowml.automl.features.prepared import labels_of

if TYPE_CHECKING:
    import polars as pl

TEXT = "str"
OBJECTS = "object"
_WHOLE = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_DECIMAL = frozenset({"float32", "float64"})
_MAX_CHARACTERS = 10_000_000
_TRUTH = {"true": True, "false": False}


def classes_of(series: "pl.Series") -> tuple[str, ...]:
    """The different labels of a column as texts, in the order of its values: numbers by size, texts by characters."""
    import polars as pl

    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    return tuple(dict.fromkeys(labels_of(series.unique().sort()).drop_nulls().to_list()))


def label_type_of(series: "pl.Series") -> str:
    """In which type its labels are given back: a name of NumPy's, `object` for texts."""
    import polars as pl

    if series.dtype == pl.Boolean:
        return "bool"
    name = str(series.dtype).lower()
    return name if name in _WHOLE | _DECIMAL else OBJECTS


def class_values(classes: Sequence[str], label_type: str) -> np.ndarray:
    """The classes in the type that they were given in, shape (classes,).

    Raises ValueError, OverflowError or KeyError for texts that are none of that type.

    >>> class_values(("-1", "9223372036854775807"), "int64").tolist()
    [-1, 9223372036854775807]
    """
    if label_type == TEXT:
        # Every label takes the room of the longest.
        if len(classes) * max(map(len, classes), default=0) > _MAX_CHARACTERS:
            raise ValueError("labels that are too long to stand in an array")
        return np.array(classes, dtype=np.str_)
    if label_type == OBJECTS:
        return np.array(classes, dtype=object)
    if label_type == "bool":
        return np.array([_TRUTH[label] for label in classes])
    if label_type in _WHOLE:
        return np.array([int(label) for label in classes], dtype=label_type)
    if label_type in _DECIMAL:
        return np.array([float(label) for label in classes], dtype=label_type)
    raise ValueError(f"labels of an unknown type {label_type}")
