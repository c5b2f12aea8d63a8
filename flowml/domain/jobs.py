"""A job: one training run."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args

from flowml.domain.access.caller import LOCAL_OWNER


class ProblemType(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


ProblemTypeChoice = Literal["auto", "classification", "regression"]
"""What may be asked for; `auto` decides by the target's values."""

Queue = Literal["auto", "cpu", "gpu", "gpu.vram6", "gpu.vram8", "gpu.vram12", "gpu.vram24", "priority"]
"""Where the trials of a job run: anywhere, or on machines with a GPU of so many gigabytes of memory, or on those too
that take `priority` alone (`flowml worker --queues priority`)."""
QUEUES: tuple[str, ...] = get_args(Queue)
PRIORITY = "priority"
"""A queue of machines that are kept free for it; every other machine takes it, too."""
LLM = "llm"
"""A queue of machines with a language model. No trial needs it."""


class ValidationKind(StrEnum):
    """How rows are held out: evenly by class, evenly by value, once only, equal ones together, whole entities, or the
    future."""

    STRATIFIED = "stratified"
    SHUFFLED = "shuffled"
    HOLDOUT = "holdout"
    TOGETHER = "together"
    GROUP = "group"
    TIME = "time"


@dataclass(frozen=True)
class Validation:
    """How the models of a job are tested. `column` decides who is held out together (group) or when (time); `reason`
    is a sentence for the person, and `advice` are sentences about what could be chosen instead, and when. `scheme`
    numbers the ways in which rows were given to folds: scores of different ones cannot be compared."""

    kind: ValidationKind
    column: str | None
    reason: str
    n_folds: int
    advice: tuple[str, ...] = ()
    scheme: int = 1


class JobStatus(StrEnum):
    """queued → running → completed | failed | cancelled.

    A job whose conductor dies stays running and is conducted again from its finished trials; `extend` takes a
    job that has ended back to queued.
    """

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class JobSpec:
    """What the user asked for. `auto` values are resolved by the conductor when it has seen the table.

    `cv`: auto, stratified, together, group:COLUMN or time:COLUMN.
    """

    dataset_id: str
    target: str
    problem_type: str = "auto"
    metric: str = "auto"
    time_budget_seconds: float = 300.0
    max_trials: int | None = None
    algorithms: tuple[str, ...] | None = None
    cv_folds: int = 5
    cv: str = "auto"
    weight_column: str | None = None
    exclude_columns: tuple[str, ...] = ()
    queue: str = "auto"
    priority: int = 0
    seed: int = 0
    name: str | None = None


@dataclass(frozen=True)
class Job:
    """One training run and how far it is. `elapsed_seconds` counts only time in which it really ran.

    `best_score` is what to expect of the best model on new rows, also while it runs: the one number that is shown for a
    run. `estimate` has its range as well: score, low, high and method. `baseline_score` is what a constant guess
    reaches. `deadline_at` is one of the steady clock, good while it runs. `positive_class` is the one of two
    classes that precision, recall and F1 are about, None where they are means over the classes. `fast_model_id` is
    the fast twin of the best model. `other_load`: how many threads of other programs wanted a core when it began.
    """

    id: str
    name: str
    spec: JobSpec
    status: JobStatus
    stage: str
    progress: float
    message: str
    problem_type: ProblemType | None
    metric: str | None
    time_budget_seconds: float
    elapsed_seconds: float
    trials_finished: int
    best_score: float | None
    best_model_id: str | None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    error: str | None = None
    deadline_at: float | None = None
    cancel_requested: bool = False
    conductor_starts: int = 0
    validation: Validation | None = None
    fast_model_id: str | None = None
    estimate: Mapping[str, Any] | None = None
    baseline_score: float | None = None
    positive_class: str | None = None
    owner: str = LOCAL_OWNER.identifier
    other_load: float = 0.0

    @property
    def best_score_low(self) -> float | None:
        return None if self.estimate is None else self.estimate["low"]

    @property
    def best_score_high(self) -> float | None:
        return None if self.estimate is None else self.estimate["high"]

    @property
    def dataset_id(self) -> str:
        return self.spec.dataset_id

    @property
    def target(self) -> str:
        return self.spec.target

    @property
    def queue(self) -> str:
        return self.spec.queue


def tested_name(job_id: str, table: str) -> str:
    """The name of the file that says which rows of a table (its hash) test the models of a job, and what they are."""
    return f"tested-{job_id}-{table}"
