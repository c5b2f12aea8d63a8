"""What all schemas share."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

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


def _of_its_kind(part: Any, root: type | None = None, *, in_union: bool = False) -> Any:
    """A core schema, or a part of one, in which numbers and truth values are what is such."""
    if isinstance(part, list | tuple):
        return type(part)(_of_its_kind(item, root, in_union=in_union) for item in part)
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    if kind in ("float", "bool") or (kind == "int" and in_union):
        return {**part, "strict": True}
    if kind == "int":
        # 5.0 is one.
        return core_schema.no_info_before_validator_function(_number, part)
    if kind == "model" and part["cls"] is not root:
        # It has its own.
        return part
    in_union = kind in ("union", "tagged-union")
    return {
        name: item if name in _NOT_VALUES else _of_its_kind(item, root, in_union=in_union)
        for name, item in part.items()
    }


_NOT_VALUES = ("metadata", "serialization", "default", "cls", "config")


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise PydanticKnownError("int_type")
    return value


class Sent(BaseModel):
    """What somebody sends as JSON, which says the kind of each value: true is no 1 there, and neither is "1"."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As the fields say, but without what pydantic makes a number or a truth value of."""
        schema: CoreSchema = _of_its_kind(handler(source), cls)
        return schema


class Body(Sent):
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
