"""A file of rows answered by a server that keeps nothing: as a whole server does it, for who waits."""

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import InvalidInput
from flowml.services.context import Context
from flowml.services.datasets import PlaceForUploads
from flowml.services.serving import predicting
from flowml.web.api.table_bodies import accepted, answered
from flowml.web.caller import context_of
from flowml.web.leaving import until_gone
from flowml.web.schemas.scoring import PredictFileQuery
from flowml.web.upload import receive_upload


async def predict_file(request: Request, model_id: str, query: PredictFileQuery) -> Response:
    """Answer all rows of a file.

    The file may be in any format that can be uploaded; the answer is its table with the same columns added as
    `flowml predict` adds, and `X-FlowML-Notes` has what to know about it. Nothing of it is kept: `wait=false` is for
    servers that have somewhere to keep it.
    """
    context = context_of(request)
    predicting.load(context, model_id)
    if not query.wait:
        raise InvalidInput.of_field(
            "wait", "This server keeps no files: it answers while you wait.", hint="Leave out “wait=false”."
        )
    format = query.format or accepted(request.headers.get("accept", ""))
    async with receive_upload(request, PlaceForUploads(context), context.settings.max_upload_bytes) as received:
        options = received.options

        def answer(context: Context) -> Response:
            found = answered(
                context, model_id, received.path, filename=received.filename, format=format, options=options
            )
            found.headers["Content-Disposition"] = f'attachment; filename="scored.{format}"'
            return found

        return await until_gone(request, answer)
