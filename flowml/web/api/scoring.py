"""Files that are answered by a model, over HTTP."""

import asyncio
import contextlib
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from flowml.domain.errors import FlowMLError
from flowml.domain.models import Scoring
from flowml.services.context import Context
from flowml.services.datasets import PlaceForUploads, expect_work
from flowml.services.downloads import Download
from flowml.services.scoring import files
from flowml.web.api.table_bodies import accepted
from flowml.web.caller import context_of
from flowml.web.leaving import gone
from flowml.web.schemas.scoring import PredictFileQuery
from flowml.web.schemas.scoring import Scoring as Shown
from flowml.web.upload import receive_upload


async def predict_file(request: Request, model_id: str, query: PredictFileQuery) -> Response:
    """Answer all rows of a file.

    The file may be in any format that can be uploaded; the answer is its table with the same columns added as
    `flowml predict` adds. It is sent once it is whole, so that what is wrong with the file is said with a status of its
    own; the header `X-FlowML-Scoring` has the id under which a summary and remarks are found. With `wait=false` it is
    worked on while nobody waits.
    """
    context = context_of(request)
    context.caller.check_model(model_id)
    format = query.format or accepted(request.headers.get("accept", ""))
    await run_in_threadpool(expect_work)
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[FlowMLError | None] = loop.create_future()

    def end(error: FlowMLError | None) -> None:
        if not ended.done():
            ended.set_result(error)

    def tell(error: FlowMLError | None) -> None:
        # The loop may be gone before the work is.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(end, error)

    async with receive_upload(request, PlaceForUploads(context), context.settings.max_upload_bytes) as received:
        options = received.options
        scoring = await run_in_threadpool(
            files.begin,
            context,
            model_id,
            received.path,
            filename=received.filename,
            format=format,
            options=options,
            ended=tell,
        )
    address = f"/api/results/scoring/{scoring.id}"
    if not query.wait:
        return JSONResponse(_shown(scoring), 202, {"Location": address})
    return await _when_done(request, context, scoring, ended)


async def _when_done(
    request: Request, context: Context, scoring: Scoring, ended: "asyncio.Future[FlowMLError | None]"
) -> Response:
    leaving = asyncio.ensure_future(gone(request))
    waited: set[asyncio.Future[Any]] = {ended, leaving}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not ended.done():
            # Also when the server ends.
            files.leave(context, scoring.id)
    if not ended.done():
        return Response(status_code=503)
    error = ended.result()
    if error is not None:
        raise error
    found = await run_in_threadpool(files.result, context, scoring.id)
    return _file(found, {"X-FlowML-Scoring": scoring.id})


def show(context: Context, scoring_id: str) -> Scoring:
    """How far a file is, and in the end what its rows and answers are like."""
    return files.show(context, scoring_id)


def cancel(context: Context, scoring_id: str) -> None:
    """End the work on a file; of one that has ended, forget the result."""
    files.cancel(context, scoring_id)


def download(context: Context, scoring_id: str) -> FileResponse:
    """The file with the answers, kept for an hour."""
    return _file(files.result(context, scoring_id), {})


def _file(found: Download, more: dict[str, str]) -> FileResponse:
    return FileResponse(
        found.path,
        media_type=found.media_type,
        headers={
            **more,
            "ETag": found.etag,
            "Content-Disposition": f'attachment; filename="scored.{found.path.suffix.removeprefix(".")}"; '
            f"filename*=UTF-8''{quote(found.filename)}",
        },
    )


def _shown(scoring: Scoring) -> object:
    return Shown.model_validate(scoring).model_dump(mode="json")
