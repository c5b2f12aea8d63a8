"""What training on a table would mean, as far as only the table itself can tell.

A task of `engine_tasks`: JSON in and out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from flowml.automl import algorithms
from flowml.automl.task.leakage import find_suspects
from flowml.automl.task.target import CheckedTarget, check_target
from flowml.automl.task.task import prepare_task
from flowml.automl.task.validation import check_column, wanted
from flowml.automl.task.weights import check_weights
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import JobSpec, ValidationKind

_CELLS_AHEAD = 300_000
_MOST_COLUMNS_AHEAD = 300


def prepare() -> None:
    """Load what it needs."""
    algorithms.all()


def check(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"table": path, "roles": {column: role}, "spec", "ahead"} → {"problem_type", "reason", "metric", "classes",
    "warnings", "suspects", "validation", "unused"}; the last three, where `ahead` asks for them, are sentences on what
    to think about, how models would be tested where that is not at random, and columns that are not learned from.
    Raises InvalidInput for what cannot be trained.
    """
    roles = {name: Role(role) for name, role in request["roles"].items()}
    spec = JobSpec(**request["spec"])
    checked = _check_columns_of_task(request["table"], roles, spec)
    _check_algorithms(spec.algorithms, checked)
    ahead = _look_ahead(request["table"], roles, spec.target) if request["ahead"] else _Ahead()
    return {
        "problem_type": str(checked.problem_type),
        "reason": checked.reason,
        "metric": checked.metric,
        "classes": checked.classes,
        "warnings": checked.warnings,
        "suspects": ahead.sentences,
        "validation": ahead.validation,
        "unused": ahead.unused,
    }


def _check_columns_of_task(path: str, roles: Mapping[str, Role], spec: JobSpec) -> CheckedTarget:
    """Look at the target, and at the columns that test or weigh; only these are read."""
    asked = wanted(spec.cv, list(roles), spec.target, spec.weight_column)
    named = {spec.target, asked.column, spec.weight_column}
    table = pl.read_parquet(path, columns=[name for name in roles if name in named])
    if spec.weight_column is not None:
        table = table.filter(pl.Series(check_weights(table, spec.weight_column, spec.target) > 0))
    check_column(table, asked)
    role = roles[spec.target]
    return check_target(table[spec.target], role, problem_type=spec.problem_type, metric=spec.metric)


def _check_algorithms(names: Sequence[str] | None, checked: CheckedTarget) -> None:
    known = {info.name: info for info in algorithms.all()}
    for name in names or ():
        if name not in known:
            raise InvalidInput.of_field(
                "algorithms", f"There is no algorithm “{name}”.", hint=f"The algorithms are: {', '.join(known)}."
            )
        if checked.problem_type not in known[name].problem_types:
            raise InvalidInput.of_field(
                "algorithms", f"{known[name].title} is not for {checked.problem_type}.", hint="Leave it out."
            )
    if names is not None and not names:
        raise InvalidInput.of_field(
            "algorithms", "No algorithm is chosen.", hint="Choose at least one, or leave it open."
        )


@dataclass(frozen=True)
class _Ahead:
    """What `check` finds where it looks ahead."""

    sentences: list[str] = field(default_factory=list)
    validation: dict[str, Any] | None = None
    unused: list[str] = field(default_factory=list)


def _look_ahead(path: str, roles: Mapping[str, Role], target: str) -> _Ahead:
    """From the first rows of a large table, since somebody waits for it."""
    names = [name for at, name in enumerate(roles) if at < _MOST_COLUMNS_AHEAD or name == target]
    n_rows = max(1_000, _CELLS_AHEAD // len(names))
    frame = pl.read_parquet(path, columns=names, n_rows=n_rows)
    try:
        task = prepare_task(frame.select(names), {name: roles[name] for name in names}, target=target)
    except InvalidInput:
        # The first rows alone may be too few of a kind; what is wrong with all of them has been said.
        return _Ahead()
    structured = task.validation.kind in (ValidationKind.GROUP, ValidationKind.TIME)
    # What is the same in the first rows need not be the same in all.
    seen_whole = frame.height < n_rows
    return _Ahead(
        [*task.validation.advice, *(suspect.sentence for suspect in find_suspects(task))],
        asdict(task.validation) if structured else None,
        [name for name in task.dropped if seen_whole or name == task.validation.column],
    )
