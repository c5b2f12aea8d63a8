"""How rows that came in others' protocols are answered: on the spot where that takes no time, else in a thread."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.services.serving.answers import Prediction
from flowml.services.serving.figures import milliseconds_since
from flowml.services.serving.loaded import Loaded
from flowml.web.bodies import is_read_at_once
from flowml.web.caller import context_of
from flowml.web.leaving import for_a_row, in_bulk

Asked = TypeVar("Asked")


async def answered(
    request: Request,
    sent: IO[bytes],
    model_id: str | None,
    parse: Callable[[bytes, bool], Asked],
    rows_of: Callable[[Asked, Loaded], Sequence[Mapping[str, Any]]],
    write: Callable[[Asked, Loaded, list[Prediction]], Response],
    coverage: Callable[[Asked], float],
) -> Response:
    """`parse` is given the body and whether it is small; `rows_of`, `coverage` (how often intervals are to hold the
    truth) and `write` are the protocol's. Raises what these do, and as `predicting.named`, `load` and `predict_rows`.
    """
    started = time.perf_counter()
    context = context_of(request)
    named = predicting.named(context, model_id)
    # Before anything that was sent is looked at.
    context.caller.check_model(named)
    with predicting.counted(context, named):
        return await _answered(request, context, sent, named, started, parse, rows_of, write, coverage)


async def _answered(
    request: Request,
    context: Context,
    sent: IO[bytes],
    named: str,
    started: float,
    parse: Callable[[bytes, bool], Asked],
    rows_of: Callable[[Asked, Loaded], Sequence[Mapping[str, Any]]],
    write: Callable[[Asked, Loaded, list[Prediction]], Response],
    coverage: Callable[[Asked], float],
) -> Response:

    def work(context: Context, asked: Asked) -> Response:
        loaded = predicting.load(context, named)
        rows = rows_of(asked, loaded)
        return finish(loaded, asked, predicting.predict_rows(context, loaded, rows, coverage(asked)))

    def finish(loaded: Loaded, asked: Asked, found: list[Prediction]) -> Response:
        response = write(asked, loaded, found)
        predicting.record(context, len(found), milliseconds_since(started), loaded.id)
        return response

    if not is_read_at_once(sent):
        return await in_bulk(request, lambda context: work(context, parse(sent.read(), False)))
    asked = parse(sent.read(), True)
    ready = predicting.ready(context, named)
    if ready is not None and ready.answers_at_once:
        rows = rows_of(asked, ready)
        if len(rows) == 1:
            return finish(ready, asked, [predicting.predict_row(ready, rows[0], coverage(asked))])
    return await for_a_row(request, lambda context: work(context, asked))
