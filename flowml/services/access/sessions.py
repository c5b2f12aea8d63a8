"""Logging in: a browser brings an admin token once, and has a cookie from then on."""

import secrets
from dataclasses import dataclass

from flowml.domain.access.caller import TokenKind
from flowml.domain.access.tokens import fingerprint
from flowml.services.context import Context

SESSION_SECONDS = 7 * 86_400.0


@dataclass(frozen=True)
class Session:
    """What a browser keeps, for how long, and what the token is called that it has brought."""

    secret: str
    seconds: float
    token_name: str


def log_in(context: Context, secret: str) -> Session | None:
    """A new session for whoever brings a valid admin token, until that ends or a week is over. None for any other:
    whether it is unknown, has expired, was revoked or is of another kind is not told, and is looked up alike."""
    now = context.clock()
    token = context.store.tokens.valid(fingerprint(secret), now)
    if token is None or token.kind is not TokenKind.ADMIN:
        return None
    seconds = SESSION_SECONDS if token.expires_at is None else min(SESSION_SECONDS, token.expires_at - now)
    session = Session(secrets.token_urlsafe(32), seconds, token.name)
    context.store.sessions.begin(fingerprint(session.secret), token.id, now, now + seconds)
    return session


def log_out(context: Context) -> None:
    """End the caller's session, if that is how they came."""
    session_id = context.caller.session_id
    if session_id is not None:
        context.store.at_any_rate(lambda: context.store.sessions.end(session_id))
