"""A live connection ends with the token or the session that it was opened with."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from flowml.domain.access.caller import TokenKind
from flowml.domain.protocol import PROTOCOL
from flowml.domain.trials import Needs, TrialSpec, TrialStatus
from flowml.services.access.keys import caller_with_session
from flowml.services.access.sessions import log_in, log_out
from flowml.services.access.tokens import create_token, revoke_token
from flowml.services.fleet.waiting_room import WaitingRoom
from tests.services.records import add_dataset, add_job
from tests.web.serving import Served, serve, until


@pytest.fixture(scope="module")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), host="0.0.0.0") as served:
        yield served


def admin(server: Served, name: str, **more: Any) -> str:
    return create_token(server.context, TokenKind.ADMIN, name, **more)[1]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def cookie(server: Served, secret: str) -> tuple[str, dict[str, str]]:
    session = log_in(server.context, secret)
    assert session is not None
    return session.secret, {"Cookie": f"flowml-{server.address.split(':')[1]}={session.secret}"}


def is_open(server: Served, connection: ClientConnection) -> bool:
    """Whether it still hears what happens."""
    connection.send(json.dumps({"subscribe": "system"}))
    connection.send(json.dumps({"subscribe": "job:a", "after": 0}))
    event_id = server.store.events.append("job:a", "log", {}, 1.0)
    try:
        while json.loads(connection.recv(timeout=5))["id"] != event_id:
            pass
    except ConnectionClosed:
        return False
    return True


def closing_code(connection: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        while True:
            connection.recv(timeout=5)
    return connection.close_code


def test_it_is_closed_when_its_token_is_revoked_and_no_other_is(reachable: Served) -> None:
    first, second = admin(reachable, "first"), admin(reachable, "second")
    _, by_cookie = cookie(reachable, first)
    with (
        reachable.live(additional_headers=bearer(first)) as theirs,
        reachable.live(additional_headers=by_cookie) as in_a_browser,
        reachable.live(additional_headers=bearer(second)) as another,
    ):
        assert all(is_open(reachable, connection) for connection in (theirs, in_a_browser, another))
        revoke_token(reachable.context, "first")

        assert closing_code(theirs) == closing_code(in_a_browser) == 4401
        assert is_open(reachable, another)


def test_it_is_closed_by_logging_out(reachable: Served) -> None:
    secret, first = cookie(reachable, admin(reachable, "me"))
    _, second = cookie(reachable, admin(reachable, "me again"))
    with reachable.live(additional_headers=first) as left, reachable.live(additional_headers=second) as stays:
        assert is_open(reachable, left)
        caller = caller_with_session(reachable.context, secret)
        assert caller is not None
        log_out(reachable.context.of(caller))

        assert closing_code(left) == 4401
        assert is_open(reachable, stays)


def test_it_is_closed_when_its_token_expires(reachable: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.web.live._LOOK_SECONDS", 0.0)
    secret = admin(reachable, "brief", expires_in_seconds=0.5)
    with reachable.live(additional_headers=bearer(secret)) as connection:
        assert closing_code(connection) == 4401


def test_nothing_is_told_that_happened_after_the_end(reachable: Served) -> None:
    secret = admin(reachable, "curious")
    with reachable.live(additional_headers=bearer(secret)) as connection:
        assert is_open(reachable, connection)
        with reachable.store.transaction():
            revoke_token(reachable.context, "curious")
            reachable.store.events.append("job:a", "log", {"secret": True}, 1.0)

        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=5)
        assert connection.close_code == 4401


def test_no_trial_is_leased_to_a_worker_whose_token_was_revoked_while_it_waited(
    reachable: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stands = reachable.store, threading.Event()
    stand = WaitingRoom.stand

    def told(*arguments: Any) -> Any:
        waiter = stand(*arguments)
        stands.set()
        return waiter

    monkeypatch.setattr(WaitingRoom, "stand", told)
    add_dataset(store)
    job = add_job(store)
    assert store.jobs.claim(1, 1.0, 1.0) is not None
    headers = bearer(create_token(reachable.context, TokenKind.WORKER, "gpu box")[1])
    with httpx.Client(base_url=reachable.url, headers=headers, trust_env=False, timeout=20) as worker:
        joined = worker.post("/api/workers/register", json={"name": "gpu box", "protocol": PROTOCOL}).json()
        ask = {"worker_id": joined["worker_id"], "memory_bytes": 0, "wait_seconds": 20}
        with ThreadPoolExecutor(1) as beside:
            waiting = beside.submit(worker.post, "/api/workers/lease", json=ask)
            assert stands.wait(10)
            with store.transaction():
                revoke_token(reachable.context, "gpu box")
                trial = store.trials.add(job.id, TrialSpec(0, "ridge", {}), Needs(), 2e9, 1.0)

            assert waiting.result().json() == {"lease": None}
        assert worker.post("/api/workers/lease", json=ask).status_code == 401
    assert store.trials.get(trial.id).status is TrialStatus.QUEUED


def test_who_needs_no_credential_keeps_their_connection(server: Served) -> None:
    with server.live() as connection:
        create_token(server.context, TokenKind.ADMIN, "somebody")
        revoke_token(server.context, "somebody")

        assert is_open(server, connection)
    assert until(lambda: "flowml_live_connections 0" in server.client.get("/metrics").text)
