"""A column's distribution as a chart, with a caption that says what it looks like."""

import itertools
from collections.abc import Sequence
from typing import Any

from flowml.domain.datasets import ColumnStats
from flowml.domain.wording import number, plural
from flowml.web.formatting import cell, percent
from flowml.web.pages.charts import Chart


def distribution_chart(column: ColumnStats, found: Any) -> Chart:
    """From what `services.figures.distribution` answers; how far the values reach and what is in the middle is the
    column's own, and not that of round bins."""
    if found.kind == "histogram":
        return _histogram(column, list(found.edges), list(found.counts), found.missing)
    return _categories(
        column.name, [cell(value) for value in found.values], list(found.counts), found.other, found.missing
    )


def _categories(column: str, values: list[str], counts: list[int], other: int, missing: int) -> Chart:
    total = sum(counts) + other
    bars: list[dict[str, Any]] = [
        {"value": value or "(empty)", "count": count} for value, count in zip(values, counts, strict=True)
    ]
    if other:
        bars.append({"value": "all others", "count": other})
    if not bars:
        caption = "There are no values."
    elif len(bars) == 1:
        caption = f"All values are the same: {bars[0]['value']}."
    else:
        share = percent(counts[0] / total)
        caption = f"The most frequent value is {bars[0]['value']}: {share} of all values."
        if counts[1:2] == counts[:1]:
            both = f"{bars[0]['value']} and {bars[1]['value']}"
            caption = f"No value is more frequent than all others: {both} are {share} each."
    return Chart(
        kind="categories",
        title=f"Values of {column}",
        caption=caption + _missing(missing),
        spec={"column": column, "bars": bars},
        columns=(column, "Rows", "Share"),
        rows=[(bar["value"], number(bar["count"]), percent(bar["count"] / total)) for bar in bars],
    )


def _histogram(column: ColumnStats, edges: list[Any], counts: list[int], missing: int) -> Chart:
    bins = [{"low": edges[at], "high": edges[at + 1], "count": count} for at, count in enumerate(counts)]
    single = _whole_numbers(edges)
    caption = "There are no values."
    if sum(counts):
        first, last = _edge(column.min), _edge(column.max)
        quarter, three_quarters = _middle_half(column, edges, counts)
        caption = f"From {first} to {last}; the middle half of the rows lies between {quarter} and {three_quarters}."
        if first == last:
            caption = f"All values are the same: {first}."
        elif quarter == three_quarters:
            caption = f"From {first} to {last}; at least half of the rows are {quarter}."
    # Round bins may reach beyond the values.
    filled = [at for at, count in enumerate(counts) if count]
    bins = bins[filled[0] : filled[-1] + 1] if filled else []
    return Chart(
        kind="histogram",
        title=f"Distribution of {column.name}",
        caption=caption + _missing(missing),
        spec={"column": column.name, "bins": bins},
        columns=(column.name, "Rows") if single else ("From", "To", "Rows"),
        rows=[
            (_edge(entry["low"] + 0.5), number(entry["count"]))
            if single
            else (_edge(entry["low"]), _edge(entry["high"]), number(entry["count"]))
            for entry in bins
        ],
    )


def _middle_half(column: ColumnStats, edges: Sequence[Any], counts: Sequence[int]) -> tuple[str, str]:
    """Of dates there are no quartiles, and the bins tell."""
    if column.q25 is not None and column.q75 is not None:
        return _edge(column.q25), _edge(column.q75)
    low, high = _middle(counts)
    return f"about {_edge(edges[low])}", _edge(edges[high + 1])


def _whole_numbers(edges: Sequence[Any]) -> bool:
    """Whether each bin stands for one whole number: from a half below it to a half above."""
    return len(edges) > 1 and all(
        isinstance(low, float) and low % 1 == 0.5 and high == low + 1 for low, high in itertools.pairwise(edges)
    )


def _middle(counts: Sequence[int]) -> tuple[int, int]:
    """The bins in which the first and the third quarter of the rows end."""
    total, seen, low = sum(counts), 0, 0
    for at, count in enumerate(counts):
        if seen < total * 0.25 <= seen + count:
            low = at
        if seen < total * 0.75 <= seen + count:
            return low, at
        seen += count
    return low, len(counts) - 1


def _edge(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else cell(value)


def _missing(count: int) -> str:
    return f" {plural(count, 'row')} without a value." if count else ""
