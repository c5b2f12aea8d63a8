"""A whole table of predictions beside its columns."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.conformal.record import DEFAULT
from flowml.automl.features.values import DAY_SECONDS
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.feature import Feature
from flowml.automl.schema.schema import UNSEEN, ModelSchema
from flowml.data.conversion.notation import kind_of
from flowml.data.expected import Expected, ReadTable
from flowml.domain.wording import columns

_SHOWN_NAMES = 20
_MOST_NOTES = 40
# Of the places of a `Reach`, the one within it.
_FAMILIAR = 2


@dataclass(frozen=True)
class Odd:
    """How many values of a feature are unlike those of training: texts that it has not seen, numbers beyond its
    range."""

    unseen: int = 0
    beyond: int = 0


@dataclass(frozen=True)
class Scored:
    """A table with the answers added, what to know about them, and what went into the model: its columns, and its
    outputs (rows, outputs). `lacks`: the columns that it knows and the table has not; `extra`: those that it does not
    use."""

    frame: pl.DataFrame
    notes: list[str]
    lacks: tuple[str, ...]
    extra: tuple[str, ...]
    features: pl.DataFrame
    outputs: np.ndarray
    odd: dict[str, Odd]


def predict_table(model: FittedModel, table: ReadTable) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A file that was read for this model (`expected_columns`), with the answers added as `add_predictions` adds them,
    and what to know about them.

    A row gets the same answer whatever else is in its file. What could not be read counts as missing, and the notes
    name it with its place, as they do what training has not seen.
    """
    scored = score_table(model, table)
    return scored.frame, shown_notes([*scored.notes, *said_of_extra(scored.extra), *said_of_lacking(scored.lacks)])


def score_table(
    model: FittedModel,
    table: ReadTable,
    watch: Callable[[int], object] | None = None,
    coverage: float = DEFAULT,
) -> Scored:
    """The same for a whole file or a piece of one; `watch` as of `FittedModel.predict_features`, `coverage`: how often
    intervals hold the truth."""
    schema = model.schema
    features = table.features if schema.recipe is None else schema.recipe.transform(table.features)
    answers = model.predict_features(features, watch)
    unfamiliar, odd = _unfamiliar(schema, table, features)
    used = frozenset(table.names.values())
    extra = tuple(name for name in table.frame.columns if name not in used and name != schema.target)
    scored, said = _added(model, table.frame, features, answers, coverage)
    lacks = tuple(schema.missing_of(table.features.columns))
    return Scored(scored, [*table.notes, *unfamiliar, *said], lacks, extra, features, answers, odd)


def shown_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """Of very many, the first."""
    if len(notes) > _MOST_NOTES:
        return (*notes[:_MOST_NOTES], f"There are {len(notes) - _MOST_NOTES:,} more remarks like these.")
    return tuple(notes)


def said_of_extra(names: Sequence[str]) -> list[str]:
    """Of columns that a table has for nothing."""
    return [f"Not used by this model: {columns(names, _SHOWN_NAMES)}."] if names else []


def said_of_lacking(names: Sequence[str]) -> list[str]:
    """Of columns that a table should have."""
    if not names:
        return []
    return [f"Columns the model knows and this table lacks, taken as missing: {', '.join(names)}."]


def expected_columns(schema: ModelSchema) -> tuple[Expected, ...]:
    """The columns that a model's file may have, and how their values are written."""
    if schema.recipe is None:
        return tuple(
            Expected(
                feature.name,
                feature.kind,
                None if feature.notation is None else feature.notation.for_values(feature.kind),
                feature.categories,
            )
            for feature in schema.features
        )
    replay = schema.recipe.replay
    inputs = {feature.name: feature for feature in schema.inputs}
    found = []
    for name in sorted(replay.known, key=[*replay.inputs, *replay.known].index):
        kind, feature = kind_of(replay.kind(name)), inputs.get(name)
        notation = None if feature is None or feature.notation is None else feature.notation.for_values(kind)
        found.append(Expected(name, kind, notation, None if feature is None else feature.categories))
    return tuple(found)


def add_predictions(model: FittedModel, frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table with the answers added, and what to know about them.

    Added are `prediction`, then for classification one `probability_CLASS` a class, for regression
    `prediction_low` and `prediction_high`, between which nine in ten of the true values lie. A name the table has
    already gets an underscore behind it.
    """
    recipe = model.schema.recipe
    features = frame if recipe is None else recipe.transform(frame)
    scored, notes = _added(model, frame, features, model.predict_features(features))
    return scored, (*said_of_lacking(model.schema.missing_of(frame.columns)), *notes)


def predicted_column(schema: ModelSchema, columns: Sequence[str]) -> str:
    """Which of the columns of a table with the answers added is what was predicted: the table may have had columns that
    are called alike."""
    if schema.classes is not None:
        return columns[-1 - len(schema.classes)]
    # Behind it are either the two ends of the interval or nothing.
    return columns[-1] if re.fullmatch("prediction_*", columns[-1]) else columns[-3]


def _unfamiliar(schema: ModelSchema, table: ReadTable, features: pl.DataFrame) -> tuple[list[str], dict[str, Odd]]:
    """Categories that training has not seen, and numbers far from all that it has, in the words of the file: the column
    as it was sent, where it was. And how many there are, by feature."""
    notes: list[str] = []
    counts: dict[str, Odd] = {}
    for feature in schema.features:
        name = feature.name
        if name not in table.names and schema.recipe is not None:
            name = schema.recipe.origins.get(name, "")
        n_odd = 0
        for odd, says in _odd(feature, features[feature.name]) if feature.name in features.columns else ():
            count = int(odd.sum())
            n_odd += count
            if count and name in table.names:
                sent = table.frame[table.names[name]].cast(pl.String).alias(name)
                notes.append(table.places.counted(sent, odd, says))
        counts[feature.name] = Odd(unseen=n_odd) if feature.categories is not None else Odd(beyond=n_odd)
    return notes, counts


def _odd(feature: Feature, values: pl.Series) -> Iterator[tuple[pl.Series, tuple[str, str]]]:
    """Which values are unlike any in training, and what is said of one of them and of several."""
    if feature.categories is not None:
        texts = values.cast(pl.String)
        # Of many rows with few different values, each of these is looked up once.
        different = texts.unique()
        unseen = different.filter(~different.is_in(["", *feature.categories]).fill_null(value=True))
        yield texts.is_in(unseen.to_list()).fill_null(value=False), (UNSEEN, UNSEEN)
        return
    if values.dtype in (pl.Date, pl.Datetime):
        values = values.cast(pl.Datetime("us")).dt.timestamp("us") / (DAY_SECONDS * 1e6)
    if feature.reach is None or not values.dtype.is_numeric():
        return
    least, greatest = values.min(), values.max()
    if least is None or feature.reach.place(least) == feature.reach.place(greatest) == _FAMILIAR:
        # As nearly always.
        return
    places = feature.reach.place(values)
    for place, words in enumerate(feature.reach.words):
        if words is not None:
            yield (places == place).fill_null(value=False), (f"lies {words}", f"lie {words}")


def _added(
    model: FittedModel, frame: pl.DataFrame, features: pl.DataFrame, answers: Any, coverage: float = DEFAULT
) -> tuple[pl.DataFrame, list[str]]:
    notes: list[str] = []
    added: dict[str, pl.Series] = {}
    classes = model.schema.classes
    if classes is not None:
        chosen = model.decide(answers)
        added["prediction"] = pl.Series([*classes], dtype=pl.String).gather(chosen)
        for index, label in enumerate(classes):
            added[f"probability_{label}"] = pl.Series(answers[:, index])
    else:
        values = answers[:, 0]
        added["prediction"] = pl.Series(values)
        found = model.intervals(features, answers, coverage)
        if found is not None:
            added["prediction_low"], added["prediction_high"] = pl.Series(found[0]), pl.Series(found[1])
    for name, series in added.items():
        free = name
        while free in frame.columns:
            free += "_"
        if free != name:
            notes.append(f"The table has a column “{name}” already; the new one is called “{free}”.")
        frame = frame.with_columns(series.alias(free))
    return frame, notes
