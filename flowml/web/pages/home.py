"""Home: where am I, what next."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.datasets import Dataset
from flowml.domain.jobs import Job, JobStatus
from flowml.domain.models import Model
from flowml.services import datasets, jobs, results, system
from flowml.web.pages.frame import build_frame, context_of
from flowml.web.templating import Page, respond


@dataclass(frozen=True)
class Sample:
    """A small table that travels with FlowML, to try it with."""

    file: str
    title: str
    description: str
    icon: str


SAMPLES = (
    Sample("customer-churn.csv", "Customer churn", "600 customers: who will leave?", "target"),
    Sample("house-prices.csv", "House prices", "500 houses: what will one sell for?", "home"),
)


@dataclass(frozen=True)
class Champion:
    """The best model of a finished run."""

    job: Job
    model: Model


@dataclass(frozen=True, kw_only=True)
class HomePage(Page):
    template: ClassVar[str] = "home.html"

    first_visit: bool
    samples: tuple[Sample, ...]
    max_upload_bytes: int
    extensions: tuple[str, ...]
    datasets: list[Dataset]
    n_datasets: int
    running: list[Job]
    champions: list[Champion]
    stats: dict[str, Any]


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "home")
    recent, n_datasets = datasets.list_datasets(context, 6, 0)
    all_jobs, n_jobs = jobs.list_jobs(context, 60, 0)
    ended = [job for job in all_jobs if job.status.ended and job.status is not JobStatus.FAILED and job.best_model_id]
    return respond(
        request,
        HomePage(
            title="Home",
            frame=frame,
            first_visit=n_datasets == 0 and n_jobs == 0,
            samples=SAMPLES,
            max_upload_bytes=context.settings.max_upload_bytes,
            extensions=datasets.supported_extensions(),
            datasets=recent,
            n_datasets=n_datasets,
            running=[job for job in all_jobs if not job.status.ended],
            champions=[Champion(job, results.get_model(context, job.best_model_id or "")) for job in ended[:6]],
            stats=asdict(system.stats(context)),
        ),
    )
