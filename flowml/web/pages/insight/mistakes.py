"""Show me the mistakes: the rows that a model got wrong, as they stand in the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.domain.wording import number, plural
from flowml.services import jobs, results
from flowml.services.datasets import get_dataset
from flowml.services.insight import figures
from flowml.web.caller import context_of
from flowml.web.endpoint import parse_query
from flowml.web.formatting import cell, percent
from flowml.web.pages.frame import build_frame
from flowml.web.schemas.insight import MistakesQuery
from flowml.web.templating import Page, respond

_MOST_COLUMNS = 30
_MOST_CLASSES = 200


@dataclass(frozen=True)
class MistakeRow:
    """`sure` is the probability of the answer, or by how much it is off; `cells` are (text, is the target)."""

    row: int
    actual: str
    predicted: str
    sure: str
    is_right: bool
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class MistakesPage(Page):
    """`previous` and `following` are addresses, empty where there is no such page; `can_be_tried`: rows have the
    numbers that the Playground knows them by."""

    template: ClassVar[str] = "insight/mistakes.html"

    job: Job
    model: Model
    heading: str
    sentence: str
    problem: str
    columns: Sequence[str]
    rows: Sequence[MistakeRow]
    place: str
    previous: str
    following: str
    actual: str
    predicted: str
    hidden: int
    can_be_tried: bool


def page(request: Request) -> Response:
    context = context_of(request)
    model = results.get_model(context, request.path_params["model_id"])
    job = jobs.get_job(context, model.job_id)
    query = parse_query(request.query_params, MistakesQuery)
    given = query.model_dump(exclude_none=True)
    found: Mapping[str, Any] = {"columns": [], "items": [], "total": 0, "n_rows": 0, "slice": None}
    problem = ""
    try:
        asked = query.model_dump()
        found = figures.mistakes(context, model.id, slice_number=asked.pop("slice"), **asked)
    except InvalidInput:
        raise
    except FlowMLError as error:
        problem = f"{error.detail} {error.hint or ''}".strip()
    last = min(found["total"], query.offset + query.limit)
    shown = list(range(min(_MOST_COLUMNS, len(found["columns"]))))
    return respond(
        request,
        MistakesPage(
            title=f"Mistakes of {model.name}",
            frame=build_frame(request, "jobs"),
            job=job,
            model=model,
            heading=_heading(query),
            sentence=_sentence(model, query, found),
            problem=problem,
            columns=[found["columns"][at] for at in shown],
            rows=[_row(item, shown) for item in found["items"]],
            place=f"{number(query.offset + 1)} to {number(last)} of {number(found['total'])}" if found["total"] else "",
            previous=_address(given, query.offset - query.limit) if query.offset else "",
            following=_address(given, last) if last < found["total"] else "",
            actual=query.actual or "",
            predicted=query.predicted or "",
            hidden=max(0, len(found["columns"]) - _MOST_COLUMNS),
            can_be_tried=bool(found["items"]) and not get_dataset(context, job.dataset_id).recipe,
        ),
    )


def _heading(query: MistakesQuery) -> str:
    is_right = query.actual is not None and query.actual == query.predicted
    return "Rows it got right" if is_right else "Mistakes"


def _sentence(model: Model, query: MistakesQuery, found: Mapping[str, Any]) -> str:
    rows = plural(found["total"], "row")
    if found["slice"]:
        return f"{found['slice']} {'The wrong ones' if model.classes else 'All of them'}, the worst first."
    if model.classes is None:
        between = [
            f"from {number(query.low)}" if query.low is not None else "",
            f"to {number(query.high)}" if query.high is not None else "",
        ]
        part = " ".join(filter(None, between))
        return f"{rows}{f' off by {part} (actual minus predicted)' if part else ''}, those that are off most first."
    if query.actual is not None and query.actual == query.predicted:
        return f"{rows} of “{query.actual}” that were predicted so, the least sure first."
    truth = f" whose truth is “{query.actual}”" if query.actual is not None else ""
    said = f"{' and' if truth else ''} that were predicted “{query.predicted}”" if query.predicted is not None else ""
    wrong = "" if truth or said else f" of {number(found['n_rows'])} that were predicted wrong"
    return f"{rows}{wrong}{truth}{said}, the surest answers first: those are the mistakes to learn from."


def _row(item: Mapping[str, Any], shown: Sequence[int]) -> MistakeRow:
    is_class = item["residual"] is None
    return MistakeRow(
        row=item["row"],
        actual=str(item["actual"]) if is_class else number(item["actual"]),
        predicted=str(item["predicted"]) if is_class else number(item["predicted"]),
        sure=percent(item["confidence"]) if is_class else number(item["residual"]),
        is_right=is_class and item["actual"] == item["predicted"],
        cells=[cell(item["values"][at]) for at in shown],
    )


def _address(given: Mapping[str, Any], offset: int) -> str:
    return "?" + urlencode({**given, "offset": max(0, offset)})
