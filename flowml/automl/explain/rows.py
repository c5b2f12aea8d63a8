"""Rows of plain values as a prepared table, without Polars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.features.prepared import Labels, Numbers, Prepared, PreparedColumn, is_labels
from flowml.automl.features.values import days_of, label_of, number_of
from flowml.domain.datasets import Role


def column_of(role: Role, values: Sequence[Any]) -> PreparedColumn:
    """A column of these values, as `ModelSchema.check_row` leaves them."""
    if is_labels(role):
        labels = [label_of(value) for value in values]
        levels = tuple(sorted({label for label in labels if label is not None}))
        place = {level: at for at, level in enumerate(levels)}
        codes = [-1 if label is None else place[label] for label in labels]
        return Labels(np.array(codes, dtype=np.int32), levels)
    read = days_of if role is Role.DATETIME else number_of
    return Numbers(np.array([read(value) for value in values], dtype=np.float64))


def table_of(roles: Mapping[str, Role], rows: Sequence[Mapping[str, Any]]) -> Prepared:
    """A table of such rows; what a row lacks is missing."""
    columns = {name: column_of(role, [row.get(name) for row in rows]) for name, role in roles.items()}
    return Prepared(columns, len(rows))
