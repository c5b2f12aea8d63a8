"""Conversations over HTTP."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.assistant import conversation
from flowml.services.context import Context
from flowml.web.bodies import read_body
from flowml.web.schemas.conversations import LINE, Ask, StopChat, WhichChat
from flowml.web.streams import Tell, Told, lines_of


async def ask(request: Request) -> Response:
    """Ask about a data set or about the results of a run.

    The answer comes as lines of JSON, each with a `type`: `started` with question and answer as they are kept; `by`,
    who answers; `wait`, why there is nothing yet; `text`, pieces of the answer; and `ended` with the whole of it, its
    state, the facts that its text cites as `[f1]`, and what it proposes. Without a language model FlowML answers
    itself, from what it has found. Whoever leaves ends the answer; what there is of it is kept.
    """
    body = await read_body(request, Ask)

    def work(context: Context, tell: Tell) -> None:
        conversation.ask(context, body.dataset_id, body.job_id, body.text, tell, target=body.target, own=body.own)

    return await lines_of(request, work, _as_json)


def show(context: Context, query: WhichChat) -> dict[str, Any]:
    """What was said about a data set and the runs on it, or about one run."""
    items, questions = conversation.history(context, query.dataset_id, query.job_id, query.target)
    return {"items": items, "questions": questions}


def stop(context: Context, body: StopChat) -> None:
    """End the answer that is being written; what there is of it is kept."""
    conversation.stop(context, body.dataset_id, body.job_id)


def forget(context: Context, query: WhichChat) -> None:
    """Delete a conversation; that of a data set with those of its runs."""
    conversation.forget(context, query.dataset_id, query.job_id)


def _as_json(told: Told) -> bytes:
    return LINE.dump_json(LINE.validate_python(told, from_attributes=True))
