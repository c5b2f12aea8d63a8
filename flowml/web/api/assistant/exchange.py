"""The workers' side of questions to language models: they wait for one, hand its answer over, and hear when nobody
wants it any more."""

from typing import Any

from starlette.requests import Request

from flowml.domain.errors import NotFound
from flowml.domain.jobs import LLM
from flowml.services.access.keys import is_still_valid
from flowml.services.assistant.choosing import assistance_of
from flowml.services.assistant.exchange import Exchange
from flowml.services.fleet import workers
from flowml.web.api.workers import Come, caller_of
from flowml.web.bodies import read_body
from flowml.web.caller import context_of
from flowml.web.leaving import for_a_worker
from flowml.web.schemas.exchange import AnswerPiece, AskQuestion, GivenQuestion, WatchQuestion


async def lease(request: Request) -> dict[str, Any]:
    """Wait for a question to the language models of a worker. Answers as soon as there is one, and after the time that
    was asked for without."""
    body = await read_body(request, AskQuestion)
    context = context_of(request)
    caller = await caller_of(request, body.worker_id)
    await for_a_worker(request, lambda: workers.must_serve(context, caller.id, LLM))
    # It may have left meanwhile, and nobody would wait for its answers then.
    caller = await caller_of(request, body.worker_id)
    host = _exchange(request).host(caller.id, caller.name)
    host.offers(body.version, [model.offer() for model in body.models])
    come = Come()
    with host.connected():
        host.stand(come.soon)
        is_here = False
        try:
            is_here = not await come.within(body.wait_seconds, request) and is_still_valid(context, context.caller)
        finally:
            question = host.take(come.soon, is_here=is_here)
    return {"question": None if question is None else GivenQuestion.of(question)}


async def answer(request: Request) -> dict[str, bool]:
    """Hand over the next piece of an answer."""
    body = await read_body(request, AnswerPiece)
    await caller_of(request, body.worker_id)
    failed = None if body.failed is None else body.failed.problem()
    host = _exchange(request).find(body.worker_id)
    return {"stop": host.answer(body.question_id, body.number, body.text, body.told, failed, has_ended=body.has_ended)}


async def watch(request: Request) -> dict[str, bool]:
    """Wait until nobody wants the answer any more. A worker that has none of these open while it answers is held to be
    gone after some seconds."""
    body = await read_body(request, WatchQuestion)
    await caller_of(request, body.worker_id)
    host, come = _exchange(request).find(body.worker_id), Come()
    with host.connected(), host.watched(body.question_id, come.soon):
        await come.within(body.wait_seconds, request)
    try:
        return {"stop": host.question(body.question_id).is_over}
    except NotFound:
        return {"stop": True}


def _exchange(request: Request) -> Exchange:
    return assistance_of(context_of(request)).exchange
