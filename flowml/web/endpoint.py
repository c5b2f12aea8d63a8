"""From a handler to HTTP: parse, call one plain function, serialise.

A handler is a plain function `(context, **path parameters, query=…, body=…)` that returns an object which its
response schema can read, or a response where it writes that itself. It runs in the thread pool, serialising included,
so the event loop never waits for it.
A coroutine function runs on the event loop and gets the request instead: for streams and for what answers at once.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flowml.domain.access.caller import Permission
from flowml.domain.errors import Forbidden
from flowml.domain.faults import fault_of
from flowml.services.context import Context
from flowml.services.system import note
from flowml.web.bodies import Schema, read_body
from flowml.web.caller import context_of
from flowml.web.errors import invalid_request
from flowml.web.leaving import for_a_worker, until_gone
from flowml.web.security import AtOnce

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """One method of one path. `response` is a schema, a media type of its own or several, or None for an empty answer.

    The handler's docstring is its description: the first line a summary. `need` is what its callers have to be allowed;
    an endpoint that states none is for nobody. One that `waits`, for a child process, does so apart from all others and
    ends when its client leaves; a coroutine function sees to that itself (`until_gone`). `at_once` has what answers
    bodies of JSON with JSON where that takes no time (`security.AtOnce`): then nothing else is done for the request.
    `line` is the schema of each line of an answer in lines of JSON. `takes`: what else than JSON, or a form, a body may
    be; `gives`: what else than `response` the answer.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    response: Any = None
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    form: type[BaseModel] | None = None
    need: Permission | None = None
    waits: bool = False
    at_once: tuple[Callable[[Context, bytes], Any], Callable[[Sequence[Any]], Sequence[bytes | None]]] | None = None
    line: Any = None
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()


class Resource:
    """The ASGI application behind one path: dispatches by method, and says which ones there are."""

    def __init__(self, endpoints: list[Endpoint]):
        self._by_method = {endpoint.method: (endpoint.need, _responder(endpoint)) for endpoint in endpoints}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]
        self._allow = ", ".join(self._by_method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        caller = context_of(request).caller
        found = self._by_method.get(scope["method"])
        if found is None:
            # Which methods there are is said to whoever may use one of them.
            if not any(need in caller.may for need, _ in self._by_method.values()):
                raise Forbidden("There is nothing here that you may do.")
            raise HTTPException(405, f"This address takes {self._allow}.", {"Allow": self._allow})
        need, respond = found
        caller.check(need)
        try:
            response = await respond(request)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            _log.warning("%s %s: %s (%s)", scope["method"], scope["path"], fault.detail, error)
            note(context_of(request), fault)
            raise fault from error
        await response(scope, receive, send)


def answering_at_once(endpoints: Iterable[Endpoint]) -> dict[str, AtOnce]:
    """What the gate may have answered at once, of these, by path."""
    return {
        one.path: AtOnce(one.need, *one.at_once)
        for one in endpoints
        if one.at_once is not None and one.need is not None
    }


def parse_query(parameters: Mapping[str, str], model: type[Schema]) -> Schema:
    """Query parameters as their schema; an empty one counts as not given. Raises InvalidInput."""
    try:
        return model.model_validate({name: value for name, value in parameters.items() if value != ""})
    except ValidationError as error:
        raise invalid_request(error, model) from None


def _responder(endpoint: Endpoint) -> Callable[[Request], Any]:
    serialise = _serialiser(endpoint)
    coroutine = inspect.iscoroutinefunction(endpoint.handler)

    async def respond(request: Request) -> Response:
        arguments: dict[str, Any] = dict(request.path_params)
        if endpoint.query is not None:
            arguments["query"] = parse_query(request.query_params, endpoint.query)
        if coroutine:
            return serialise(await endpoint.handler(request, **arguments))
        if endpoint.body is not None:
            arguments["body"] = await read_body(request, endpoint.body)

        def work(context: Context) -> Response:
            return serialise(endpoint.handler(context, **arguments))

        if endpoint.waits:
            return await until_gone(request, work)
        if endpoint.need is Permission.WORK:
            return await for_a_worker(request, partial(work, context_of(request)))
        return await run_in_threadpool(work, context_of(request))

    return respond


def _serialiser(endpoint: Endpoint) -> Callable[[Any], Response]:
    if endpoint.response is None or isinstance(endpoint.response, str | tuple):
        return lambda result: result if isinstance(result, Response) else Response(status_code=endpoint.status)
    adapter: TypeAdapter[Any] = TypeAdapter(endpoint.response)

    def serialise(result: Any) -> Response:
        if isinstance(result, Response):
            return result
        content = adapter.dump_json(adapter.validate_python(result, from_attributes=True))
        return Response(content, endpoint.status, media_type="application/json")

    return serialise
