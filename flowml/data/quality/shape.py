"""Whether a table is big enough, and columns that say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from flowml.data.quality.examined import Examined, Found, found
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Role, Severity

_FEW_ROWS, _VERY_FEW_ROWS = 100, 20
_ROWS_PER_COLUMN = 2
_NEARLY_ALL = 0.995


def few_rows(table: Examined) -> Iterator[Found]:
    """Too few rows to learn from, or fewer than columns."""
    if table.n_rows == 1:
        yield found(
            "few-rows",
            Severity.CRITICAL,
            (),
            "The table has only one row. What is the same in every row, missing in every row or different in each "
            "cannot be seen in one, and nothing can be learned from it.",
            "Look whether it was read as it should be, or collect more rows.",
            size=1.0,
        )
    elif table.n_rows < _FEW_ROWS:
        severity = Severity.CRITICAL if table.n_rows < _VERY_FEW_ROWS else Severity.WARNING
        yield found(
            "few-rows",
            severity,
            (),
            f"The table has only {wording.plural(table.n_rows, 'row')}. What a model learns from so few is mostly "
            "chance, and so is what a test of it shows.",
            "Collect more rows. From some hundreds on a model can be judged.",
            size=1.0,
        )
    elif len(table.features) * _ROWS_PER_COLUMN > table.n_rows:
        yield found(
            "wide-table",
            Severity.WARNING,
            (),
            f"There are {wording.plural(len(table.features), 'column')} for only "
            f"{wording.plural(table.n_rows, 'row')}: some of them will go together with anything by chance.",
            "Drop columns that cannot have to do with the question, or collect more rows.",
            size=1.0,
        )


def constant_columns(table: Examined) -> Iterator[Found]:
    """Columns with no value, or the same one in every row."""
    if table.n_rows == 1:
        return
    empty = [item.name for item in table.features if item.count == 0 and table.n_rows]
    if empty:
        yield found(
            "empty-column",
            Severity.INFO,
            empty,
            f"{wording.columns(empty)} {'has' if len(empty) == 1 else 'have'} no value in any row.",
            "Drop what is empty, or find out why nothing was recorded.",
            [{"op": "drop", "columns": empty}],
            size=len(empty) / len(table.stats),
        )
    constant = [item for item in table.features if item.role is Role.CONSTANT and item.count]
    if constant:
        names = [item.name for item in constant]
        each = "The same value in every row"
        detail = f": {wording.value(constant[0].top[0].value)}" if len(constant) == 1 and constant[0].top else ""
        yield found(
            "constant",
            Severity.INFO,
            names,
            f"{each} of {wording.columns(names)}{detail}. That tells rows apart no more than no column at all.",
            "Drop it; training leaves it out in any case.",
            [{"op": "drop", "columns": names}],
            size=len(constant) / len(table.stats),
        )


def nearly_constant_columns(table: Examined) -> Iterator[Found]:
    """Columns with one value in nearly every row."""
    nearly = [item for item in table.features if _is_nearly_constant(item, table.n_rows)]
    for item in nearly:
        rest = table.n_rows - item.top[0].count
        yield found(
            "near-constant",
            Severity.INFO,
            [item.name],
            f"“{item.name}” is {wording.value(item.top[0].value)} in "
            f"{wording.percent(item.top[0].count / table.n_rows)} of the rows; only {wording.plural(rest, 'row')} "
            "differ.",
            "Keep it if these few rows are what matters, or else drop it.",
            [{"op": "drop", "columns": [item.name]}],
            size=item.top[0].count / table.n_rows,
        )


def _is_nearly_constant(item: ColumnStats, n_rows: int) -> bool:
    if item.role is Role.CONSTANT or not item.top or n_rows < _FEW_ROWS:
        return False
    return item.top[0].count >= _NEARLY_ALL * n_rows


def identifiers(table: Examined) -> Iterator[Found]:
    """Columns that name the rows."""
    if table.n_rows == 1:
        return
    names = [item.name for item in table.features if item.role is Role.IDENTIFIER]
    if names:
        which = "identifies" if len(names) == 1 else "identify"
        reasons = f" ({table.stats[names[0]].reason})" if len(names) == 1 and table.stats[names[0]].reason else ""
        yield found(
            "identifier",
            Severity.INFO,
            names,
            f"{wording.columns(names)} {which} the rows{reasons}. There is nothing in it that would hold for other "
            "rows.",
            "Training leaves it out. Drop it if nobody needs to find the rows again.",
            [{"op": "drop", "columns": names}],
            size=len(names) / len(table.stats),
        )
