"""From a model's outputs to an answer in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.services.serving.loaded import Loaded

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Interval:
    """Where the true value lies with this probability, going by rows that the model had not seen."""

    low: float
    high: float
    coverage: float


@dataclass(frozen=True)
class Prediction:
    """One row's answer. `probability` and `confidence` are the predicted class's; None for a number."""

    prediction: str | float
    confidence: float | None
    probability: float | None
    probabilities: dict[str, float] | None
    interval: Interval | None
    model_name: str
    warnings: tuple[str, ...]


def answer(loaded: Loaded, outputs: "np.ndarray", warnings: Sequence[str]) -> Prediction:
    """A row of the model's outputs in words: the class with its share, or the value with its interval."""
    schema = loaded.fitted.schema
    name = loaded.name
    values: list[float] = outputs.tolist()
    if schema.classes is None:
        value, half = values[0], schema.interval_half_width
        interval = None if half is None else Interval(value - half, value + half, schema.interval_coverage)
        return Prediction(value, None, None, None, interval, name, tuple(warnings))
    chosen = int(loaded.fitted.decide(outputs))
    label, share = schema.classes[chosen], values[chosen]
    probabilities = dict(zip(schema.classes, values, strict=True))
    return Prediction(label, share, share, probabilities, None, name, tuple(warnings))
