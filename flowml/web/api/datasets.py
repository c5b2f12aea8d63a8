"""Datasets over HTTP."""

from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from flowml.domain.datasets import Dataset
from flowml.services import datasets, downloads, previews
from flowml.services.context import Context
from flowml.services.turns import CHILDREN
from flowml.web.bodies import write_in_parts
from flowml.web.caller import asker_of, context_of
from flowml.web.leaving import until_gone
from flowml.web.schemas.base import PageQuery, Rename
from flowml.web.schemas.datasets import DownloadQuery, PreviewQuery, ReadAgain
from flowml.web.upload import receive_upload


async def upload(request: Request) -> Dataset:
    """Upload a table."""
    context = context_of(request)
    # Who would hear afterwards that too many wait hears it before sending all of it.
    CHILDREN.check(asker_of(request))
    place = datasets.PlaceForUploads(context)
    # What will read the file gets ready while it is received.
    await run_in_threadpool(datasets.expect_work)
    async with receive_upload(request, place, context.settings.max_upload_bytes) as received:
        options = received.options
        return await until_gone(
            request,
            lambda context: datasets.import_file(
                context,
                received.path,
                filename=received.filename,
                name=received.name,
                options=options,
                sha256=received.sha256,
            ),
        )


def read_again(context: Context, dataset_id: str, body: ReadAgain) -> Dataset:
    """Read the uploaded file of a data set in another way."""
    return datasets.read_again(context, dataset_id, body.options)


def reading_options(context: Context, dataset_id: str) -> dict[str, Any]:
    """What may be said about the file of a data set, and what was decided."""
    title, items = datasets.reading_options(context, dataset_id)
    return {"format": title, "items": items}


def index(context: Context, query: PageQuery) -> dict[str, Any]:
    """List data sets, newest first."""
    items, total = datasets.list_datasets(context, query.limit, query.offset)
    return {"items": items, "total": total}


def show(context: Context, dataset_id: str) -> Dataset:
    """One data set."""
    return datasets.get_dataset(context, dataset_id)


def rename(context: Context, dataset_id: str, body: Rename) -> Dataset:
    """Give a data set another name."""
    return datasets.rename_dataset(context, dataset_id, body.name)


def delete(context: Context, dataset_id: str) -> None:
    """Delete a data set; not while a training run needs it."""
    datasets.delete_dataset(context, dataset_id)


def preview(context: Context, dataset_id: str, query: PreviewQuery) -> Response:
    """Some rows, sorted or searched."""
    found = previews.preview(
        context,
        dataset_id,
        offset=query.offset,
        limit=query.limit,
        sort=query.sort,
        descending=query.descending,
        search=query.search,
    )
    content = write_in_parts("rows", found.rows, columns=found.columns, total=found.total)
    return Response(content, media_type="application/json")


def download(context: Context, dataset_id: str, query: DownloadQuery) -> FileResponse:
    """The whole table as a file."""
    found = downloads.download(context, dataset_id, query.format)
    plain = "".join(character if character.isascii() and character.isalnum() else "_" for character in found.filename)
    fallback = f"{plain.removesuffix(f'_{query.format}')}.{query.format}"
    return FileResponse(
        found.path,
        media_type=found.media_type,
        headers={
            "ETag": found.etag,
            "Content-Disposition": f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(found.filename)}",
        },
    )
