"""What can be asked about a table besides its rows: each answer is computed once and kept.

Computing happens in a child process, so that a big table never weighs on this one; only the spread of a column of a
small table is counted here, because that takes less than starting a process.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from flowml.data.profiling.figures import DEFAULT_BINS, distribution_name
from flowml.domain.datasets import (
    Column,
    ColumnStats,
    Correlation,
    Dataset,
    Finding,
    Quality,
    Severity,
)
from flowml.domain.distributions import Categories, Histogram, distribution_of
from flowml.domain.errors import InvalidInput, NotFound
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.names import did_you_mean
from flowml.services.context import Context
from flowml.services.tables import run_task
from flowml.services.turns import alone

# Of checks and measures: what was found by an earlier one is found anew.
_EDITION = 5
# The cells of a table that is judged in a moment.
_SMALL_CELLS = 2_000_000


def stats(context: Context, dataset_id: str) -> tuple[ColumnStats, ...]:
    """The statistics of every column, as computed when the file came in. Raises NotFound."""
    return context.store.datasets.stats(dataset_id)


def distribution(context: Context, dataset_id: str, column: str, bins: int = DEFAULT_BINS) -> Histogram | Categories:
    """How the values of a column are spread. Raises NotFound for an unknown data set or column, InvalidInput."""
    dataset = context.store.datasets.get(dataset_id)
    shown = _column(dataset, column)
    request = {**_table(context, dataset), "column": asdict(shown), "bins": bins}
    name = distribution_name(column, bins)
    found = _kept(context, dataset_id, name, lambda: run_task(context, "distribution", request))
    return distribution_of(found)


def correlation(context: Context, dataset_id: str, method: str = "pearson") -> Correlation:
    """How the columns go together. Raises NotFound, InvalidInput for an unknown method."""
    dataset = context.store.datasets.get(dataset_id)
    request = {**_table(context, dataset), "columns": _columns(dataset), "method": method}
    found = _kept(
        context, dataset_id, f"correlation:{_EDITION}:{method}", lambda: run_task(context, "correlation", request)
    )
    return Correlation(
        tuple(found["columns"]),
        tuple(tuple(row) for row in found["matrix"]),
        tuple(tuple(row) for row in found["directions"]),
        found["method"],
        found["note"],
    )


def distributions_of_found(
    context: Context, dataset_id: str, columns: Sequence[Column], search: str
) -> tuple[Histogram | Categories, ...]:
    """How these columns are spread over the rows that contain a text. Nothing is kept: there are endless texts. Raises
    NotFound."""
    dataset = context.store.datasets.get(dataset_id)
    request = {**_table(context, dataset), "columns": [asdict(column) for column in columns], "search": search}
    found = run_task(context, "found", request)
    return tuple(map(distribution_of, found["distributions"]))


def texts(context: Context, dataset_id: str, column: str) -> dict[str, Any]:
    """What stands in a column of texts, as `data.profiling.writing` answers. Raises NotFound for an unknown column,
    InvalidInput for one that holds no texts."""
    dataset = context.store.datasets.get(dataset_id)
    _column(dataset, column)
    request = {**_table(context, dataset), "column": column}
    found: dict[str, Any] = _kept(context, dataset_id, f"texts:{column}", lambda: run_task(context, "texts", request))
    return found


def relations(context: Context, dataset_id: str, target: str) -> dict[str, Any]:
    """How much each column says about a target, as `data.relations.relations` answers. Raises NotFound, InvalidInput
    for a target that is unknown or holds dates."""
    dataset = context.store.datasets.get(dataset_id)
    _check_target(dataset, target)
    request = {**_table(context, dataset), "columns": _columns(dataset), "target": target}
    found: dict[str, Any] = _kept(
        context, dataset_id, f"relations:{_EDITION}:{target}", lambda: run_task(context, "relations", request)
    )
    return found


def relation(context: Context, dataset_id: str, column: str, target: str) -> dict[str, Any]:
    """What to draw of two columns, as `data.relation.relation` answers. Raises NotFound for an unknown column,
    InvalidInput for a target that is unknown or holds dates."""
    dataset = context.store.datasets.get(dataset_id)
    _column(dataset, column)
    _check_target(dataset, target)
    request = {**_table(context, dataset), "column": column, "target": target}
    # Names may hold any character: the length tells where the first one ends.
    name = f"relation:{_EDITION}:{len(column)}:{column}:{target}"
    found: dict[str, Any] = _kept(context, dataset_id, name, lambda: run_task(context, "relation", request))
    return found


def ideas(context: Context, dataset_id: str, target: str) -> dict[str, Any]:
    """FlowML's own ideas for columns to predict a target by, as `automl.ideas.own` has them. Raises NotFound,
    InvalidInput for a target that is unknown or holds dates."""
    dataset = context.store.datasets.get(dataset_id)
    _check_target(dataset, target)
    request = {
        **_table(context, dataset),
        "roles": {column.name: str(column.role) for column in dataset.columns},
        "target": target,
    }
    found: dict[str, Any] = _kept(
        context,
        dataset_id,
        f"ideas:{_EDITION}:{target}",
        lambda: run_task(context, "own_ideas", request, module="flowml.services.engine_tasks"),
    )
    return found


def quality(context: Context, dataset_id: str, target: str | None = None) -> Quality:
    """What is wrong with a table, or may be, the worst first; with a `target`, also what concerns predicting it. Raises
    NotFound, InvalidInput for an unknown target."""
    dataset = context.store.datasets.get(dataset_id)
    if target is not None:
        _check_target(dataset, target)
    request = {
        **_table(context, dataset),
        "columns": [asdict(column) for column in context.store.datasets.stats(dataset_id)],
        "target": target,
        "now": context.clock(),
    }
    name = _quality_name(target)
    return _quality(target, _kept(context, dataset_id, name, lambda: run_task(context, "quality", request)))


def is_judged_at_once(dataset: Dataset) -> bool:
    """Whether `quality` takes so little that nobody has to want it first: of a bigger table it takes seconds."""
    return dataset.n_rows * dataset.n_columns <= _SMALL_CELLS


def known_quality(context: Context, dataset_id: str, target: str | None = None) -> Quality | None:
    """The same where somebody has asked for it before, else None: takes no time."""
    found = context.store.datasets.figure(dataset_id, _quality_name(target))
    return None if found is None else _quality(target, found)


def _quality_name(target: str | None) -> str:
    return f"quality:{_EDITION}" if target is None else f"quality:{_EDITION}:{target}"


def _quality(target: str | None, found: dict[str, Any]) -> Quality:
    findings = (
        Finding(
            item["code"],
            Severity(item["severity"]),
            tuple(item["columns"]),
            item["message"],
            item["suggestion"],
            tuple(item["operations"]),
            item["fix"],
        )
        for item in found["issues"]
    )
    return Quality(target, tuple(findings), found["note"])


def _kept(context: Context, dataset_id: str, name: str, compute: Callable[[], dict[str, Any]]) -> Any:
    """The figure of this name, computed when nobody has asked for it before."""
    found = context.store.datasets.figure(dataset_id, name)
    if found is None:
        with alone("figure", dataset_id, name, left=context.left, turns=context.turns):
            found = context.store.datasets.figure(dataset_id, name)
            if found is None:
                found = compute()
                with kept_if_there_is_room(f"the figure {name[:80]}"):
                    context.store.datasets.keep_figure(dataset_id, name, found)
    return found


def _table(context: Context, dataset: Dataset) -> dict[str, Any]:
    return {"table": str(context.store.files.path(dataset.table))}


def _columns(dataset: Dataset) -> list[dict[str, Any]]:
    return [asdict(column) for column in dataset.columns]


def _column(dataset: Dataset, name: str) -> Column:
    found = dataset.column(name)
    if found is None:
        raise NotFound(
            f"“{dataset.name}” has no column “{name}”.",
            hint=did_you_mean(name, [column.name for column in dataset.columns]),
        )
    return found


def _check_target(dataset: Dataset, target: str) -> None:
    if dataset.column(target) is None:
        raise InvalidInput.of_field(
            "target",
            f"“{dataset.name}” has no column “{target}”.",
            hint=did_you_mean(target, [column.name for column in dataset.columns]),
        )
