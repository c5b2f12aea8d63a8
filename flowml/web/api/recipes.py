"""Operations on tables and versions of them over HTTP."""

from typing import Any

from starlette.requests import Request

from flowml.domain.datasets import Dataset
from flowml.domain.recipes import TransformPreview
from flowml.services import versions
from flowml.services.context import Context
from flowml.web.caller import context_of
from flowml.web.endpoint import parse_json, read_json
from flowml.web.leaving import until_gone
from flowml.web.schemas.recipes import Transform


def operations(context: Context) -> dict[str, Any]:
    """Every kind of operation."""
    return {"items": versions.list_operations()}


async def transform(request: Request, dataset_id: str) -> TransformPreview | Dataset:
    """Operations on a table: what they would change, or the new data set that comes of them.

    With `preview` (the default) nothing is stored, and the answer is a TransformPreview. With `preview: false` the
    answer is the new Dataset, whose `parent_id` is this one. What is learned from the rows (a median, the frequent
    categories) is found once and stored with the operation, so that the same recipe does the same to other rows.
    """
    body = parse_json(await read_json(request), Transform)
    context = context_of(request)
    # Only some at once, as imports: each has a process of its own.
    async with request.app.state.imports:
        if body.preview:
            preview: TransformPreview = await until_gone(
                request, versions.preview_transform, context, dataset_id, body.operations
            )
            return preview
        dataset: Dataset = await until_gone(
            request, versions.apply_transform, context, dataset_id, body.operations, name=body.name
        )
        return dataset


def lineage(context: Context, dataset_id: str) -> versions.Lineage:
    """Where a data set comes from: the versions before it, the steps between them, and what was made of it."""
    return versions.lineage(context, dataset_id)
