"""The pages: one file per noun, each with the class that its template receives, the service calls that fill it, and
its handler. Handlers run in the thread pool; they read through the services and never change anything but
whether a browser is logged in.
"""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.access.caller import Permission
from flowml.services.context import Context
from flowml.web.caller import CONTEXT
from flowml.web.endpoint import Endpoint
from flowml.web.leaving import until_gone
from flowml.web.pages import (
    datasets,
    deploy,
    home,
    jobs,
    login,
    logs,
    models,
    palette,
    playground,
    results,
    settings,
    train,
    workers,
)
from flowml.web.pages.insight import curves, explanation, mistakes, search, slices


def _page(
    path: str, handler: Callable[[Request], Response], *, waits: bool = False, need: Permission = Permission.READ
) -> Endpoint:
    async def show(request: Request, **parameters: str) -> Response:
        def work(context: Context) -> Response:
            request.scope[CONTEXT] = context
            return handler(request)

        if waits:
            return await until_gone(request, work)
        return await run_in_threadpool(handler, request)

    return Endpoint("GET", path, show, "text/html", need=need, waits=waits)


ENDPOINTS = (
    _page("/", home.page),
    _page("/datasets", datasets.index),
    _page("/datasets/{dataset_id}", datasets.page),
    _page("/datasets/{dataset_id}/rows.json", datasets.rows, waits=True),
    _page("/datasets/{dataset_id}/spreads.json", datasets.spreads, waits=True),
    _page("/train", train.page, waits=True),
    _page("/jobs", jobs.index),
    _page("/jobs/{job_id}", jobs.page),
    _page("/jobs/{job_id}/results", results.page),
    _page("/jobs/{job_id}/search", search.part, waits=True),
    _page("/jobs/{job_id}/explanation", explanation.part_of_job, waits=True),
    _page("/jobs/{job_id}/compare", search.compare_page, waits=True),
    _page("/models/{model_id}", models.page),
    _page("/models/{model_id}/curves", curves.part, waits=True),
    _page("/models/{model_id}/slices", slices.part, waits=True),
    _page("/models/{model_id}/explanation", explanation.part_of_model, waits=True),
    _page("/models/{model_id}/mistakes", mistakes.page, waits=True),
    _page("/models/{model_id}/playground", playground.page),
    _page("/models/{model_id}/deploy", deploy.page),
    _page("/models/{model_id}/example.json", playground.example),
    _page("/workers", workers.page),
    _page("/logs", logs.page, need=Permission.ADMIN),
    _page("/settings", settings.page, need=Permission.ADMIN),
    _page("/palette.json", palette.items),
    Endpoint("GET", login.PATH, login.show, "text/html", need=Permission.OPEN),
    Endpoint("POST", login.PATH, login.log_in, "text/html", need=Permission.OPEN),
    Endpoint("POST", "/logout", login.log_out, status=303, need=Permission.OPEN),
)
"""Every page of the product."""
