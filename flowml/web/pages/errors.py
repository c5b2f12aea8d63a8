"""The page that says what went wrong and what to do."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import HTMLResponse

from flowml.web.errors import problem_of
from flowml.web.pages.frame import Frame, build_frame
from flowml.web.templating import Page, respond


@dataclass(frozen=True, kw_only=True)
class ErrorPage(Page):
    template: ClassVar[str] = "error.html"

    status: int
    detail: str
    hint: str | None


@dataclass(frozen=True, kw_only=True)
class RefusedPage(Page):
    """For whoever gets nothing of this server, its style sheets neither."""

    template: ClassVar[str] = "refused.html"

    detail: str
    hint: str | None


def refused_page(request: Request, error: Exception) -> HTMLResponse:
    """What a person reads who is not let in."""
    problem = problem_of(error)
    page = RefusedPage(title=problem.kind.title, frame=None, detail=problem.detail, hint=problem.hint)
    answer = respond(request, page, problem.kind.status)
    answer.headers.update(problem.kind.headers)
    return answer


def error_page(request: Request, status: int, title: str, detail: str, hint: str | None = None) -> HTMLResponse:
    """An HTML answer with this status."""
    try:
        frame = build_frame(request, "")
    except Exception:
        # Whatever is broken, and whoever may not see what else there is, reads what went wrong; the log has it already.
        frame = Frame(section="", path=request.scope["path"], now=0.0, last_event_id=0, running=(), notices=())
    return respond(request, ErrorPage(title=title, frame=frame, status=status, detail=detail, hint=hint), status)
