"""FlowML's own ideas for columns, chosen by what the rows show; each with its reason.

What the engine does by itself is no idea: it takes dates and texts apart, puts heavy tails on a logarithmic scale for
those models that need it, marks what is missing and takes rare categories together (`features/`). Its boosters try
combinations of two columns as well, in some trials, with a choice of their own; as columns of the table all models
have them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from flowml.automl.ideas import combining, single
from flowml.automl.ideas.backwards import is_target
from flowml.automl.ideas.candidate import Candidate, Table
from flowml.automl.ideas.judge import Judge
from flowml.automl.task.target import check_target, present
from flowml.data.recipes.checking import check_operations, title_of
from flowml.data.recipes.kinds import kinds_of_frame
from flowml.data.recipes.pipeline import run
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.ideas import Idea
from flowml.domain.wording import columns as named

MOST_IDEAS = 8
_MOST_OF_A_COLUMN = 2
_FEWEST_ROWS = 40
_MOST_CLASSES = 20

_FINDERS: tuple[Callable[[Table, Judge], list[Candidate]], ...] = (
    combining.ratios_and_products,
    combining.differences,
    combining.totals,
    combining.crosses,
    combining.equals,
    combining.distances,
    single.parts_of_codes,
    single.missing_values,
    single.special_values,
    single.bends,
    single.clocks,
)


@dataclass(frozen=True)
class Found:
    """`ideas`, the most promising first; `by_itself` are sentences on what the engine does with such columns anyway."""

    ideas: tuple[Idea, ...]
    by_itself: tuple[str, ...]
    note: str | None = None


def own_ideas(frame: pl.DataFrame, roles: Mapping[str, Role], target: str) -> Found:
    """At most `MOST_IDEAS` for predicting `target` from the other columns. Raises InvalidInput for a target that
    nothing is related to."""
    if target not in frame.columns:
        raise InvalidInput.of_field("target", f"There is no column “{target}” in this table.")
    rows = frame.filter(present(frame[target]))
    by_itself = _by_itself(roles, target)
    if rows.height < _FEWEST_ROWS:
        few = f"With {rows.height:,} rows chance is larger than what ideas could be chosen by."
        return Found((), by_itself, few)
    if rows[target].dtype.is_temporal():
        raise InvalidInput.of_field("target", f"“{target}” holds dates, which are no target.")
    try:
        check_target(rows[target], roles[target])
    except InvalidInput as problem:
        # What training says of it: no column helps to predict what nothing can.
        return Found((), by_itself, problem.detail)
    judge = Judge(rows[target])
    table = Table.of(rows, roles, target)
    found = [candidate for find in _FINDERS for candidate in find(table, judge)]
    best: dict[frozenset[str], Candidate] = {}
    for one in found:
        # Of the same columns the one that tells most; the first of those that tell as much.
        known = best.setdefault(frozenset(one.columns), one)
        best[frozenset(one.columns)] = max(known, one, key=lambda candidate: candidate.told)
    promising = sorted(best.values(), key=lambda one: -one.gain)
    return Found(tuple(_chosen(promising, rows, target)), by_itself)


def _chosen(found: list[Candidate], rows: pl.DataFrame, target: str) -> list[Idea]:
    """The best, each of other columns than the others, and none that the recipe would refuse. One that is the target
    itself says so instead of praising itself."""
    wanted = rows[target]
    is_number = wanted.dtype.is_numeric() and wanted.n_unique() > _MOST_CLASSES
    answers = (wanted.cast(pl.Float64) if is_number else wanted.cast(pl.String).rank("dense")).to_numpy()
    columns = kinds_of_frame(rows)
    used: dict[str, int] = {}
    chosen: list[Idea] = []
    for one in found:
        if any(used.get(name, 0) >= _MOST_OF_A_COLUMN for name in one.columns):
            continue
        try:
            operations = check_operations([dict(operation) for operation in one.operations])
            made = run(rows.lazy(), columns, operations)
        except InvalidInput:
            # A name that cannot be given, or an expression that has become too long.
            continue
        used |= {name: used.get(name, 0) + 1 for name in one.columns}
        title, reason = title_of(operations[0]), one.reason
        fresh = made.frame.select(name for name in made.columns if name not in columns).collect()
        if any(is_target(column, answers, classes=not is_number) for column in fresh):
            reason = (
                f"It is “{target}” itself in nearly all rows, computed from {named(one.columns)}. If they are known"
                " only when the answer is, it is the answer computed backwards, and no model can use it."
            )
        chosen.append(Idea(one.kind, title, reason, one.figures, one.columns, operations, one.for_whom))
        if len(chosen) == MOST_IDEAS:
            break
    return chosen


def _by_itself(roles: Mapping[str, Role], target: str) -> tuple[str, ...]:
    there = {role for name, role in roles.items() if name != target}
    said = []
    if Role.DATETIME in there:
        said.append(
            "FlowML takes dates apart by itself: year, month, day, weekday, hour, and the days between two of them."
        )
    if Role.TEXT in there:
        said.append("FlowML reads texts by itself: how long they are, how they begin, their words and topics.")
    if Role.NUMERIC in there:
        said.append(
            "Where it helps, FlowML puts numbers with a long tail on a logarithmic scale by itself, and marks which are"
            " missing."
        )
    if Role.CATEGORICAL in there:
        said.append("FlowML takes rare categories together by itself.")
    return tuple(said)
