"""Home: where am I, what next."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.datasets import Dataset
from flowml.domain.jobs import Job
from flowml.services import datasets, jobs, system
from flowml.services.fleet import cluster
from flowml.web.caller import context_of
from flowml.web.pages.frame import MOST_RUNNING, build_frame
from flowml.web.templating import Page, respond
from flowml.web.words import METRICS

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


@dataclass(frozen=True, kw_only=True)
class HomePage(Page):
    """`champions`: the best run for each column of a table. `metrics`: what each metric is called and how its scores
    are written, for the cards that go on live."""

    template: ClassVar[str] = "home.html"

    first_visit: bool
    samples: tuple[Sample, ...]
    max_upload_bytes: int
    extensions: tuple[str, ...]
    datasets: list[Dataset]
    n_datasets: int
    running: list[Job]
    champions: list[Job]
    stats: dict[str, Any]
    workers_online: int
    metrics: dict[str, dict[str, str]]


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "home")
    recent, n_datasets = datasets.list_datasets(context, SHOWN, 0)
    _, n_jobs = jobs.list_jobs(context, 1, 0)
    first_visit = n_datasets == 0 and n_jobs == 0
    if first_visit:
        # Who comes for the first time brings a file next.
        datasets.expect_work()
    return respond(
        request,
        HomePage(
            title="Home",
            frame=frame,
            first_visit=first_visit,
            samples=SAMPLES,
            max_upload_bytes=context.settings.max_upload_bytes,
            extensions=datasets.supported_extensions(),
            datasets=recent,
            n_datasets=n_datasets,
            running=jobs.open_jobs(context, MOST_RUNNING),
            champions=jobs.champions(context, SHOWN),
            workers_online=cluster.online(context),
            stats=asdict(system.stats(context)),
            metrics={name: {"title": words.title, "format": words.format} for name, words in METRICS.items()},
        ),
    )
