"""Curves of one model: how well it ranks, how far its probabilities can be believed, and what each threshold costs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import FlowMLError
from flowml.domain.models import Residuals
from flowml.domain.wording import number
from flowml.services import results
from flowml.services.insight import figures
from flowml.web.caller import context_of
from flowml.web.formatting import percent
from flowml.web.pages.charts import Chart
from flowml.web.pages.frame import build_frame
from flowml.web.pages.residuals import residual_charts
from flowml.web.templating import Page, respond

_MOST_DRAWN = 6
_WELL_CALIBRATED = 0.03
_POORLY_CALIBRATED = 0.1
# Where chance alone makes no more than this, that there is no more says something.
_TELLING = 0.06


@dataclass(frozen=True, kw_only=True)
class CurvesPart(Page):
    """`threshold` (JSON) is what the page's script works out costs from; None where there are not two classes."""

    template: ClassVar[str] = "insight/curves.html"

    problem: str
    charts: Sequence[Chart]
    threshold: str | None
    positive: str
    costs: Chart | None


def part(request: Request) -> Response:
    context = context_of(request)
    model = results.get_model(context, request.path_params["model_id"])
    charts: list[Chart] = []
    threshold, problem = None, ""
    try:
        found = figures.curves(context, model.id)
        if "residuals" not in found:
            charts = class_charts(found)
            threshold = found["threshold"]
        elif model.details.residuals is None:
            shown = Residuals.of_record(found["residuals"])
            charts = residual_charts(model.target, shown, f"/models/{model.id}/mistakes")
    except FlowMLError as error:
        problem = f"{error.detail} {error.hint or ''}".strip()
    return respond(
        request,
        CurvesPart(
            title="Curves",
            frame=build_frame(request, "jobs"),
            problem=problem,
            charts=charts,
            threshold=None if threshold is None else json.dumps(threshold),
            positive="" if threshold is None else threshold["label"],
            costs=None if threshold is None else _costs_chart(threshold),
        ),
    )


def class_charts(found: Mapping[str, Any]) -> list[Chart]:
    """ROC, precision and recall, calibration, from what `services.insight.figures.curves` answers."""
    of_classes = (_chart_of_classes(found, curve) for curve in (_ROC, _RECALL))
    return [*(chart for chart in of_classes if chart), _calibration_chart(found)]


@dataclass(frozen=True)
class _Curve:
    """A curve of each class: what it is called among the figures, its axes there, and the score by which the class that
    is hardest to tell has the least. What is said of the only one, and where there are more of the hardest."""

    name: str
    kind: str
    title: str
    x: str
    y: str
    score: str
    columns: tuple[str, ...]
    cells: Callable[[Mapping[str, Any]], tuple[str, ...]]
    about_one: Callable[[Mapping[str, Any]], str]
    about_hardest: Callable[[Mapping[str, Any]], str]
    has_share: bool = False


def _chart_of_classes(found: Mapping[str, Any], curve: _Curve) -> Chart | None:
    """None where no class has a curve."""
    classes = found[curve.name]
    known = [one for one in classes if one[curve.score] is not None]
    if not known:
        return None
    hardest = sorted(known, key=lambda one: one[curve.score])
    shown = hardest[:_MOST_DRAWN] if len(known) > _MOST_DRAWN else known
    is_alone = len(classes) == 1
    many = f" The {len(shown)} hardest of {len(known)} classes are drawn." if len(shown) < len(known) else ""
    spec = {"curves": [{"label": one["label"], "x": one[curve.x], "y": one[curve.y]} for one in shown]}
    return Chart(
        kind=curve.kind,
        title=curve.title,
        caption=curve.about_one(known[0]) if is_alone else curve.about_hardest(hardest[0]) + many,
        spec=spec | ({"share": known[0]["share"] if is_alone else None} if curve.has_share else {}),
        columns=curve.columns,
        rows=[(one["label"], *curve.cells(one)) for one in classes],
    )


_ROC = _Curve(
    name="roc",
    kind="roc",
    title="Found against false alarms (ROC)",
    x="false_positive_rate",
    y="true_positive_rate",
    score="auc",
    columns=("Class", "Area under the curve"),
    cells=lambda one: (number(one["auc"]),),
    about_one=lambda one: (
        f"Of a row of “{one['label']}” and another one, the first gets the higher probability in"
        f" {percent(one['auc'])} of cases (the area, {number(one['auc'])}). The dashed line is guessing."
    ),
    about_hardest=lambda one: (
        f"Each class against all others; hardest to tell is “{one['label']}” (area {number(one['auc'])})."
        " The dashed line is guessing."
    ),
)
_RECALL = _Curve(
    name="precision_recall",
    kind="recall",
    title="Precision against recall",
    x="recall",
    y="precision",
    score="average_precision",
    columns=("Class", "Average precision", "Share of the rows"),
    cells=lambda one: (number(one["average_precision"]), percent(one["share"])),
    about_one=lambda one: (
        f"To find more rows of “{one['label']}” is to be wrong about more others. On average"
        f" {percent(one['average_precision'])} of what it takes for that is right; of all rows"
        f" {percent(one['share'])} are."
    ),
    about_hardest=lambda one: (
        f"What share of the rows it takes for a class are of it, against how many of them it finds; lowest for"
        f" “{one['label']}”."
    ),
    has_share=True,
)


def _calibration_chart(found: Mapping[str, Any]) -> Chart:
    calibration = found["calibration"]
    about = "its most likely class" if calibration["label"] is None else f"“{calibration['label']}”"
    off = f"In bins of like rows the probability of {about} is off by {_points(calibration['error'])} on average"
    chance = f"so many rows would be off by {_points(calibration['chance_error'])} if it were right"
    return Chart(
        kind="calibration",
        title="Can its probabilities be believed?",
        caption=f"{off}; {chance}. {calibration_verdict(calibration)} On the dashed line what was said came true as"
        " often.",
        spec={"bins": calibration["bins"], "label": about},
        columns=("Said", "Came true", "Rows"),
        rows=[
            (percent(one["predicted"]), percent(one["actual"]), number(one["n_rows"])) for one in calibration["bins"]
        ],
    )


def calibration_verdict(calibration: Mapping[str, Any]) -> str:
    """Whether probabilities can be taken at their word, judged by what is more than chance.

    >>> calibration_verdict({"error": 0.12, "chance_error": 0.11, "chance_limit": 0.16})
    'That may be chance: there are too few rows to say more.'
    """
    error, limit = calibration["error"], calibration["chance_limit"]
    beyond = error - calibration["chance_error"] if error > limit else 0.0
    if error <= limit and limit > _TELLING:
        return "That may be chance: there are too few rows to say more."
    if beyond <= _WELL_CALIBRATED:
        return "They can be taken at their word."
    if beyond <= _POORLY_CALIBRATED:
        return "They can be taken roughly at their word."
    return "They cannot be taken at their word: only their order counts."


def _points(share: float) -> str:
    return f"{percent(share)} points".replace(" % points", " points")


def _costs_chart(threshold: Mapping[str, Any]) -> Chart:
    return Chart(
        kind="costs",
        title="Cost at each threshold",
        caption=f"What 1,000 rows cost when “{threshold['label']}” is predicted from each probability on.",
        spec={"live": True},
        columns=("Threshold", "Cost per 1,000 rows", "Misses", "False alarms"),
        rows=(),
    )
