"""How far off a model that predicts numbers is, as two charts: predicted against actual, and the residuals."""

import itertools
from dataclasses import replace

from flowml.domain.models import Residuals
from flowml.domain.wording import number, plural
from flowml.web.formatting import percent
from flowml.web.pages.charts import Chart

# A mean of so many of its standard errors is no matter of chance.
_SURE = 2.0


def residual_charts(target: str, found: Residuals | None, rows: str | None = None) -> list[Chart]:
    """Of a model that has none, such as one of an earlier version, there are no charts. `rows` is the address of its
    mistakes, to which points and bars lead."""
    if found is None:
        return []
    charts = [_fit_chart(target, found), _residual_chart(target, found)]
    if rows is None:
        return charts
    leads = {"fit": "A point leads to its row.", "residuals": "A bar leads to its rows."}
    return [
        replace(chart, caption=f"{chart.caption} {leads[chart.kind]}", spec={**chart.spec, "rows": rows})
        for chart in charts
    ]


def _fit_chart(target: str, found: Residuals) -> Chart:
    rows = list(zip(found.actual, found.predicted, strict=True))
    shown = f"{number(len(rows))} of {plural(found.n_rows, 'row')}, drawn at random"
    if len(rows) == found.n_rows:
        shown = "The one row" if found.n_rows == 1 else f"All {plural(found.n_rows, 'row')}"
    return Chart(
        kind="fit",
        title="Predicted against actual",
        caption=f"{shown}, each predicted by a model that had not seen it. On the line the prediction would be right."
        f" {_how_far(found)}",
        spec={"target": target, "actual": list(found.actual), "predicted": list(found.predicted)},
        columns=(f"Actual {target}", "Predicted", "Actual minus predicted"),
        rows=[(number(actual), number(predicted), number(actual - predicted)) for actual, predicted in rows],
    )


def _how_far(found: Residuals) -> str:
    if found.n_rows == 1:
        return f"It is off by {number(found.greatest)}."
    return (
        f"Half of the rows are off by at most {number(found.half_within)}, nine in ten by at most"
        f" {number(found.most_within)}, the worst by {number(found.greatest)}."
    )


def _residual_chart(target: str, found: Residuals) -> Chart:
    beyond = 1 - sum(found.shares)
    further = f" {percent(beyond)} are further off than is shown." if beyond > 0.0005 else ""
    weighted = " Rows count by their weights." if found.weighted else ""
    bars = [
        {"low": low, "high": high, "share": share}
        for (low, high), share in zip(itertools.pairwise(found.edges), found.shares, strict=True)
    ]
    return Chart(
        kind="residuals",
        title="Residuals",
        caption=f"Actual minus predicted. {_leaning(found)}{further}{weighted}",
        spec={"target": target, "bars": bars},
        columns=("From", "To", "Share of the rows"),
        rows=[(number(bar["low"]), number(bar["high"]), percent(bar["share"])) for bar in bars],
    )


def _leaning(found: Residuals) -> str:
    if found.n_rows < 3 or abs(found.mean) <= _SURE * found.mean_error:
        return "Predictions are about as often too high as too low; the narrower, the better."
    way = "low" if found.mean > 0 else "high"
    return f"On average predictions are {number(abs(found.mean))} too {way}; the narrower, the better."
