"""Training runs over HTTP."""

from typing import Any

from flowml.domain.jobs import Job
from flowml.services import jobs
from flowml.services.context import Context
from flowml.web.schemas.base import PageQuery, Rename
from flowml.web.schemas.training import AlgorithmsQuery, ExtendTraining, StartTraining


def start(context: Context, body: StartTraining) -> Job:
    """Start a training run."""
    return jobs.start_job(context, body.spec())


def index(context: Context, query: PageQuery) -> dict[str, Any]:
    """List training runs, newest first."""
    items, total = jobs.list_jobs(context, query.limit, query.offset)
    return {"items": items, "total": total}


def show(context: Context, job_id: str) -> Job:
    """One training run."""
    return jobs.get_job(context, job_id)


def rename(context: Context, job_id: str, body: Rename) -> Job:
    """Give a training run another name."""
    return jobs.rename_job(context, job_id, body.name)


def delete(context: Context, job_id: str) -> None:
    """Delete a training run with its models."""
    jobs.delete_job(context, job_id)


def cancel(context: Context, job_id: str) -> Job:
    """Stop a training run, keeping what has finished."""
    return jobs.cancel_job(context, job_id)


def extend(context: Context, job_id: str, body: ExtendTraining) -> Job:
    """Give a training run that has ended more time."""
    return jobs.extend_job(context, job_id, body.time_budget_seconds)


def trials(context: Context, job_id: str, query: PageQuery) -> dict[str, Any]:
    """Everything that a training run has tried."""
    items, total = jobs.list_trials(context, job_id, query.limit, query.offset)
    return {"items": items, "total": total}


def attempts(context: Context, job_id: str, query: PageQuery) -> dict[str, Any]:
    """Work on its trials that did not end them: of machines that were lost, say. The last attempt is in the trial."""
    items, total = jobs.list_earlier_attempts(context, job_id, query.limit, query.offset)
    return {"items": items, "total": total}


def algorithms(context: Context, query: AlgorithmsQuery) -> dict[str, Any]:
    """What can be trained, and what the search varies."""
    found = jobs.list_algorithms(query.problem_type)
    return {"items": found[query.offset : query.offset + query.limit], "total": len(found)}
