"""The process that tries a model file before another one reads it: `python -m flowml.automl.model.foreign_task`.

It gets {"path", "table"} as JSON on standard input and answers {"sha256"} of the file that it has read and predicted
with, or {"problem", "hint"}. It reaches no other files than these two, and nothing else of this machine
(`machine/confinement/`).
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.feature import Feature
from flowml.domain.datasets import Role
from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.machine.child import settle
from flowml.machine.confinement import confining

_TABLE_ROWS = 100
_PLAIN = {Role.NUMERIC: 1.0, Role.BOOLEAN: True, Role.DATETIME: "2020-02-29"}


def answers(model: FittedModel, table: str | None = None) -> None:
    """Have it answer a row of nothing but missing values and a plain one, each alone and in a table, and the first rows
    of a table in a Parquet file.

    Raises InvalidInput where it gives no finite number."""
    plain = {feature.name: _plain(feature) for feature in model.schema.inputs}
    try:
        with np.errstate(all="ignore"):
            said = [model.predict_row(model.check_row(row)[0]) for row in ({}, plain)]
            # Whoever asked has them answered so, which takes memory and libraries of its own.
            model.one_row.prepare()
            said += [model.predict_row(model.check_row(row)[0]) for row in ({}, plain)]
            # A column for each, of which the first value is missing.
            plain_rows = pl.DataFrame({name: [None, value] for name, value in plain.items()}, strict=False)
            said += list(model.predict(plain_rows))
            if table is not None:
                said += list(model.predict(pl.scan_parquet(table).head(_TABLE_ROWS).collect()))
    except Exception as error:
        raise InvalidInput("This model file is damaged: it gives no answer to a plain row.") from error
    if not all(answer.shape == (model.schema.n_outputs,) and np.isfinite(answer).all() for answer in said):
        raise InvalidInput("This model file is damaged: it gives no number for an answer to a plain row.")


def _plain(feature: Feature) -> Any:
    if feature.categories:
        return feature.categories[0]
    return _PLAIN.get(feature.role, "a")


def prepare() -> None:
    """Work out what every such process needs."""
    confining.prepare()


def main() -> None:
    """Try one file."""
    settle()
    asked = json.load(sys.stdin)
    path = Path(asked["path"])
    confining.confine_reader([path, *([asked["table"]] if asked.get("table") else [])])
    try:
        content = path.read_bytes()
        answers(modelfile.read_bytes(content, path.name), asked.get("table"))
        found: dict[str, str | None] = {"sha256": hashlib.sha256(content).hexdigest()}
    except FileNotFoundError:
        found = {"problem": f"There is no file “{path.name}”.", "hint": None}
    except OSError as problem:
        found = {"problem": f"“{path.name}” cannot be read: {problem.strerror}.", "hint": None}
    except FlowMLError as problem:
        found = {"problem": problem.detail, "hint": problem.hint}
    print(json.dumps(found), flush=True)
    # Libraries need not tidy up.
    os._exit(0)


if __name__ == "__main__":
    main()
