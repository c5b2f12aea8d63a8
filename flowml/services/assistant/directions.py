"""In which direction a column moves a model's answer, from its partial dependence."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from flowml.domain.errors import FlowMLError
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.models import Model, stand_of
from flowml.domain.wording import value
from flowml.services import explaining
from flowml.services.context import Context
from flowml.services.turns import alone

_FEWEST_ROWS = 100
_TOO_FEW: dict[str, Any] = {}


def name_of(model: Model) -> str:
    """Under which name they are kept with a run."""
    return f"directions:{model.id}"


def directions(context: Context, model: Model, columns: Sequence[str]) -> dict[str, Any]:
    """In which direction these columns move the answer; kept with the model, since each takes a process of its own."""
    stand = stand_of(model)
    with alone("directions", model.id, stand, left=context.left, turns=context.turns):
        known = kept_directions(context, model)
        if known is None:
            found = {column: _direction(context, model, column) for column in columns}
            known = {column: None if way is _TOO_FEW else way for column, way in found.items()}
            # Where there was no time for more rows there may be next time.
            if not any(way is _TOO_FEW for way in found.values()):
                with kept_if_there_is_room("in which direction columns move answers"):
                    context.store.models.keep_figure(model.job_id, name_of(model), stand, known)
    return known


def kept_directions(context: Context, model: Model) -> dict[str, Any] | None:
    """Those that are kept; an earlier version kept some without the rows that they rest on, which are found anew."""
    known: dict[str, Any] | None = context.store.models.figure(model.job_id, name_of(model), stand_of(model))
    if known is None or any(way is not None and "n_rows" not in way for way in known.values()):
        return None
    return known


def _direction(context: Context, model: Model, column: str) -> dict[str, Any] | None:
    """None of a text, which cannot be varied; `_TOO_FEW` where the time was enough for a few rows alone, whose mean may
    be far from that of all."""
    try:
        found = explaining.partial_dependence(context, model.id, column, model.positive_class)
    except FlowMLError:
        if context.nobody_waits:
            raise
        return None
    dataset = context.store.datasets.get(context.store.jobs.get(model.job_id).dataset_id)
    if found["n_rows"] < min(_FEWEST_ROWS, dataset.n_rows // 2):
        return _TOO_FEW
    return direction_of(found)


def direction_of(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """From what `automl.explain.dependence` answers, as `Direction` has it; None where there is nothing to compare."""
    points = [
        (at, mean, share)
        for at, mean, share in zip(found["grid"], found["mean"], found["shares"], strict=True)
        if at is not None
    ]
    if len(points) < 2:
        return None
    if found["kind"] in ("category", "boolean"):
        common = [point for point in points if point[2] >= 0.01] or points
        least, most = (pick(common, key=lambda point: point[1]) for pick in (min, max))
        kind, steady = "category", True
    else:
        means = [mean for _, mean, _ in points]
        spread = max(means) - min(means)
        falls = sum(max(0.0, one - other) for one, other in pairwise(means))
        rises = sum(max(0.0, other - one) for one, other in pairwise(means))
        steady = min(falls, rises) <= 0.15 * spread
        ends = (points[0], points[-1]) if steady else (min(points, key=_mean), max(points, key=_mean))
        least, most = sorted(ends, key=_mean)
        later = found["kind"] == "date"
        at_end = most is points[-1]
        kind = ("later" if at_end else "earlier") if later else ("higher" if at_end else "lower")
    low_at, high_at = (value(one[0]) for one in (least, most))
    return {
        "kind": kind,
        "low_at": low_at,
        "low": least[1],
        "high_at": high_at,
        "high": most[1],
        "is_steady": steady,
        "n_rows": found["n_rows"],
    }


def _mean(point: tuple[Any, float, float]) -> float:
    return point[1]
