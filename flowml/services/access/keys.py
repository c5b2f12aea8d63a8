"""Whose a secret is, remembered until something is stored: a warm prediction reads no table for it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from flowml.domain.access.caller import Principal
from flowml.domain.access.tokens import fingerprint
from flowml.services.context import Context
from flowml.store.store import Store

_REMEMBERED = 1000


@dataclass(frozen=True)
class _Known:
    """What a hash stood for when the tables were at this version."""

    version: int
    caller: Principal
    expires_at: float


def caller_with_token(context: Context, secret: str) -> Principal | None:
    """Whose token this is; None for one that is unknown, expired or revoked, by any process."""
    return _ring(context.store).caller(context, secret, _by_token)


def caller_with_session(context: Context, secret: str) -> Principal | None:
    """Whose session this is; None for one that is unknown, has expired or was ended, and with its token."""
    return _ring(context.store).caller(context, secret, _by_session)


def is_still_valid(context: Context, caller: Principal) -> bool:
    """Whether what a caller has come with, some time ago, would let them in now."""
    now = context.clock()
    if caller.session_id is not None:
        return context.store.sessions.valid(caller.session_id, now) is not None
    return caller.token_id is None or context.store.tokens.is_valid(caller.token_id, now)


def remember_uses(context: Context) -> None:
    """Store when tokens were last used since this was last called. Once a minute is enough, and no request waits."""
    used = _ring(context.store).take_uses()
    if used:
        context.store.tokens.used(used)


def _by_token(context: Context, sha256: str) -> tuple[Principal, float | None] | None:
    token = context.store.tokens.valid(sha256, context.clock())
    return None if token is None else (token.caller(), token.expires_at)


def _by_session(context: Context, sha256: str) -> tuple[Principal, float | None] | None:
    found = context.store.sessions.valid(sha256, context.clock())
    if found is None:
        return None
    token, expires_at = found
    return token.caller(sha256), min(expires_at, expires_at if token.expires_at is None else token.expires_at)


class _Ring:
    """The secrets that were used lately with one store, by their hashes. Wrong ones are not remembered, so that nobody
    fills it who has no token."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._used: dict[str, float] = {}

    def caller(
        self,
        context: Context,
        secret: str,
        look_up: Callable[[Context, str], tuple[Principal, float | None] | None],
    ) -> Principal | None:
        sha256 = fingerprint(secret)
        # Read first: what is stored while the table is looked at makes what was found there old.
        version = context.store.data_version()
        known = self._known.get(sha256)
        if known is None or known.version != version:
            found = look_up(context, sha256)
            if found is None:
                self._known.pop(sha256, None)
                return None
            caller, expires_at = found
            known = _Known(version, caller, float("inf") if expires_at is None else expires_at)
            self._known[sha256] = known
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        now = context.clock()
        if known.expires_at <= now:
            return None
        if known.caller.token_id is not None:
            self._used[known.caller.token_id] = now
        return known.caller

    def take_uses(self) -> dict[str, float]:
        used, self._used = self._used, {}
        return used


_rings: WeakKeyDictionary[Store, _Ring] = WeakKeyDictionary()
_rings_lock = threading.Lock()


def _ring(store: Store) -> _Ring:
    found = _rings.get(store)
    if found is None:
        with _rings_lock:
            found = _rings.setdefault(store, _Ring())
    return found
