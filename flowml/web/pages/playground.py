"""Playground: type a row, read the prediction."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.datasets import Role
from flowml.domain.errors import FlowMLError
from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.domain.wording import number
from flowml.services import jobs, prediction, results
from flowml.services.context import Context
from flowml.web.caller import context_of
from flowml.web.formatting import cell
from flowml.web.headline import headline
from flowml.web.pages.frame import build_frame
from flowml.web.pages.jobs import algorithm_titles
from flowml.web.templating import Page, respond
from flowml.web.words import ROLE_WORDS, metric_of, score_text

MANY_CATEGORIES = 40


@dataclass(frozen=True)
class FormField:
    """One column of the form. `kind` is the control: number, select, suggest, date, datetime or text; `value` the
    example that is filled in, `options` the categories seen in training."""

    id: str
    name: str
    role: str
    kind: str
    value: str
    whole: bool
    hint: str
    options: list[str]
    low: str
    high: str


@dataclass(frozen=True, kw_only=True)
class PlaygroundPage(Page):
    template: ClassVar[str] = "playground.html"

    job: Job
    model: Model
    heading: str
    fields: list[FormField]
    classes: list[str]
    worth: str
    form: dict[str, Any]


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    model = results.get_model(context, request.path_params["model_id"])
    job = jobs.get_job(context, model.job_id)
    titles = algorithm_titles(jobs.list_algorithms(None))
    fields = [form_field(at, feature) for at, feature in enumerate(model.details.schema)]
    answer = respond(
        request,
        PlaygroundPage(
            title=f"Try {titles.get(model.algorithm, model.algorithm)}",
            frame=frame,
            job=job,
            model=model,
            heading=titles.get(model.algorithm, model.algorithm),
            fields=fields,
            classes=list(model.classes or ()),
            worth=_worth(model, job),
            form={
                "model_id": model.id,
                "target": model.target,
                "fields": [
                    {"id": field.id, "name": field.name, "kind": field.kind, "role": field.role, "value": field.value}
                    for field in fields
                ],
            },
        ),
    )
    # The first prediction follows at once: have the model in memory by then.
    answer.background = BackgroundTask(_warm, context, model.id)
    return answer


def _worth(model: Model, job: Job) -> str:
    """How good its answers are: what to expect of the best model of a run, of others what they reached in testing."""
    if model.id == job.best_model_id:
        expected = headline(job)
        return f"{expected.title} {expected.value}" + (f": {expected.detail}" if expected.detail else "")
    return f"{metric_of(model.metric, model.positive_class).title} {score_text(model.score, model.metric)} in testing"


def _warm(context: Context, model_id: str) -> None:
    with suppress(FlowMLError):
        prediction.warm(context, model_id)


def form_field(at: int, feature: Mapping[str, Any]) -> FormField:
    """The control for one feature of a model's schema."""
    role = Role(feature["role"])
    dtype = str(feature.get("dtype") or "")
    options = [cell(value) for value in feature.get("categories") or ()]
    low, high = feature.get("min"), feature.get("max")
    hint = ROLE_WORDS[role]
    if role is Role.BOOLEAN:
        options = _two_words(cell(feature.get("example")))
        kind, hint = ("select", "") if options else ("text", hint)
    elif role is Role.NUMERIC:
        kind = "number"
        if low is not None and high is not None:
            hint = f"{_plain(low)} to {_plain(high)}"
    elif role is Role.DATETIME:
        kind = "date" if dtype == "Date" else "datetime"
        if low is not None and high is not None:
            hint = f"{_day(low)} to {_day(high)}"
    elif options:
        kind = "select" if len(options) < MANY_CATEGORIES else "suggest"
        hint = "" if kind == "select" else "pick or type"
    else:
        kind = "text"
    value = feature.get("example")
    return FormField(
        id=f"field-{at}",
        name=str(feature["name"]),
        role=role,
        kind=kind,
        value=_date_value(value, kind) if kind in ("date", "datetime") else cell(value),
        whole=dtype.startswith(("Int", "UInt")),
        hint=hint,
        options=options,
        low=cell(low) if role is Role.NUMERIC else "",
        high=cell(high) if role is Role.NUMERIC else "",
    )


def _two_words(example: str) -> list[str]:
    """Both words of a yes-or-no column in the way the table writes them, from one of them; empty when unknown."""
    for pair in (("true", "false"), ("yes", "no"), ("1", "0"), ("y", "n"), ("t", "f"), ("on", "off")):
        if example.lower() in pair:
            return [word.upper() if example.isupper() else word.title() if example.istitle() else word for word in pair]
    return []


def _plain(value: float) -> str:
    """A number as one would type it, without separators; a year stays a year."""
    return number(value).replace(",", "")


def _day(value: Any) -> str:
    return cell(value)[:10]


def _date_value(value: Any, kind: str) -> str:
    """The form that date inputs take: 2024-05-17, or 2024-05-17T08:30:00."""
    text = cell(value).replace(" ", "T")
    return text[:10] if kind == "date" else text[:19]
