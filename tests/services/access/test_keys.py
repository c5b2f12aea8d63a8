"""Whose a secret is: looked up when something was stored, and not again before."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.access.caller import TokenKind
from flowml.services.access.keys import caller_with_token, remember_uses
from flowml.services.access.tokens import create_token, list_tokens
from flowml.services.context import Context, NoTrainers
from flowml.services.settings import Settings
from flowml.store.store import Store


class Now:
    at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def context(tmp_path: Path, now: Now) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    yield Context(Settings(home=tmp_path / "home"), store, now, NoTrainers())
    store.close()


@pytest.fixture
def looked_up(context: Context, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    valid = context.store.tokens.valid

    def counted(sha256: str, at: float) -> Any:
        asked.append(sha256)
        return valid(sha256, at)

    monkeypatch.setattr(context.store.tokens, "valid", counted)
    return asked


def test_a_token_is_looked_up_once_until_something_is_stored(context: Context, looked_up: list[str]) -> None:
    token, secret = create_token(context, TokenKind.WORKER, "gpu box")
    callers = [caller_with_token(context, secret) for _ in range(3)]

    assert callers == [token.caller()] * 3 and len(looked_up) == 1
    with closing(Store(context.settings.home)) as beside:
        beside.events.append("system", "log", {}, 1.0)
        assert caller_with_token(context, secret) == token.caller() and len(looked_up) == 2
        beside.tokens.revoke("gpu box", 2.0)
    assert caller_with_token(context, secret) is None


def test_a_token_that_is_remembered_expires_in_time(context: Context, now: Now, looked_up: list[str]) -> None:
    _, secret = create_token(context, TokenKind.API, "short", expires_in_seconds=60)
    assert caller_with_token(context, secret) is not None
    now.at += 59.9
    assert caller_with_token(context, secret) is not None
    now.at += 0.1
    assert caller_with_token(context, secret) is None
    assert len(looked_up) == 1


def test_what_opens_nothing_is_not_remembered(context: Context, looked_up: list[str]) -> None:
    assert [caller_with_token(context, wrong) for wrong in ("", "no", "no", "n\u00f6\udc80")] == [None] * 4
    assert len(looked_up) == 4


def test_when_tokens_were_used_is_stored_now_and_then(context: Context, now: Now) -> None:
    _, secret = create_token(context, TokenKind.API, "used")
    create_token(context, TokenKind.API, "unused")
    for _ in range(3):
        now.at += 1
        caller_with_token(context, secret)
    assert [token.last_used_at for token in list_tokens(context)] == [None, None]
    remember_uses(context)
    version = context.store.data_version()
    remember_uses(context)

    assert {token.name: token.last_used_at for token in list_tokens(context)} == {"used": 1_003.0, "unused": None}
    assert context.store.data_version() == version
