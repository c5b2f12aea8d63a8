"""Results in depth over HTTP."""

from typing import Any

from flowml.domain.metrics import greater_is_better
from flowml.services import results
from flowml.services.context import Context
from flowml.services.insight import figures
from flowml.services.insight.costs import Costs, with_costs
from flowml.web.schemas.insight import Compare, CurvesQuery, MistakesQuery
from flowml.web.verdicts import pair_words, verdict


def curves(context: Context, model_id: str, query: CurvesQuery) -> dict[str, Any]:
    """How a model does at each threshold, or how far off its numbers are."""
    found = figures.curves(context, model_id)
    if "residuals" in found:
        shown = found["residuals"]
        return {**found, "predicted_vs_actual": {name: shown[name] for name in ("actual", "predicted")}}
    given = query.model_dump(exclude_none=True)
    if given and found["threshold"] is not None:
        costs = Costs(
            fp=given.get("cost_fp", 1.0),
            fn=given.get("cost_fn", 1.0),
            tp=-given.get("gain_tp", 0.0),
            tn=-given.get("gain_tn", 0.0),
        )
        found = {**found, "threshold": with_costs(found["threshold"], costs)}
    return found


def compare(context: Context, body: Compare) -> dict[str, Any]:
    """Which of several models is better, and what is a tie."""
    models, found = figures.compare(context, body.model_ids)
    metric = models[0].metric
    names = results.names_apart(context, models)
    return {
        "metric": metric,
        "greater_is_better": greater_is_better(metric),
        "method": found["method"],
        "n_rows": found["n_rows"],
        "models": [
            {
                "model_id": model.id,
                "score": found["scores"][model.id],
                **{
                    name: getattr(model, name)
                    for name in ("name", "algorithm", "metrics", "cv_scores", "fit_seconds", "predict_ms", "size_bytes")
                },
            }
            for model in models
        ],
        "pairs": [{**pair, "words": pair_words(pair, names, metric)} for pair in found["pairs"]],
        "words": verdict(found["pairs"], names, metric),
    }


def slices(context: Context, model_id: str) -> dict[str, Any]:
    """Where a model fails most, in words."""
    return figures.slices(context, model_id)


def mistakes(context: Context, model_id: str, query: MistakesQuery) -> dict[str, Any]:
    """The rows that a model got wrong, the surest of its wrong answers first."""
    given = query.model_dump()
    return figures.mistakes(context, model_id, slice_number=given.pop("slice"), **given)


def parameter_importance(context: Context, job_id: str) -> dict[str, Any]:
    """Which families and parameters mattered in a search."""
    return figures.parameter_importance(context, job_id)
