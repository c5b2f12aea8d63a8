"""The OpenAPI 3.1 document of one model: its columns as typed fields, its classes as the answers that there are.

Bodies and answers are the schemas that validate all models' requests, narrowed to this one, so that a client which is
generated from it knows what may be sent and what comes back.
"""

from collections.abc import Mapping
from typing import Any

from flowml import __version__
from flowml.services.protocols.fields import label_schema, row_schema, typical_row
from flowml.services.serving.loaded import Loaded
from flowml.web.errors import MEDIA_TYPE
from flowml.web.openapi import BEARER, bearer
from flowml.web.schemas import results as r
from flowml.web.schemas.base import Problem

_REFERENCE = "#/components/schemas/{model}"


def build(
    model_id: str, loaded: Loaded, example: Mapping[str, Any] | None, *, with_values: bool = True
) -> dict[str, Any]:
    """The document as plain JSON values, for a model that is asked for by this id. `example`: a real row of the
    training data; without one each column has a typical value. `with_values`: for who may look at the training data;
    else nothing of it is told but the names and types of columns, and the classes, which every answer has."""
    schema = loaded.fitted.schema
    row = (typical_row(loaded) if example is None else dict(example)) if with_values else {}
    schemas = {
        "Row": row_schema(loaded, row if with_values else None),
        "Label": label_schema(loaded),
        **_narrowed(model_id, loaded),
    }
    problem = {MEDIA_TYPE: {"schema": _ref("Problem")}}
    other = {"default": {"description": "What went wrong, in words for a person", "content": problem}}
    one = {"model_id": model_id, "features": row}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": loaded.name,
            "version": __version__,
            "summary": f"Predicts “{schema.target}”.",
            "description": f"A model that FlowML has trained on {schema.n_rows:,} rows."
            " Every column may be left out, and counts as missing then.",
        },
        "servers": [{"url": "/"}],
        "security": [{BEARER: []}, {}],
        "paths": {
            "/api/results/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": "One row with all that is known of its answer, or many",
                    "requestBody": _json(_ref("Predict"), one),
                    "responses": {
                        "200": {
                            "description": "Of one row, or of many in their order",
                            **_content({"oneOf": [_ref("Prediction"), _ref("Predictions")]}),
                        },
                        **other,
                    },
                }
            },
            "/invocations": {
                "post": {
                    "operationId": "invocations",
                    "summary": "The same in the protocol of MLflow's model server",
                    "parameters": [
                        {"name": "model_id", "in": "query", "schema": {"type": "string", "default": model_id}}
                    ],
                    "requestBody": _json(_records(), {"dataframe_records": [row]}),
                    "responses": {"200": {"description": "One a row", **_content(_invoked())}, **other},
                }
            },
        },
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {BEARER: bearer()}},
    }


def _narrowed(model_id: str, loaded: Loaded) -> dict[str, Any]:
    """The schemas of requests and answers, with what is known of this model in them."""
    schemas: dict[str, Any] = {}
    for model, mode in ((r.Predict, "validation"), (r.Prediction, "serialization"), (r.Predictions, "serialization")):
        _put(schemas, model.__name__, model.model_json_schema(mode=mode, ref_template=_REFERENCE))  # type: ignore[arg-type]
    _put(schemas, "Problem", Problem.model_json_schema(mode="serialization", ref_template=_REFERENCE))
    asked = schemas["Predict"]
    asked["properties"]["model_id"] |= {"default": model_id, "examples": [model_id]}
    asked["properties"]["features"] = _ref("Row")
    asked["properties"]["rows"] = {"type": "array", "items": _ref("Row"), "minItems": 1, "maxItems": 100_000}
    asked["oneOf"] = [{"required": ["features"]}, {"required": ["rows"]}]
    classes = loaded.fitted.schema.classes
    for name in ("Prediction", "RowPrediction"):
        properties = schemas[name]["properties"]
        properties["prediction"] = _ref("Label")
        if classes is None:
            properties["probabilities"] = properties["set"] = {"type": "null"}
        else:
            share = {"type": "number", "minimum": 0, "maximum": 1}
            of_each = dict.fromkeys(classes, share)
            properties["probabilities"] = {"type": "object", "properties": of_each, "required": list(classes)}
            properties["interval"] = {"type": "null"}
    # Of numbers alone.
    if classes is not None:
        schemas.pop("Interval", None)
    return schemas


def _put(schemas: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema


def _records() -> dict[str, Any]:
    rows = {"type": "array", "items": _ref("Row"), "minItems": 1, "maxItems": 100_000}
    return {"type": "object", "properties": {"dataframe_records": rows}, "required": ["dataframe_records"]}


def _invoked() -> dict[str, Any]:
    predictions = {"type": "array", "description": "Classes in the type that they had in the training data."}
    return {"type": "object", "properties": {"predictions": predictions}, "required": ["predictions"]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=name)}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _json(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}
