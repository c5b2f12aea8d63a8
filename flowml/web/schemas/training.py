"""Training runs and their trials."""

from typing import Any, Literal

from pydantic import Field

from flowml.domain.jobs import JobSpec, JobStatus, ProblemType, ProblemTypeChoice, Queue
from flowml.domain.metrics import Goal
from flowml.domain.trials import TrialStatus
from flowml.web.schemas.base import Answer, Body, Listing, PageQuery, Timestamp


class StartTraining(Body):
    """What to learn from which table."""

    dataset_id: str
    target: str = Field(description="the column to predict")
    problem_type: ProblemTypeChoice = "auto"
    metric: Literal["auto", Goal] = "auto"
    time_budget_seconds: float = Field(300, ge=1, allow_inf_nan=False, description="everything ends within this time")
    max_trials: int | None = Field(None, ge=1, le=100_000, description="stop after this many; default: no limit")
    algorithms: list[str] | None = Field(
        None, min_length=1, max_length=100, fail_fast=True, description="only these; default: all"
    )
    cv_folds: int = Field(5, ge=2, le=20, description="parts of the table that are left out in turn")
    cv: str = Field(
        "auto",
        max_length=300,
        description="which rows test a model: auto, stratified (drawn one by one), together (rows equal in all that "
        "models learn from stay together), group:COLUMN (rows of one value do), time:COLUMN (later rows)",
    )
    weight_column: str | None = Field(None, max_length=300, description="how much each row counts; default: all alike")
    exclude_columns: list[str] = Field([], max_length=100_000, fail_fast=True, description="columns to leave out")
    queue: Queue = "auto"
    priority: int = Field(0, ge=-1000, le=1000, description="higher ones go first")
    seed: int = Field(0, ge=0, le=2**31 - 1)
    name: str | None = Field(None, max_length=200)

    def spec(self) -> JobSpec:
        values = self.model_dump()
        values["algorithms"] = None if self.algorithms is None else tuple(self.algorithms)
        values["exclude_columns"] = tuple(self.exclude_columns)
        return JobSpec(**values)


class ExtendTraining(Body):
    """More time for a training run."""

    time_budget_seconds: float = Field(ge=1, allow_inf_nan=False)


class Estimate(Answer):
    """The expected score and the range in which it lies with 90 % confidence."""

    score: float | None
    low: float | None
    high: float | None
    method: str


class Job(Answer):
    """One training run and how far it is."""

    id: str
    name: str
    dataset_id: str
    target: str
    status: JobStatus
    stage: str
    progress: float = Field(description="0 to 100")
    message: str
    problem_type: ProblemType | None
    metric: str | None
    time_budget_seconds: float
    elapsed_seconds: float
    trials_finished: int
    best_score: float | None = Field(
        description="what to expect of the best model on new rows; the leaderboard has raw ones"
    )
    best_score_low: float | None = Field(None, description="the range in which it lies with 90 % confidence")
    best_score_high: float | None = None
    baseline_score: float | None = Field(None, description="what a constant guess reaches in the same metric")
    positive_class: str | None = Field(
        None,
        description="the one of two classes that F1, precision and recall are about; else they are means over classes",
    )
    best_model_id: str | None
    fast_model_id: str | None = Field(None, description="the fast twin: one small model beside the best one")
    estimate: Estimate | None = Field(None, description="what to expect of the best model on new rows")
    queue: str
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    error: str | None


class JobList(Listing[Job]):
    """A part of a list, and how many there are in all."""


class Trial(Answer):
    """One algorithm with one set of parameters, evaluated by cross-validation."""

    id: str
    job_id: str
    algorithm: str
    params: dict[str, Any]
    status: TrialStatus
    score: float | None
    fold_scores: list[float | None]
    fit_seconds: float | None
    worker_id: str | None
    worker_name: str | None
    attempt: int
    started_at: Timestamp | None
    finished_at: Timestamp | None
    started_seconds: float | None = Field(None, description="those of its run when its last attempt began")
    elapsed_seconds: float | None = Field(
        None, description="those of its run when its last attempt ended; pauses do not count"
    )
    error: str | None


class TrialList(Listing[Trial]):
    """A part of a list, and how many there are in all."""


class Attempt(Answer):
    """Work on a trial that did not end it. Seconds are those of the run."""

    trial_id: str
    attempt: int
    worker_id: str | None
    worker_name: str | None
    started_seconds: float | None
    ended_seconds: float | None
    error: str | None = Field(description="why; null where the machine was lost, or gave it back")


class AttemptList(Listing[Attempt]):
    """A part of a list, and how many there are in all."""


class AlgorithmsQuery(PageQuery):
    problem_type: ProblemTypeChoice = Field("auto", description="only those for it; auto: all")


class Algorithm(Answer):
    """One family of models and the parameters that the search varies."""

    name: str
    category: str
    title: str
    gpu: bool
    search_space: list[dict[str, Any]]


class AlgorithmList(Listing[Algorithm]):
    """A part of a list, and how many there are in all."""
