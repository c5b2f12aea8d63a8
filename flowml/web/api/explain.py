"""Explanations over HTTP."""

from typing import Any

from starlette.requests import Request

from flowml.services import explaining
from flowml.services.context import Context
from flowml.web.bodies import read_body
from flowml.web.leaving import for_a_reason, for_a_search
from flowml.web.schemas.explain import DependenceQuery, Explain, FindChange, TargetNumber


async def explain(request: Request, model_id: str) -> dict[str, Any]:
    """What each column adds to a model's answer, up to that answer."""
    body = await read_body(request, Explain)
    found = await for_a_reason(
        request, lambda context: explaining.explain(context, model_id, body.features, body.target_class)
    )
    return {
        "class": found.target_class,
        "prediction": found.prediction.prediction,
        "probability": found.prediction.probability,
        "model_name": found.prediction.model_name,
        "warnings": found.prediction.warnings,
        **{
            name: getattr(found, name)
            for name in ("output", "base_value", "margin", "contributions", "methods", "exact")
        },
    }


async def smallest_change(request: Request, model_id: str) -> dict[str, Any]:
    """The smallest change of a row that has the model say something else, within what can be changed."""
    body = await read_body(request, FindChange)
    found = await for_a_search(request, lambda context: _changed(context, model_id, body))
    return {
        "found": bool(found.changes),
        "changes": [{"feature": one.feature, "from": one.before, "to": one.after} for one in found.changes],
        "prediction": found.prediction.prediction,
        "probability": found.prediction.probability,
        "probabilities": found.prediction.probabilities,
        "tried": found.tried,
        "reason": found.reason,
    }


def partial_dependence(context: Context, model_id: str, query: DependenceQuery) -> dict[str, Any]:
    """What is predicted, on average and for single rows, when one column is something else."""
    found = explaining.partial_dependence(context, model_id, query.feature, query.target_class)
    return {**found, "class": found["target_class"]}


def _changed(context: Context, model_id: str, body: FindChange) -> explaining.SmallestChange:
    target = body.target
    goal = target.model_dump() if isinstance(target, TargetNumber) else {"target_class": target}
    limits = {name: one.model_dump() for name, one in (body.limits or {}).items()}
    return explaining.smallest_change(
        context, model_id, body.features, **goal, changeable=body.changeable, limits=limits
    )
