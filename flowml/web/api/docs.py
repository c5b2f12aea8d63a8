"""The API's description, as a document and as a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from flowml.web import openapi
from flowml.web.caller import context_of
from flowml.web.endpoint import Endpoint
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond


@dataclass(frozen=True)
class Field:
    """One parameter or one field of a schema. `link` is the anchor of the schema that `type` names."""

    name: str
    type: str
    link: str | None
    required: bool
    default: str
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: Field | None
    answers: list[tuple[str, str, Field | None]]


@dataclass(frozen=True)
class Section:
    title: str
    description: str
    operations: list[Operation]


@dataclass(frozen=True)
class Schema:
    name: str
    description: str
    fields: list[Field]


@dataclass(frozen=True, kw_only=True)
class DocsPage(Page):
    template: ClassVar[str] = "api_docs.html"

    sections: list[Section]
    schemas: list[Schema]
    problems: list[tuple[int, str, str, str]]
    example: str


@lru_cache(maxsize=1)
def _built(endpoints: tuple[Endpoint, ...], longest_budget: float) -> dict[str, Any]:
    return openapi.build(endpoints, longest_budget)


def _described(request: Request) -> dict[str, Any]:
    return _built(request.app.state.endpoints, context_of(request).settings.max_time_budget_seconds)


async def document(request: Request) -> Response:
    """This description, OpenAPI 3.1."""
    content = await run_in_threadpool(lambda: to_json(_described(request)))
    return Response(content, media_type="application/json")


async def page(request: Request) -> HTMLResponse:
    """This description as a page."""
    return await run_in_threadpool(_page, request)


def _page(request: Request) -> HTMLResponse:
    described = _described(request)
    return respond(
        request,
        DocsPage(
            title="API",
            frame=build_frame(request, "api"),
            sections=[_section(described, tag) for tag in described["tags"]],
            schemas=[_schema(name, schema) for name, schema in described["components"]["schemas"].items()],
            problems=openapi.problem_kinds(),
            example=_example(request),
        ),
    )


def _example(request: Request) -> str:
    token = "" if context_of(request).caller.token_id is None else ' -H "Authorization: Bearer $FLOWML_TOKEN"'
    address = f"{request.scope['scheme']}://{request.headers['host']}/api/datasets/upload"
    return f"curl -F file=@table.csv{token} {address}"


def _section(described: Mapping[str, Any], tag: Mapping[str, str]) -> Section:
    operations = [
        _operation(method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if tag["name"] in operation["tags"]
    ]
    return Section(tag["name"], tag["description"], operations)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Operation:
    parameters = [
        _field(item["name"], item["schema"], item["required"], item.get("description", ""))
        for item in operation["parameters"]
    ]
    kinds = dict(_contents(operation.get("requestBody")))
    sent: Mapping[str, Any] = next((content["schema"] for content in kinds.values() if "schema" in content), {})
    body = _field("body", sent, True, ", ".join(kinds)) if kinds else None
    answers = []
    for status, answer in operation["responses"].items():
        schema = next((content.get("schema") for _, content in _contents(answer)), None)
        answers.append((status, answer["description"], None if schema is None else _field("", schema, True, "")))
    return Operation(
        operation["operationId"],
        method.upper(),
        path,
        operation["summary"],
        operation.get("description", ""),
        parameters,
        body,
        answers,
    )


def _contents(part: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    return list((part or {}).get("content", {}).items())


def _schema(name: str, schema: Mapping[str, Any]) -> Schema:
    required = schema.get("required", ())
    fields = [
        _field(field, described, field in required, described.get("description", ""))
        for field, described in schema.get("properties", {}).items()
    ]
    if "enum" in schema:
        fields.append(Field("one of", " · ".join(map(str, schema["enum"])), None, True, "", ""))
    return Schema(name, schema.get("description", ""), fields)


def _field(name: str, schema: Mapping[str, Any], required: bool, description: str) -> Field:
    text, link = type_of(schema)
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        text += f", {low} to {high}"
    default = schema.get("default")
    return Field(name, text, link, required, "" if default is None else str(default), description)


def type_of(schema: Mapping[str, Any]) -> tuple[str, str | None]:
    """A schema's type in words, and the name of the schema that it refers to.

    >>> type_of({"anyOf": [{"type": "array", "items": {"$ref": "#/components/schemas/Column"}}, {"type": "null"}]})
    ('list of Column or null', 'Column')
    """
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return name, name
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        parts = [type_of(choice) for choice in choices]
        return " or ".join(text for text, _ in parts), next((link for _, link in parts if link), None)
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"])), None
    if schema.get("type") == "array":
        text, link = type_of(schema.get("items", {}))
        return f"list of {text}", link
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        text, link = type_of(schema["additionalProperties"])
        return f"object of {text}", link
    kind = schema.get("const") or schema.get("type") or "any value"
    kind = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{kind} ({schema['format']})" if "format" in schema else kind, None
