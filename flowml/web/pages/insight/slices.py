"""Where a model fails most, in words, each with a way to its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import FlowMLError
from flowml.domain.models import Model
from flowml.domain.wording import number, percent, plural
from flowml.services import results
from flowml.services.insight import figures
from flowml.web.caller import context_of
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond


@dataclass(frozen=True)
class SliceWords:
    """One part of the table; `number` is its place, from 0."""

    number: int
    sentence: str
    loss: float
    elsewhere: float


@dataclass(frozen=True, kw_only=True)
class SlicesPart(Page):
    """`most`: what the widest bar stands for."""

    template: ClassVar[str] = "insight/slices.html"

    model: Model
    caption: str
    note: str
    items: Sequence[SliceWords]
    most: float


def part(request: Request) -> Response:
    context = context_of(request)
    model = results.get_model(context, request.path_params["model_id"])
    items: list[SliceWords] = []
    try:
        found = figures.slices(context, model.id)
        items = slice_words(found)
        caption, note = slices_caption(found), found["note"]
    except FlowMLError as error:
        caption, note = "", f"{error.detail} {error.hint or ''}".strip()
    return respond(
        request,
        SlicesPart(
            title="Where it fails most",
            frame=build_frame(request, "jobs"),
            model=model,
            caption=caption,
            note=note,
            items=items,
            most=max((item.loss for item in items), default=1.0),
        ),
    )


def slice_words(found: dict[str, Any]) -> list[SliceWords]:
    return [SliceWords(at, item["sentence"], item["loss"], item["elsewhere"]) for at, item in enumerate(found["items"])]


def slices_caption(found: dict[str, Any]) -> str:
    overall = (
        f"{percent(found['loss'])} of {plural(found['n_rows'], 'row')} were predicted wrong"
        if found["of"] == "wrong"
        else f"{plural(found['n_rows'], 'row')} are off by {number(found['loss'])} on average"
    )
    return f"{overall}. {plural(found['tested'], 'part')} of the table were looked at, by one or two columns."
