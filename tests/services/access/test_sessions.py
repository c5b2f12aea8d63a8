"""A session lasts a week, and no longer than its token."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from flowml.domain.access.caller import TokenKind
from flowml.services.access.keys import caller_with_session, is_still_valid
from flowml.services.access.sessions import SESSION_SECONDS, log_in
from flowml.services.access.tokens import create_token, revoke_token
from flowml.services.context import Context, NoTrainers
from flowml.services.settings import Settings
from flowml.store.store import Store


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    yield Context(Settings(home=tmp_path / "home"), store, lambda: 1_000.0, NoTrainers())
    store.close()


def at(context: Context, seconds: float) -> Context:
    return replace(context, clock=lambda: 1_000.0 + seconds)


@pytest.mark.parametrize(
    ("expires_in_seconds", "lasts"), [(None, SESSION_SECONDS), (60.0, 60.0), (2 * SESSION_SECONDS, SESSION_SECONDS)]
)
def test_how_long_a_session_lasts(context: Context, expires_in_seconds: float | None, lasts: float) -> None:
    _, secret = create_token(context, TokenKind.ADMIN, "me", expires_in_seconds=expires_in_seconds)
    session = log_in(context, secret)
    assert session is not None and session.seconds == lasts
    caller = caller_with_session(context, session.secret)
    assert caller is not None and caller.session_id is not None

    for seconds, is_valid in ((lasts - 0.1, True), (lasts, False)):
        for version in range(2):
            # From memory, and looked up.
            assert (caller_with_session(at(context, seconds), session.secret) == caller) is is_valid
            assert is_still_valid(at(context, seconds), caller) is is_valid
            context.store.events.append("system", "log", {"version": version}, 1.0)


def test_a_token_that_was_revoked_is_no_longer_valid_however_it_came(context: Context) -> None:
    token, secret = create_token(context, TokenKind.ADMIN, "me")
    session = log_in(context, secret)
    assert session is not None
    callers = (caller_with_session(context, session.secret), token.caller())
    for caller in callers:
        assert caller is not None and is_still_valid(context, caller)
    revoke_token(context, "me")
    assert not any(caller is None or is_still_valid(context, caller) for caller in callers)
    assert log_in(context, secret) is None
    assert is_still_valid(context, context.caller)


def test_sessions_that_are_over_are_forgotten(context: Context) -> None:
    _, secret = create_token(context, TokenKind.ADMIN, "me")
    for day in range(0, 20, 2):
        log_in(at(context, day * 86_400.0), secret)
    with closing(sqlite3.connect(context.store.home.database)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM sessions").fetchone()[0] == 4
