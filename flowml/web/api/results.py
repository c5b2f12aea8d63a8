"""Models and predictions over HTTP."""

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.models import ConfusionMatrix, Importance, Leaderboard
from flowml.services import jobs, results
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.services.serving.answers import Prediction
from flowml.services.serving.figures import milliseconds_since
from flowml.services.serving.loaded import Loaded
from flowml.services.serving.predicting import DEFAULT_COVERAGE
from flowml.web.api.table_bodies import TABLES, predict_table
from flowml.web.bodies import (
    has_each_name_once,
    is_read_at_once,
    is_shallow,
    media_type_of,
    parse_in_parts,
    read_json,
    read_small,
    read_small_json,
    validated,
    write_in_parts,
)
from flowml.web.caller import context_of
from flowml.web.leaving import for_a_row, in_bulk
from flowml.web.schemas.base import PageQuery
from flowml.web.schemas.results import ImportanceQuery, ModelDetail, Predict, PredictQuery

_FEW_ROWS = 100
_ONE_ROW = {"model_id", "features"}


def of_job(context: Context, job_id: str, query: PageQuery) -> dict[str, Any]:
    """The models of a training run, best first."""
    items, total = results.list_models(context, job_id, query.limit, query.offset)
    return {"items": items, "total": total}


def leaderboard(context: Context, job_id: str) -> Leaderboard:
    """Which model is best; answers during training too."""
    return results.leaderboard(context, job_id)


def show(context: Context, model_id: str) -> dict[str, Any]:
    """One model with its inputs."""
    # What reads tables is nothing that a server of one model needs.
    from flowml.services.examples import example_if_readable

    model = results.get_model(context, model_id)
    job = jobs.get_job(context, model.job_id)
    example, _ = example_if_readable(context, model)
    schema = model.details.schema
    expected = ("best_score", "best_score_low", "best_score_high") if job.best_model_id == model.id else ()
    return {
        **{name: getattr(model, name) for name in ModelDetail.model_fields if hasattr(model, name)},
        **{name: getattr(job, name) for name in (*expected, "baseline_score")},
        "score_std": model.details.score_std,
        "features": schema if example is None else [{**f, "example": example.values[f["name"]]} for f in schema],
        "example": None
        if example is None
        else {"dataset_id": example.dataset and example.dataset.id, "row": example.number, "truth": example.truth},
        "members": model.details.members,
        "decision": model.details.decision,
        "threshold": model.details.threshold,
        "calibrated": model.details.calibrated,
        "twin_of": model.details.twin_of,
        "loss_of_quality": model.details.loss_of_quality,
    }


def confusion_matrix(context: Context, model_id: str) -> ConfusionMatrix:
    """Which classes a model confuses."""
    return results.confusion_matrix(context, model_id)


def feature_importance(context: Context, model_id: str, query: ImportanceQuery) -> Importance:
    """How much each column matters to a model."""
    return results.feature_importance(context, model_id, query.method)


async def predict(request: Request, query: PredictQuery) -> Response:
    """Predict one row, or many.

    Very many may come as a table: the body is Arrow (a stream or a file), Parquet, CSV or JSON lines, `model_id` is a
    query parameter, and the answer is that table with the columns that `flowml predict` adds, in the format that Accept
    names, or the same. `X-FlowML-Notes` has sentences about it.
    """
    # A small row for a model in memory is answered on the spot; everything else goes to a thread.
    started = time.perf_counter()
    context = context_of(request)
    small = await read_small(request)
    if small is None and (media_type := media_type_of(request)) in TABLES:
        return await predict_table(request, media_type, query)
    is_said_beside = query.model_id is not None or query.coverage is not None
    if small is not None and is_shallow(small) and not is_said_beside:
        return await _predict_small(request, context, small, started)
    async with read_json(request) if small is None else nullcontext(io.BytesIO(small)) as sent:
        if is_said_beside:
            raise InvalidInput("With a body of JSON, “model_id” and “coverage” belong in that, not in the address.")
        if small is None and is_read_at_once(sent):
            return await _predict_small(request, context, sent.read(), started)
        # Read in the turn in which it is answered: very many that wait for theirs lie on the disk until then.
        content = await in_bulk(
            request, lambda context: _answered(context, parse_in_parts(sent.read(), Predict), started)
        )
    return Response(content, media_type="application/json")


async def _predict_small(request: Request, context: Context, sent: bytes, started: float) -> Response:
    value = read_small_json(sent)
    if _is_one_row(value):
        # Nothing is left to be found out about it.
        model_id, features, coverage = value["model_id"], value["features"], None
    else:
        body = validated(value, Predict)
        model_id, features, coverage = body.model_id, body.features, body.coverage
    content = None if features is None else _at_once(context, model_id, features, coverage, started)
    if content is None:
        body = validated(value, Predict)
        do = for_a_row if len(body.rows or ()) <= _FEW_ROWS else in_bulk
        content = await do(request, lambda context: _answered(context, body, started))
    return Response(content, media_type="application/json")


class Asked(NamedTuple):
    """A row that is to be answered at once, made usable, with sentences about it; since when, by `perf_counter`."""

    context: Context
    loaded: Loaded
    row: dict[str, Any]
    warnings: list[str]
    started: float


def ask_at_once(context: Context, content: bytes) -> Asked | None:
    """What a small body asks that has one row for a model that is in memory; None for whatever else is sent. Raises
    what is found again by `predict`, which says it in words for people."""
    started = time.perf_counter()
    value = from_json(content)
    if not _is_one_row(value) or not has_each_name_once(content, len(_ONE_ROW) + len(value["features"])):
        return None
    loaded = predicting.ready(context, value["model_id"])
    if loaded is None or not loaded.answers_at_once:
        return None
    return Asked(context, loaded, *predicting.check_row(loaded, value["features"]), started)


def answer_together(asked: Sequence[Asked]) -> list[bytes]:
    """The answer to each of these, as `predict` gives it."""
    answers: dict[int, Iterator[Prediction]] = {}
    for loaded in {id(one.loaded): one.loaded for one in asked}.values():
        rows = [(one.row, one.warnings) for one in asked if one.loaded is loaded]
        answers[id(loaded)] = iter(predicting.predict_few(loaded, rows))
    # What fails here leaves no trace: each is asked for as usual then.
    written = [_write_one(next(answers[id(one.loaded)]), one.started) for one in asked]
    for one, (_, latency_ms) in zip(asked, written, strict=True):
        predicting.record(one.context, 1, latency_ms, one.loaded.id)
    return [content for content, _ in written]


def _is_one_row(value: Any) -> bool:
    """Whether a body is one row for a model, and nothing beside it; in the words of the schema `Predict`."""
    return (
        type(value) is dict
        and value.keys() == _ONE_ROW
        and type(value["model_id"]) is str
        and type(value["features"]) is dict
    )


def _at_once(
    context: Context, model_id: str, features: Mapping[str, Any], coverage: float | None, started: float
) -> bytes | None:
    """The answer, if it can be had without waiting for anything."""
    loaded = predicting.ready(context, model_id)
    if loaded is None or not loaded.answers_at_once:
        return None
    try:
        found = predicting.predict_row(loaded, features, DEFAULT_COVERAGE if coverage is None else coverage)
    except FlowMLError:
        predicting.failed(context, loaded.id)
        raise
    return _one(context, loaded.id, found, started)


def _answered(context: Context, body: Predict, started: float) -> bytes:
    rows = [body.features] if body.features is not None else body.rows or []
    named = body.model_id or ""
    with predicting.counted(context, named):
        found = predicting.predict(context, body.model_id, rows, body.coverage)
    # What a training run's id stood for may just have become another model.
    loaded = predicting.ready(context, body.model_id)
    model_id = named if loaded is None else loaded.id
    if body.features is not None:
        return _one(context, model_id, found[0], started)
    latency_ms = milliseconds_since(started)
    predicting.record(context, len(found), latency_ms, model_id)
    return write_in_parts("predictions", map(_row, found), latency_ms=latency_ms)


def _one(context: Context, model_id: str, found: Prediction, started: float) -> bytes:
    content, latency_ms = _write_one(found, started)
    predicting.record(context, 1, latency_ms, model_id)
    return content


def _write_one(found: Prediction, started: float) -> tuple[bytes, float]:
    """The body, and the milliseconds that it says."""
    latency_ms = milliseconds_since(started)
    return to_json(_row(found) | {"latency_ms": latency_ms}, inf_nan_mode="null"), latency_ms


def _row(found: Prediction) -> dict[str, Any]:
    interval = found.interval
    return {
        "prediction": found.prediction,
        "confidence": found.confidence,
        "probability": found.probability,
        "probabilities": found.probabilities,
        "interval": None
        if interval is None
        else {"low": interval.low, "high": interval.high, "coverage": interval.coverage},
        "set": found.classes,
        "threshold": found.threshold,
        "model_name": found.model_name,
        "warnings": found.warnings,
    }
