"""Rows made from a model's description of its columns: what an export is compared with its model on.

Values lie within and beyond the range of training, at its ends, and on whole numbers; some are missing, and some
categories were never seen.
"""

import math
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from flowml.automl.export.spelling import spell
from flowml.automl.features.values import days_of
from flowml.automl.schema.feature import Feature
from flowml.automl.schema.schema import ModelSchema
from flowml.domain.datasets import Role

_MISSING = 0.12
_UNSEEN = 0.06
_WORDS = ("a", "mr", "the", "room", "7", "and", "straße", "x-ray")
_OTHERS = ("never seen", "Zz", "0", "éclair", "a b")


def made_rows(schema: ModelSchema, n_rows: int, seed: int = 0, spelled: Collection[str] = ()) -> list[dict[str, Any]]:
    """So many rows, {column: value}; the first lacks everything, the second has what is typical. What is `spelled`
    (`spelling.EVERYTHING`) is in part texts as people and files write them."""
    generator = np.random.default_rng(seed)
    columns = {
        feature.name: spell(feature, _values(feature, n_rows, generator), spelled, generator)
        for feature in schema.features
    }
    rows = [{name: values[number] for name, values in columns.items()} for number in range(n_rows)]
    rows[0] = {}
    if n_rows > 1:
        rows[1] = {feature.name: feature.example for feature in schema.features}
    return rows


def _values(feature: Feature, n_rows: int, generator: np.random.Generator) -> list[Any]:
    missing = generator.random(n_rows) < _MISSING
    if feature.role is Role.BOOLEAN:
        found: Sequence[Any] = (generator.random(n_rows) < 0.5).tolist()
    elif feature.role is Role.NUMERIC:
        found = _numbers(feature, n_rows, generator)
    elif feature.role is Role.DATETIME:
        found = _moments(feature, n_rows, generator)
    else:
        found = _texts(feature, n_rows, generator)
    return [None if absent else value for value, absent in zip(found, missing.tolist(), strict=True)]


def _range(feature: Feature, read: Any) -> tuple[float, float, float]:
    try:
        low, middle, high = (float(read(value)) for value in (feature.min, feature.example, feature.max))
    except (TypeError, ValueError):
        return 0.0, 1.0, 2.0
    if not math.isfinite(high - low):
        return 0.0, 1.0, 2.0
    return low, middle if math.isfinite(middle) else (low + high) / 2, high


def _numbers(feature: Feature, n_rows: int, generator: np.random.Generator) -> list[float]:
    low, middle, high = _range(feature, float)
    width = high - low or 1.0
    kinds = generator.integers(0, 8, n_rows)
    even = low + width * generator.random(n_rows)
    # Skewed columns have most of their rows near the middle one.
    near = middle + width * 0.1 * generator.standard_normal(n_rows)
    far = middle + 3 * width * generator.standard_normal(n_rows)
    ends = generator.choice([low, middle, high, 0.0], n_rows)
    whole = np.round(np.where(generator.random(n_rows) < 0.5, even, near))
    return np.choose(kinds, [even, even, near, near, far, ends, whole, whole]).tolist()  # type: ignore[no-any-return]


def _number(label: str) -> Any:
    for kind in (int, float):
        try:
            return kind(label)
        except ValueError:
            continue
    return label


def _moments(feature: Feature, n_rows: int, generator: np.random.Generator) -> list[str]:
    low, _, high = _range(feature, days_of)
    width = high - low or 1.0
    days = low + width * (1.4 * generator.random(n_rows) - 0.2)
    start = datetime.fromisoformat("1970-01-01")
    found = []
    for day, is_whole in zip(np.clip(days, -700_000, 2_900_000).tolist(), generator.random(n_rows) < 0.5, strict=True):
        moment = start + timedelta(days=day)
        found.append(moment.date().isoformat() if is_whole else moment.replace(microsecond=0).isoformat())
    return found


def _texts(feature: Feature, n_rows: int, generator: np.random.Generator) -> list[Any]:
    known: list[Any] = list(feature.categories or ())
    if feature.kind == "number":
        # As a table has them: as a text, 3.5 may be no number in a file of decimal commas.
        known = [_number(label) for label in known]
    if not known:
        words = [*_WORDS, *str(feature.example or "").split()]
        sizes = generator.integers(1, 12, n_rows).tolist()
        return [" ".join(generator.choice(words, size).tolist()) for size in sizes]
    unseen = generator.random(n_rows) < _UNSEEN
    places = generator.integers(0, len(known), n_rows).tolist()
    # Of a category that is a number, a text that is none would be refused.
    others = generator.choice(_OTHERS if feature.kind == "text" else ("0", "987654"), n_rows).tolist()
    if feature.kind not in ("text", "number"):
        unseen[:] = False
    return [
        other if is_unseen else known[place] for place, other, is_unseen in zip(places, others, unseen, strict=True)
    ]
