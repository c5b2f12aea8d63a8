"""What a model consists of: trials' shares, each an average of predictors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowml.automl.predictors.base import Predictor


@dataclass(frozen=True)
class Part:
    """A predictor and the number of the encoder in front of it."""

    encoder: int
    predictor: Predictor


@dataclass(frozen=True)
class Member:
    """One trial's share of a model. Several parts are the bag of its folds, in the order of the folds."""

    algorithm: str
    params: Mapping[str, Any]
    weight: float
    parts: tuple[Part, ...]
