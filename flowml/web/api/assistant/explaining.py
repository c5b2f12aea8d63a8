"""Results in words, over HTTP."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.assistant import explaining
from flowml.services.context import Context
from flowml.web.bodies import read_body
from flowml.web.schemas.explaining import LINE, ExplainResults
from flowml.web.streams import Tell, Told, lines_of


def of_job(context: Context, job_id: str) -> Any:
    """The results of a run in plain words, by FlowML itself.

    It needs no language model. Each sentence names the facts that it stands on; each fact says where it is shown."""
    return explaining.own_explanation(context, job_id=job_id)


def of_model(context: Context, model_id: str) -> Any:
    """What a model can do in plain words, by FlowML itself."""
    return explaining.own_explanation(context, model_id=model_id)


def by_model(context: Context, body: ExplainResults) -> explaining.SaidByModel:
    """The results of a run, or of one model, in the words of a language model.

    Its numbers are held against the figures: those that are not among them are in `marks`, with their places. Without a
    language model the answer is 503 with a hint; FlowML's own words are at `/api/results/job/{job_id}/explanation`."""
    return explaining.explain_results(context, job_id=body.job_id, model_id=body.model_id)


async def by_model_in_lines(request: Request) -> Response:
    """The same as it comes, in lines of JSON.

    Each has a `type`: `by`, who answers; `wait`, why there is nothing yet; `text`, pieces of it; `anew`, where they
    begin again; and `ended` with the whole, as the other address answers, and where it ended early `reason` and
    `hint`. Whoever leaves ends the answer."""
    body = await read_body(request, ExplainResults)

    def work(context: Context, tell: Tell) -> None:
        explaining.explain_results_in_pieces(context, tell, job_id=body.job_id, model_id=body.model_id)

    return await lines_of(request, work, _as_json)


def _as_json(told: Told) -> bytes:
    return LINE.dump_json(LINE.validate_python(told, from_attributes=True))
