"""Live updates: by room, replayed from any id, over lost connections and restarts."""

import json
import socket
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Needs, TrialSpec
from tests.web.serving import Served, serve, until


def say(connection: ClientConnection, **message: Any) -> None:
    connection.send(json.dumps(message))


def hear(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(connection.recv(timeout=5))
    return message


def happen(server: Served, room: str, number: int) -> int:
    return server.store.events.append(room, "log", {"number": number}, 1_700_000_000.5)


def test_what_happens_is_told_to_who_follows_the_room(server: Served) -> None:
    with server.live() as connection:
        say(connection, subscribe="job:a", after=server.store.events.last_id())
        happen(server, "job:b", 1)
        event_id = happen(server, "job:a", 2)

        assert hear(connection) == {
            "id": event_id,
            "room": "job:a",
            "type": "log",
            "at": "2023-11-14T22:13:20.500000Z",
            "data": {"number": 2},
        }


def test_what_was_missed_is_replayed_in_order_and_then_goes_on_live(server: Served) -> None:
    first = happen(server, "job:long", 0)
    for number in range(1, 1201):
        happen(server, "job:long", number)
    with server.live() as connection:
        say(connection, subscribe="job:long", after=first)
        heard = [hear(connection)["data"]["number"] for _ in range(1200)]
        happen(server, "job:long", 1201)

        assert heard == list(range(1, 1201))
        assert hear(connection)["data"]["number"] == 1201


def test_without_after_it_starts_from_now(server: Served) -> None:
    happen(server, "job:now", 1)
    with server.live() as connection:
        say(connection, subscribe="job:now")
        say(connection, subscribe="job:other", after=0)
        happen(server, "job:other", 0)
        assert hear(connection)["room"] == "job:other"
        happen(server, "job:now", 2)

        assert hear(connection)["data"] == {"number": 2}


def test_one_connection_follows_several_rooms_each_from_its_own_id(server: Served) -> None:
    start = server.store.events.last_id()
    ids = [happen(server, room, at) for at, room in enumerate(["job:x", "job:y", "job:x", "job:y", "system"])]
    with server.live() as connection:
        say(connection, subscribe=["job:x", "system"], after=start)
        heard = [hear(connection)["id"] for _ in range(3)]
        say(connection, subscribe="job:y", after=ids[1])

        assert heard == [ids[0], ids[2], ids[4]]
        assert hear(connection)["id"] == ids[3]


def test_several_connections_hear_the_same(server: Served) -> None:
    start = server.store.events.last_id()
    with server.live() as one, server.live() as other:
        for connection in (one, other):
            say(connection, subscribe="workers", after=start)
        event_id = happen(server, "workers", 1)

        assert hear(one)["id"] == hear(other)["id"] == event_id


def test_who_unsubscribes_hears_no_more(server: Served) -> None:
    start = server.store.events.last_id()
    with server.live() as connection:
        say(connection, subscribe=["job:quiet", "job:loud"], after=start)
        say(connection, unsubscribe="job:quiet")
        happen(server, "job:loud", 0)
        hear(connection)
        happen(server, "job:quiet", 1)
        event_id = happen(server, "job:loud", 2)

        assert hear(connection)["id"] == event_id


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[]",
        "{}",
        "[" * 4000,
        '{"subscribe": 7}',
        '{"subscribe": "job:../../x"}',
        '{"subscribe": "everything"}',
        '{"subscribe": "system", "after": "x"}',
        '{"subscribe": "system", "after": -1}',
        '{"subscribe": "system", "after": true}',
        '{"subscribe": "' + "x" * 5000 + '"}',
        json.dumps({"subscribe": [f"job:{number}" for number in range(300)]}),
        b"\x00\x01",
    ],
)
def test_nonsense_is_answered_and_the_connection_lives_on(server: Served, message: str | bytes) -> None:
    with server.live() as connection:
        connection.send(message)
        answer = hear(connection)
        say(connection, subscribe="job:z", after=server.store.events.last_id())
        event_id = happen(server, "job:z", 1)

        assert (answer["type"], answer["id"]) == ("error", None)
        assert answer["data"]["detail"].endswith((".", "missed."))
        assert hear(connection)["id"] == event_id


def test_jobs_and_trials_look_as_everywhere_else(server: Served) -> None:
    store = server.store
    job = store.jobs.add(JobSpec("d", "y"), "a run", 1_700_000_000.0) if has_dataset(server) else None
    assert job is not None
    trial = store.trials.add(job.id, TrialSpec(0, "knn", {"k": float("nan")}), Needs(), 0.0, 1.0)
    start = store.events.append(f"job:{job.id}", "job_update", {"job": asdict(job)}, 1.0) - 1
    store.events.append(f"job:{job.id}", "trial_update", {"trial": asdict(trial)}, 1.0)
    with server.live() as connection:
        say(connection, subscribe=f"job:{job.id}", after=start)

        assert hear(connection)["data"]["job"] == server.client.get(f"/api/training/{job.id}").json()
        listed = server.client.get(f"/api/training/{job.id}/trials").json()["items"]
        assert hear(connection)["data"]["trial"] == listed[0]


def has_dataset(server: Served) -> bool:
    from flowml.domain.datasets import Column, Dataset, Role

    columns = (Column("y", "Int64", Role.NUMERIC),)
    server.store.datasets.add(Dataset("d", "t", "t.csv", "csv", 1, 1, 1, "0" * 64, "0" * 64, None, 1.0, columns), ())
    return True


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    with serve(tmp_path) as before:
        with before.live() as connection:
            say(connection, subscribe="system", after=0)
            happen(before, "system", 1)
            last = hear(connection)["id"]
        missed = happen(before, "system", 2)
    with serve(tmp_path) as after, after.live() as connection:
        say(connection, subscribe="system", after=last)

        assert hear(connection)["id"] == missed
        assert happen(after, "system", 3) > missed
        assert hear(connection)["data"] == {"number": 3}


def test_an_id_from_the_future_waits_for_what_comes(server: Served) -> None:
    with server.live() as connection:
        say(connection, subscribe="job:future", after=10**15)
        say(connection, subscribe="job:sync", after=0)
        happen(server, "job:sync", 0)
        hear(connection)
        event_id = happen(server, "job:future", 1)

        assert hear(connection)["id"] == event_id


def test_who_never_reads_holds_up_nobody(server: Served) -> None:
    start = server.store.events.last_id()
    deaf = socket.create_connection(server.address.split(":"))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with server.live(sock=deaf, max_queue=1), server.live() as connection:
        say(connection, subscribe="job:big", after=start)
        for _ in range(50):
            server.store.events.append("job:big", "log", {"text": "x" * 100_000}, 1.0)

        assert len([hear(connection) for _ in range(50)]) == 50


def test_the_hub_rests_when_nobody_listens(server: Served) -> None:
    def open_connections() -> float:
        line = next(
            line for line in server.client.get("/metrics").text.splitlines() if line.startswith("flowml_live_conn")
        )
        return float(line.split()[1])

    with server.live():
        assert until(lambda: open_connections() == 1)
    assert until(lambda: open_connections() == 0)


def test_who_could_not_be_let_in_is_forgotten(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_order(context: Any) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("flowml.services.events.last_id", out_of_order)
    with server.live() as connection, pytest.raises(ConnectionClosed):
        connection.recv(timeout=5)
    monkeypatch.undo()
    assert until(lambda: "flowml_live_connections 0" in server.client.get("/metrics").text)
