"""All checks of a table's quality, and the one list of findings that a person gets to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flowml.data.quality import (
    categories,
    dates,
    duplicates,
    leakage,
    missing,
    numbers,
    shape,
    target,
    texts,
    written_numbers,
)
from flowml.data.quality.examined import ColumnView, Examined, Found
from flowml.data.recipes.checking import MOST_OPERATIONS, check_operations, title_of
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Finding, Role, Severity, TopValue
from flowml.domain.recipes import Operation

# Each looks at one column, all of whose rows are in memory.
COLUMN_CHECKS: tuple[Callable[[ColumnView], Iterator[Found]], ...] = (
    numbers.outliers,
    numbers.stand_ins,
    numbers.zeros_apart,
    numbers.impossible,
    numbers.skewed,
    numbers.capped,
    numbers.codes_as_numbers,
    categories.spellings,
    categories.near_spellings,
    categories.rare_categories,
    texts.mixed_dates,
    texts.dates_as_text,
    texts.damaged_characters,
    texts.words_for_missing,
    texts.blanks,
    dates.made_up_dates,
    dates.future_dates,
    dates.gaps,
    dates.out_of_order,
)

# Each looks at the statistics, at a sample of all columns, or at columns together.
TABLE_CHECKS: tuple[Callable[[Examined], Iterator[Found]], ...] = (
    shape.few_rows,
    shape.constant_columns,
    shape.nearly_constant_columns,
    shape.identifiers,
    duplicates.repeated_rows,
    duplicates.repeated_columns,
    missing.missing_values,
    missing.empty_rows,
    missing.missing_together,
    missing.missing_for_a_reason,
    target.answers,
    target.sorted_by_answer,
    leakage.leaks,
    dates.ends_before_starts,
)

_MOST = 60
# More columns with the same trouble are told in one finding.
_MOST_ALIKE = 3
_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


def find_in_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the `table` at this path with the statistics `columns`, to predict `target` (or null), at the time `now`:
    {"issues": findings, "note"}."""
    stats = [
        ColumnStats(**{**item, "role": Role(item["role"]), "top": tuple(TopValue(**top) for top in item["top"])})
        for item in request["columns"]
    ]
    table = Examined(Path(request["table"]), stats, request["target"], request["now"])
    issues = findings(table)
    note = None
    if table.is_sampled:
        note = (
            f"How columns go together was judged on {table.sample_rows:,} of {table.n_rows:,} rows; everything else "
            "on all of them."
        )
    return {"issues": [asdict(replace(issue, fix=_fix(issue.operations))) for issue in issues], "note": note}


def _fix(operations: Sequence[Operation]) -> str:
    """What they do, in words: the first two of them."""
    titles = [title_of(operation) for operation in check_operations(operations)]
    more = f", and {wording.plural(len(titles) - 2, 'more step')}" if len(titles) > 2 else ""
    return ", then ".join([*titles[:1], *(title[:1].lower() + title[1:] for title in titles[1:2])]) + more


def findings(table: Examined) -> list[Finding]:
    """The worst first, the larger ones of equal severity first; 60 at most."""
    found: list[Found] = []
    for item in table.stats.values():
        values = table.values(item.name)
        table.keep_sample(values)
        if item.count == 0:
            continue
        column = ColumnView(item, values, table)
        if as_text := list(written_numbers.numbers_as_text(column)):
            # What else could be said of its texts goes with them.
            found += as_text
            continue
        for check in COLUMN_CHECKS:
            found += check(column)
    for check_table in TABLE_CHECKS:
        found += check_table(table)
    merged = [_doable(merge, table) for alike in _by_kind(found) for merge in _merged(alike)]
    merged.sort(key=lambda one: (_ORDER.index(one.finding.severity), -one.size, one.finding.code, one.finding.columns))
    return [one.finding for one in merged[:_MOST]]


def _by_kind(found: Iterable[Found]) -> list[list[Found]]:
    kinds: dict[tuple[str, Severity], list[Found]] = {}
    for one in found:
        kinds.setdefault((one.finding.code, one.finding.severity), []).append(one)
    return list(kinds.values())


def _merged(alike: Sequence[Found]) -> list[Found]:
    """Findings of one kind as they are where they are few, or else the largest one with the others' columns."""
    if len(alike) <= _MOST_ALIKE:
        return list(alike)
    largest = sorted(alike, key=lambda one: -one.size)
    first = largest[0].finding
    columns = list(dict.fromkeys(name for one in largest for name in one.finding.columns))
    rest = [one.finding.columns[-1] if len(one.finding.columns) > 1 else one.finding.columns[0] for one in largest[1:]]
    less = ", though less," if largest[-1].size < largest[0].size else ""
    message = f"{first.message} The same goes{less} for {wording.columns(rest, most=8)}."
    operations = _drops_together([operation for one in largest for operation in one.finding.operations])
    suggestion = first.suggestion
    if len(operations) > MOST_OPERATIONS:
        suggestion += f" The fix does the first {MOST_OPERATIONS} steps, which is all that a recipe may have."
        operations = operations[:MOST_OPERATIONS]
    finding = replace(
        first, columns=tuple(columns), message=message, suggestion=suggestion, operations=tuple(operations)
    )
    return [Found(finding, largest[0].size)]


def _doable(found: Found, table: Examined) -> Found:
    """Without steps that would leave no column, which no recipe does."""
    operations = found.finding.operations
    dropped = {name for operation in operations if operation["op"] == "drop" for name in operation["columns"]}
    if not table.stats.keys() <= dropped:
        return found
    suggestion = "Without these no column would be left: look whether this is the right table, read as it should be."
    return replace(found, finding=replace(found.finding, suggestion=suggestion, operations=()))


def _drops_together(operations: Sequence[Operation]) -> list[Operation]:
    """The same with one operation that drops what several would."""
    dropped = [name for operation in operations if operation["op"] == "drop" for name in operation["columns"]]
    others = [operation for operation in operations if operation["op"] != "drop"]
    return [*([{"op": "drop", "columns": list(dict.fromkeys(dropped))}] if dropped else []), *others]
