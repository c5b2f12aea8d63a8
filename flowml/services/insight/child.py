"""The child process that looks at results: `python -m flowml.services.insight.child`. It works as the one of
`data.tasks` does, and answers what `figures.py` keeps. Every request has the `home` folder, in whose database it looks
up what it needs; then it reaches no more than the files of that, and what `tested` names, an empty file for the rows
that test the models of the run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from flowml.automl import algorithms
from flowml.automl.results import comparison, curves, parameters, slices
from flowml.automl.results.conditions import Condition
from flowml.automl.results.evidence import Evidence, Tested
from flowml.automl.scoring.decision import objective
from flowml.automl.scoring.residuals import residuals
from flowml.automl.task.shape import TaskShape
from flowml.data.previews.page import rows_by_number
from flowml.data.tasks import Task, answer_and_end, confine
from flowml.domain.datasets import Role
from flowml.domain.errors import NotFound, WrongState
from flowml.domain.stored import reading
from flowml.domain.trials import TrialStatus
from flowml.services.insight.evidence import Stored, evidence_of, stored_of, tested_of
from flowml.store.store import Store

_NICENESS = 3
_MADE_UP_ROWS = 10_000
TASKS = {
    "curves": Task("flowml.services.insight.child:curves_of", confines_itself=True),
    "compare": Task("flowml.services.insight.child:compare", confines_itself=True),
    "slices": Task("flowml.services.insight.child:slices_of", confines_itself=True),
    "mistakes": Task("flowml.services.insight.child:mistakes", confines_itself=True),
    "parameters": Task("flowml.services.insight.child:parameters_of", confines_itself=True),
}
_NOT_LOOKED_AT = (Role.IDENTIFIER, Role.CONSTANT)


def curves_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"model_id"} → curves of classes, or of numbers {"n_rows", "weighted", "residuals"}."""
    _, evidence = _asked(request)
    if evidence.classes is not None:
        return curves.curves(evidence)
    found = residuals(evidence.target, evidence.predictions[:, 0], evidence.weights)
    if found is None:
        raise WrongState("This model has not answered any row with a finite number.")
    return {"n_rows": found.n_rows, "weighted": found.weighted, "residuals": asdict(found)}


def compare(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"model_ids"}, of one job → `comparison.compare`, models by their ids."""
    stored, tested = _read(request, request["model_ids"])
    evidence = {model.id: evidence_of(stored, model, tested) for model in stored.models}
    return comparison.compare(evidence, stored.models[0].metric)


def slices_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"model_id"} → `slices.worst_slices`."""
    stored, evidence = _asked(request)
    table = stored.table
    rows, left_out = evidence.tested.rows[evidence.at], {table.target, stored.job.spec.weight_column}
    roles = {name: role for name, role in table.roles.items() if role not in _NOT_LOOKED_AT and name not in left_out}
    return slices.worst_slices(evidence, lambda places, names: table.columns(rows[places], names), roles)


def mistakes(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"model_id", "actual", "predicted", "low", "high", "conditions", "offset", "limit"} → {"columns", "items",
    "total"}: rows that a model got wrong, the surest of the wrong answers first, those of numbers by how far they are
    off. `actual` and `predicted` are codes of classes, `low` and `high` bounds of actual minus predicted, `conditions`
    those of a slice; None: any."""
    stored, evidence = _asked(request)
    table, model = stored.table, stored.models[0]
    rows = evidence.tested.rows[evidence.at]
    wanted = np.ones(len(rows), dtype=bool)
    if request["conditions"]:
        conditions = [Condition.of_state(state) for state in request["conditions"]]
        frame = table.columns(rows, sorted({condition.column for condition in conditions}))
        wanted = slices.rows_where(conditions, frame)
    order, said = _by_class(evidence, wanted, request) if model.classes else _by_distance(evidence, wanted, request)
    page = order[request["offset"] : request["offset"] + request["limit"]]
    with reading(table.path, table.sha256) as path:
        found = rows_by_number(path, rows[page].tolist(), len(order)) if len(page) else None
    columns = [] if found is None else list(found.columns)
    items = (
        [
            {"row": number, "values": list(values), **said(at)}
            for number, values, at in zip(found.numbers, found.rows, page.tolist(), strict=True)
        ]
        if found is not None
        else []
    )
    return {"columns": columns, "items": items, "total": len(order), "n_rows": len(rows)}


def _by_class(evidence: Evidence, wanted: np.ndarray, request: Mapping[str, Any]) -> tuple[np.ndarray, Any]:
    classes, actual, predicted = evidence.classes or (), request["actual"], request["predicted"]
    surely = evidence.predictions[np.arange(len(evidence.at)), evidence.chosen]
    if actual is None and predicted is None:
        wanted = wanted & (evidence.chosen != evidence.target)
    else:
        wanted = wanted & (actual is None or evidence.target == actual)
        wanted = wanted & (predicted is None or evidence.chosen == predicted)
    is_right = actual is not None and actual == predicted
    places = np.flatnonzero(wanted)
    # Of what is right, the least sure is worth a look.
    order = places[np.argsort(surely[places] if is_right else -surely[places], kind="stable")]

    def said(at: int) -> dict[str, Any]:
        code = int(evidence.target[at])
        return {
            "actual": classes[code],
            "predicted": classes[int(evidence.chosen[at])],
            "confidence": float(surely[at]),
            "probability_of_actual": float(evidence.predictions[at, code]),
            "residual": None,
        }

    return order, said


def _by_distance(evidence: Evidence, wanted: np.ndarray, request: Mapping[str, Any]) -> tuple[np.ndarray, Any]:
    off = evidence.target - evidence.predictions[:, 0]
    low, high = request["low"], request["high"]
    wanted = wanted & (low is None or off >= low) & (high is None or off <= high)
    places = np.flatnonzero(wanted)
    order = places[np.argsort(-np.abs(off[places]), kind="stable")]

    def said(at: int) -> dict[str, Any]:
        return {
            "actual": float(evidence.target[at]),
            "predicted": float(evidence.predictions[at, 0]),
            "confidence": None,
            "probability_of_actual": None,
            "residual": float(off[at]),
        }

    return order, said


def parameters_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"job_id"} → `parameters.matters`, of finished trials on all rows."""
    store = Store(Path(request["home"]), now=time.time())
    job = store.jobs.get(request["job_id"])
    if job.metric is None or job.problem_type is None:
        raise WrongState("This run has not begun its search yet.", hint="Look again when the first trials are over.")
    metric = objective(job.metric)
    trials = [
        trial
        for trial in store.trials.of_job(job.id)
        if trial.status is TrialStatus.FINISHED and trial.score is not None and trial.max_rows is None
    ]
    try:
        dataset = store.datasets.get(job.dataset_id)
        n_rows, n_features = dataset.n_rows, dataset.n_columns - 1
    except NotFound:
        n_rows, n_features = _MADE_UP_ROWS, 10
    models = store.models.of_job(job.id)
    store.close()
    confine(request, (), niceness=_NICENESS)
    n_outputs = max((len(model.classes or ()) for model in models), default=0) or 1
    shape = TaskShape(job.problem_type, n_rows, max(n_features, 1), n_outputs, 0)
    known = {item.name: item for item in algorithms.all()}
    spaces = {}
    for name in {trial.algorithm for trial in trials} & known.keys():
        space = known[name].search_space(shape)
        tried = [trial.params for trial in trials if trial.algorithm == name]
        spaces[name] = parameters.covering(space, tried)
    return parameters.matters(
        [parameters.Tried(trial.algorithm, trial.params, metric.gain(trial.score or 0.0)) for trial in trials],
        spaces,
        {name: item.title for name, item in known.items()},
    )


def _read(request: Mapping[str, Any], model_ids: Sequence[str]) -> tuple[Stored, Tested]:
    store = Store(Path(request["home"]), now=time.time())
    stored = stored_of(store, model_ids)
    store.close()
    target = Path(request["tested"])
    confine(request, [*stored.paths()], (str(target),), _NICENESS)
    return stored, tested_of(stored, target)


def _asked(request: Mapping[str, Any]) -> tuple[Stored, Evidence]:
    stored, tested = _read(request, [request["model_id"]])
    return stored, evidence_of(stored, stored.models[0], tested)


def main() -> None:
    """Answer one request."""
    answer_and_end(TASKS)


if __name__ == "__main__":
    main()
