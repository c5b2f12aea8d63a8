"""Operations on tables and versions of them over HTTP."""

from typing import Any

from flowml.domain.datasets import Dataset
from flowml.domain.recipes import TransformPreview
from flowml.services import versions
from flowml.services.context import Context
from flowml.web.schemas.recipes import Transform


def operations(context: Context) -> dict[str, Any]:
    """Every kind of operation."""
    return {"items": versions.list_operations()}


def transform(context: Context, dataset_id: str, body: Transform) -> TransformPreview | Dataset:
    """Operations on a table: what they would change, or the new data set that comes of them.

    With `preview` (the default) nothing is stored, and the answer is a TransformPreview. With `preview: false` the
    answer is the new Dataset, whose `parent_id` is this one. What is learned from the rows (a median, the frequent
    categories) is found once and stored with the operation, so that the same recipe does the same to other rows.
    """
    if body.preview:
        return versions.preview_transform(context, dataset_id, body.operations)
    return versions.apply_transform(context, dataset_id, body.operations, name=body.name)


def lineage(context: Context, dataset_id: str) -> versions.Lineage:
    """Where a data set comes from: the versions before it, the steps between them, and what was made of it."""
    return versions.lineage(context, dataset_id)
