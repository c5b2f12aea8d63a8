"""How columns go together.

pearson      Pearson's r of numeric columns, over the rows where both have a value
spearman     the same over ranks among these rows (ties share their mean rank)
association  0 to 1 for any two columns: |r| of two numeric ones, the correlation ratio η of a numeric and a
             categorical one, Cramér's V of two categorical ones (H. Cramér, Mathematical Methods of Statistics, 1946)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flowml.data.relations.screening import strongest
from flowml.data.sampling import read_spread
from flowml.domain.datasets import Column, Correlation, Role
from flowml.domain.errors import InvalidInput

_MOST_COLUMNS = 60
_MOST_ROWS = 100_000
_MOST_CATEGORIES = 200
# More columns are looked through on a sample first, for those that go together most.
_MOST_SCREENED, _SCREENED_ROWS, _SCREENED_CELLS = 3_000, 5_000, 3_000_000
# Columns with gaps are ranked anew beside each other column: so many values in all, and so many rows in any case.
_MOST_RANKED, _LEAST_RANKED = 40_000_000, 10_000
Matrix = NDArray[np.float64]


def correlation_of_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the `table` at this path with these `columns`, by `method`. Raises InvalidInput."""
    columns = [Column(item["name"], item["dtype"], Role(item["role"])) for item in request["columns"]]
    return asdict(correlation(Path(request["table"]), columns, request["method"]))


def correlation(table: Path, columns: Sequence[Column], method: str = "pearson") -> Correlation:
    """Of a canonical Parquet file: at most 60 columns, those of more that go together most, over at most 100,000 rows
    spread evenly; `note` says when some were left out. Raises InvalidInput for an unknown method."""
    if method not in _MATRICES:
        raise InvalidInput.of_field("method", f"The method must be one of {', '.join(_MATRICES)}.")
    usable = [column for column in columns if _is_usable(column, method)]
    chosen = usable if len(usable) <= _MOST_COLUMNS else _strongest(table, usable, method)
    notes = []
    if len(usable) > len(chosen):
        notes.append(f"The {len(chosen)} of {len(usable):,} columns that go together most are shown.")
    names = tuple(column.name for column in chosen)
    frame, sampled = read_spread(table, names, _MOST_ROWS)
    if method == "spearman" and frame.height > (most := _most_ranked(frame)):
        frame, sampled = read_spread(table, names, most)
    notes += [sampled] if sampled else []
    matrix = _MATRICES[method](frame, chosen)
    return Correlation(
        names,
        tuple(tuple(map(_figure, row)) for row in matrix.tolist()),
        _directions(frame, chosen, matrix, method),
        method,
        " ".join(notes) or None,
    )


def _strongest(table: Path, usable: Sequence[Column], method: str) -> list[Column]:
    """The columns that go together most, in their order."""
    looked_at = usable[:_MOST_SCREENED]
    rows = max(500, min(_SCREENED_ROWS, _SCREENED_CELLS // len(looked_at)))
    frame, _ = read_spread(table, [column.name for column in looked_at], rows)
    numbers = [frame[column.name] for column in looked_at if _is_number(column)]
    if method == "spearman":
        numbers = [column.rank("average") for column in numbers]
    categories = [frame[column.name] for column in looked_at if not _is_number(column)]
    names = set(strongest(numbers, categories, _MOST_COLUMNS))
    return [column for column in looked_at if column.name in names]


def _directions(
    frame: pl.DataFrame, columns: Sequence[Column], matrix: Matrix, method: str
) -> tuple[tuple[int, ...], ...]:
    """1 where two columns rise together, -1 where one falls as the other rises, 0 where there is no such thing."""
    signed = matrix
    if method == "association":
        signed = np.zeros_like(matrix)
        numeric = [place for place, column in enumerate(columns) if _is_number(column)]
        if numeric:
            signed[np.ix_(numeric, numeric)] = _linear(_numbers(frame.select(columns[at].name for at in numeric)))
    return tuple(tuple(map(int, row)) for row in np.sign(np.nan_to_num(signed)).tolist())


def _is_usable(column: Column, method: str) -> bool:
    if column.role in (Role.CONSTANT, Role.IDENTIFIER):
        return False
    numeric = _is_number(column)
    return numeric if method != "association" else numeric or column.role in (Role.CATEGORICAL, Role.BOOLEAN)


def _is_number(column: Column) -> bool:
    return column.dtype in ("Int64", "Float64", "Boolean")


def _numbers(frame: pl.DataFrame) -> Matrix:
    """(rows, columns), missing and infinite values as NaN."""
    if not frame.width:
        return np.empty((0, 0))
    numbers = np.column_stack([column.cast(pl.Float64).fill_null(math.nan).to_numpy() for column in frame])
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _linear(numbers: Matrix) -> Matrix:
    """Pearson's r of each two columns over their common rows, by a few matrix products; NaN where undefined."""
    present = np.isfinite(numbers)
    # Scaling first keeps the sums of squares well conditioned.
    with np.errstate(all="ignore"):
        centre = np.nanmean(np.where(present, numbers, np.nan), axis=0) if len(numbers) else np.zeros(numbers.shape[1])
        spread = np.nanstd(np.where(present, numbers, np.nan), axis=0) if len(numbers) else np.zeros(numbers.shape[1])
        scaled = np.where(present, (numbers - centre) / np.where(spread > 0, spread, 1.0), 0.0)
        mask = present.astype(np.float64)
        n = mask.T @ mask
        sums = scaled.T @ mask
        squares = (scaled**2).T @ mask
        covariance = scaled.T @ scaled - sums * sums.T / n
        variance = squares - sums**2 / n
        r = covariance / np.sqrt(variance * variance.T)
    varies = variance >= 1e-9 * n
    undefined = ~(varies & varies.T) | (n < 2)
    return np.where(undefined, np.nan, np.clip(r, -1.0, 1.0))


def _pearson(frame: pl.DataFrame, _columns: Sequence[Column]) -> Matrix:
    return _linear(_numbers(frame))


def _most_ranked(frame: pl.DataFrame) -> int:
    """Rows of a table of this many gaps for which Spearman takes a second or two."""
    with_gaps = sum(column.null_count() > 0 for column in frame)
    return max(_LEAST_RANKED, _MOST_RANKED // max(1, with_gaps * frame.width))


def _spearman(frame: pl.DataFrame, _columns: Sequence[Column]) -> Matrix:
    # Places among the different values, from 0; -1 for a missing one: what is left of a column is ranked by counting.
    places = [column.rank("dense").cast(pl.Int32).fill_null(0).to_numpy() - 1 for column in frame]
    present = [column >= 0 for column in places]
    ranks = _numbers(pl.DataFrame([column.rank("average") for column in frame]))
    result = _linear(ranks)
    for second in range(len(places)):
        for first in range(second):
            if not np.array_equal(present[first], present[second]):
                both = present[first] & present[second]
                result[first, second] = result[second, first] = _rank_correlation(
                    places[first][both], places[second][both]
                )
    return result


def _rank_correlation(first: NDArray[np.int32], second: NDArray[np.int32]) -> float:
    """Of two columns without missing values, by the places of their values; NaN when one does not vary."""
    if len(first) < 2:
        return math.nan
    x, y = (ranks - ranks.mean() for ranks in (_ranks(first), _ranks(second)))
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return min(1.0, max(-1.0, float(x @ y) / spread)) if spread > 0 else math.nan


def _ranks(places: NDArray[np.int32]) -> Matrix:
    """Ranks from 1, equal ones sharing their mean."""
    counts = np.bincount(places)
    ranks: Matrix = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _association(frame: pl.DataFrame, columns: Sequence[Column]) -> Matrix:
    size = len(columns)
    result = np.full((size, size), np.nan)
    numeric = [index for index, column in enumerate(columns) if _is_number(column)]
    codes = {index: _codes(frame[column.name]) for index, column in enumerate(columns) if index not in set(numeric)}
    numbers = _numbers(frame.select(columns[index].name for index in numeric))
    if numeric:
        result[np.ix_(numeric, numeric)] = np.abs(_linear(numbers))
    for first, codes_of_first in codes.items():
        for position, second in enumerate(numeric):
            result[first, second] = result[second, first] = correlation_ratio(codes_of_first, numbers[:, position])
        for second, codes_of_second in codes.items():
            if second >= first:
                result[first, second] = result[second, first] = cramers_v(codes_of_first, codes_of_second)
    return result


def _codes(values: pl.Series) -> NDArray[np.int64]:
    """Categories as numbers from 0, the rare ones beyond 200 as one; missing as -1."""
    counts = (
        values.drop_nulls().alias("value").value_counts(name="count").sort(["count", "value"], descending=[True, False])
    )
    order = {value: min(code, _MOST_CATEGORIES) for code, value in enumerate(counts["value"].to_list())}
    return (
        values.replace_strict(order, default=-1, return_dtype=pl.Int64).to_numpy()
        if order
        else np.full(len(values), -1)
    )


def correlation_ratio(codes: NDArray[np.int64], numbers: Matrix) -> float:
    """η: the root of the share of a variable's variance that lies between categories; NaN without variance."""
    usable = (codes >= 0) & np.isfinite(numbers)
    codes, numbers = codes[usable], numbers[usable]
    if len(numbers) < 2:
        return math.nan
    counts = np.bincount(codes)
    centred = numbers - numbers.mean()
    total = float(centred @ centred)
    if total <= 0:
        return math.nan
    sums = np.bincount(codes, weights=centred)
    between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
    return math.sqrt(min(1.0, between / total))


def cramers_v(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """V = sqrt(χ² / (n · (min(r, c) - 1))) over the rows where both are present; NaN when one does not vary."""
    usable = (first >= 0) & (second >= 0)
    first, second = first[usable], second[usable]
    if len(first) == 0:
        return math.nan
    width = int(second.max()) + 1
    table = (
        np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width).reshape(-1, width).astype(float)
    )
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    smaller = min(table.shape) - 1
    if smaller < 1:
        return math.nan
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi_squared = float(((table - expected) ** 2 / expected).sum())
    return math.sqrt(min(1.0, chi_squared / (table.sum() * smaller)))


def _figure(value: float) -> float | None:
    return value if math.isfinite(value) else None


_MATRICES = {"pearson": _pearson, "spearman": _spearman, "association": _association}
