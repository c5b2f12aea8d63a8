"""Lines below the names that are no rows yet: what numbers are counted in, what a column means or how it came about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowml.data.headers.cells import ABSENT, TEXT, Cells, columns_of, is_value, kind_of, shape_of

# Below the names a survey repeats its questions, a logger its units and how a value came about.
_MOST_FURTHER = 3
_FEWEST_ROWS = 2
_UNIT = re.compile(r"\s*[\[(]?[^\d\s][^\[\]()]{0,14}[\])]?\s*")
_SIGNS = frozenset("%‰°$€£¥₹#'\"′″Ωµ")
_DRAWN = re.compile(r"\s*[-_=*+~.#]{3,}\s*")


def are_units(names: Sequence[str], units: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a line below the names says what the numbers below it are counted in."""
    if all(map(is_value, units)) or any(
        unit.strip() and not name.strip() for name, unit in zip(names, units, strict=True)
    ):
        return False
    columns = columns_of(body, len(units))
    over_numbers = [cell for cell, column in zip(units, columns, strict=True) if column.holds_values]
    over_texts = [cell for cell, column in zip(units, columns, strict=True) if not column.holds_values]
    named = [cell for cell in over_numbers if kind_of(cell) != ABSENT or _SIGNS.intersection(cell)]
    return (
        len(named) >= 1
        and len(named) >= 0.5 * len(over_numbers)
        and all(_UNIT.fullmatch(cell) and not is_value(cell) for cell in named)
        and all(not cell.strip() or cell.strip()[0] in "([" for cell in over_texts)
    )


def with_unit(name: str, unit: str) -> str:
    unit = unit.strip().strip("[]()").strip()
    return f"{name.strip()} ({unit})" if unit else name


def n_further(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the records right below the names go on describing the columns: texts where numbers and dates
    follow."""
    for count in range(_MOST_FURTHER, 0, -1):
        if not all(_may_describe(cells) for cells in rows[:count]):
            continue
        body = [row for row in rows[count:] if len(row) == width]
        if len(body) < _FEWEST_ROWS:
            continue
        columns = columns_of(body, width)
        if all(_describes(cells, columns) for cells in rows[:count]):
            return count
    return 0


def _may_describe(cells: Sequence[str]) -> bool:
    """Whether a line has two texts, which is soon seen."""
    texts = (cell for cell in cells if kind_of(cell) == TEXT or _DRAWN.fullmatch(cell))
    return next(texts, None) is not None and next(texts, None) is not None


def _describes(cells: Sequence[str], columns: Sequence[Cells]) -> bool:
    """Whether a line has texts over at least two columns of values, and none of these texts comes again below."""
    if len(cells) != len(columns):
        return False
    over_values = []
    for cell, column in zip(cells, columns, strict=True):
        if not _is_nearly_all_values(column):
            continue
        text = cell.strip()
        if is_value(cell) or (text and text in column.counts):
            return False
        if kind_of(cell) == TEXT or _DRAWN.fullmatch(cell):
            over_values.append(text)
    return len(over_values) >= 2 and not _is_row_without_numbers(cells, columns, over_values)


def _is_row_without_numbers(cells: Sequence[str], columns: Sequence[Cells], over_values: Sequence[str]) -> bool:
    """Whether a line is a row like others whose numbers are kept secret: the same sign for each of them, beside texts
    that look like those below."""
    if len(set(over_values)) > 1:
        return False
    return any(
        column.kind == TEXT and kind_of(cell) == TEXT and _resembles(cell, column)
        for cell, column in zip(cells, columns, strict=True)
    )


def _resembles(cell: str, column: Cells) -> bool:
    return cell.strip() in column.counts or shape_of(cell) in {shape_of(other) for other in column.counts}


def _is_nearly_all_values(column: Cells) -> bool:
    """Whether a column has values, and next to nothing but these and missing ones."""
    n_values = column.n_filled - column.kinds[TEXT]
    return n_values > 0 and column.kinds[TEXT] <= 0.05 * len(column.cells)
