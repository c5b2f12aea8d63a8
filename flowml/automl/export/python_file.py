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

READING = (
    "runtime_notation.py",
    "missing.py",
    "styles.py",
    "cells.py",
    "runtime_rows.py",
)
"""What reads a row and makes numbers of it, in the order in which files carry it."""

MOST_BYTES = 30_000_000
_WHAT = "a Python program"
# Of `runtime_notation.py` in the place of one that takes Polars.
_REPLACED = {"_with_numbers"}
_OF_CONVERSION = ("missing.py", "styles.py", "cells.py")
_RUNTIME = (*READING, "runtime_predictors.py")
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
    parts, defined = [], set[str]()
    for name in names:
        package = "flowml.data.conversion" if name in _OF_CONVERSION else "flowml.automl.export"
        source = resources.files(package).joinpath(name).read_text(encoding="utf-8")
        lines: list[str | None] = list(source.splitlines())
        first, *rest = ast.parse(source).body
        for node in (
            first,
            *filter(_is_left_out, rest),
            *(node for node in rest if _name_of(node) in defined & _REPLACED),
        ):
            start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            lines[start - 1 : node.end_lineno] = [None] * ((node.end_lineno or start) - start + 1)
        defined |= {_name_of(node) for node in rest} - {""}
        parts.append("\n".join(line for line in lines if line is not None).strip("\n"))
    return "\n\n\n".join(parts) + "\n"


def _is_left_out(node: ast.stmt) -> bool:
    """Imports from FlowML, those for types alone, and what works on whole tables."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in ("flowml", "__future__")
    return isinstance(node, ast.If) or (isinstance(node, ast.FunctionDef) and "pl." in ast.unparse(node.args))


def _name_of(node: ast.stmt) -> str:
    return node.name if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ""


def _harmless(words: str) -> str:
    """In a text in quotes."""
    return "".join(one if one.isprintable() and one not in '\\"' else " " for one in words)[:100]
