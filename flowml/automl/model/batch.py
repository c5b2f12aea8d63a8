"""A whole table of predictions beside its columns."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from flowml.automl.features.values import DAY_SECONDS
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.feature import Feature
from flowml.automl.schema.schema import UNSEEN, ModelSchema
from flowml.data.conversion.notation import kind_of
from flowml.data.expected import Expected, ReadTable
from flowml.domain.wording import columns

_SHOWN_NAMES = 20
_MOST_NOTES = 40


def predict_table(model: FittedModel, table: ReadTable) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A file that was read for this model (`expected_columns`), with the answers added as `add_predictions` adds them,
    and what to know about them.

    A row gets the same answer whatever else is in its file. What could not be read counts as missing, and the notes
    name it with its place, as they do what training has not seen.
    """
    schema = model.schema
    features = table.features if schema.recipe is None else schema.recipe.transform(table.features)
    answers = model.predict_features(features)
    notes = [*table.notes, *_lacking(schema, table.features), *_unfamiliar(schema, table, features)]
    extra = [name for name in table.frame.columns if name not in table.names.values() and name != schema.target]
    if extra:
        notes.append(f"Not used by this model: {columns(extra, _SHOWN_NAMES)}.")
    scored, said = _added(model, table.frame, features, answers)
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"There are {len(notes) - _MOST_NOTES:,} more remarks like these."]
    return scored, (*notes, *said)


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
    return scored, (*_lacking(model.schema, frame), *notes)


def _lacking(schema: ModelSchema, frame: pl.DataFrame) -> list[str]:
    missing = schema.missing_of(frame.columns)
    if not missing:
        return []
    return [f"Columns the model knows and this table lacks, taken as missing: {', '.join(missing)}."]


def _unfamiliar(schema: ModelSchema, table: ReadTable, features: pl.DataFrame) -> list[str]:
    """Categories that training has not seen, and numbers far from all that it has, in the words of the file: the column
    as it was sent, where it was."""
    notes = []
    for feature in schema.features:
        name = feature.name
        if name not in table.names and schema.recipe is not None:
            name = schema.recipe.origins.get(name, "")
        if name not in table.names:
            continue
        for odd, says in _odd(feature, features[feature.name]):
            if odd.any():
                sent = table.frame[table.names[name]].cast(pl.String).alias(name)
                notes.append(table.places.counted(sent, odd, says))
    return notes


def _odd(feature: Feature, values: pl.Series) -> Iterator[tuple[pl.Series, tuple[str, str]]]:
    """Which values are unlike any in training, and what is said of one of them and of several."""
    if feature.categories is not None:
        seen = values.cast(pl.String).is_in(["", *feature.categories])
        yield (~seen).fill_null(value=False), (UNSEEN, UNSEEN)
        return
    if values.dtype in (pl.Date, pl.Datetime):
        values = values.cast(pl.Datetime("us")).dt.timestamp("us") / (DAY_SECONDS * 1e6)
    if feature.reach is None or not values.dtype.is_numeric():
        return
    places = feature.reach.place(values)
    for place, words in enumerate(feature.reach.words):
        if words is not None:
            yield (places == place).fill_null(value=False), (f"lies {words}", f"lie {words}")


def _added(
    model: FittedModel, frame: pl.DataFrame, features: pl.DataFrame, answers: Any
) -> tuple[pl.DataFrame, list[str]]:
    notes: list[str] = []
    added: dict[str, pl.Series] = {}
    classes = model.schema.classes
    if classes is not None:
        chosen = model.decide(answers)
        added["prediction"] = pl.Series([classes[index] for index in chosen], dtype=pl.String)
        for index, label in enumerate(classes):
            added[f"probability_{label}"] = pl.Series(answers[:, index])
    else:
        values = answers[:, 0]
        added["prediction"] = pl.Series(values)
        found = model.intervals(features, answers)
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
