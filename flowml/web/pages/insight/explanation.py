"""The results of a run and of a model in plain words: FlowML's own at once, and a language model's when asked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.assistant.explaining import job_has_ended, own_explanation
from flowml.services.context import Context
from flowml.web.caller import context_of
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond

_MOST_CITED = 2


@dataclass(frozen=True)
class Citation:
    """A small number behind a sentence: what it stands on, and where that is shown."""

    number: int
    sentence: str
    link: str


@dataclass(frozen=True)
class CitedSentence:
    text: str
    citations: Sequence[Citation]


@dataclass(frozen=True)
class TextSection:
    key: str
    title: str
    sentences: Sequence[CitedSentence]
    is_list: bool


@dataclass(frozen=True)
class ExplanationText:
    """`part` is where the page's script finds the whole of it, where something has to be worked out first; `ask` is
    (JSON) what a language model is asked about."""

    verdict: str
    sections: Sequence[TextSection]
    part: str
    ask: str


@dataclass(frozen=True, kw_only=True)
class ExplanationPart(Page):
    template: ClassVar[str] = "assistant/explanation_part.html"

    explanation: ExplanationText


def part_of_job(request: Request) -> Response:
    context = context_of(request)
    return _part(request, explanation_of(context, job_id=request.path_params["job_id"], waits=True))


def part_of_model(request: Request) -> Response:
    context = context_of(request)
    return _part(request, explanation_of(context, model_id=request.path_params["model_id"], waits=True))


def _part(request: Request, explanation: ExplanationText) -> Response:
    frame = build_frame(request, "jobs")
    return respond(request, ExplanationPart(title="In plain words", frame=frame, explanation=explanation))


def explanation_of(
    context: Context, *, job_id: str | None = None, model_id: str | None = None, waits: bool = False
) -> ExplanationText:
    """What a page shows: at once what is known, unless it `waits`. Raises NotFound."""
    found = own_explanation(context, job_id=job_id, model_id=model_id, waits=waits)
    known = {fact.id: fact for fact in found.facts}
    numbers: dict[str, int] = {}
    sections = []
    for section in found.sections:
        sentences = []
        for sentence in section.sentences:
            shown = [known[one] for one in sentence.facts if known[one].link][:_MOST_CITED]
            citations = [
                Citation(numbers.setdefault(fact.id, len(numbers) + 1), fact.sentence, fact.link) for fact in shown
            ]
            sentences.append(CitedSentence(sentence.text, citations))
        sections.append(TextSection(section.key, section.title, sentences, section.is_list))
    place = f"/jobs/{job_id}" if job_id is not None else f"/models/{model_id}"
    ask = {"job_id": job_id} if job_id is not None else {"model_id": model_id}
    # As long as a run goes on its models change, and its trials want the machine.
    is_over = job_has_ended(context, job_id=job_id, model_id=model_id)
    return ExplanationText(found.verdict, sections, f"{place}/explanation" if is_over else "", json.dumps(ask))
