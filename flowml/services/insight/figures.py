"""Results in depth as they are asked for: computed once in a child process, and kept with the job by name and stand.

The stand of a model is its file and what it decides, so that the ensemble of a run that goes on has new figures."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowml.domain.errors import InvalidInput, NotFound
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.jobs import tested_name
from flowml.domain.models import Model, curves_of, stand_of
from flowml.domain.names import did_you_mean
from flowml.services.context import Context
from flowml.services.tables import run_task
from flowml.services.turns import alone

MOST_COMPARED = 4
# That are kept of a run: of dozens of models there are very many pairs.
_MOST_COMPARISONS = 100
_MODULE = "flowml.services.insight.child"


def curves(context: Context, model_id: str) -> dict[str, Any]:
    """Of classes ROC, precision and recall, calibration and thresholds (`automl.results.curves`); of numbers
    {"n_rows", "weighted", "residuals"}. Raises NotFound, WrongState where the rows are gone or nothing was kept."""
    model = context.store.models.get(model_id)
    if model.details.residuals is not None:
        found = model.details.residuals
        return {"n_rows": found.n_rows, "weighted": found.weighted, "residuals": vars(found)}
    return _kept_of(context, model, "curves")


def slices(context: Context, model_id: str) -> dict[str, Any]:
    """Where a model fails most, as `automl.results.slices` answers. Raises as `curves` does."""
    return _kept_of(context, context.store.models.get(model_id), "slices")


def compare(context: Context, model_ids: Sequence[str]) -> tuple[list[Model], dict[str, Any]]:
    """Two to four models of one run with what `automl.results.comparison` answers. Raises InvalidInput, NotFound, and
    as `curves` does."""
    wanted = list(dict.fromkeys(model_ids))
    if not 2 <= len(wanted) <= MOST_COMPARED:
        raise InvalidInput.of_field("model_ids", f"Name two to {MOST_COMPARED} different models to compare.")
    models = [context.store.models.get(model_id) for model_id in wanted]
    if len({model.job_id for model in models}) > 1:
        raise InvalidInput.of_field(
            "model_ids",
            "These models are of different runs, which were tested on different rows or folds.",
            hint="Compare models of one run.",
        )
    in_order = sorted(models, key=lambda model: model.id)
    name = "compare:" + ",".join(model.id for model in in_order)
    stand = "|".join(map(stand_of, in_order))
    request = {"model_ids": [model.id for model in in_order]}
    job_id = models[0].job_id
    return models, _kept(
        context, job_id, name, stand, lambda: _run(context, "compare", request, job_id), _MOST_COMPARISONS
    )


def parameter_importance(context: Context, job_id: str) -> dict[str, Any]:
    """What mattered in a search, as `automl.results.parameters` answers. Raises NotFound, WrongState before it has
    begun."""
    job = context.store.jobs.get(job_id)
    stand = f"3: {job.trials_finished} trials"
    return _kept(context, job_id, "parameters", stand, lambda: _run(context, "parameters", {"job_id": job_id}, job_id))


def mistakes(
    context: Context,
    model_id: str,
    *,
    actual: str | None = None,
    predicted: str | None = None,
    low: float | None = None,
    high: float | None = None,
    slice_number: int | None = None,
    offset: int = 0,
    limit: int = 50,
) -> dict[str, Any]:
    """Rows of the table that a model got wrong, as `child.mistakes` answers; with `actual` and `predicted` those of a
    cell of the confusion matrix, right ones too; with `low` and `high` those that are off by so much. `slice_number`:
    those of one of its `slices`, from 0; its sentence is in the answer. Raises InvalidInput for a class or slice that
    there is not, and as `curves` does."""
    model = context.store.models.get(model_id)
    chosen = None if slice_number is None else _slice(context, model, slice_number)
    if model.classes is None and (actual is not None or predicted is not None):
        raise InvalidInput.of_field(
            "actual", "This model predicts numbers, not classes.", hint="Use low and high: actual minus predicted."
        )
    if model.classes is not None and (low is not None or high is not None):
        raise InvalidInput.of_field(
            "low" if low is not None else "high",
            "This model predicts classes, not numbers.",
            hint="Use actual and predicted.",
        )
    found = _run(
        context,
        "mistakes",
        {
            "model_id": model_id,
            "actual": _code(model, "actual", actual),
            "predicted": _code(model, "predicted", predicted),
            "low": low,
            "high": high,
            "conditions": [] if chosen is None else chosen["conditions"],
            "offset": offset,
            "limit": limit,
        },
        model.job_id,
    )
    return {**found, "slice": None if chosen is None else chosen["sentence"]}


def _slice(context: Context, model: Model, number: int) -> Mapping[str, Any]:
    items: list[Mapping[str, Any]] = slices(context, model.id)["items"]
    if number >= len(items):
        raise InvalidInput.of_field("slice", f"This model has {len(items)} slices, numbered from 0.")
    return items[number]


def _code(model: Model, field: str, label: str | None) -> int | None:
    if label is None:
        return None
    classes = model.classes or ()
    if label not in classes:
        raise InvalidInput.of_field(
            field, f"“{label}” is no class of this model.", hint=did_you_mean(label, list(classes))
        )
    return classes.index(label)


def _kept_of(context: Context, model: Model, kind: str) -> dict[str, Any]:
    name = curves_of(model.id) if kind == "curves" else f"{kind}:{model.id}"
    request = {"model_id": model.id}
    return _kept(context, model.job_id, name, stand_of(model), lambda: _run(context, kind, request, model.job_id))


def _kept(
    context: Context,
    job_id: str,
    name: str,
    stand: str,
    compute: Callable[[], dict[str, Any]],
    most: int | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] | None = context.store.models.figure(job_id, name, stand)
    if found is None:
        with alone("results", job_id, name, stand, left=context.left, turns=context.turns):
            found = context.store.models.figure(job_id, name, stand)
            if found is None:
                found = compute()
                with kept_if_there_is_room(f"the figure {name[:80]}"):
                    context.store.models.keep_figure(job_id, name, stand, found, most)
    return found


def _run(context: Context, task: str, request: Mapping[str, Any], job_id: str) -> dict[str, Any]:
    files = context.store.files
    # The one file that the process may write: it becomes the rows that test this run's models, where it finds them.
    tested = files.new_temp()
    tested.touch()
    try:
        place = {"home": str(context.settings.home), "tested": str(tested)}
        found = run_task(context, task, {**place, **request}, module=_MODULE)
        # What it looked at may have been deleted meanwhile.
        with contextlib.suppress(NotFound):
            dataset = context.store.datasets.get(context.store.jobs.get(job_id).dataset_id)
            if tested.stat().st_size:
                os.replace(tested, files.cached(tested_name(job_id, dataset.table)))
        return found
    finally:
        tested.unlink(missing_ok=True)
