"""Datasets over HTTP."""

from typing import Any
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse

from flowml.domain.datasets import Dataset
from flowml.services import datasets, downloads, pages
from flowml.services.context import Context
from flowml.web.endpoint import context_of
from flowml.web.schemas.base import Page
from flowml.web.schemas.datasets import CorrelationQuery, DistributionQuery, DownloadQuery, PreviewQuery
from flowml.web.upload import receive_upload


async def upload(request: Request) -> Dataset:
    """Upload a table."""
    context = context_of(request)
    async with receive_upload(request, context.store.files.new_temp, context.settings.max_upload_bytes) as received:
        options = received.options
        # Only some at once: long imports must not take all the threads that answer everything else.
        async with request.app.state.imports:
            return await run_in_threadpool(
                datasets.import_file,
                context,
                received.path,
                filename=received.filename,
                name=received.name,
                options=options,
            )


def index(context: Context, query: Page) -> dict[str, Any]:
    """List data sets, newest first."""
    items, total = datasets.list_datasets(context, query.limit, query.offset)
    return {"items": items, "total": total}


def show(context: Context, dataset_id: str) -> Dataset:
    """One data set."""
    return datasets.get_dataset(context, dataset_id)


def delete(context: Context, dataset_id: str) -> None:
    """Delete a data set; not while a training run needs it."""
    datasets.delete_dataset(context, dataset_id)


def preview(context: Context, dataset_id: str, query: PreviewQuery) -> Any:
    """Some rows, sorted or searched."""
    return pages.preview(
        context,
        dataset_id,
        offset=query.offset,
        limit=query.limit,
        sort=query.sort,
        descending=query.descending,
        search=query.search,
    )


def download(context: Context, dataset_id: str, query: DownloadQuery) -> FileResponse:
    """The whole table as a file."""
    found = downloads.download(context, dataset_id, query.format)
    plain = "".join(character if character.isascii() and character.isalnum() else "_" for character in found.filename)
    fallback = f"{plain.removesuffix(f'_{query.format}')}.{query.format}"
    return FileResponse(
        found.path,
        media_type=found.media_type,
        headers={
            "Content-Disposition": f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(found.filename)}"
        },
        background=BackgroundTask(found.path.unlink, missing_ok=True) if found.is_temporary else None,
    )


def stats(context: Context, dataset_id: str) -> dict[str, Any]:
    """Every column in figures."""
    return {"columns": datasets.stats(context, dataset_id)}


def correlation(context: Context, dataset_id: str, query: CorrelationQuery) -> Any:
    """How strongly columns go together."""
    return datasets.correlation(context, dataset_id, query.method)


def distribution(context: Context, dataset_id: str, column: str, query: DistributionQuery) -> Any:
    """How the values of one column are spread."""
    return datasets.distribution(context, dataset_id, column, bins=query.bins)
