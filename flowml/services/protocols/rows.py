"""What the protocols of others share: rows from what was sent, and answers in the types of the target."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flowml.domain.errors import InvalidInput
from flowml.domain.wording import listed
from flowml.services.serving.answers import Prediction
from flowml.services.serving.loaded import Loaded

MOST_ROWS = 100_000
"""Of one request; more than that goes in a file."""
_SHOWN_NAMES = 20


def input_names(loaded: Loaded) -> list[str]:
    """The columns that the model takes, in its order."""
    return [feature.name for feature in loaded.fitted.schema.inputs]


def taken_names(loaded: Loaded) -> frozenset[str]:
    """The columns that a row may have for this model; what else is sent is not kept."""
    schema = loaded.fitted.schema
    known = () if schema.recipe is None else schema.recipe.replay.known
    return frozenset((*input_names(loaded), *known))


def check_count(n_rows: int) -> None:
    """Raises InvalidInput for no rows, and for more than one request may have."""
    if n_rows < 1:
        raise InvalidInput("The request has no rows.", hint="Send at least one.")
    if n_rows > MOST_ROWS:
        raise InvalidInput(f"The request has more than {MOST_ROWS:,} rows.", hint="Send it in several requests.")


def check_coverage(sent: Any) -> float:
    """How often an interval is to hold the truth. Raises InvalidInput."""
    if isinstance(sent, bool) or not isinstance(sent, int | float) or not 0.5 <= sent <= 0.99:
        raise InvalidInput.of_field("coverage", "“coverage” must be a number from 0.5 to 0.99.")
    return float(sent)


def cell(value: Any) -> Any:
    """A value of a row: what is no number counts as missing, as pandas and NumPy write it so.

    >>> cell(float("nan")), cell(0.5)
    (None, 0.5)
    """
    return None if isinstance(value, float) and math.isnan(value) else value


def by_position(
    matrix: Sequence[Any], names: Sequence[str], taken: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Rows that are lists without names, one value for each of these in their order, of which the `taken` ones are kept
    (None: all). Raises InvalidInput."""
    rows = []
    kept = [(at, name) for at, name in enumerate(names) if taken is None or name in taken]
    for number, values in enumerate(matrix, 1):
        if not isinstance(values, list | tuple) or len(values) != len(names):
            found = f"{len(values):,} values" if isinstance(values, list | tuple) else "a single value"
            raise InvalidInput(
                f"Row {number:,} has {found}, and {len(names):,} are needed, in this order:"
                f" {listed(list(names), _SHOWN_NAMES)}.",
                hint="Send the columns by name instead, if some of them are to be left out.",
            )
        rows.append({name: cell(values[at]) for at, name in kept})
    return rows


def by_name(columns: Mapping[str, Sequence[Any]], others: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows from columns of the same length, as have `others` that are not kept. Raises InvalidInput."""
    lengths = {name: len(values) for name, values in columns.items()} | dict(others)
    if len(set(lengths.values())) > 1:
        found = listed([f"“{name}” {length:,}" for name, length in lengths.items()], _SHOWN_NAMES)
        raise InvalidInput(f"The columns do not have the same number of values: {found}.")
    if not columns:
        return [{} for _ in range(next(iter(lengths.values()), 0))]
    names = list(columns)
    return [
        {name: cell(value) for name, value in zip(names, values, strict=True)}
        for values in zip(*columns.values(), strict=True)
    ]


def labels(loaded: Loaded, answers: Sequence[Prediction]) -> list[Any]:
    """What was predicted, classes in the type that they had in the training data: numbers as numbers."""
    return typed(loaded, [answer.prediction for answer in answers])


def typed(loaded: Loaded, predictions: Sequence[Any]) -> list[Any]:
    """The same of what answers, and tables with them, have: numbers, or classes as texts."""
    schema = loaded.fitted.schema
    if schema.classes is None:
        return list(predictions)
    values = dict(zip(schema.classes, schema.class_values.tolist(), strict=True))
    return [values[str(prediction)] for prediction in predictions]
