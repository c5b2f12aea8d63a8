"""What training has brought: models, their order, and how they judge."""

import math
from collections import Counter
from collections.abc import Sequence

from flowml.domain.errors import InvalidInput, NotReady, WrongState
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import BASELINE, ConfusionMatrix, Importance, Leaderboard, LeaderboardRow, Model
from flowml.services.context import Context
from flowml.services.importance import PERMUTATION, SHAP, compute_importance, kept_importance
from flowml.services.serving.shelf import find_model

_SAME_SPEED = 0.95


def list_models(context: Context, job_id: str, limit: int, offset: int) -> tuple[list[Model], int]:
    """Best first, and how many there are. Raises NotFound."""
    context.store.jobs.get(job_id)
    models = context.store.models.of_job(job_id)
    return models[offset : offset + limit], len(models)


def get_model(context: Context, model_id: str) -> Model:
    """Raises NotFound."""
    return context.store.models.get(model_id)


def names_apart(context: Context, models: Sequence[Model]) -> dict[str, str]:
    """What to call models of a run, by id: where several have the same name, with their places on the leaderboard."""
    common = {name for name, count in Counter(model.name for model in models).items() if count > 1}
    if not common:
        return {model.id: model.name for model in models}
    places = {model.id: place for place, model in enumerate(context.store.models.of_job(models[0].job_id), 1)}
    return {
        model.id: f"{model.name} (place {places[model.id]})" if model.name in common else model.name for model in models
    }


def leaderboard(context: Context, job_id: str) -> Leaderboard:
    """The models of a job, best first, also while it runs; the metric is None until it is known. Raises NotFound."""
    job = context.store.jobs.get(job_id)
    models = context.store.models.of_job(job_id)
    asked = None if job.spec.metric == "auto" else job.spec.metric
    metric = models[0].metric if models else job.metric or asked
    greater = metric is None or greater_is_better(metric)
    gains = [model.score if greater else -model.score for model in models]
    # A guess that is the same for every row is the fastest of all. It is worth having only where nothing is better, and
    # so is what is no better than it.
    guess = next((gain for model, gain in zip(models, gains, strict=True) if model.algorithm == BASELINE), -math.inf)
    front = pareto_front(
        [
            (gain, model.predict_ms if gain > guess or not at else None)
            for at, (model, gain) in enumerate(zip(models, gains, strict=True))
        ]
    )
    return Leaderboard(
        metric=metric,
        greater_is_better=greater,
        positive_class=job.positive_class,
        items=tuple(
            LeaderboardRow(
                rank=rank,
                model_id=model.id,
                name=model.name,
                algorithm=model.algorithm,
                score=model.score,
                score_std=model.details.score_std,
                metrics=model.metrics,
                fit_seconds=model.fit_seconds,
                predict_ms=model.predict_ms,
                size_bytes=model.size_bytes,
                pareto=rank - 1 in front,
            )
            for rank, model in enumerate(models, 1)
        ),
    )


def pareto_front(models: Sequence[tuple[float, float | None]]) -> set[int]:
    """Which of these (gain, milliseconds) no other beats in one and equals or beats in the other.

    A model whose speed was not measured is never on the front. Two measurements of the same speed differ by a few per
    cent: what is faster by less than that does not count as faster.

    >>> sorted(pareto_front([(0.9, 5.0), (0.8, 1.0), (0.7, 2.0), (0.95, None), (0.79, 0.98)]))
    [0, 1]
    """
    points = [(gain, speed, index) for index, (gain, speed) in enumerate(models) if speed is not None]
    front: set[int] = set()
    fastest: tuple[float, float] | None = None
    for gain, speed, index in sorted(points, key=lambda point: (-point[0], point[1], point[2])):
        if fastest is None or speed < _SAME_SPEED * fastest[1] or (gain, speed) == fastest:
            front.add(index)
            fastest = (gain, speed)
    return front


def confusion_matrix(context: Context, model_id: str) -> ConfusionMatrix:
    """Out-of-fold: true classes by predicted ones. Raises NotFound, WrongState for a model that predicts numbers."""
    model = context.store.models.get(model_id)
    if model.classes is None:
        raise WrongState(
            "This model predicts numbers, so there are no classes to confuse.",
            hint="Look at its errors (RMSE, MAE) instead.",
        )
    found = model.details.confusion_matrix
    if found is None:
        raise NotReady("The confusion matrix of this model has not been computed.", hint="Try again in a moment.")
    return found


def feature_importance(context: Context, model_id: str, method: str = "permutation") -> Importance:
    """How much the score falls when a column is shuffled, or how much it adds to answers (`shap`), best first; computed
    once per model. `model_id` may be a training run's: then its best model.

    Raises NotFound, NotReady and WrongState for a run without a model, InvalidInput for an unknown method, WrongState
    where the training data is no longer there, and NotReady where the computation fails.
    """
    if method not in (PERMUTATION, SHAP):
        raise InvalidInput.of_field("method", f"There is no method “{method}”.", hint=f"Use {PERMUTATION} or {SHAP}.")
    model = find_model(context, model_id)
    found = kept_importance(model.details, method)
    return compute_importance(context, model.id, method) if found is None else found
