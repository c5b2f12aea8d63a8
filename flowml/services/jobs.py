"""Training runs: start, watch, stop, extend, delete."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowml.domain.datasets import ColumnStats, Dataset, Role
from flowml.domain.errors import InvalidInput, NotFound, WrongState
from flowml.domain.events import Event
from flowml.domain.jobs import QUEUES, Job, JobSpec, JobStatus, ProblemType, Validation, ValidationKind, tested_name
from flowml.domain.names import did_you_mean, shown
from flowml.domain.trials import EarlierAttempt, Trial
from flowml.domain.workers import WorkerStatus, capabilities_of
from flowml.services.context import Context
from flowml.services.dispatch.answers_running import running_of
from flowml.services.dispatch.ledger import finish_job
from flowml.services.dispatch.telling import tell_job, tell_renamed, tell_system
from flowml.services.naming import free_name, new_name
from flowml.services.tables import run_task

_ENDING = ("finishing", "explaining")


@dataclass(frozen=True)
class AlgorithmInfo:
    """What can be chosen, for the form and for `GET /api/training/algorithms`."""

    name: str
    category: str
    title: str
    gpu: bool
    search_space: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class TaskPreview:
    """What training on this target would mean. `warnings` and `notes` are sentences: what to think about, and what is
    good to know; `problem` says why it cannot be done; `validation` is how models would be tested, where the table
    shows that rows belong together or follow each other; `unused` are the columns that are not learned from."""

    target: str
    problem_type: ProblemType | None
    reason: str
    metric: str | None
    classes: tuple[str, ...] | None
    warnings: tuple[str, ...]
    problem: str | None = None
    notes: tuple[str, ...] = ()
    validation: Validation | None = None
    unused: frozenset[str] = frozenset()


def start_job(context: Context, spec: JobSpec) -> Job:
    """Check everything that can be checked now, then queue it; where another run has its name already it gets a number.
    Raises NotFound, InvalidInput, NoRoom."""
    context.store.room.check()
    dataset = context.store.datasets.get(spec.dataset_id)
    _check_columns(dataset, spec)
    limit = context.settings.max_time_budget_seconds
    if not 1 <= spec.time_budget_seconds <= limit:
        raise InvalidInput.of_field(
            "time_budget_seconds",
            f"A time budget of {spec.time_budget_seconds:g} seconds is not possible.",
            hint=f"Choose between 1 second and {limit:g} seconds.",
        )
    _check_queue(spec)
    _look_at(context, dataset, spec, ahead=False)
    now = context.clock()
    with context.store.transaction():
        # Once more, because it may have been deleted meanwhile.
        context.store.datasets.get(spec.dataset_id)
        name = free_name(context.store.jobs, shown(spec.name or "") or f"{dataset.name}: {spec.target}")
        job = context.store.jobs.add(spec, name, now, owner=context.caller.identifier)
        tell_job(context.store, job, now)
    context.trainers.warm_up()
    context.trainers.nudge()
    return job


def list_jobs(context: Context, limit: int, offset: int, dataset_id: str | None = None) -> tuple[list[Job], int]:
    """Newest first, and how many there are; of one data set, or of all."""
    return context.store.jobs.page(limit, offset, dataset_id)


def open_jobs(context: Context, limit: int) -> list[Job]:
    """Those that have not ended, however old: first those that run, then those that wait, each newest first."""
    return context.store.jobs.open(limit)


def champions(context: Context, limit: int) -> list[Job]:
    """The best run for each column of a table and each metric, of those that have ended with a model, newest first."""
    return context.store.jobs.champions(limit)


def get_job(context: Context, job_id: str) -> Job:
    """Raises NotFound."""
    return context.store.jobs.get(job_id)


def list_trials(context: Context, job_id: str, limit: int, offset: int) -> tuple[list[Trial], int]:
    """In the order in which they were tried, and how many there are. Raises NotFound."""
    context.store.jobs.get(job_id)
    trials, total = context.store.trials.page(job_id, limit, offset)
    return [trial.shown for trial in trials], total


def list_earlier_attempts(context: Context, job_id: str, limit: int, offset: int) -> tuple[list[EarlierAttempt], int]:
    """Work on its trials that did not end them, and how often there was such. Raises NotFound."""
    context.store.jobs.get(job_id)
    return context.store.attempts.page(job_id, limit, offset)


def told(context: Context, job_id: str, until: int) -> list[Event]:
    """The remarks on a job and the changes of its best model up to an event, oldest first."""
    return context.store.history.of_job(job_id, until)


def cancel_job(context: Context, job_id: str) -> Job:
    """Ask a job to end now; what has finished is kept. Raises NotFound, WrongState when it has ended already."""
    now = context.clock()

    def cancel() -> Job:
        job = context.store.jobs.get(job_id)
        if job.status.ended:
            raise WrongState(f"This training run is already {job.status}.", hint="There is nothing left to stop.")
        if job.status is JobStatus.QUEUED:
            return finish_job(context.store, job_id, JobStatus.CANCELLED, now)
        job = context.store.jobs.update(job_id, cancel_requested=True, message="Stopping, keeping the best")
        tell_job(context.store, job, now)
        return job

    # What runs may be what fills the disk.
    job = context.store.at_any_rate(cancel)
    context.trainers.nudge()
    return job


def extend_job(context: Context, job_id: str, time_budget_seconds: float) -> Job:
    """Give a job this much more time; one that has ended goes on from its finished trials.

    Raises NotFound, InvalidInput, NoRoom, and WrongState when its data set is gone or it is just being stopped.
    """
    context.store.room.check()
    now = context.clock()
    limit = context.settings.max_time_budget_seconds
    with context.store.transaction():
        job = context.store.jobs.get(job_id)
        # What remains of a budget that was not used up is not carried over once a job has ended.
        before = job.elapsed_seconds if job.status.ended else job.time_budget_seconds
        total = before + time_budget_seconds
        if time_budget_seconds < 1 or total > limit:
            raise InvalidInput.of_field(
                "time_budget_seconds",
                f"{time_budget_seconds:g} more seconds would make {total:.0f} in all.",
                hint=f"A training run may take from 1 second to {limit:g} seconds altogether.",
            )
        if job.cancel_requested and not job.status.ended:
            raise WrongState("This training run is being stopped.", hint="Wait until it has ended, then extend it.")
        if job.stage in _ENDING and not job.status.ended:
            raise WrongState(
                "This training run is just ending.", hint="Extend it when it has ended: it goes on from what it found."
            )
        try:
            context.store.datasets.get(job.dataset_id)
        except NotFound:
            raise WrongState(
                "The data set of this training run was deleted, so it cannot go on.", hint="Start a new one."
            ) from None
        if job.status.ended:
            job = context.store.jobs.update(
                job_id,
                status=str(JobStatus.QUEUED),
                stage="waiting",
                message="Waiting for its turn",
                time_budget_seconds=total,
                progress=100 * job.elapsed_seconds / total,
                finished_at=None,
                error=None,
                cancel_requested=False,
                conductor_starts=0,
            )
        else:
            deadline = None if job.deadline_at is None else job.deadline_at + time_budget_seconds
            job = context.store.jobs.update(job_id, time_budget_seconds=total, deadline_at=deadline)
        tell_job(context.store, job, now)
    context.trainers.warm_up()
    context.trainers.nudge()
    return job


def rename_job(context: Context, job_id: str, name: str) -> Job:
    """The run with another name. Raises NotFound, InvalidInput, and WrongState when another one has it."""
    now = context.clock()
    with context.store.transaction():
        wanted = new_name(context.store.jobs, name, context.store.jobs.get(job_id).name, "training run")
        job = context.store.jobs.update(job_id, name=wanted)
        tell_job(context.store, job, now)
        tell_renamed(context.store, "job", job_id, wanted, now)
    return job


def delete_job(context: Context, job_id: str) -> None:
    """With its trials, its models and their files. Raises NotFound, WrongState while it runs."""

    def rows() -> None:
        job = context.store.jobs.get(job_id)
        if job.status is JobStatus.RUNNING:
            raise WrongState("This training run is still going on.", hint="Stop it first.")
        context.store.jobs.delete(job_id)
        tell_system(context.store, "info", "Training run deleted", job.name, context.clock())

    context.store.delete(rows)
    running_of(context.store).stop(job_id=job_id)
    # As where a data set is deleted: a server of one model deletes nothing.
    from flowml.services.assistant.trying import leave_run

    leave_run(context, job_id)
    context.store.files.forget_cached(tested_name(job_id, "*"))


def list_algorithms(problem_type: str | None) -> list[AlgorithmInfo]:
    """All algorithms, or those for one problem type. Raises InvalidInput for a type that does not exist."""
    from flowml.automl import algorithms

    wanted = None
    if problem_type is not None and problem_type != "auto":
        try:
            wanted = ProblemType(problem_type)
        except ValueError:
            raise InvalidInput.of_field(
                "problem_type", f"“{problem_type}” is not a problem type.", hint="Use classification or regression."
            ) from None
    return [
        AlgorithmInfo(
            info.name, str(info.category), info.title, info.gpu, tuple(algorithms.describe_space(info, wanted))
        )
        for info in algorithms.all()
        if wanted is None or wanted in info.problem_types
    ]


def usual_folds(n_rows: int, n_columns: int, cv_folds: int) -> int:
    """How many folds a table of this size gets where nobody chose otherwise; 1 is a part that is held out."""
    from flowml.automl.task.validation import folds_by_size

    return folds_by_size(n_rows, n_columns, cv_folds)


def detect_task(context: Context, dataset_id: str, target: str) -> TaskPreview:
    """What predicting this column would be, with the reason; for the form before training. Raises NotFound."""
    dataset = context.store.datasets.get(dataset_id)
    spec = JobSpec(dataset_id=dataset_id, target=target)
    try:
        _check_columns(dataset, spec)
        found = _look_at(context, dataset, spec, ahead=True)
    except InvalidInput as error:
        return TaskPreview(target, None, "", None, None, (), problem=error.detail)
    classes, validation = found["classes"], found["validation"]
    return TaskPreview(
        target,
        ProblemType(found["problem_type"]),
        found["reason"],
        found["metric"],
        None if classes is None else tuple(classes),
        (*found["warnings"], *found["suspects"]),
        notes=_dropped_columns(dataset, target),
        validation=None if validation is None else _validation(validation),
        unused=frozenset(found["unused"])
        | {column.name for column in dataset.columns if column.role in (Role.IDENTIFIER, Role.CONSTANT)},
    )


def keeps_rows_apart(column: ColumnStats) -> bool:
    """Whether a column by which somebody has rows grouped only names the groups: then it is not learned from."""
    from flowml.automl.task.task import only_names_groups

    return only_names_groups(column.name, column.role, column.dtype.startswith("Float"), column.n_unique)


def trains_on_gpu(context: Context, algorithm: str) -> bool:
    """Whether a machine that is online trains this algorithm on its GPU."""
    return any(
        (library := capabilities_of(worker.capabilities).gpu_libraries.get(algorithm)) and library.device
        for worker in context.store.workers.all()
        if worker.status is WorkerStatus.ONLINE
    )


def _validation(found: Mapping[str, Any]) -> Validation:
    return Validation(**{**found, "kind": ValidationKind(found["kind"]), "advice": tuple(found["advice"])})


def _dropped_columns(dataset: Dataset, target: str) -> tuple[str, ...]:
    identifiers = [c.name for c in dataset.columns if c.role is Role.IDENTIFIER and c.name != target]
    constants = [c.name for c in dataset.columns if c.role is Role.CONSTANT and c.name != target]
    warnings = []
    if identifiers:
        warnings.append(f"Not used, because they only name the rows: {', '.join(identifiers)}.")
    if constants:
        warnings.append(f"Not used, because they are the same in every row: {', '.join(constants)}.")
    return tuple(warnings)


def _check_columns(dataset: Dataset, spec: JobSpec) -> None:
    named = [("target", spec.target), ("weight_column", spec.weight_column)]
    for field, name in (*named, *(("exclude_columns", name) for name in spec.exclude_columns)):
        if name is not None and dataset.column(name) is None:
            raise InvalidInput.of_field(
                field,
                f"There is no column “{name}” in this table.",
                hint=did_you_mean(name, [column.name for column in dataset.columns]),
            )
    for name in spec.exclude_columns:
        if name == spec.target:
            raise InvalidInput.of_field("exclude_columns", "The column to predict cannot be left out.")
    usable = [
        column.name
        for column in dataset.columns
        if column.name not in (spec.target, spec.weight_column, *spec.exclude_columns)
        and column.role not in (Role.IDENTIFIER, Role.CONSTANT)
    ]
    if not usable:
        raise InvalidInput.of_field(
            "exclude_columns" if spec.exclude_columns else "target",
            "No column is left to predict from.",
            hint="Columns that only name the rows, or are the same everywhere, cannot help. Leave fewer columns out.",
        )


def _check_queue(spec: JobSpec) -> None:
    if spec.queue not in QUEUES:
        raise InvalidInput.of_field(
            "queue", f"There is no queue “{spec.queue}”.", hint=f"Use one of {', '.join(QUEUES)}."
        )


def _look_at(context: Context, dataset: Dataset, spec: JobSpec, *, ahead: bool) -> dict[str, Any]:
    """What `checking.check` finds in the table. Raises InvalidInput."""
    request = {
        "table": str(context.store.files.path(dataset.table)),
        "roles": {column.name: str(column.role) for column in dataset.columns},
        "spec": asdict(spec),
        "ahead": ahead,
    }
    return run_task(context, "check", request, module="flowml.services.engine_tasks")
