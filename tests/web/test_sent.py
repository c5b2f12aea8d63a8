"""JSON says the kind of each value, and no schema of a request makes another of it."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

from flowml.domain.errors import InvalidInput
from flowml.web import schemas
from flowml.web.bodies import validated
from flowml.web.schemas.base import Sent
from flowml.web.schemas.code import RunCode
from flowml.web.schemas.explain import TargetNumber
from flowml.web.schemas.protocols import Infer
from flowml.web.schemas.results import Predict
from flowml.web.schemas.training import StartTraining

TENSOR = {"name": "age", "shape": [1], "datatype": "FP64", "data": [1]}
START = {"dataset_id": "d", "target": "y"}


def of_requests() -> Iterator[type[Sent]]:
    for module in pkgutil.iter_modules(schemas.__path__):
        importlib.import_module(f"{schemas.__name__}.{module.name}")
    waiting = [Sent]
    while waiting:
        found = waiting.pop().__subclasses__()
        yield from found
        waiting += found


def loose(part: Any, *, is_watched: bool = False) -> Iterator[str]:
    """Numbers and truth values of which anything else may become one."""
    if isinstance(part, list | tuple):
        for item in part:
            yield from loose(item, is_watched=is_watched)
    elif isinstance(part, dict):
        if part.get("type") in ("int", "float", "bool") and not (part.get("strict") or is_watched):
            yield str(part["type"])
        for name, item in part.items():
            if name not in ("metadata", "serialization"):
                yield from loose(item, is_watched=part.get("type") == "function-before")


def test_no_schema_of_a_request_takes_one_kind_for_another() -> None:
    found = {schema.__name__: list(loose(schema.__pydantic_core_schema__)) for schema in of_requests()}
    assert len(found) > 40
    assert {name: kinds for name, kinds in found.items() if kinds} == {}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (Infer, {"inputs": [TENSOR | {"shape": [True]}]}),
        (Infer, {"inputs": [TENSOR | {"shape": ["1"]}]}),
        (Infer, {"inputs": [TENSOR | {"parameters": {"binary_data_size": True}}]}),
        (Infer, {"inputs": [TENSOR], "parameters": {"coverage": True}}),
        (Infer, {"inputs": [TENSOR], "parameters": {"binary_data_output": 1}}),
        (Predict, {"model_id": "m", "features": {}, "coverage": "0.9"}),
        (RunCode, {"dataset_id": "d", "code": "x", "approved": "yes"}),
        (TargetNumber, {"above": True}),
        *((StartTraining, START | {name: True}) for name in ("cv_folds", "seed", "priority", "max_trials")),
    ],
)
def test_what_is_of_another_kind_is_refused(schema: type[Sent], sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"must be (a whole number|a number|true or false)"):
        validated(sent, schema)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert validated(START | {"cv_folds": 3.0, "time_budget_seconds": 5}, StartTraining).cv_folds == 3
