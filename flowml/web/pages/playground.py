"""Playground: type a row, read the prediction."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowml.domain.datasets import Role
from flowml.domain.errors import NotFound
from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.domain.wording import number
from flowml.services import figures, jobs, results
from flowml.services.context import Context
from flowml.services.examples import Example, example_if_readable, example_of
from flowml.services.serving import predicting
from flowml.web.caller import context_of
from flowml.web.endpoint import parse_query
from flowml.web.formatting import cell
from flowml.web.headline import headline
from flowml.web.pages.frame import build_frame
from flowml.web.pages.jobs import algorithm_titles
from flowml.web.schemas.results import ExampleQuery
from flowml.web.templating import Page, respond
from flowml.web.words import ROLE_WORDS, metric_of, score_text

MANY_CATEGORIES = 40
MANY_COLUMNS = 24
FIRST_COLUMNS = 12
MOST_COLUMNS = 400
KNOWN_ORDER = "The columns that matter most come first."
UNKNOWN_ORDER = "The first columns of the table; which ones matter most is being worked out."


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
    """`fields` are on show, `folded` behind them; of models with very many columns `left_out` keep the values of the
    example. `order` says in words in which order they stand. In `form`, `source` tells of
    a real row, or of values that are typical one by one where no table is left."""

    template: ClassVar[str] = "playground.html"

    job: Job
    model: Model
    heading: str
    fields: list[FormField]
    folded: list[FormField]
    left_out: int
    order: str
    has_rows: bool
    classes: list[str]
    worth: str
    max_upload_bytes: int
    form: dict[str, Any]


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    model = results.get_model(context, request.path_params["model_id"])
    job = jobs.get_job(context, model.job_id)
    titles = algorithm_titles(jobs.list_algorithms(None))
    # The first prediction follows at once: the model is loaded while the page is made and travels.
    predicting.warm_soon(context, model.id)
    found, problem = example_if_readable(context, model, parse_query(request.query_params, ExampleQuery).row)
    schema, order = _by_importance(context, model, job)
    values = {f["name"]: f.get("example") if found is None else found.values.get(f["name"]) for f in schema}
    fields = [form_field(at, feature, values[feature["name"]]) for at, feature in enumerate(schema[:MOST_COLUMNS])]
    shown = len(fields) if len(fields) <= MANY_COLUMNS else FIRST_COLUMNS
    return respond(
        request,
        PlaygroundPage(
            title=f"Try {titles.get(model.algorithm, model.algorithm)}",
            frame=frame,
            job=job,
            model=model,
            heading=titles.get(model.algorithm, model.algorithm),
            fields=fields[:shown],
            folded=fields[shown:],
            left_out=len(schema) - len(fields),
            order=order,
            has_rows=found is not None,
            classes=list(model.classes or ()),
            worth=_worth(model, job),
            max_upload_bytes=context.settings.max_upload_bytes,
            form={
                "model_id": model.id,
                "target": model.target,
                "fields": [
                    {"id": field.id, "name": field.name, "kind": field.kind, "role": field.role, "value": field.value}
                    for field in fields
                ],
                "kept": {f["name"]: values[f["name"]] for f in schema[MOST_COLUMNS:]},
                "example": None if found is None else _example_point(found),
                "source": _example_words(found, problem),
                "important": order != UNKNOWN_ORDER,
                "rows": 0 if found is None else found.n_rows,
                "range": _range_of_target(context, model, job),
            },
        ),
    )


def example(request: Request) -> Response:
    """A row of the table that the model was made from: `{"number", "dataset", "truth", "label", "source", "values",
    "raw"}`, null where there is none. `values` are what the controls show, `raw` the same as the table has them. Raises
    NotFound, Damaged, InvalidInput for a number that is none."""
    context = context_of(request)
    model = results.get_model(context, request.path_params["model_id"])
    found = example_of(context, model, parse_query(request.query_params, ExampleQuery).row)
    if found is None:
        return JSONResponse(None, headers={"Cache-Control": "no-store"})
    kinds = {f["name"]: form_field(at, f, None).kind for at, f in enumerate(model.details.schema)}
    values = {name: _control_value(value, kinds[name]) for name, value in found.values.items()}
    answer = {**_example_point(found), "values": values, "raw": dict(found.values)}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _example_point(found: Example) -> dict[str, Any]:
    truth = found.truth
    return {
        "number": found.number,
        "dataset": found.table,
        "truth": truth if isinstance(truth, int | float | None) and not isinstance(truth, bool) else cell(truth),
        "label": cell(truth),
        "source": _example_words(found, None),
    }


def _example_words(found: Example | None, problem: str | None) -> str:
    if found is None:
        why = problem or "The data set of this model was deleted, and no row of it is kept elsewhere."
        return f"{why} The example is what is typical of each column by itself, and may never have been together."
    row = f"The example is row {number(found.number)} of {found.table}"
    if found.rows_left_out:
        return f"{row}. The model was made from some of that table's rows only, perhaps not from this one."
    return f"{row}, which the model may have learned from."


def _by_importance(context: Context, model: Model, job: Job) -> tuple[list[Mapping[str, Any]], str]:
    """The columns of a model: few as in the table, of many the most important first, by this model or its run's best
    where that is known; and in words which it is."""
    schema = list(model.details.schema)
    if len(schema) <= MANY_COLUMNS:
        return schema, ""
    found = model.details.permutation_importance
    if found is None and job.best_model_id is not None and job.best_model_id != model.id:
        found = results.get_model(context, job.best_model_id).details.permutation_importance
    if found is None:
        return schema, UNKNOWN_ORDER
    places = {item.feature: place for place, item in enumerate(found.items)}
    return sorted(schema, key=lambda feature: places.get(feature["name"], len(places))), KNOWN_ORDER


def _range_of_target(context: Context, model: Model, job: Job) -> list[float] | None:
    """The least and the greatest value of a target in its table; None for classes, and where the table is gone."""
    if model.classes is not None:
        return None
    with suppress(NotFound):
        for column in figures.stats(context, job.dataset_id):
            if (
                column.name == model.target
                and isinstance(column.min, int | float)
                and isinstance(column.max, int | float)
            ):
                return [column.min, column.max]
    return None


def _worth(model: Model, job: Job) -> str:
    """How good its answers are: what to expect of the best model of a run, of others what they reached in testing."""
    if model.id == job.best_model_id:
        expected = headline(job)
        return f"{expected.title} {expected.value}" + (f": {expected.detail}" if expected.detail else "")
    return f"{metric_of(model.metric, model.positive_class).title} {score_text(model.score, model.metric)} in testing"


def form_field(at: int, feature: Mapping[str, Any], value: Any) -> FormField:
    """The control for one feature of a model's schema, with this value filled in."""
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
    return FormField(
        id=f"field-{at}",
        name=str(feature["name"]),
        role=role,
        kind=kind,
        value=_control_value(value, kind),
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


def _control_value(value: Any, kind: str) -> str:
    """What a control of this kind shows; those for dates take 2024-05-17 or 2024-05-17T08:30:00."""
    if kind not in ("date", "datetime"):
        return cell(value)
    text = cell(value).replace(" ", "T")
    return text[:10] if kind == "date" else text[:19]
