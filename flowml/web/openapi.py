"""The OpenAPI 3.1 document, from the table of endpoints and the schemas that validate."""

import inspect
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from flowml import __version__
from flowml.domain.access.caller import Permission
from flowml.web.endpoint import Endpoint
from flowml.web.errors import KINDS, MEDIA_TYPE
from flowml.web.schemas.base import Problem

_REFERENCE = "#/components/schemas/{model}"
_TAGS = {
    "datasets": ("Datasets", "Tables: upload, look at, delete."),
    "training": ("Training", "Training runs and what they try."),
    "results": ("Results", "Models: how good, why, and what they predict."),
    "llm": ("Assistant", "A language model on your machines that helps: what it is told, and what it says."),
    "v2": ("Open Inference Protocol", "Predictions for clients of KServe, Triton and MLServer."),
    "invocations": ("MLflow", "Predictions for clients of MLflow's model server."),
}
_OF_MLFLOW = ("ping", "health", "version")
BEARER = "token"
_ABOUT_TOKENS = (
    "From `flowml token create`. An admin token may do all that is here but train, an api token only predict."
)
_SYSTEM = ("System", "The server itself, and live updates.")


def build(endpoints: Sequence[Endpoint], longest_budget: float) -> dict[str, Any]:
    """The whole document as plain JSON values. `longest_budget`: the seconds that this server allows a training run."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    _schema(Problem, "serialization", schemas)
    for name in ("StartTraining", "ExtendTraining"):
        if name in schemas:
            schemas[name]["properties"]["time_budget_seconds"]["maximum"] = longest_budget
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FlowML",
            "version": __version__,
            "summary": "AutoML on your own machines: from a table to a model that predicts.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in (*_TAGS.values(), _SYSTEM)],
        "paths": paths,
        # Where the server is reached from its own machine alone, none is needed.
        "security": [{BEARER: []}, {}],
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {BEARER: bearer()},
        },
    }


def bearer() -> dict[str, str]:
    """The credential, as a security scheme."""
    return {"type": "http", "scheme": "bearer", "description": _ABOUT_TOKENS}


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(endpoint.handler) or "").partition("\n\n")
    module = endpoint.handler.__module__.rsplit(".", 1)[-1]
    section = endpoint.path.removeprefix("/api").split("/")[1]
    section = "invocations" if section in _OF_MLFLOW else section
    of_version = "_of_version" if "{version}" in endpoint.path else ""
    of_health = "_as_health" if endpoint.path == "/health" else ""
    operation: dict[str, Any] = {
        "operationId": f"{module}_{endpoint.handler.__name__}{of_version}{of_health}",
        "summary": " ".join(summary.split()).rstrip("."),
        "tags": [_TAGS.get(section, _SYSTEM)[0]],
        "parameters": _parameters(endpoint, schemas),
        "responses": _responses(endpoint, schemas),
    }
    if description:
        operation["description"] = description
    if endpoint.need is Permission.OPEN:
        operation["security"] = []
    elif endpoint.need is Permission.WORK:
        operation["security"] = [{BEARER: []}]
    if endpoint.body is not None:
        operation["requestBody"] = _content("application/json", _schema(endpoint.body, "validation", schemas))
    if endpoint.form is not None:
        form = _schema(endpoint.form, "validation", schemas)
        operation["requestBody"] = _content("multipart/form-data", form)
    for media_type in endpoint.takes:
        operation.setdefault("requestBody", {"required": True, "content": {}})["content"][media_type] = {}
    return operation


def _content(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": schema}}}


def _parameters(endpoint: Endpoint, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)", endpoint.path)
    ]
    if endpoint.query is not None:
        # Parameters carry their schemas themselves: those of a query are small and used once.
        schema = endpoint.query.model_json_schema(ref_template=_REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        required = schema.get("required", [])
        for name, described in schema["properties"].items():
            # As forms send what was left empty.
            parameter = {"name": name, "in": "query", "required": name in required, "allowEmptyValue": True}
            parameter["schema"] = described
            if "description" in described:
                parameter["description"] = described.pop("description")
            parameters.append(parameter)
    return parameters


def _responses(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done" if endpoint.status != 101 else "The connection is a WebSocket now"}
    if isinstance(endpoint.response, str):
        answer["content"] = {endpoint.response: {}}
        if endpoint.line is not None:
            answer["description"] = "Lines of JSON, each of this schema"
            answer["content"] = {endpoint.response: {"schema": _schema(endpoint.line, "serialization", schemas)}}
    elif isinstance(endpoint.response, tuple):
        answer["content"] = {media_type.split(";")[0]: {} for media_type in endpoint.response}
    elif endpoint.response is not None:
        answer["content"] = {"application/json": {"schema": _schema(endpoint.response, "serialization", schemas)}}
    for media_type in endpoint.gives:
        answer["content"][media_type] = {}
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {
        str(endpoint.status): answer,
        "default": {"description": "What went wrong, in words for a person", "content": problem},
    }


def _schema(model: Any, mode: JsonSchemaMode, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to a schema, which is put among the document's own."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        references, definitions = models_json_schema([(model, mode)], ref_template=_REFERENCE)
        schemas.update(definitions.get("$defs", {}))
        return dict(references[(model, mode)])
    schema = TypeAdapter(model).json_schema(mode=mode, ref_template=_REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    return schema


def problem_kinds() -> list[tuple[int, str, str, str]]:
    """Status, anchor, title and meaning of each kind of error, for the documentation page."""
    return [
        (kind.status, kind.name, kind.title, inspect.getdoc(error) or "")
        for error, kind in sorted(KINDS.items(), key=lambda item: item[1].status)
    ]
