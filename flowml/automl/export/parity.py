"""Whether a file answers as its model does: tried when it is written, and refused when it does not."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.export.rows import made_rows
from flowml.automl.export.spelling import EVERYTHING
from flowml.automl.model.model import FittedModel
from flowml.domain.errors import WrongState

ROWS = 300
EXACT = 1e-6
SINGLE = 1e-5
"""What sums in single precision may be off."""


@dataclass(frozen=True)
class Parity:
    """`largest`: the greatest difference of a probability, or of a value relative to the spread of the answers."""

    n_rows: int
    largest: float


def usual_tolerance(model: FittedModel) -> float:
    """What a file may be off that adds up in double precision: more of XGBoost, which does so in single precision."""
    predictors = [part.predictor for member in model.members for part in member.parts]
    kinds = {getattr(predictor, "inner", predictor).kind for predictor in predictors}
    return SINGLE if "xgboost" in kinds else EXACT


def check(
    model: FittedModel,
    what: str,
    answers: Callable[[Sequence[Mapping[str, Any]]], np.ndarray],
    tolerance: float | None = None,
    n_rows: int = ROWS,
    spelled: Collection[str] = EVERYTHING,
) -> Parity:
    """Compare `answers`, which gives the outputs (rows, outputs) for rows, with the model's own on made rows, of which
    what is `spelled` is in part texts. Raises WrongState with the figure when they are further apart than allowed."""
    rows = made_rows(model.schema, n_rows, spelled=spelled)
    expected = np.array([model.predict_row(model.schema.check_row(row)[0]) for row in rows])
    found = np.asarray(answers(rows), dtype=np.float64)
    if found.shape != expected.shape or not bool(np.isfinite(found).all()):
        raise WrongState(f"{what} gives something else than this model answers.", hint="Use its .flowml file.")
    apart = np.abs(found - expected)
    if model.schema.classes is None:
        # Of numbers in their own unit: by the size of the answer, or of what answers differ by.
        apart = apart / np.maximum(np.abs(expected), max(float(expected.std()), 1e-12))
    tolerance = usual_tolerance(model) if tolerance is None else tolerance
    largest = float(apart.max())
    if largest > tolerance:
        off = int((apart.max(axis=1) > tolerance).sum())
        raise WrongState(
            f"{what} would differ from this model by {largest:.2g} at most, in {off} of {n_rows} rows that were tried; "
            f"{tolerance:g} is allowed.",
            hint="Use its .flowml file.",
        )
    return Parity(n_rows, largest)
