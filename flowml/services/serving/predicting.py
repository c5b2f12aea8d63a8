"""Predictions: rows are checked, answered by a loaded model, and put in words. A warm row needs neither the model's
file nor another thread."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar

from flowml.domain.datasets import Role
from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.services.context import Context
from flowml.services.serving.answers import Prediction, answer
from flowml.services.serving.figures import PredictionFigures
from flowml.services.serving.loaded import Loaded
from flowml.services.serving.shelf import models_of
from flowml.services.turns import nobody_waits

DEFAULT_COVERAGE = 0.9
_log = logging.getLogger(__name__)
_ONE_BY_ONE = 20
_LATEST_RUNS = 20
# So many rows at once: between two pieces it is looked whether somebody still waits.
_PIECE = 2_000
Item = TypeVar("Item")


def named(context: Context, model_id: str | None) -> str:
    """The model that a request means; one that names none means the only one there is, or that its caller may ask.
    Raises InvalidInput where there is more than that."""
    found = model_id or models_of(context).only or context.caller.only_model
    if not found:
        raise InvalidInput.of_field(
            "model_id", "“model_id” is missing.", hint="It is a model's, or a training run's: then its best model."
        )
    return found


def load(context: Context, model_id: str | None) -> Loaded:
    """The model, for predictions. `model_id` may be a training run's: then its best model.

    Raises InvalidInput as `named` does, NotFound, NotReady for a run without a model yet, WrongState for one that has
    ended without any, Forbidden for a caller who may ask for another model alone.
    """
    model_id = model_id or named(context, model_id)
    context.caller.check_model(model_id)
    models = models_of(context)
    loaded = models.load(context, model_id)
    models.use(context, loaded)
    return loaded


def predict(
    context: Context, model_id: str | None, rows: Sequence[Mapping[str, Any]], coverage: float = DEFAULT_COVERAGE
) -> list[Prediction]:
    """Answers for rows of the original columns, in their order; `coverage`: how often intervals and sets hold the
    truth. Raises as `load` and `predict_rows` do."""
    return predict_rows(context, load(context, model_id), rows, coverage)


def predict_rows(
    context: Context, loaded: Loaded, rows: Sequence[Mapping[str, Any]], coverage: float = DEFAULT_COVERAGE
) -> list[Prediction]:
    """The same with a loaded model. Raises InvalidInput naming the column whose value has the wrong type, NotReady when
    the caller has left."""
    # What is wrong with a row is said before any is predicted.
    checked = [
        _check(loaded, row, number, len(rows)) for number, row in enumerate(_while_wanted(context, rows, _PIECE), 1)
    ]
    if len(rows) < _ONE_BY_ONE:
        return [
            answer(loaded, clean, loaded.fitted.predict_row(clean), warnings, coverage)
            for clean, warnings in _while_wanted(context, checked)
        ]
    pieces = [checked[start : start + _PIECE] for start in range(0, len(checked), _PIECE)]
    return [found for piece in _while_wanted(context, pieces) for found in _predict_many(loaded, piece, coverage)]


def ready(context: Context, model_id: str | None) -> Loaded | None:
    """The model, for a prediction, when it is in memory and still the one that this names; else None. Raises
    Forbidden, and InvalidInput as `named` does."""
    model_id = model_id or named(context, model_id)
    context.caller.check_model(model_id)
    models = models_of(context)
    loaded = models.peek(context, model_id)
    if loaded is not None:
        models.use(context, loaded)
    return loaded


def predict_row(loaded: Loaded, row: Mapping[str, Any], coverage: float = DEFAULT_COVERAGE) -> Prediction:
    """One row with a loaded model. Raises InvalidInput."""
    clean, warnings = loaded.fitted.schema.check_row(row)
    return answer(loaded, clean, loaded.fitted.predict_row(clean), warnings, coverage)


def check_row(loaded: Loaded, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A row made usable for this model, and sentences about it. Raises InvalidInput."""
    return loaded.fitted.schema.check_row(row)


def predict_few(
    loaded: Loaded, rows: Sequence[tuple[dict[str, Any], list[str]]], coverage: float = DEFAULT_COVERAGE
) -> list[Prediction]:
    """The same as `predict_row` says of each, for some that `check_row` has made usable; together they take less."""
    outputs = loaded.fitted.predict_few([clean for clean, _ in rows])
    return [
        answer(loaded, clean, found, warnings, coverage) for found, (clean, warnings) in zip(outputs, rows, strict=True)
    ]


def _while_wanted(context: Context, items: Iterable[Item], step: int = 1) -> Iterator[Item]:
    """These, as long as somebody waits for the answer, looked at before each, or each so many. Raises NotReady."""
    for at, item in enumerate(items):
        if at % step == 0 and context.nobody_waits:
            raise nobody_waits()
        yield item


def _predict_many(
    loaded: Loaded, checked: Sequence[tuple[dict[str, Any], list[str]]], coverage: float
) -> list[Prediction]:
    """Many rows at once are quicker by columns."""
    import polars as pl

    columns = []
    for feature in loaded.fitted.schema.features:
        values = [clean.get(feature.name) for clean, _ in checked]
        if feature.role in (Role.NUMERIC, Role.BOOLEAN):
            columns.append(pl.Series(feature.name, values, dtype=pl.Float64))
        else:
            # Dates go as text: one column may mix days, times and zones.
            texts = [value.isoformat() if isinstance(value, date) else value for value in values]
            columns.append(pl.Series(feature.name, texts, dtype=pl.String))
    outputs = loaded.fitted.predict_features(pl.DataFrame(columns))
    return [
        answer(loaded, clean, row, warnings, coverage) for row, (clean, warnings) in zip(outputs, checked, strict=True)
    ]


def _check(loaded: Loaded, row: Mapping[str, Any], number: int, n_rows: int) -> tuple[dict[str, Any], list[str]]:
    try:
        return loaded.fitted.schema.check_row(row)
    except InvalidInput as error:
        if n_rows == 1:
            raise
        raise InvalidInput(f"Row {number}: {error.detail}", hint=error.hint, fields=error.fields) from None


def warm_soon(context: Context, model_id: str) -> None:
    """Load a model, in the background, that somebody will probably ask next, unless it would take the place of one that
    is in use; one that cannot be loaded is told of when it is asked."""
    models_of(context).warm_soon(context, model_id)


def record(context: Context, rows: int, milliseconds: float, model_id: str) -> None:
    """Count an answered request, by whatever protocol; `model_id` is `Loaded.id`."""
    models_of(context).figures.record(rows, milliseconds, model_id)


def record_rows(context: Context, rows: int, model_id: str) -> None:
    """Count the rows of a file, which are no answer that somebody has waited for like one for a row."""
    models_of(context).figures.record_rows(rows, model_id)


def warm_latest(context: Context, most: int) -> None:
    """The same for the best models of the latest runs that have one. Never raises: nobody waits for it."""
    try:
        latest = [job.best_model_id for job in context.store.jobs.page(_LATEST_RUNS, 0)[0]]
        for model_id in reversed([one for one in latest if one is not None][:most]):
            warm_soon(context, model_id)
    except Exception:
        _log.exception("the latest models could not be looked up")


def failed(context: Context, model_id: str) -> None:
    """Count a request that was answered by an error; what it named may be no model."""
    models_of(context).figures.failed(model_id)


@contextmanager
def counted(context: Context, model_id: str) -> Iterator[None]:
    """Counts what fails inside as a request of this model, or of none, that was answered by an error."""
    try:
        yield
    except FlowMLError:
        failed(context, model_id)
        raise


def figures(context: Context) -> PredictionFigures:
    """How much was predicted, and how fast."""
    return models_of(context).figures.read()
