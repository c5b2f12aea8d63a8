"""What tests of services and pages stand on: rows in a store, and trainers that rest."""

from contextlib import ExitStack
from typing import Any

from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.jobs import Job, JobSpec, ProblemType
from flowml.domain.models import Model, ModelDetails
from flowml.services.turns import CHILDREN, Turns
from flowml.store.store import Store


def hold_all_turns(held: ExitStack) -> None:
    """Have all turns for child processes, as many people, until that is left."""
    while not CHILDREN.is_full:
        held.enter_context(CHILDREN.turn(turns=Turns(f"somebody {CHILDREN.working}")))


class QuietTrainers:
    """Trainers that train nothing: what is started stays queued."""

    def warm_up(self) -> None:
        pass

    def nudge(self) -> None:
        pass

    def processes(self) -> list[dict[str, Any]]:
        return []


def add_dataset(store: Store, dataset_id: str = "d1") -> Dataset:
    """A dataset of two columns, without a table behind it."""
    columns = (Column("x", "Float64", Role.NUMERIC), Column("y", "String", Role.CATEGORICAL))
    sha256 = store.files.put_bytes(dataset_id.encode())
    dataset = Dataset(dataset_id, "table", "table.csv", "csv", 3, 2, 30, sha256, sha256, None, 1.7e9, columns)
    store.datasets.add(dataset, ())
    return dataset


def add_job(store: Store, **spec: Any) -> Job:
    """A queued job on `d1`."""
    return store.jobs.add(JobSpec(**{"dataset_id": "d1", "target": "y", **spec}), "a run", 1.7e9)


def add_model(store: Store, job: Job, model_id: str, score: float, **values: Any) -> Model:
    """A model of that job with an empty file; `values` are fields of Model."""
    given: dict[str, Any] = {
        "id": model_id,
        "job_id": job.id,
        "trial_id": None,
        "name": f"Model {model_id}",
        "algorithm": "logistic_regression",
        "problem_type": ProblemType.CLASSIFICATION,
        "target": "y",
        "metric": "accuracy",
        "score": score,
        "metrics": {"accuracy": score, "log_loss": None},
        "cv_scores": (score, score),
        "params": {"C": 1.0},
        "feature_names": ("x",),
        "classes": ("no", "yes"),
        "fit_seconds": 0.5,
        "predict_ms": 1.0,
        "size_bytes": 10,
        "file": store.files.put_bytes(b"a model"),
        "created_at": 1.7e9,
        **values,
        "details": ModelDetails.of_record(values.get("details", {})),
    }
    model = Model(**given)
    lower = model.metric in ("rmse", "mae", "mape", "log_loss")
    store.models.put(model, -score if lower else score)
    return model
