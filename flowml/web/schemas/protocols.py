"""Requests and answers of others' protocols: MLflow's scoring protocol, and the Open Inference Protocol."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, WithJsonSchema, model_serializer

from flowml.web.schemas.base import Answer, Query, Sent


class _Foreign(Sent):
    """What clients of others send has more in it than is looked at, by version."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class InvocationsQuery(Query):
    model_id: str | None = Field(None, description="a model, or a training run: then its best model")


# How rows may be written is checked by the protocol, which says what is wrong in its own words.
_ANY_OBJECT = {"type": "object", "additionalProperties": True}
_RECORDS: dict[str, Any] = {"type": ["array", "null"], "items": _ANY_OBJECT}
_ROWS: dict[str, Any] = {"type": ["array", "null"]}
_SPLIT: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "index": {"type": "array"},
        "data": {"type": "array", "items": {"type": "array"}},
    },
    "required": ["data"],
}
_PARAMS: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "predict_method": {"enum": ["predict", "predict_proba", "predict_interval"]},
        "coverage": {"type": "number", "minimum": 0.5, "maximum": 0.99},
    },
    "additionalProperties": False,
}


class Invocation(_Foreign):
    """Rows in exactly one of four notations."""

    dataframe_split: Annotated[Any, WithJsonSchema(_SPLIT)] = Field(
        None, description='{"columns": [name…], "data": [[value…]…]}, as pandas has it'
    )
    dataframe_records: Annotated[Any, WithJsonSchema(_RECORDS)] = Field(None, description="[{name: value}…]")
    instances: Annotated[Any, WithJsonSchema(_ROWS)] = Field(
        None, description="[{name: value}…], or [[value…]…] in the order of the model's columns"
    )
    inputs: Annotated[Any, WithJsonSchema({"anyOf": [_ANY_OBJECT, _ROWS]})] = Field(
        None, description="{name: [value…]}, or rows as in instances"
    )
    params: Annotated[Any, WithJsonSchema(_PARAMS)] = Field(
        None, description='{"predict_method": "predict", "predict_proba" or "predict_interval", "coverage": 0.9}'
    )


class Invoked(Answer):
    """One prediction a row."""

    predictions: list[Any]


class TensorParameters(_Foreign):
    binary_data_size: int | None = Field(None, ge=0, description="so many bytes behind the JSON are this tensor")
    binary_data: bool | None = None
    shared_memory_region: str | None = None
    classification: int | None = None


class InputTensor(_Foreign):
    name: str
    shape: list[int] = Field(min_length=1, max_length=8)
    datatype: str
    parameters: TensorParameters = TensorParameters()
    data: Annotated[Any, WithJsonSchema({"type": ["array", "null"]})] = None


class RequestedOutput(_Foreign):
    name: str
    parameters: TensorParameters = TensorParameters()


class InferParameters(_Foreign):
    binary_data_output: bool = False
    coverage: float = Field(0.9, ge=0.5, le=0.99, description="how often the interval holds the truth")


class Infer(_Foreign):
    """Columns as tensors [rows] by their names, or all in one tensor [rows, columns]."""

    id: str | None = None
    parameters: InferParameters = InferParameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=100_000)
    outputs: list[RequestedOutput] | None = Field(None, max_length=1_000)


class OutputTensor(Answer):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class Inferred(Answer):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(Answer):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] | None = None

    @model_serializer(mode="wrap")
    def without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Parameters that there are not are left out: the protocol has an object there or none."""
        found: dict[str, Any] = handler(self)
        return found if self.parameters is not None else {k: v for k, v in found.items() if k != "parameters"}


class InferenceModel(Answer):
    """A model's tensors; -1 is any number of rows."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InferenceServer(Answer):
    name: str
    version: str
    extensions: list[str]


class Live(Answer):
    live: bool


class Ready(Answer):
    ready: bool


class ModelReady(Ready):
    name: str
