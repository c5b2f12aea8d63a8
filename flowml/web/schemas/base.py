"""What all schemas share."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticKnownError

from flowml.domain.names import LONGEST_NAME

Timestamp = Annotated[datetime, Field(description="ISO 8601, UTC")]
"""Made from seconds since the epoch, leaves as `2026-01-31T12:00:00Z`."""

Item = TypeVar("Item")


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    return value


Object = Annotated[Any, AfterValidator(_object), WithJsonSchema({"type": "object", "additionalProperties": True})]
"""Any object. As a `dict` it would be copied, name by name, in one call that holds up every other thread."""


class Answer(BaseModel):
    """A response, read from the attributes of a domain object. NaN and infinity leave as null."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null", frozen=True)


class Body(BaseModel):
    """A request's JSON. Unknown fields are refused: a misspelt one would silently do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rename(Body):
    """Another name."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="one that no other has")


class Query(BaseModel):
    """A request's query parameters. Unknown ones are ignored, as browsers and proxies add their own."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PageQuery(Query):
    """A part of a list."""

    limit: int = Field(50, ge=1, le=1000, description="how many")
    offset: int = Field(0, ge=0, le=10**12, description="how many to leave out first")


class Listing(Answer, Generic[Item]):
    """A part of a list; `total` counts all of it."""

    items: list[Item]
    total: int


class Problem(Answer):
    """RFC 9457: what went wrong, for this request, in words for a person."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None
    errors: list["FieldProblem"] | None = None


class FieldProblem(Answer):
    """What is wrong with one field."""

    field: str
    message: str
