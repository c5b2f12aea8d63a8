"""The drawings of a report: title, what there is to see, and the picture."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from flowml.domain.models import ColumnImportance, Leaderboard, LeaderboardRow, Residuals
from flowml.domain.wording import number
from flowml.web.formatting import milliseconds, percent
from flowml.web.pages.charts import Chart
from flowml.web.pages.insight.curves import class_charts
from flowml.web.pages.residuals import residual_charts
from flowml.web.report.drawing import Axis, Plot, axis, bars, in_percent
from flowml.web.words import metric_of, metric_words, score_text

Drawn = tuple[str, str, Markup]
_ALL = (0.0, 1.0)


def of_curves(found: Mapping[str, Any], target: str) -> list[Drawn]:
    """Of what `services.insight.figures.curves` answers."""
    if "residuals" in found:
        shown = Residuals.of_record(found["residuals"])
        fit, spread = residual_charts(target, shown)
        return [(fit.title, fit.caption, _fit(fit, shown, target)), (spread.title, spread.caption, _spread(spread))]
    return [(chart.title, chart.caption, _of_chart(chart)) for chart in class_charts(found)]


def _of_chart(chart: Chart) -> Markup:
    if chart.kind == "calibration":
        plot = Plot(chart.title, Axis("Said (%)", *_ALL, in_percent), Axis("Came true (%)", *_ALL, in_percent))
        plot.guide(_ALL, _ALL)
        bins = chart.spec["bins"]
        plot.line([one["predicted"] for one in bins], [one["actual"] for one in bins])
        for one in bins:
            said, true = percent(one["predicted"]), percent(one["actual"])
            plot.dot(
                one["predicted"], one["actual"], f"said {said}, came true in {true} of {number(one['n_rows'])} rows"
            )
        return plot.svg()
    x, y = ("False alarms (%)", "Found (%)") if chart.kind == "roc" else ("Recall (%)", "Precision (%)")
    plot = Plot(chart.title, Axis(x, *_ALL, in_percent), Axis(y, *_ALL, in_percent))
    if chart.kind == "roc":
        plot.guide(_ALL, _ALL)
    elif chart.spec["share"] is not None:
        plot.guide(_ALL, (chart.spec["share"],) * 2)
    curves = chart.spec["curves"]
    for at, curve in enumerate(curves):
        plot.line(curve["x"], curve["y"], at, curve["label"] if len(curves) > 1 else "")
    return plot.svg()


def _fit(chart: Chart, shown: Residuals, target: str) -> Markup:
    both = [*shown.actual, *shown.predicted]
    plot = Plot(chart.title, axis(f"Actual {target}", both), axis("Predicted", both))
    plot.guide((plot.x.low, plot.x.high), (plot.y.low, plot.y.high))
    for actual, predicted in zip(shown.actual, shown.predicted, strict=True):
        plot.dot(actual, predicted, f"actual {number(actual)}, predicted {number(predicted)}", radius=2.5)
    return plot.svg()


def _spread(chart: Chart) -> Markup:
    items = chart.spec["bars"]
    edges = [items[0]["low"], items[-1]["high"]]
    most = max(item["share"] for item in items) or 1.0
    plot = Plot(chart.title, axis("Actual minus predicted", edges), Axis("Rows (%)", 0.0, most * 1.05, in_percent))
    for item in items:
        said = f"{number(item['low'])} to {number(item['high'])}: {percent(item['share'])} of the rows"
        plot.bar(item["low"], item["high"], item["share"], said)
    return plot.svg()


def of_importance(items: Sequence[ColumnImportance], metric: str) -> Drawn:
    title = metric_words(metric).title
    in_points = metric_words(metric).format == "percent"
    names = ", ".join(item.feature for item in items[:3] if item.importance > 0)
    caption = f"How much worse {title} gets when a column is shuffled.{f' What counts most: {names}.' if names else ''}"
    label = f"Loss of {title}{' (percentage points)' if in_points else ''}"
    drawn = [(item.feature, item.importance, item.std or 0.0) for item in items]
    return (
        "What the model looks at",
        caption,
        bars("What the model looks at", drawn, label, in_percent if in_points else number),
    )


def of_speed(rows: Sequence[LeaderboardRow], board: Leaderboard, positive: str | None) -> Drawn:
    metric = board.metric or ""
    title = metric_of(metric, positive).title
    form = in_percent if metric_words(metric).format == "percent" else number
    up = axis(f"{title}{' (%)' if form is in_percent else ''}", [row.score for row in rows], form)
    plot = Plot(
        "Score against speed", axis("One prediction (ms)", [row.predict_ms or 1.0 for row in rows], log=True), up
    )
    front = sorted((row for row in rows if row.pareto), key=lambda row: row.predict_ms or 0.0)
    for one, other in itertools.pairwise(front):
        plot.guide((one.predict_ms or 1.0, other.predict_ms or 1.0), (one.score, other.score))
    for row in rows:
        said = f"{row.name}: {score_text(row.score, metric)}, {milliseconds(row.predict_ms)}"
        plot.dot(row.predict_ms or 1.0, row.score, said, 0 if row.pareto else 5, 4.5)
    caption = "Models on the dashed line are worth having: no other is both better and faster."
    return plot.title, caption, plot.svg()
