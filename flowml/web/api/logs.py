"""The log over HTTP: read, searched, followed, and what workers add to it."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.administration import logs
from flowml.services.context import Context
from flowml.services.fleet.workers import Fleet
from flowml.web.bodies import read_body
from flowml.web.caller import context_of
from flowml.web.leaving import for_a_worker
from flowml.web.schemas.logs import LogEntry, LogFilter, LogQuery, LogStreamQuery, SentLog
from flowml.web.streams import EventStream, head_only, last_event_id
from flowml.web.templating import moment

_STREAMED_AT_ONCE = 200
_DOWNLOADED = 20_000


def index(context: Context, query: LogQuery) -> logs.LogPage:
    """What this server, its processes and its workers have said."""
    return logs.read(context, query.wanted(), query.limit, query.after, query.before)


async def stream(request: Request, query: LogStreamQuery) -> Response:
    """The same as it comes, as server-sent events of type `log`; `Last-Event-ID` goes on where a stream broke off."""
    if request.method == "HEAD":
        return head_only()
    context, wanted = context_of(request), query.wanted()

    def read(after: int, until: int) -> list[tuple[int, bytes]]:
        found = logs.follow(context, wanted, after, until, _STREAMED_AT_ONCE)
        return [(entry.id, LogEntry.model_validate(entry).model_dump_json().encode()) for entry in found]

    known = last_event_id(request)
    return EventStream(request, "log", query.after if known is None else known, read)


def download(context: Context, query: LogFilter) -> Response:
    """The same as text, a line each and what comes with it."""
    found = logs.read(context, query.wanted(), _DOWNLOADED)
    return Response(
        "".join(_lines(found)),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="flowml.log"'},
    )


async def from_worker(request: Request) -> dict[str, int]:
    """What a worker has said: of one machine 10 lines a second are kept, after 600 at once, and bytes by its token."""
    body = await read_body(request, SentLog)
    context = context_of(request)
    fleet: Fleet = request.app.state.fleet
    lines = [line.line() for line in body.lines]
    return {"kept": await for_a_worker(request, lambda: logs.take_in(context, fleet, body.worker_id, lines, body.life))}


def _lines(found: logs.LogPage) -> Iterator[str]:
    for entry in found.items:
        job = f" (run {entry.job_id})" if entry.job_id else ""
        where = f"{entry.machine}, {entry.kind}"
        yield f"{moment(entry.at)} {entry.level.upper():<8} [{where}] {entry.source}: {entry.message}{job}\n"
        if entry.detail:
            yield "".join(f"    {line}\n" for line in entry.detail.splitlines())
