"""The Open Inference Protocol (version 2 of KServe's, which Triton, MLServer and others speak): what a model takes and
gives as tensors.

Each column is a tensor of the shape [rows], by its name; or all of them are one tensor [rows, columns] of any name, in
the order of the model. Answers are `prediction`, and for classes `confidence` and `probabilities` [rows, classes] in
the order of the model's classes, for numbers `prediction_low` and `prediction_high`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowml import __version__
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput, NotFound
from flowml.domain.wording import listed
from flowml.services.protocols.rows import by_name, by_position, check_count, input_names, labels, taken_names
from flowml.services.protocols.tensors import Tensor, read
from flowml.services.serving.answers import Prediction
from flowml.services.serving.loaded import Loaded

VERSION = "1"
"""A model never changes: there is one version of each."""
_SHOWN_NAMES = 20
_DATATYPES = {Role.NUMERIC: "FP64", Role.BOOLEAN: "BOOL"}
_LABELS = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64"}


@dataclass(frozen=True)
class Output:
    """A tensor of an answer: its elements, flat; None where one does not apply."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Any]


def server_metadata() -> dict[str, Any]:
    """What this server is, and what it speaks beyond the protocol."""
    return {"name": "flowml", "version": __version__, "extensions": ["binary_tensor_data"]}


def check_version(version: str | None) -> None:
    """Raises NotFound for a version of a model that there is not."""
    if version is not None and version != VERSION:
        raise NotFound(f"There is no version “{version[:40]}” of this model.", hint=f"The only one is {VERSION}.")


def model_metadata(name: str, loaded: Loaded) -> dict[str, Any]:
    """The inputs and outputs of a model that was asked for by this name. -1 is any number of rows."""
    schema = loaded.fitted.schema
    inputs = [
        {"name": feature.name, "datatype": _DATATYPES.get(feature.role, "BYTES"), "shape": [-1]}
        for feature in schema.inputs
    ]
    outputs: list[dict[str, Any]] = [{"name": "prediction", "datatype": _of_labels(loaded), "shape": [-1]}]
    if schema.classes is not None:
        outputs += [
            {"name": "confidence", "datatype": "FP64", "shape": [-1]},
            {
                "name": "probabilities",
                "datatype": "FP64",
                "shape": [-1, len(schema.classes)],
                "parameters": {"classes": list(schema.classes)},
            },
        ]
    else:
        outputs += [{"name": f"prediction_{end}", "datatype": "FP64", "shape": [-1]} for end in ("low", "high")]
    return {"name": name, "versions": [VERSION], "platform": "flowml", "inputs": inputs, "outputs": outputs}


def read_rows(loaded: Loaded, tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    """The rows that these tensors hold. Raises InvalidInput."""
    names = input_names(loaded)
    if len(tensors) == 1 and len(tensors[0].shape) == 2 and _is_matrix(tensors[0], names):
        tensor = tensors[0]
        n_rows, width = tensor.shape
        check_count(n_rows)
        values = read(tensor)
        return by_position([values[at : at + width] for at in range(0, len(values), width)], names)
    columns: dict[str, list[Any]] = {}
    others: dict[str, int] = {}
    taken = taken_names(loaded)
    for tensor in tensors:
        if tensor.name in columns or tensor.name in others:
            raise InvalidInput.of_field(tensor.name, f"The input “{tensor.name[:100]}” was sent twice.")
        if tensor.shape[1:] not in ((), (1,)):
            raise InvalidInput.of_field(
                tensor.name,
                f"The input “{tensor.name[:100]}” must have the shape [rows] or [rows, 1].",
                hint=f"A single input [rows, {len(names)}] has all columns in this order:"
                f" {listed(names, _SHOWN_NAMES)}.",
            )
        if tensor.raw is not None:
            # Bytes become objects of many times their size.
            check_count(max(1, tensor.shape[0]))
        values = read(tensor)
        if tensor.name in taken:
            columns[tensor.name] = values
        else:
            # Of many that nobody asked for, none is kept.
            others[tensor.name] = len(values)
    check_count(max((*others.values(), *map(len, columns.values())), default=0))
    # Formats of tensors have no missing text.
    texts = {tensor.name for tensor in tensors if tensor.datatype == "BYTES"}
    for name in texts & columns.keys():
        columns[name] = [value or None for value in columns[name]]
    return by_name(columns, others)


def _is_matrix(tensor: Tensor, names: Sequence[str]) -> bool:
    return tensor.shape[1] == len(names) and (tensor.name not in names or tensor.shape[1] > 1)


def outputs(loaded: Loaded, answers: Sequence[Prediction], wanted: Sequence[str] | None) -> list[Output]:
    """The answers as tensors, those that are wanted or all. Raises InvalidInput for one that there is not."""
    known = {
        "prediction": lambda: labels(loaded, answers),
        **({} if loaded.fitted.schema.classes is None else _of_classes(loaded, answers)),
        **({} if loaded.fitted.schema.classes is not None else _of_numbers(answers)),
    }
    for name in wanted or ():
        if name not in known:
            raise InvalidInput.of_field("outputs", f"There is no output “{name[:100]}”: there are {', '.join(known)}.")
    found = []
    for name in dict.fromkeys(wanted or known):
        values = known[name]()
        width = len(loaded.fitted.schema.classes or ()) if name == "probabilities" else None
        shape = (len(answers),) if width is None else (len(answers), width)
        found.append(Output(name, _of_labels(loaded) if name == "prediction" else "FP64", shape, values))
    return found


def _of_classes(loaded: Loaded, answers: Sequence[Prediction]) -> dict[str, Any]:
    classes = loaded.fitted.schema.classes or ()
    return {
        "confidence": lambda: [answer.confidence for answer in answers],
        "probabilities": lambda: [(answer.probabilities or {})[label] for answer in answers for label in classes],
    }


def _of_numbers(answers: Sequence[Prediction]) -> dict[str, Any]:
    intervals = [answer.interval for answer in answers]
    return {
        "prediction_low": lambda: [None if found is None else found.low for found in intervals],
        "prediction_high": lambda: [None if found is None else found.high for found in intervals],
    }


def _of_labels(loaded: Loaded) -> str:
    schema = loaded.fitted.schema
    return "FP64" if schema.classes is None else _LABELS.get(schema.class_values.dtype.kind, "BYTES")
