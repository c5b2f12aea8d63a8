"""What a person or a program gets when a request fails: the error page, or the problem document."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from flowml.web.errors import problem_of, problem_response
from flowml.web.pages.errors import error_page


async def handle_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for every class of errors."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    headers = error.headers if isinstance(error, HTTPException) else None
    if request.scope["path"].startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return problem_response(error, headers, request.scope["path"])
    problem = problem_of(error)
    shown = (problem.kind.status, problem.kind.title, problem.detail, problem.hint)
    page = await run_in_threadpool(error_page, request, *shown)
    page.headers.update({**problem.kind.headers, **(headers or {})})
    return page
