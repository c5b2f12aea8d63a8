"""Tokens: found by the hash of their secret while they are of use, and by no other way."""

import sqlite3
from contextlib import closing

import pytest

from flowml.domain.access.caller import TokenKind
from flowml.domain.access.tokens import Token, fingerprint, new_secret
from flowml.domain.errors import NotFound, WrongState
from flowml.store.store import Store


def add(
    store: Store, name: str, secret: str = "", *, id: str = "", at: float = 1.0, until: float | None = None
) -> Token:
    token = Token(id or f"id-{name}-{at}", TokenKind.API, name, "m1", at, until)
    store.tokens.add(token, fingerprint(secret or f"secret of {name} at {at}"))
    return token


def test_a_token_is_of_use_until_it_expires_or_is_revoked(store: Store) -> None:
    for_ever = add(store, "for ever", "a")
    for_a_while = add(store, "for a while", "b", until=10.0)

    assert store.tokens.valid(fingerprint("a"), 1e12) == for_ever
    assert store.tokens.valid(fingerprint("b"), 9.9) == for_a_while
    assert store.tokens.valid(fingerprint("b"), 10.0) is None
    assert store.tokens.valid(fingerprint("c"), 2.0) is None
    assert store.tokens.has_valid(TokenKind.API, 2.0) and not store.tokens.has_valid(TokenKind.ADMIN, 2.0)
    revoked = store.tokens.revoke("for ever", 5.0)
    assert (revoked.id, revoked.revoked_at) == (for_ever.id, 5.0)
    assert store.tokens.valid(fingerprint("a"), 6.0) is None
    assert [token.state(10.0) for token in store.tokens.all()] == ["expired", "revoked"]
    assert not store.tokens.has_valid(TokenKind.API, 10.0)


def test_what_is_revoked_stays_revoked_since_then(store: Store) -> None:
    token = add(store, "one")
    store.tokens.revoke(token.id, 5.0)

    assert store.tokens.revoke(token.id, 9.0).revoked_at == 5.0
    for unknown in ("one", "", "secret of one at 1.0"):
        with pytest.raises(NotFound):
            store.tokens.revoke(unknown, 9.0)


def test_no_two_tokens_of_use_have_one_name(store: Store) -> None:
    first = add(store, "ci", until=10.0)
    with pytest.raises(WrongState, match="ci"):
        add(store, "ci", at=2.0)
    second = add(store, "ci", at=10.0)
    store.tokens.revoke("ci", 11.0)
    add(store, "ci", at=12.0)

    assert [(token.id, token.revoked_at) for token in store.tokens.all()][:2] == [(first.id, 10.0), (second.id, 11.0)]


def test_an_id_goes_before_a_name(store: Store) -> None:
    add(store, "abc", id="other")
    add(store, "innocent", id="abc")

    assert store.tokens.revoke("abc", 5.0).name == "innocent"


def test_when_a_token_was_used_is_remembered(store: Store) -> None:
    token = add(store, "one")
    store.tokens.used({token.id: 7.0, "gone": 8.0})

    assert [found.last_used_at for found in store.tokens.all()] == [7.0]


def test_no_secret_is_on_the_disk(store: Store) -> None:
    secrets = [new_secret(kind) for kind in TokenKind]
    for at, secret in enumerate(secrets):
        add(store, f"token {at}", secret)
    with closing(sqlite3.connect(store.home.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint")
    written = b"".join(path.read_bytes() for path in store.home.path.glob("flowml.sqlite*"))

    assert fingerprint(secrets[0]).encode() in written
    assert not any(secret[len("flowml_worker_") :].encode() in written for secret in secrets)


def test_a_secret_says_what_it_is_and_is_too_much_to_guess() -> None:
    for kind in TokenKind:
        prefix, said, random = new_secret(kind).split("_")
        assert (prefix, said) == ("flowml", kind)
        assert random.isalnum() and random.isascii() and 62 ** len(random) >= 2**256
    assert new_secret(TokenKind.API) != new_secret(TokenKind.API)
