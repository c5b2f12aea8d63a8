"""Tokens as services give them out."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal, TokenKind
from flowml.domain.access.tokens import Token, fingerprint
from flowml.domain.errors import Forbidden, InvalidInput, NotFound, WrongState
from flowml.services.access.tokens import adopt_token, create_token, list_tokens, revoke_token
from flowml.services.context import Context, NoTrainers
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import add_job, add_model

NOW = 1_000.0


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    yield Context(Settings(home=tmp_path / "home"), store, lambda: NOW, NoTrainers())
    store.close()


def test_a_token_is_given_out_once(context: Context) -> None:
    token, secret = create_token(context, TokenKind.WORKER, " gpu\n box ", expires_in_seconds=60)

    assert token == Token(token.id, TokenKind.WORKER, "gpu box", None, NOW, NOW + 60)
    assert list_tokens(context) == [token] == [context.store.tokens.valid(fingerprint(secret), NOW)]
    revoke_token(context, "gpu box")
    assert context.store.tokens.valid(fingerprint(secret), NOW) is None


def test_a_token_is_revoked_on_a_full_disk_too(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast, revoke = context.store.home.ballast, context.store.tokens.revoke

    def noted(*given: Any) -> Token:
        if ballast.size() > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return revoke(*given)

    _, secret = create_token(context, TokenKind.WORKER, "gpu box")
    ballast.fill(2_000_000)
    monkeypatch.setattr(context.store.tokens, "revoke", noted)
    revoke_token(context, "gpu box")
    assert context.store.tokens.valid(fingerprint(secret), NOW) is None


@pytest.mark.parametrize(
    ("kind", "may"),
    [
        (TokenKind.ADMIN, set(Permission) - {Permission.WORK}),
        (TokenKind.API, {Permission.OPEN, Permission.PREDICT}),
        (TokenKind.WORKER, {Permission.OPEN, Permission.WORK}),
    ],
)
def test_what_each_kind_may(kind: TokenKind, may: set[Permission]) -> None:
    caller = Token("t1", kind, "name", None, NOW).caller("s1")

    assert caller.may == may
    assert (caller.kind, caller.token_id, caller.session_id) == (kind, "t1", "s1")
    assert (caller.identifier == LOCAL_OWNER.identifier) is (kind is TokenKind.ADMIN)


def test_an_api_token_may_be_for_one_model(context: Context) -> None:
    job = add_job(context.store)
    add_model(context.store, job, "m1", 0.9)
    for model_id in ("m1", job.id):
        token, _ = create_token(context, TokenKind.API, f"for {model_id}", model_id=model_id)
        caller = token.caller()
        caller.check_model(model_id)
        with pytest.raises(Forbidden, match=model_id):
            caller.check_model("m2")
    with pytest.raises(NotFound):
        create_token(context, TokenKind.API, "for none", model_id="m2")
    with pytest.raises(InvalidInput):
        create_token(context, TokenKind.ADMIN, "admin", model_id="m1")
    with pytest.raises(InvalidInput):
        create_token(context, TokenKind.API, " \u200b")
    assert len(list_tokens(context)) == 2


def test_who_does_not_run_the_server_has_no_say_in_tokens(context: Context) -> None:
    theirs = context.of(Principal("somebody", frozenset(Permission) - {Permission.ADMIN}))
    for attempt in (
        lambda: create_token(theirs, TokenKind.ADMIN, "mine"),
        lambda: list_tokens(theirs),
        lambda: revoke_token(theirs, "yours"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_secret_that_was_drawn_elsewhere_is_taken_once_and_a_new_one_ends_it(context: Context) -> None:
    first, second = (f"flowml_admin_{letter * 43}" for letter in "ab")
    token = adopt_token(context, TokenKind.ADMIN, "chart", first)
    assert adopt_token(context, TokenKind.ADMIN, "chart", first) == token
    assert list_tokens(context) == [token] == [context.store.tokens.valid(fingerprint(first), NOW)]

    first_id, after = token.id, adopt_token(context, TokenKind.ADMIN, "chart", second)
    assert context.store.tokens.valid(fingerprint(first), NOW) is None
    assert context.store.tokens.valid(fingerprint(second), NOW) == after
    with pytest.raises(WrongState, match="has ended"):
        adopt_token(context, TokenKind.ADMIN, "chart", first)
    with pytest.raises(WrongState, match="“chart”"):
        adopt_token(context, TokenKind.ADMIN, "another", second)
    with pytest.raises(WrongState, match="called “chart”"):
        adopt_token(context, TokenKind.WORKER, "chart", "flowml_worker_" + "c" * 43)
    assert context.store.tokens.valid(fingerprint(second), NOW) == after
    assert {token.id: token.state(NOW) for token in list_tokens(context)} == {first_id: "revoked", after.id: "valid"}


@pytest.mark.parametrize("secret", ["", "hunter2", "flowml_admin_" + "a" * 43, "flowml_worker_" + "a" * 42 + "ä"])
def test_what_was_not_drawn_for_a_token_of_this_kind_is_none(context: Context, secret: str) -> None:
    with pytest.raises(InvalidInput, match="kind worker"):
        adopt_token(context, TokenKind.WORKER, "chart", secret)
    assert list_tokens(context) == []
