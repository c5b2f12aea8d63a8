"""The scoring protocol of MLflow's model server (`mlflow models serve`), as of MLflow 2 and 3.

One of four fields holds the rows: `dataframe_split` and `dataframe_records` are pandas' own notations, `instances` and
`inputs` those of TensorFlow Serving, by row and by column. `params` says how to answer.
"""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput, MalformedRequest
from flowml.services.protocols.rows import (
    MOST_ROWS,
    by_name,
    by_position,
    cell,
    check_count,
    check_coverage,
    input_names,
    labels,
    taken_names,
)
from flowml.services.serving.answers import Prediction
from flowml.services.serving.loaded import Loaded
from flowml.services.serving.predicting import DEFAULT_COVERAGE

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
METHODS = ("predict", "predict_proba", "predict_interval")
_MOST_NAMES = 20_000
_SPLIT = frozenset({"columns", "data", "index"})


@dataclass(frozen=True)
class Params:
    """How to answer: the classes or values alone, as MLflow's server does; each class's probability, in the order of
    the model's classes; or of a number its interval, which holds the truth as often as `coverage` says."""

    method: str = "predict"
    coverage: float = DEFAULT_COVERAGE


def read_params(sent: Any) -> Params:
    """`params` of a request. Raises InvalidInput for what this server does not know: it would silently do nothing."""
    if sent is None:
        return Params()
    if not isinstance(sent, dict):
        raise InvalidInput.of_field("params", "“params” must be an object.")
    unknown = [name for name in sent if name not in ("predict_method", "coverage")]
    if unknown:
        raise InvalidInput.of_field(
            "params",
            f"“{unknown[0][:100]}” is no parameter of this model.",
            hint="There are predict_method and coverage.",
        )
    method = sent.get("predict_method", "predict")
    if method not in METHODS:
        raise InvalidInput.of_field("params", f"“predict_method” must be one of {', '.join(METHODS)}.")
    return Params(method, check_coverage(sent.get("coverage", DEFAULT_COVERAGE)))


def read_rows(document: Mapping[str, Any], loaded: Loaded) -> list[dict[str, Any]]:
    """The rows of a request's JSON. Raises MalformedRequest for another number of the four fields than one,
    InvalidInput for what is not in that notation."""
    given = [name for name in FORMATS if name in document]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has none of them"
        raise MalformedRequest(f"A request takes exactly one of {', '.join(FORMATS)}, and this one {found}.")
    name, names = given[0], input_names(loaded)
    rows = _READERS[name](document[name], names, taken_names(loaded))
    check_count(len(rows))
    return rows


def read_csv(content: bytes, loaded: Loaded) -> list[dict[str, Any]]:
    """The rows of a CSV file as pandas writes it: commas, decimal points, the names in the first line. Raises
    MalformedRequest and InvalidInput."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The table is no UTF-8 text from byte {error.start:,} on.") from None
    try:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = next(lines, [])
        if len(names) > _MOST_NAMES:
            raise InvalidInput(f"The table has {len(names):,} columns; at most {_MOST_NAMES:,} are allowed.")
        rows: list[dict[str, Any]] = []
        if len(set(names)) != len(names):
            raise InvalidInput("The first line of the table has a name twice.")
        roles = {feature.name: feature.role for feature in loaded.fitted.schema.inputs}
        taken = taken_names(loaded)
        read = [
            (at, name, _CELLS.get(roles.get(name, Role.TEXT), _text)) for at, name in enumerate(names) if name in taken
        ]
        for values in lines:
            if len(values) != len(names) and values:
                raise InvalidInput(
                    f"Line {lines.line_num:,} of the table has {len(values):,} values, and {len(names):,} are needed."
                )
            if values:
                rows.append({name: of(values[at]) for at, name, of in read})
            if len(rows) > MOST_ROWS:
                break
    except csv.Error as error:
        raise MalformedRequest(f"The table is no CSV: {error}.") from None
    check_count(len(rows))
    return rows


def _number(text: str) -> Any:
    """A number as programs write it, whatever the file of the training data did; any other text as it is."""
    try:
        return text if "_" in text else cell(float(text)) if text else None
    except ValueError:
        return text


def _truth(text: str) -> Any:
    return {"": None, "true": True, "false": False}.get(text.lower(), text)


def _text(text: str) -> Any:
    return text or None


_CELLS = {Role.NUMERIC: _number, Role.BOOLEAN: _truth}


def write_predictions(loaded: Loaded, answers: Sequence[Prediction], params: Params) -> list[Any]:
    """The `predictions`. Raises InvalidInput for a method that this kind of model has not."""
    if params.method == "predict":
        return labels(loaded, answers)
    classes = loaded.fitted.schema.classes
    if params.method == "predict_proba":
        if classes is None:
            raise InvalidInput.of_field("params", "This model predicts numbers, which have no probabilities.")
        return [[(answer.probabilities or {})[label] for label in classes] for answer in answers]
    if classes is not None:
        raise InvalidInput.of_field("params", "This model predicts classes, which have no interval.")
    return [
        {
            "prediction": answer.prediction,
            "low": None if answer.interval is None else answer.interval.low,
            "high": None if answer.interval is None else answer.interval.high,
        }
        for answer in answers
    ]


def _split(sent: Any, names: Sequence[str], taken: Collection[str]) -> list[dict[str, Any]]:
    if not isinstance(sent, dict):
        raise InvalidInput.of_field("dataframe_split", "“dataframe_split” must be an object.")
    if "data" not in sent or not sent.keys() <= _SPLIT:
        raise InvalidInput.of_field(
            "dataframe_split", "“dataframe_split” takes “data”, and “columns” and “index” beside it."
        )
    data, columns = sent["data"], sent.get("columns")
    if not isinstance(data, list):
        raise InvalidInput.of_field("dataframe_split", "“data” must be a list of rows.")
    if columns is None:
        return by_position(data, names)
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InvalidInput.of_field("dataframe_split", "“columns” must be a list of names.")
    if len(set(columns)) != len(columns):
        raise InvalidInput.of_field("dataframe_split", "“columns” has a name twice.")
    return by_position(data, columns, taken)


def _records(sent: Any, names: Sequence[str], taken: Collection[str]) -> list[dict[str, Any]]:
    if not isinstance(sent, list) or not all(isinstance(row, dict) for row in sent):
        raise InvalidInput.of_field("dataframe_records", "“dataframe_records” must be a list of objects.")
    return _clean(sent, taken)


def _instances(sent: Any, names: Sequence[str], taken: Collection[str]) -> list[dict[str, Any]]:
    if not isinstance(sent, list):
        raise InvalidInput.of_field("instances", "“instances” must be a list of rows.")
    return _listed(sent, names, taken)


def _inputs(sent: Any, names: Sequence[str], taken: Collection[str]) -> list[dict[str, Any]]:
    if isinstance(sent, list):
        return _listed(sent, names, taken)
    if not isinstance(sent, dict):
        raise InvalidInput.of_field("inputs", "“inputs” must be an object of columns, or a list of rows.")
    if not any(isinstance(values, list) for values in sent.values()):
        return _clean([sent], taken)
    for name, values in sent.items():
        if not isinstance(values, list):
            raise InvalidInput.of_field("inputs", f"“{name}” must be a list, as the other columns are.")
    # Tensors of one column have each value in a list of its own.
    others = {name: len(values) for name, values in sent.items() if name not in taken}
    return by_name({name: list(map(_single, values)) for name, values in sent.items() if name in taken}, others)


def _listed(sent: Sequence[Any], names: Sequence[str], taken: Collection[str]) -> list[dict[str, Any]]:
    if sent and isinstance(sent[0], dict):
        if not all(isinstance(row, dict) for row in sent):
            raise InvalidInput("Some rows are objects, and others are not.")
        return _clean(sent, taken)
    if len(names) == 1:
        return by_position([value if isinstance(value, list) else [value] for value in sent], names)
    return by_position(sent, names)


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _clean(rows: Sequence[Mapping[str, Any]], taken: Collection[str]) -> list[dict[str, Any]]:
    return [{name: cell(_single(value)) for name, value in row.items() if name in taken} for row in rows]


_READERS = {"dataframe_split": _split, "dataframe_records": _records, "instances": _instances, "inputs": _inputs}
