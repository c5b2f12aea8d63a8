"""Who calls a server of one model: there are no tokens, but one secret at most."""

import hmac

from starlette.types import Scope

from flowml.domain.access.caller import NOBODY, Permission, Principal
from flowml.domain.errors import MalformedRequest, Unauthorized
from flowml.web.caller import is_forwarded

ASKER = Principal("asker", frozenset({Permission.OPEN, Permission.READ, Permission.PREDICT}))
"""Whoever is let in may ask, and look at the model; there is nothing else."""


class SecretCallers:
    """With a secret everyone has to bring it, as a bearer token. Without one, everyone whom the gate lets in may ask,
    but not those for whom a proxy asks: a server without a secret is for this machine alone."""

    def __init__(self, secret: str | None):
        self._secret = None if secret is None else secret.encode()

    def __call__(self, scope: Scope) -> Principal:
        """Raises Unauthorized for a credential that is not valid, MalformedRequest for several."""
        credentials = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(credentials) > 1:
            raise MalformedRequest(
                "The request has more than one Authorization header.", hint="Send exactly one, or none."
            )
        if self._secret is None and not credentials:
            return NOBODY if any(is_forwarded(name) for name, _ in scope["headers"]) else ASKER
        if not credentials:
            return NOBODY
        scheme, _, sent = credentials[0].partition(b" ")
        # Which characters are right is not told by the time that it takes.
        if self._secret is None or scheme.lower() != b"bearer" or not hmac.compare_digest(sent.strip(), self._secret):
            raise Unauthorized(
                "This credential is not valid here.",
                hint="Send “Authorization: Bearer SECRET” with the secret that this server was started with.",
            )
        return ASKER
