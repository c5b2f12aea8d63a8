"""The page that lets a browser in: an admin token for a session's cookie. It works without any script."""

import logging
import re
from dataclasses import dataclass
from math import ceil
from typing import ClassVar
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flowml import __version__
from flowml.domain.access.caller import Permission
from flowml.domain.errors import TooLarge, UnsupportedFormat
from flowml.domain.wording import plural
from flowml.services.access import sessions
from flowml.services.access.throttle import Throttle
from flowml.web.caller import context_of
from flowml.web.cookies import session_cookie
from flowml.web.templating import Page, respond

_log = logging.getLogger(__name__)

PATH = "/login"
STYLES = ("tokens", "base", "frame", "buttons", "cards", "forms", "messages", "login")
FILES = ("favicon.svg", "js/theme.js", *(f"css/{name}.css" for name in STYLES))
"""The static files that the page needs, so those that nobody needs a credential for."""
_LONGEST_FORM = 8_192
_LONGEST_ADDRESS = 2_000
# Of this server: no other host, which may also begin with two slashes, or with what browsers take for one.
_OF_THIS_SERVER = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_NOT_VALID = "This is no valid admin token. It may be mistyped, of another kind, expired or revoked."


@dataclass(frozen=True, kw_only=True)
class LoginPage(Page):
    """`then` is where to go when that is done, `problem` why it is not; `again` is what to ask for in its place."""

    template: ClassVar[str] = "login.html"

    then: str
    problem: str | None = None
    again: str | None = None
    styles: tuple[str, ...] = STYLES
    version: str = __version__


def address(then: str, *, again: bool = False) -> str:
    """Of this page, for whoever wanted to go there; `again` says that the page itself has led there."""
    wanted = [] if then == "/" or len(then) > _LONGEST_ADDRESS else [f"next={quote(then, safe='/')}"]
    query = "&".join([*wanted, "again=1"] if again else wanted)
    return f"{PATH}?{query}" if query else PATH


async def show(request: Request) -> Response:
    """The page; who is let in already goes on."""
    then = _within(request.query_params.get("next"))
    if Permission.READ in context_of(request).caller.may:
        return _go_on(then)
    # Browsers keep the cookie to themselves when a link of another site is followed. From here on they send it. On
    # plain HTTP they do not say where somebody came from.
    came_from_here = request.headers.get("sec-fetch-site", "") in ("same-origin", "none")
    once_more = not came_from_here and "again" not in request.query_params
    return _page(request, 200, then, again=address(then, again=True) if once_more else None)


async def log_in(request: Request) -> Response:
    """Take the token. Who has tried wrong ones too often is told to wait; a right one is always taken."""
    form = await _form(request)
    then, token = _within(form.get("next")), form.get("token", "").strip()
    if not token:
        return _page(request, 422, then, problem="Enter a token.")
    context = context_of(request)
    client = request.client.host if request.client else "?"
    session = await run_in_threadpool(sessions.log_in, context, token)
    if session is None:
        # Counted only now: behind one proxy everybody has one address, and nobody can lock out who has a token.
        throttle: Throttle = request.app.state.throttle
        wait = ceil(throttle.take(client, context.steady()))
        if wait:
            seconds = plural(wait, "second")
            answer = _page(request, 429, then, problem=f"There were too many wrong tries. Try again in {seconds}.")
            answer.headers["Retry-After"] = str(wait)
            return answer
        _log.warning("somebody at %s tried to log in with what is no valid admin token", client)
        return _page(request, 401, then, problem=_NOT_VALID)
    _log.info("somebody at %s has logged in with the token “%s”", client, session.token_name)
    answer = _go_on(then)
    answer.headers["Set-Cookie"] = session_cookie(request.scope, session.secret, session.seconds)
    return answer


async def log_out(request: Request) -> Response:
    """End the session."""
    await run_in_threadpool(sessions.log_out, context_of(request))
    answer = _go_on(PATH)
    answer.headers["Set-Cookie"] = session_cookie(request.scope, "", 0)
    return answer


def _page(request: Request, status: int, then: str, problem: str | None = None, again: str | None = None) -> Response:
    answer = respond(request, LoginPage(title="Log in", frame=None, then=then, problem=problem, again=again), status)
    answer.headers["Cache-Control"] = "no-store"
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _go_on(then: str) -> Response:
    return Response(status_code=303, headers={"Location": then, "Cache-Control": "no-store"})


def _within(address: str | None) -> str:
    return address if address and _OF_THIS_SERVER.fullmatch(address) else "/"


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, of each the first. Raises UnsupportedFormat, TooLarge."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in ("", "application/x-www-form-urlencoded"):
        raise UnsupportedFormat("This address takes the form of the log-in page.")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LONGEST_FORM:
            raise TooLarge("This is longer than any token.")
    fields = parse_qs(content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return {name: values[0] for name, values in fields.items()}
