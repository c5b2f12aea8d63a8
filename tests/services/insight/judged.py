"""A finished run with models whose predictions of unseen rows are made up, but kept as a run keeps them."""

from typing import Any

import numpy as np

from flowml.domain.jobs import Job, JobStatus, ProblemType
from flowml.domain.models import Model
from flowml.domain.trials import Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.services.dispatch.ledger import brief_of
from flowml.store.store import Store
from flowml.training.tasks import load_task
from flowml.training.trainer import pack_array
from tests.services.records import add_job, add_model
from tests.services.trained import store_table

OTHERS = {"bought": "spent", "spent": "bought"}


def judged(store: Store, target: str = "bought", **spec: Any) -> tuple[Job, list[Model]]:
    """On the customers' table two models with trials, a better and a poorer one, and an ensemble of both. The better
    one of classes is wrong where a customer is of Graz and a member, of numbers far off in Bern."""
    if not store.datasets.count():
        store_table(store)
    job = add_job(store, target=target, exclude_columns=(OTHERS[target],), cv_folds=3, **spec)
    # Others that wait may be taken first: all of one moment are in an order that is drawn.
    while store.jobs.get(job.id).status is JobStatus.QUEUED:
        assert store.jobs.claim(99, 1.7e9, 1.7e9) is not None
    task = load_task(brief_of(store, job), store.files.path)
    store.jobs.update(job.id, metric=task.metric, problem_type=str(task.problem_type))
    random = np.random.default_rng(0)
    frame, rows = task.frame, task.validated
    models = []
    for number, noise in enumerate((0.05, 0.45)):
        if task.classes is None:
            off = noise * 10 * random.normal(0, 1, len(rows)) + np.where(frame["city"][rows] == "Bern", 40 * noise, 0.0)
            answers = (task.target[rows] + off)[:, None]
        else:
            hard = ((frame["city"] == "Graz") & frame["member"]).to_numpy()[rows]
            wrong = random.random(len(rows)) < np.where(hard, 0.7, noise)
            sure = random.uniform(0.6, 0.95, len(rows))
            said = np.where(wrong ^ (task.target[rows] == 1), sure, 1 - sure)
            answers = np.column_stack([1 - said, said])
        trial = store.trials.add(job.id, TrialSpec(number, "ridge", {"alpha": 0.5}), Needs(), 2e9, 1.7e9)
        lease = store.trials.claim("owner", "local", "here", Offer(), 60, 1.7e9, 1.7e9)
        assert lease is not None
        kept = store.files.put_bytes(pack_array(answers))
        report = TrialReport(
            TrialStatus.FINISHED, 0.9 - number / 10, (0.9, 0.8), {}, 0.2, 0.1, None, kept, None, task.fingerprint
        )
        store.trials.finish(lease, report, 1.7e9, 1.7e9)
        models.append(_model(store, job, trial.id, 0.9 - number / 10, trial.id, task.classes))
    members = [{"algorithm": "ridge", "weight": 0.5, "model_id": model.id} for model in models]
    models.append(_model(store, job, f"{job.id}ensemble", 0.95, None, task.classes, members=members))
    store.jobs.update(job.id, best_model_id=models[0].id, best_score=0.9)
    return store.jobs.get(job.id), models


def _model(
    store: Store, job: Job, model_id: str, score: float, trial_id: str | None, classes: Any, **details: Any
) -> Model:
    return add_model(
        store,
        job,
        model_id,
        score,
        trial_id=trial_id,
        target=job.spec.target,
        metric="r2" if classes is None else "accuracy",
        problem_type=ProblemType.REGRESSION if classes is None else ProblemType.CLASSIFICATION,
        classes=classes,
        metrics={"r2" if classes is None else "accuracy": score},
        details=details,
    )
