"""Home: where am I, what next."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.datasets import Dataset
from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.services import datasets, jobs, results, system
from flowml.services.context import Context
from flowml.web.caller import context_of
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond
from flowml.web.words import METRICS, metric_words

SHOWN = 6


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
    """The best model there is for one column of one table, and the run that found it."""

    job: Job
    model: Model


@dataclass(frozen=True, kw_only=True)
class HomePage(Page):
    """`metrics`: what each metric is called and how its scores are written, for the cards that go on live."""

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
    metrics: dict[str, dict[str, str]]


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "home")
    recent, n_datasets = datasets.list_datasets(context, SHOWN, 0)
    all_jobs, n_jobs = jobs.list_jobs(context, 200, 0)
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
            champions=_champions(context, all_jobs),
            stats=asdict(system.stats(context)),
            metrics={name: {"title": words.title, "format": words.format} for name, words in METRICS.items()},
        ),
    )


def _champions(context: Context, runs: list[Job]) -> list[Champion]:
    best: dict[tuple[str, str, str | None], Job] = {}
    for job in runs:
        question = (job.dataset_id, job.target, job.metric)
        if job.status.ended and job.best_model_id and (question not in best or _better(job, best[question])):
            best[question] = job
    newest = sorted(best.values(), key=lambda job: -job.created_at)[:SHOWN]
    return [Champion(job, results.get_model(context, job.best_model_id or "")) for job in newest]


def _better(job: Job, other: Job) -> bool:
    if job.best_score is None or other.best_score is None:
        return job.best_score is not None
    greater = metric_words(job.metric or "").greater_is_better
    return job.best_score > other.best_score if greater else job.best_score < other.best_score
