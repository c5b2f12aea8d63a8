"""A model as one Python file that needs nothing but Python."""

import ast
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np

from flowml.automl.export.content import cannot, content_of
from flowml.automl.export.parity import Parity, check
from flowml.automl.model.model import FittedModel

MOST_BYTES = 30_000_000
_WHAT = "a Python program"
_RUNTIME = ("runtime_rows.py", "runtime_predictors.py")
_HEAD = '''"""Predicts "{target}". Written by FlowML from the model {name}.

It needs Python 3.11 or later and nothing else.

    from {module} import predict
    predict({{"column": value, ...}})          # columns that are not there count as missing

or, with one JSON object a line:  python {module}.py < rows.jsonl
"""

import json
import sys
'''
_TAIL = """

def predict(row: dict[str, Any]) -> dict[str, Any]:
    return answer(MODEL, row)


if __name__ == "__main__":
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(predict(json.loads(line)), ensure_ascii=False))
"""


def python_file(model: FittedModel, name: str = "model") -> tuple[bytes, Parity]:
    """The program, tried against the model. Raises WrongState, with the reason, where it cannot be one."""
    data = json.dumps(content_of(model, _WHAT), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    head = _HEAD.format(target=_harmless(model.schema.target), name=_harmless(name), module="model")
    text = f"{head}{runtime_source(*_RUNTIME)}\n\nMODEL = json.loads({data!r})\n{_TAIL}"
    if len(text) > MOST_BYTES:
        raise cannot(_WHAT, f"it would have {len(text) / 1e6:,.0f} MB, and {MOST_BYTES / 1e6:,.0f} are the most")
    scope: dict[str, Any] = {"__name__": "model"}
    # What was just written here, and nothing else.
    exec(compile(text, "model.py", "exec"), scope)  # noqa: S102

    def answers(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        return np.array([scope["outputs"](scope["MODEL"], row) for row in rows])

    return text.encode(), check(model, "This program", answers)


def runtime_source(*names: str) -> str:
    """Modules that files carry, one after the other, without what they say of themselves here."""
    parts = []
    for name in names:
        source = resources.files("flowml.automl.export").joinpath(name).read_text(encoding="utf-8")
        first = ast.parse(source).body[0]
        lines = source.splitlines()[first.end_lineno :]
        parts.append("\n".join(line for line in lines if not line.startswith("from flowml.")).strip("\n"))
    return "\n\n\n".join(parts) + "\n"


def _harmless(words: str) -> str:
    """In a text in quotes."""
    return "".join(one if one.isprintable() and one not in '\\"' else " " for one in words)[:100]
