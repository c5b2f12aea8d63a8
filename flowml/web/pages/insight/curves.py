"""Curves of one model: how well it ranks, how far its probabilities can be believed, and what each threshold costs."""

import json
from collections.abc import Mapping, Sequence
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
    return [chart for chart in (_roc_chart(found), _recall_chart(found), _calibration_chart(found)) if chart]


def _roc_chart(found: Mapping[str, Any]) -> Chart | None:
    known = [one for one in found["roc"] if one["auc"] is not None]
    if not known:
        return None
    shown = sorted(known, key=lambda one: one["auc"])[:_MOST_DRAWN] if len(known) > _MOST_DRAWN else known
    if len(found["roc"]) == 1:
        area = known[0]["auc"]
        caption = (
            f"Of a row of “{known[0]['label']}” and another one, the first gets the higher probability in"
            f" {percent(area)} of cases (the area, {number(area)}). The dashed line is guessing."
        )
    else:
        worst = min(known, key=lambda one: one["auc"])
        caption = (
            f"Each class against all others; hardest to tell is “{worst['label']}” (area {number(worst['auc'])})."
            f" The dashed line is guessing.{_of_many(shown, known)}"
        )
    return Chart(
        kind="roc",
        title="Found against false alarms (ROC)",
        caption=caption,
        spec={
            "curves": [
                {"label": one["label"], "x": one["false_positive_rate"], "y": one["true_positive_rate"]}
                for one in shown
            ],
        },
        columns=("Class", "Area under the curve"),
        rows=[(one["label"], number(one["auc"])) for one in found["roc"]],
    )


def _of_many(shown: Sequence[Any], known: Sequence[Any]) -> str:
    return f" The {len(shown)} hardest of {len(known)} classes are drawn." if len(shown) < len(known) else ""


def _recall_chart(found: Mapping[str, Any]) -> Chart | None:
    known = [one for one in found["precision_recall"] if one["average_precision"] is not None]
    if not known:
        return None
    shown = known
    if len(known) > _MOST_DRAWN:
        shown = sorted(known, key=lambda one: one["average_precision"])[:_MOST_DRAWN]
    if len(found["precision_recall"]) == 1:
        one = known[0]
        caption = (
            f"To find more rows of “{one['label']}” is to be wrong about more others. On average"
            f" {percent(one['average_precision'])} of what it takes for that is right; of all rows"
            f" {percent(one['share'])} are."
        )
    else:
        worst = min(known, key=lambda one: one["average_precision"])
        caption = (
            f"What share of the rows it takes for a class are of it, against how many of them it finds; lowest for"
            f" “{worst['label']}”.{_of_many(shown, known)}"
        )
    return Chart(
        kind="recall",
        title="Precision against recall",
        caption=caption,
        spec={
            "curves": [{"label": one["label"], "x": one["recall"], "y": one["precision"]} for one in shown],
            "share": known[0]["share"] if len(found["precision_recall"]) == 1 else None,
        },
        columns=("Class", "Average precision", "Share of the rows"),
        rows=[
            (one["label"], number(one["average_precision"]), percent(one["share"])) for one in found["precision_recall"]
        ],
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
