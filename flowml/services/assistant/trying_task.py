"""Ideas for columns in a child process: checked, tried, and thought of. Tasks of `engine_tasks`: JSON in and out."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from flowml.automl import algorithms
from flowml.automl.ideas import own
from flowml.automl.ideas.measure import LEAST_ROWS, MOST_CELLS, MOST_ROWS, Asked, check, measure
from flowml.data.sampling import height_of, read_drawn
from flowml.domain.datasets import Role
from flowml.services.background.progress import Told, write_progress, write_whole

_CELLS_FOR_THREADS = 200_000


def prepare() -> None:
    """Load what it needs."""
    algorithms.all()


def check_idea(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"table": path, "roles": {column: role}, "operations", "asked": as `Asked` has it} → {"titles", "columns",
    "operations"}. Raises InvalidInput for operations that are no idea, and for what cannot be trained."""
    frame, roles, _ = _read(request)
    idea = check(frame, roles, request["operations"], _asked(request), _whole(request))
    return {"titles": list(idea.titles), "columns": list(idea.written), "operations": list(map(dict, idea.operations))}


def try_idea(request: Mapping[str, Any]) -> dict[str, Any]:
    """The same with "without" (as `measure` takes it), "threads", "seconds" (no fold is begun after them), "progress"
    (a file that says how far it is), "so_far" (one that has what was measured until then) and "scratch" (a folder for
    what is temporary) → `Measured`. Raises as `check_idea` does."""
    began = time.monotonic()
    progress = Path(request["progress"])

    def tell(done: int, planned: int) -> None:
        write_progress(progress, Told(done, planned, time.monotonic() - began))

    frame, roles, n_rows = _read(request)
    measured = measure(
        frame,
        roles,
        request["operations"],
        _asked(request),
        # On few cells threads wait for each other longer than they work.
        threads=request["threads"] if frame.height * frame.width >= _CELLS_FOR_THREADS else 1,
        rows_in_all=n_rows,
        whole=_whole(request),
        without=request["without"],
        time_left=lambda: request["seconds"] - (time.monotonic() - began),
        on_fold=tell,
        on_measured=lambda so_far: write_whole(Path(request["so_far"]), json.dumps(asdict(so_far))),
    )
    return asdict(measured)


def _asked(request: Mapping[str, Any]) -> Asked:
    asked = request["asked"]
    return Asked(**{**asked, "exclude_columns": tuple(asked["exclude_columns"])})


def _whole(request: Mapping[str, Any]) -> pl.LazyFrame:
    return pl.scan_parquet(Path(request["table"]), glob=False)


def _read(request: Mapping[str, Any]) -> tuple[pl.DataFrame, dict[str, Role], int]:
    roles = {name: Role(role) for name, role in request["roles"].items()}
    table = Path(request["table"])
    most = max(LEAST_ROWS, min(MOST_ROWS, MOST_CELLS // max(1, len(roles))))
    # The same ones for every idea, whatever the seed of its run: what is known of some is known of all.
    frame = read_drawn(table, list(roles), most, seed=0)
    return frame, roles, height_of(table)


def own_ideas(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"table": path, "roles": {column: role}, "target"} → {"ideas", "by_itself", "note"}, as `own.Found` has them.
    Raises InvalidInput for a target that nothing is related to."""
    frame, roles, _ = _read(request)
    return asdict(own.own_ideas(frame, roles, request["target"]))
