"""From a model's outputs to an answer in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """One row's answer. `probability` and `confidence` are the predicted class's; None for a number.

    `classes`: those of which one is the true class as often as the coverage says, the most likely first; the predicted
    one is among them. `threshold`: from which probability on the last of two classes is predicted.
    """

    prediction: str | float
    confidence: float | None
    probability: float | None
    probabilities: dict[str, float] | None
    interval: Interval | None
    model_name: str
    warnings: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    threshold: float | None = None


def answer(
    loaded: Loaded, row: Mapping[str, Any], outputs: "np.ndarray", warnings: Sequence[str], coverage: float
) -> Prediction:
    """A row of the model's outputs in words: the class with its share, or the value with its interval. `row` is what
    `check_row` made of it, `coverage` how often interval or set hold the truth."""
    fitted = loaded.fitted
    classes = fitted.schema.classes
    name = loaded.name
    values: list[float] = outputs.tolist()
    if classes is None:
        found = fitted.interval(row, values, coverage)
        interval = None if found is None else Interval(*found)
        return Prediction(values[0], None, None, None, interval, name, tuple(warnings))
    chosen = int(fitted.decide(outputs))
    label, share = classes[chosen], values[chosen]
    probabilities = dict(zip(classes, values, strict=True))
    likely = fitted.set_of(values, chosen, coverage)
    return Prediction(
        label,
        share,
        share,
        probabilities,
        None,
        name,
        tuple(warnings),
        None if likely is None else tuple(likely),
        fitted.threshold,
    )
