"""Models as files of every kind over HTTP."""

from urllib.parse import quote

from starlette.responses import FileResponse

from flowml.services.context import Context
from flowml.services.serving.exports import model_download
from flowml.web.schemas.exports import DownloadQuery


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
