"""The session's cookie: what a logged-in browser sends with every request, and no script and no other site can."""

from collections.abc import Iterable
from math import ceil

from starlette.types import Scope

_LONGEST = 100
_MOST = 3


def session_secrets(scope: Scope, cookies: Iterable[bytes]) -> list[str]:
    """What these `Cookie` headers hold under the session's name. More than one where another page of this host has set
    one as well, or tries to put one in its place."""
    name = _name(scope).encode()
    found = []
    for header in cookies:
        for part in header.split(b";"):
            key, _, value = part.strip().partition(b"=")
            if key == name and 0 < len(value) <= _LONGEST:
                found.append(value.decode("latin-1"))
    return found[:_MOST]


def session_cookie(scope: Scope, secret: str, seconds: float) -> str:
    """The `Set-Cookie` header that begins a session; with no seconds, that ends it."""
    secure = "; Secure" if is_https(scope) else ""
    return f"{_name(scope)}={secret}; Path=/; Max-Age={ceil(seconds)}; HttpOnly; SameSite=Strict{secure}"


def is_https(scope: Scope) -> bool:
    """Whether the browser has come by https."""
    return bool(scope["scheme"] in ("https", "wss"))


def _name(scope: Scope) -> str:
    """Browsers keep cookies by host alone, and there may be other servers behind other ports. The prefix has them see
    to it that this very host has set it, by https."""
    port = scope["server"][1] if scope.get("server") else None
    return f"{'__Host-' if is_https(scope) else ''}flowml-{port}"
