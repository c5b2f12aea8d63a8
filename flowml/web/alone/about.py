"""What a server of one model says about itself and its model: where it is asked, its file, its card, programs that ask
it, and a page of its addresses that takes nothing from anywhere."""

import re
from html import escape
from typing import Any
from urllib.parse import quote

from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from flowml import __version__
from flowml.domain.errors import MalformedRequest, NotApplicable
from flowml.services.context import Context
from flowml.services.protocols.fields import typical_row
from flowml.services.serving import predicting
from flowml.services.serving.shelf import models_of
from flowml.services.serving.snippets import snippet
from flowml.web.caller import address_of, context_of
from flowml.web.schemas.base import Answer
from flowml.web.schemas.exports import CodeQuery, DownloadQuery

_HOST = re.compile(r"[0-9A-Za-z._:\[\]-]{1,300}")
PATHS_OF_ROWS = tuple(
    f"/api/results/model/{{model_id}}/{name}"
    for name in ("feature-importance", "partial-dependence", "curves", "slices", "mistakes")
)
"""Of a whole server for what no model file has."""


class Served(Answer):
    """What is served, and where."""

    server: str
    version: str
    model: str
    predicts: str
    addresses: dict[str, str]


async def root(request: Request) -> dict[str, Any]:
    """What is served here, and where."""
    context = context_of(request)
    loaded = predicting.load(context, None)
    of_model = f"/api/results/model/{loaded.id}"
    return {
        "server": "flowml",
        "version": __version__,
        "model": loaded.id,
        "predicts": loaded.fitted.schema.target,
        "addresses": {
            "predict": "/api/results/predict",
            "model": of_model,
            "card": f"{of_model}/card",
            "code": f"{of_model}/code?language=python",
            "download": f"{of_model}/download",
            "openapi": f"{of_model}/openapi.json",
            "mlflow": "/invocations",
            "open_inference_protocol": f"/v2/models/{loaded.id}",
            "health": "/healthz",
            "docs": "/api/docs",
        },
    }


def download(context: Context, model_id: str, query: DownloadQuery) -> Response:
    """The file that is served, or its card.

    Files of other kinds are made by `flowml export`: here that is 409.
    """
    if query.format == "card":
        return card(context, model_id)
    loaded = predicting.load(context, model_id)
    if query.format != "flowml":
        raise NotApplicable(
            f"This server has the model as it is, and makes no {query.format} file of it.",
            hint=f"Download the .flowml file, and let `flowml export MODEL --format {query.format}` make it.",
        )
    return FileResponse(
        models_of(context).file(context, loaded),
        media_type="application/octet-stream",
        headers={
            "ETag": f'"{loaded.file[:32]}"',
            "Content-Disposition": f"attachment; filename=\"model.flowml\"; filename*=UTF-8''{quote(loaded.id)}.flowml",
        },
    )


def card(context: Context, model_id: str) -> Response:
    """What to know of the model before using it, in Markdown, as far as its file knows it."""
    from flowml.services.serving.cards import card_of_file

    return Response(card_of_file(predicting.load(context, model_id).fitted), media_type="text/markdown")


async def code(request: Request, model_id: str, query: CodeQuery) -> Response:
    """A program that asks the model for a row of typical values, to paste; it takes the secret from FLOWML_TOKEN."""
    loaded = predicting.load(context_of(request), model_id)
    # Behind a secret any name is answered to, and a program is to be pasted into a shell.
    if not _HOST.fullmatch(request.headers["host"]):
        raise MalformedRequest("The Host header is no name of a server.")
    row = from_json(to_json(typical_row(loaded), inf_nan_mode="null"))
    return Response(snippet(query.language, address_of(request), model_id, row), media_type="text/plain")


def of_rows(context: Context, model_id: str) -> Response:
    """What takes the rows of the training run. Raises NotApplicable, as all of them do here."""
    predicting.load(context, model_id)
    raise NotApplicable(
        "That takes rows of the training data, which the file of a model does not have.",
        hint="The server that trained the model answers it. Here …/explain says why one row is answered as it is.",
    )


async def docs(request: Request) -> HTMLResponse:
    """These addresses as a page."""
    return HTMLResponse(await run_in_threadpool(_page, request))


def _page(request: Request) -> str:
    from flowml.web import openapi

    described = openapi.build(request.app.state.endpoints, 0)
    loaded = predicting.load(context_of(request), None)
    document = f"/api/results/model/{loaded.id}/openapi.json"
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(loaded.name)} · FlowML</title></head><body><main>",
        f"<h1>{escape(loaded.name)} predicts “{escape(loaded.fitted.schema.target)}”</h1>",
        f'<p>As documents: <a href="{escape(document)}">of the model</a>, whose columns it names, and',
        '<a href="/api/openapi.json">of this server</a>.</p>',
        "<h2>Addresses</h2><dl>",
        *(
            f'<dt id="{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></dt>'
            f"<dd>{escape(operation['summary'])}</dd>"
            for path, methods in described["paths"].items()
            for method, operation in methods.items()
        ),
        "</dl><h2>Errors</h2><dl>",
        *(
            f'<dt id="{name}">{status} {escape(title)}</dt><dd>{escape(" ".join(meaning.split()))}</dd>'
            for status, name, title, meaning in openapi.problem_kinds()
        ),
        "</dl></main></body></html>",
    ]
    return "\n".join(lines) + "\n"
