"""Models as files of every kind over HTTP."""

from typing import Any
from urllib.parse import quote

from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from flowml.services import results
from flowml.services.context import Context
from flowml.services.examples import example_if_readable
from flowml.services.serving.cards import model_card
from flowml.services.serving.exports import model_download
from flowml.services.serving.snippets import snippet
from flowml.web.caller import address_of, context_of
from flowml.web.schemas.exports import CodeQuery, DownloadQuery


def download(context: Context, model_id: str, query: DownloadQuery) -> FileResponse:
    """The model as a file: its own, or one for programs without FlowML.

    Whatever is not `flowml` is compared with the model when it is made. A model that cannot be such a file, or would
    answer otherwise in it, is 409 with the reason.
    """
    found = model_download(context, model_id, query.format)
    return FileResponse(
        found.path,
        media_type=found.media_type,
        headers={
            "ETag": found.etag,
            "Content-Disposition": f'attachment; filename="model.{found.suffix}"; '
            f"filename*=UTF-8''{quote(found.filename)}",
        },
    )


def card(context: Context, model_id: str) -> Response:
    """What to know of a model before using it, in Markdown: data, columns, quality, limits, versions."""
    return Response(model_card(context, model_id), media_type="text/markdown")


async def code(request: Request, model_id: str, query: CodeQuery) -> Response:
    """A program that asks this model for a row of its table, to paste; it takes a token from FLOWML_TOKEN."""
    context = context_of(request)
    row = await run_in_threadpool(_row, context, model_id)
    return Response(snippet(query.language, address_of(request), model_id, row), media_type="text/plain")


def _row(context: Context, model_id: str) -> dict[str, Any]:
    """A real row where there is one, else typical values."""
    model = results.get_model(context, model_id)
    example, _ = example_if_readable(context, model)
    typical = {str(feature["name"]): feature.get("example") for feature in model.details.schema}
    row: dict[str, Any] = from_json(to_json(typical if example is None else example.values, inf_nan_mode="null"))
    return row
