"""A whole table of predictions beside its columns."""

import polars as pl

from flowml.automl.model import FittedModel


def add_predictions(model: FittedModel, frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table with the answers added, and what to know about them.

    Added are `prediction`, then for classification one `probability_CLASS` a class, for regression
    `prediction_low` and `prediction_high`. A name the table has already gets an underscore behind it.
    """
    notes: list[str] = []
    missing = model.schema.missing_of(frame.columns)
    if missing:
        notes.append(f"Columns the model knows and this table lacks, taken as missing: {', '.join(missing)}.")
    answers = model.predict(frame)
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
        half = model.schema.interval_half_width
        if half is not None:
            added["prediction_low"] = pl.Series(values - half)
            added["prediction_high"] = pl.Series(values + half)
    for name, series in added.items():
        free = name
        while free in frame.columns:
            free += "_"
        if free != name:
            notes.append(f"The table has a column “{name}” already; the new one is called “{free}”.")
        frame = frame.with_columns(series.alias(free))
    return frame, tuple(notes)
