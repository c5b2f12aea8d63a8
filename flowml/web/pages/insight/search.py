"""What mattered in a search, and models of a run side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.jobs import Job
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import Model
from flowml.domain.wording import number, plural
from flowml.services import jobs, results
from flowml.services.insight import figures
from flowml.web.caller import context_of
from flowml.web.formatting import duration, milliseconds, percent
from flowml.web.pages.charts import Chart
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond
from flowml.web.verdicts import pair_words, verdict
from flowml.web.words import METRICS, metric_of, score_text


@dataclass(frozen=True)
class Family:
    title: str
    n_trials: int
    best: str
    note: str
    chart: Chart | None


@dataclass(frozen=True, kw_only=True)
class SearchPart(Page):
    template: ClassVar[str] = "insight/search.html"

    problem: str
    sentence: str
    metric: str
    families: Sequence[Family]


@dataclass(frozen=True)
class ComparedRow:
    """A row of the table of models side by side; `best` are the places of the best values."""

    title: str
    values: Sequence[str]
    best: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ComparePage(Page):
    template: ClassVar[str] = "insight/compare.html"

    job: Job
    models: Sequence[Model]
    names: Mapping[str, str]
    problem: str
    verdict: str
    pairs: Sequence[str]
    method: str
    rows: Sequence[ComparedRow]


def part(request: Request) -> Response:
    """What mattered in the search."""
    context = context_of(request)
    job = jobs.get_job(context, request.path_params["job_id"])
    problem, sentence, families = "", "", list[Family]()
    try:
        found = figures.parameter_importance(context, job.id)
        sentence, families = search_sentence(found), [_family(one, job.metric or "") for one in found["families"]]
    except FlowMLError as error:
        problem = f"{error.detail} {error.hint or ''}".strip()
    return respond(
        request,
        SearchPart(
            title="What mattered in the search",
            frame=build_frame(request, "jobs"),
            problem=problem,
            sentence=sentence,
            metric=metric_of(job.metric or "", job.positive_class).title,
            families=families,
        ),
    )


def search_sentence(found: Mapping[str, Any]) -> str:
    """Which family, and by how much that counted."""
    if not found["families"]:
        return "No trial has finished yet."
    first = found["families"][0]
    share = found["share_of_family"]
    of_families = (
        f" {percent(share, 0)} of the spread of all scores is between families: that was"
        f" {'most' if share > 0.5 else 'much' if share > 0.2 else 'little'} of it."
        if share is not None
        else f" {found['note']}"
    )
    return f"{first['title']} came first, of {plural(found['n_trials'], 'finished trial')} on all rows.{of_families}"


def _family(found: Mapping[str, Any], metric: str) -> Family:
    sign = 1 if greater_is_better(metric) else -1
    items = [item for item in found["items"] if item["importance"] > 0]
    chart = None
    if items:
        first = items[0]
        chart = Chart(
            kind="parameters",
            title=found["title"],
            caption=f"What moved its score most: {first['parameter']}, {percent(first['importance'], 0)} of the spread"
            f" over {plural(found['n_trials'], 'trial')}. The best trial had {first['parameter']} ="
            f" {parameter_text(first['best'])}.",
            spec={"items": items},
            columns=("Parameter", "Share of the spread", "±", "In the best trial"),
            rows=[
                (
                    item["parameter"],
                    percent(item["importance"]),
                    percent(item["std"]),
                    parameter_text(item["best"]),
                )
                for item in items
            ],
        )
    return Family(found["title"], found["n_trials"], score_text(sign * found["best"], metric), found["note"], chart)


def parameter_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if isinstance(value, int | float) else "–" if value is None else str(value)


def compare_page(request: Request) -> Response:
    """Two to four models side by side, with a verdict."""
    context = context_of(request)
    job = jobs.get_job(context, request.path_params["job_id"])
    wanted = request.query_params.getlist("model")
    others = [name for name in wanted if results.get_model(context, name).job_id != job.id]
    if others:
        raise InvalidInput.of_field("model", f"Model {others[0]} is of another run than “{job.name}”.")
    models, names, problem, words, pairs, method = list[Model](), dict[str, str](), "", "", list[str](), ""
    try:
        models, found = figures.compare(context, wanted)
        names = results.names_apart(context, models)
        words = verdict(found["pairs"], names, models[0].metric)
        pairs = [pair_words(pair, names, models[0].metric) for pair in found["pairs"]]
        method = f"Tested on {plural(found['n_rows'], 'row')} that all of them had not seen: {found['method']}."
    except FlowMLError as error:
        problem = f"{error.detail} {error.hint or ''}".strip()
        models = [results.get_model(context, model_id) for model_id in wanted[: figures.MOST_COMPARED]]
        names = results.names_apart(context, models)
    return respond(
        request,
        ComparePage(
            title=f"Models of {job.name} compared",
            frame=build_frame(request, "jobs"),
            job=job,
            models=models,
            names=names,
            problem=problem,
            verdict=words,
            pairs=pairs if len(pairs) > 1 else [],
            method=" ".join([*(pairs if len(pairs) == 1 else []), method]),
            rows=_rows(models),
        ),
    )


def _rows(models: Sequence[Model]) -> list[ComparedRow]:
    if not models:
        return []
    metric, positive = models[0].metric, models[0].positive_class
    rows = [
        _compared(
            metric_of(metric, positive).title,
            [model.score for model in models],
            [score_text(model.score, metric) for model in models],
            greater_is_better(metric),
        )
    ]
    for name in METRICS:
        values = [model.metrics.get(name) for model in models]
        if name != metric and any(value is not None for value in values):
            texts = [score_text(value, name) for value in values]
            rows.append(_compared(metric_of(name, positive).title, values, texts, greater_is_better(name)))
    speeds, fits = [model.predict_ms for model in models], [model.fit_seconds for model in models]
    rows.append(_compared("One prediction", speeds, [milliseconds(one) for one in speeds], False))
    rows.append(_compared("Training time", fits, [duration(one) for one in fits], False))
    return rows


def _compared(title: str, values: Sequence[float | None], texts: Sequence[str], greater: bool) -> ComparedRow:
    known = [value for value in values if value is not None]
    best = (max if greater else min)(known) if known else None
    # What is written alike is alike.
    shown = {texts[at] for at, value in enumerate(values) if value is not None and value == best}
    alike = len(set(texts)) == 1
    return ComparedRow(title, texts, [] if alike else [at for at, text in enumerate(texts) if text in shown])
