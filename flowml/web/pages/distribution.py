"""A column's distribution as a chart, with a caption that says what it looks like."""

import itertools
from collections.abc import Sequence
from typing import Any

from flowml.domain.wording import number, plural
from flowml.web.formatting import cell, percent
from flowml.web.pages.charts import Chart


def distribution_chart(column: str, found: Any) -> Chart:
    """From what `services.figures.distribution` answers."""
    if found.kind == "histogram":
        return _histogram(column, list(found.edges), list(found.counts), found.missing)
    return _categories(column, [cell(value) for value in found.values], list(found.counts), found.other, found.missing)


def _categories(column: str, values: list[str], counts: list[int], other: int, missing: int) -> Chart:
    total = sum(counts) + other
    bars: list[dict[str, Any]] = [
        {"value": value or "(empty)", "count": count} for value, count in zip(values, counts, strict=True)
    ]
    if other:
        bars.append({"value": "all others", "count": other})
    if not bars:
        caption = f"{column} has no values."
    elif len(bars) == 1:
        caption = f"Every row has the same value, {bars[0]['value']}."
    else:
        caption = f"The most frequent value is {values[0] or '(empty)'}, in {percent(counts[0] / total)} of the rows."
    return Chart(
        kind="categories",
        title=f"Values of {column}",
        caption=caption + _missing(missing),
        spec={"column": column, "bars": bars},
        columns=(column, "Rows", "Share"),
        rows=[(bar["value"], number(bar["count"]), percent(bar["count"] / total)) for bar in bars],
    )


def _histogram(column: str, edges: list[Any], counts: list[int], missing: int) -> Chart:
    bins = [{"low": edges[at], "high": edges[at + 1], "count": count} for at, count in enumerate(counts)]
    single = _whole_numbers(edges)
    caption = "There are no values."
    if sum(counts):
        low, high = _middle(counts)
        ends = (edges[0], edges[-1], edges[low], edges[high + 1])
        if single:
            ends = (edges[0] + 0.5, edges[-1] - 0.5, edges[low] + 0.5, edges[high] + 0.5)
        first, last, quarter, three_quarters = map(_edge, ends)
        caption = (
            f"From {first} to {last}; the middle half of the rows lies between about {quarter} and {three_quarters}."
        )
        if quarter == three_quarters:
            caption = f"From {first} to {last}; at least half of the rows are {quarter}."
    return Chart(
        kind="histogram",
        title=f"Distribution of {column}",
        caption=caption + _missing(missing),
        spec={"column": column, "bins": bins},
        columns=(column, "Rows") if single else ("From", "To", "Rows"),
        rows=[
            (_edge(entry["low"] + 0.5), number(entry["count"]))
            if single
            else (_edge(entry["low"]), _edge(entry["high"]), number(entry["count"]))
            for entry in bins
        ],
    )


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
