"""Credentials: which kinds there are, what a secret looks like, and what is kept of one."""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal, TokenKind

OWNER_PREFIX = "token:"
"""Before its id, under which what somebody has done with a token is theirs."""
_ALPHABET = string.ascii_letters + string.digits
# log2(62) bits each: 256 of them.
_SECRET_CHARACTERS = 43
_MAY = {
    TokenKind.ADMIN: LOCAL_OWNER.may,
    # A token that stands in another program asks for predictions: it could read the training data with a right to read.
    TokenKind.API: frozenset({Permission.OPEN, Permission.PREDICT}),
    TokenKind.WORKER: frozenset({Permission.OPEN, Permission.WORK}),
}


@dataclass(frozen=True)
class Token:
    """What is kept of a token: everything but its secret. Times are seconds since the epoch; `model_id` is the only
    model, or training run, that it may ask."""

    id: str
    kind: TokenKind
    name: str
    model_id: str | None
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None

    def state(self, now: float) -> str:
        """valid, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"

    def caller(self, session_id: str | None = None) -> Principal:
        """Who comes with it; `session_id` is of the log-in that was made with it. An admin token is the owner's key to
        this server from elsewhere, so what they store with it is theirs as what they store here."""
        owner = LOCAL_OWNER.identifier if self.kind is TokenKind.ADMIN else f"{OWNER_PREFIX}{self.id}"
        return Principal(owner, _MAY[self.kind], self.kind, self.id, session_id, self.model_id)


def new_secret(kind: TokenKind) -> str:
    """The secret of a new token: its kind, for whoever finds one where it should not be, then 256 random bits."""
    return f"flowml_{kind}_{''.join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))}"


def is_secret(kind: TokenKind, text: str) -> bool:
    """Whether this could be the secret of a token of this kind, wherever it was drawn.

    >>> is_secret(TokenKind.WORKER, "flowml_worker_" + "a" * 43), is_secret(TokenKind.WORKER, "hunter2")
    (True, False)
    """
    return re.fullmatch(f"flowml_{kind}_[0-9A-Za-z]{{{_SECRET_CHARACTERS}}}", text, re.ASCII) is not None


def fingerprint(secret: str) -> str:
    """What is kept in the place of a secret, and what it is found by.

    A slow hash is for secrets that people think up, which can be tried one after the other. Of 256 random bits there
    are too many to try, so one SHA-256 keeps them as safe, and costs a request a microsecond. Whoever measures how long
    looking one up takes learns something of the hash, and nothing of what would have it.

    >>> fingerprint("flowml_api_a")[:12]
    '28bd9c619426'
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
