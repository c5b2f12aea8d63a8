"""What a server of one model answers in its own way: what it is, whether it is ready, what it has done."""

from typing import Any

from pydantic import Field
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flowml import __version__
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.services.serving.alone import OneModel
from flowml.services.serving.shared_figures import SharedFigures
from flowml.web.api.prometheus import merged, metric, of_predictions
from flowml.web.caller import context_of
from flowml.web.schemas.base import Answer
from flowml.web.schemas.results import Feature, Member


class LoneModel(Answer):
    """A model as its file has it; what only the server of its training run knows is not there."""

    id: str
    name: str
    problem_type: str
    target: str
    metric: str
    metrics: dict[str, float | None]
    feature_names: list[str]
    classes: list[str] | None
    features: list[Feature]
    members: list[Member]
    threshold: float | None = Field(None, description="of two classes, from which probability the last is predicted")
    calibrated: bool
    sha256: str = Field(description="of the model file")
    size_bytes: int | None = None
    predict_ms: float | None = Field(description="one row, here")


def show(context: Context, model_id: str) -> dict[str, Any]:
    """The model with its inputs."""
    loaded = predicting.load(context, model_id)
    fitted = loaded.fitted
    schema = fitted.schema
    return {
        "id": loaded.id,
        "name": loaded.name,
        "problem_type": str(schema.problem_type),
        "target": schema.target,
        "metric": schema.metric,
        "metrics": schema.metrics,
        "feature_names": [feature.name for feature in schema.inputs],
        "classes": schema.classes,
        "features": schema.describe(),
        "members": [{"algorithm": member.algorithm, "weight": member.weight} for member in fitted.members],
        "threshold": fitted.threshold,
        "calibrated": fitted.temperature is not None,
        "sha256": loaded.file,
        "predict_ms": loaded.predict_ms,
    }


async def health(request: Request) -> dict[str, str]:
    """Does the process answer."""
    return {"status": "ok"}


async def readiness(request: Request) -> dict[str, Any]:
    """Can the model be asked: it was loaded before this process began to listen."""
    return {"status": "ready", "notices": []}


async def inference_ready(request: Request) -> dict[str, bool]:
    """The same in the Open Inference Protocol."""
    return {"ready": True}


async def document(request: Request) -> Response:
    """The OpenAPI document of this server; the model's own names its columns."""
    from flowml.web import openapi

    return Response(to_json(openapi.build(request.app.state.endpoints, 0)), media_type="application/json")


async def metrics(request: Request) -> Response:
    """Figures in Prometheus' text format: of each process that answers on this port what it has answered, under its
    number, of the others as it was a second ago."""
    context = context_of(request)
    models = context.models
    assert isinstance(models, OneModel)
    shared: SharedFigures = request.app.state.figures
    found = await run_in_threadpool(shared.read, request.app.state.processes)
    lines = [
        *metric("flowml_info", "gauge", "The version that runs.", [({"version": __version__}, 1)]),
        *metric(
            "flowml_model_info",
            "gauge",
            "The model that answers, by its name and the hash of its file.",
            [({"model": models.loaded.id, "sha256": models.loaded.file}, 1)],
        ),
        *metric(
            "flowml_processes", "gauge", "Processes that answer on this port.", [({}, request.app.state.processes)]
        ),
        *metric(
            "flowml_uptime_seconds",
            "gauge",
            "Seconds since this process started.",
            [({"process": str(process)}, one.uptime_seconds) for process, one in found.items()],
        ),
        *merged(of_predictions(one.predictions, {"process": str(process)}) for process, one in found.items()),
        *metric(
            "process_resident_memory_bytes",
            "gauge",
            "Memory of each process.",
            [({"process": str(process)}, one.memory_bytes) for process, one in found.items()],
        ),
    ]
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
