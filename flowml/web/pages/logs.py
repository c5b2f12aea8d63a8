"""Logs: what this server, its processes and its workers say, as it comes."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.logs import LogEntry, LogLevel
from flowml.services.administration import logs
from flowml.services.administration.logs import LogPage, Wanted
from flowml.web.caller import context_of
from flowml.web.endpoint import parse_query
from flowml.web.pages.frame import build_frame
from flowml.web.schemas.logs import LogQuery
from flowml.web.templating import Page, respond

SHOWN = 300
TAILED = 500
LEVELS = (
    (LogLevel.INFO, "Everything"),
    (LogLevel.WARNING, "Warnings and errors"),
    (LogLevel.ERROR, "Errors"),
    (LogLevel.CRITICAL, "Critical errors"),
)


@dataclass(frozen=True, kw_only=True)
class LogsPage(Page):
    """`query` is the filter as it stands in an address; `older` is how many lines there are before those shown."""

    template: ClassVar[str] = "logs.html"

    found: LogPage
    wanted: Wanted
    machines: list[tuple[str, str]]
    levels: tuple[tuple[LogLevel, str], ...] = LEVELS
    query: str
    older: int
    is_filtered: bool


@dataclass(frozen=True, kw_only=True)
class LogLinesPart(Page):
    """Only lines, for the page's script."""

    template: ClassVar[str] = "partials/log_lines.html"

    lines: list[LogEntry]
    older: int


def page(request: Request) -> Response:
    """`GET /logs?level=&search=&machine=&before=`; with `part=lines` only the lines, those `after` an id as well."""
    query = parse_query(request.query_params, LogQuery)
    wanted = query.wanted()
    context = context_of(request)
    if request.query_params.get("part") == "lines":
        found = logs.read(context, wanted, SHOWN if query.after is None else TAILED, query.after, query.before)
        older = 0 if query.after is not None else found.total - len(found.items)
        return respond(request, LogLinesPart(title="Logs", frame=None, lines=found.items, older=older))
    frame = build_frame(request, "logs")
    found = logs.read(context, wanted, SHOWN, None, query.before)
    return respond(
        request,
        LogsPage(
            title="Logs",
            frame=frame,
            found=found,
            wanted=wanted,
            machines=_machines(logs.machines(context), wanted.worker_id),
            query=_query(wanted),
            older=found.total - len(found.items),
            is_filtered=wanted != Wanted(),
        ),
    )


def _machines(found: list[tuple[str, str]], chosen: str | None) -> list[tuple[str, str]]:
    """Those to choose from; the one that is chosen also where it has said nothing."""
    known = {worker_id for worker_id, _ in found}
    return found if chosen is None or chosen in known else [*found, (chosen, chosen)]


def _query(wanted: Wanted) -> str:
    given = {"level": wanted.level.value, "search": wanted.search, "machine": wanted.worker_id or ""}
    return urlencode({name: value for name, value in given.items() if value not in ("", LogLevel.INFO.value)})
