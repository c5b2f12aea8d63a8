"""Matrices to fit on."""

from typing import Any

import numpy as np

from flowml.automl.features.encoded import View
from tests.automl.algorithm_cases import make_case

CLASSES = make_case("multiclass", View.ORDINAL)
VALUES = make_case("regression", View.ORDINAL)


def trees_of(model: Any) -> list[Any]:
    return [one.tree_ for one in np.asarray(model.estimators_).reshape(-1)]
