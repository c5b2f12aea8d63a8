"""The web application of one model: the gate, and the addresses at which a whole server answers the same."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from flowml.domain.access.caller import Permission
from flowml.domain.errors import FlowMLError
from flowml.services.context import Context
from flowml.services.downloads import MEDIA_TYPES
from flowml.services.serving.shared_figures import SharedFigures
from flowml.web.alone import about, files, handlers
from flowml.web.alone.callers import SecretCallers
from flowml.web.api import explain, inference, invocations, model_document, results
from flowml.web.api.table_bodies import TABLES
from flowml.web.endpoint import Endpoint, Resource, answering_at_once
from flowml.web.errors import problem_response
from flowml.web.leaving import Waiting
from flowml.web.schemas import datasets as d
from flowml.web.schemas import explain as x
from flowml.web.schemas import exports as e
from flowml.web.schemas import protocols as p
from flowml.web.schemas import results as r
from flowml.web.schemas import scoring as sc
from flowml.web.schemas import system as s
from flowml.web.security import Gate

OPEN, READ, PREDICT = Permission.OPEN, Permission.READ, Permission.PREDICT
_ENDING_SECONDS = 5.0
_TELL_SECONDS = 1.0

# fmt: off
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/api/results/predict",
             results.predict, r.Prediction | r.Predictions, body=r.Predict, query=r.PredictQuery, need=PREDICT,
             at_once=(results.ask_at_once, results.answer_together), takes=(*TABLES,), gives=(*TABLES,)),
    Endpoint("POST", "/api/results/model/{model_id}/predict-file",
             files.predict_file, tuple(MEDIA_TYPES.values()), query=sc.PredictFileQuery, form=d.UploadForm,
             need=PREDICT),
    Endpoint("POST", "/invocations",
             invocations.invocations, p.Invoked, body=p.Invocation, query=p.InvocationsQuery, need=PREDICT,
             takes=invocations.TABLES),
    Endpoint("POST", "/models/{model_id}/invocations",
             invocations.of_model, p.Invoked, body=p.Invocation, need=PREDICT,
             takes=invocations.TABLES),
    *(
        endpoint
        for at in ("/v2/models/{model_id}", "/v2/models/{model_id}/versions/{version}")
        for endpoint in (
            Endpoint("POST", f"{at}/infer", inference.infer, p.Inferred, body=p.Infer, need=PREDICT,
                     takes=inference.BINARY, gives=inference.BINARY),
            Endpoint("GET", f"{at}/ready", inference.model_ready, p.ModelReady, need=PREDICT),
            Endpoint("GET", at, inference.model, p.InferenceModel, need=PREDICT),
        )
    ),
    Endpoint("GET", "/v2", inference.server, p.InferenceServer, need=PREDICT),
    Endpoint("GET", "/v2/health/live", inference.live, p.Live, need=OPEN),
    Endpoint("GET", "/v2/health/ready", handlers.inference_ready, p.Ready, need=OPEN),
    Endpoint("GET", "/api/results/model/{model_id}", handlers.show, handlers.LoneModel, need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/openapi.json",
             model_document.openapi, "application/json", need=PREDICT),
    Endpoint("POST", "/api/results/model/{model_id}/explain",
             explain.explain, x.Explanation, body=x.Explain, need=PREDICT),
    Endpoint("POST", "/api/results/model/{model_id}/counterfactual",
             explain.smallest_change, x.SmallestChange, body=x.FindChange, need=PREDICT),
    Endpoint("GET", "/api/results/model/{model_id}/download",
             about.download, ("application/octet-stream", "text/markdown"), query=e.DownloadQuery, need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/card", about.card, "text/markdown", need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/code", about.code, "text/plain", query=e.CodeQuery, need=READ),
    Endpoint("GET", "/", about.root, about.Served, need=READ),
    Endpoint("GET", "/api/docs", about.docs, "text/html", need=READ),
    Endpoint("GET", "/api/openapi.json", handlers.document, "application/json", need=READ),
    Endpoint("GET", "/ping", invocations.ping, "application/json", need=OPEN),
    Endpoint("GET", "/health", invocations.ping, "application/json", need=OPEN),
    Endpoint("GET", "/version", invocations.version, "text/plain", need=PREDICT),
    Endpoint("GET", "/healthz", handlers.health, s.Health, need=OPEN),
    Endpoint("GET", "/readyz", handlers.readiness, s.Readiness, need=OPEN),
    Endpoint("GET", "/metrics", handlers.metrics, "text/plain", need=READ),
)
# fmt: on
# They are said to be elsewhere, and not listed.
_ELSEWHERE = tuple(Endpoint("GET", path, about.of_rows, need=READ) for path in about.PATHS_OF_ROWS)


def create_app(
    context: Context, secret: str | None, process: int = 1, processes: int = 1, folder: Path | None = None
) -> Gate:
    """Everything such a server answers. `secret`: what callers have to bring; `process`: which one of so many that
    answer on the same port this is; `folder`: one that all of them have."""
    waiting = Waiting()
    models = context.models
    assert models is not None
    shared = SharedFigures(models.figures, process, folder if processes > 1 else None)

    async def tell() -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            with contextlib.suppress(OSError):
                await run_in_threadpool(shared.write)

    @asynccontextmanager
    async def living(app: Starlette) -> AsyncIterator[None]:
        telling = asyncio.ensure_future(tell()) if processes > 1 else None
        yield
        if telling is not None:
            telling.cancel()
        await waiting.ended(_ENDING_SECONDS)

    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in (*ENDPOINTS, *_ELSEWHERE):
        by_path.setdefault(endpoint.path, []).append(endpoint)
    app = Starlette(
        routes=[Route(path, Resource(endpoints), include_in_schema=False) for path, endpoints in by_path.items()],
        lifespan=living,
        exception_handlers=dict.fromkeys((FlowMLError, HTTPException, ClientDisconnect, Exception), _answer_error),
    )
    app.router.redirect_slashes = False
    app.state.waiting = waiting
    app.state.endpoints = ENDPOINTS
    app.state.process, app.state.processes = process, processes
    app.state.figures = shared
    open_paths = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.need is OPEN)
    at_once = answering_at_once(ENDPOINTS)
    return Gate(
        app, context, SecretCallers(secret), open_paths, has_pages=False, any_host=secret is not None, at_once=at_once
    )


async def _answer_error(request: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem_response(error, headers, request.scope["path"])
