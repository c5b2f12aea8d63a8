"""Lists that are shown page by page."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response


def whole(text: str | None) -> int:
    """A whole number of the address, 0 where there is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0


def offset_of(request: Request) -> int:
    """How many of a list stand before the page that is asked for."""
    return whole(request.query_params.get("offset"))


def to_the_last_page(request: Request, total: int, limit: int) -> Response:
    """Where somebody is sent who has asked for a page behind the last one, as after deleting all that stood on that."""
    return RedirectResponse(f"{request.scope['path']}?offset={(total - 1) // limit * limit}", 303)
