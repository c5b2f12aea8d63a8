"""What a language model may be told of values."""

from typing import Annotated

from pydantic import Field

from flowml.web.schemas.base import Answer, Body, Timestamp


class ShareableColumn(Answer):
    name: str
    shared: Annotated[bool, Field(description="a model may be told some of its values")]
    personal: Annotated[str | None, Field(description="what it seems to hold that tells who somebody is")]


class SharedColumns(Answer):
    """Of which columns sample values may be told: of none, until the owner says so. Of numbers and dates only
    statistics are told."""

    dataset_id: str
    ordinary: Annotated[bool, Field(description="those of all categories that look in no way personal")]
    may_change: bool
    columns: list[ShareableColumn]
    changed_at: Timestamp | None


class ChangeSharing(Body):
    """A decision about a table and all its versions; what is left out stays as it is."""

    ordinary: bool | None = Field(None, description="share the values of all columns that do not look personal")
    columns: dict[str, bool] = Field({}, max_length=10_000, description="whether to share a column's values, by name")
