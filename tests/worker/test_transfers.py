"""Files between a server and a worker whose connection breaks: what has arrived is not sent again."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowml.domain.access.caller import Permission, Principal
from flowml.domain.channel import Channel
from flowml.domain.errors import Damaged, InvalidInput, LeaseLost, NoRoom, NotFound, NotReady, TooLarge, WrongState
from flowml.domain.jobs import JobSpec
from flowml.domain.protocol import LENGTH, OFFSET, PIECE_BYTES
from flowml.domain.trials import Lease, Needs, TrialSpec
from flowml.machine import locks
from flowml.services.fleet import transfers
from flowml.services.fleet.transfers import Transfers
from flowml.store.store import Store
from flowml.worker.cache import Cache
from flowml.worker.channel import HttpChannel, Retry
from tests.services.records import add_dataset
from tests.web.serving import Served, serve

SIZE = 2 * PIECE_BYTES + 12_345
TABLE = random.Random(1).randbytes(SIZE)
CONTENT = random.Random(2).randbytes(SIZE)
HASH = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Breaking(httpx.BaseTransport):
    """A connection that breaks as often as `breaks` says: before a request has arrived, behind it, or so many bytes
    into the answer. Counts what went through."""

    breaks: list[str | int] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    strips: str = ""

    def __post_init__(self) -> None:
        self._line = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_file = "/files/" in request.url.path or request.method == "PATCH"
        event = self.breaks.pop(0) if self.breaks and is_file else None
        if event == "before":
            raise httpx.ConnectError("cut", request=request)
        request.headers.pop(self.strips, None)
        answer = self._line.handle_request(request)
        self.sent += len(request.read())
        if event == "behind":
            answer.close()
            raise httpx.ReadError("cut", request=request)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=Cut(self, answer, event if isinstance(event, int) else None),
        )


@dataclass
class Cut(httpx.SyncByteStream):
    line: Breaking
    answer: httpx.Response
    after: int | None

    def __iter__(self) -> Iterator[bytes]:
        left = self.after
        for piece in self.answer.iter_raw():
            if left is not None and len(piece) >= left:
                yield piece[:left]
                self.line.received += left
                raise httpx.ReadError("cut")
            left = None if left is None else left - len(piece)
            self.line.received += len(piece)
            yield piece

    def close(self) -> None:
        self.answer.close()


@dataclass
class Joined:
    """A worker of a running server, with a trial that it has leased."""

    served: Served
    line: Breaking
    channel: Channel
    lease: Lease
    table: str


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[Joined]:
    worker = Principal("a fleet", frozenset({Permission.WORK}))
    with ExitStack() as opened:
        served = opened.enter_context(serve(tmp_path / "home", who=lambda scope: worker))
        lease, table = leased(served.store, served.client)
        line = Breaking()
        client = opened.enter_context(httpx.Client(base_url=served.url, transport=line))
        retry = Retry(sleep=lambda seconds: None)
        channel = HttpChannel(client, lease.owner, Cache(tmp_path / "fetched", 10**9), retry=retry)
        yield Joined(served, line, channel, lease, table)


def leased(store: Store, client: httpx.Client) -> tuple[Lease, str]:
    """A trial of a job whose table is TABLE, leased by a worker that has just registered."""
    dataset = add_dataset(store)
    table = store.files.put_bytes(TABLE)
    store.datasets.add(replace(dataset, id="d2", table=table), ())
    job = store.jobs.add(JobSpec("d2", "y"), "job", 1.0)
    store.jobs.claim(1, 2.0, 2.0)
    store.trials.add(job.id, TrialSpec(0, "ridge", {}), Needs(), 1e12, 0.0)
    worker_id = client.post("/api/workers/register", json={"name": "far"}).json()["worker_id"]
    asked = {"worker_id": worker_id, "memory_bytes": 1}
    found = client.post("/api/workers/lease", json=asked).json()["lease"]
    return Lease(**{**found, "needs": Needs(**found["needs"])}), table


def test_what_has_arrived_is_not_sent_again(joined: Joined) -> None:
    joined.line.breaks = ["before", "behind", "before", "behind"]
    assert joined.channel.put(joined.lease, CONTENT) == HASH
    assert joined.served.store.files.content(HASH) == CONTENT
    assert joined.line.sent == SIZE
    assert joined.channel.put(joined.lease, CONTENT) == HASH
    assert joined.line.sent == SIZE, "it is there"


@pytest.mark.parametrize("content", [b"", b"x", CONTENT[:PIECE_BYTES], CONTENT[: PIECE_BYTES + 1]], ids=len)
def test_files_of_any_length_are_handed_over(joined: Joined, content: bytes) -> None:
    assert joined.served.store.files.content(joined.channel.put(joined.lease, content)) == content


def test_whoever_runs_the_server_sees_which_tables_a_worker_was_given(joined: Joined) -> None:
    def datasets() -> list[str]:
        worker = joined.served.store.workers.find(joined.lease.owner)
        assert worker is not None
        return [dataset.id for dataset in worker.datasets]

    assert datasets() == []
    for _ in range(2):
        joined.channel.get(joined.lease, joined.table)
    assert datasets() == ["d2"]
    with pytest.raises(NotFound):
        joined.channel.get(joined.lease, "0" * 64)
    assert datasets() == ["d2"]


def test_what_has_been_fetched_is_not_fetched_again(joined: Joined) -> None:
    joined.line.breaks = ["before", 1, 3_000_000, "before", 0, SIZE - 3_000_001 - 5]
    place = joined.channel.get(joined.lease, joined.table)
    assert place.read_bytes() == TABLE
    assert joined.line.received == SIZE
    assert joined.channel.get(joined.lease, joined.table) == place
    assert joined.line.received == SIZE, "it is there"


def test_a_file_of_which_no_parts_are_sent_is_taken_up_where_it_ended(joined: Joined, tmp_path: Path) -> None:
    (tmp_path / "fetched" / f"{joined.table}.part").write_bytes(TABLE[:1_000_000])
    joined.line.strips = "range"
    assert joined.channel.get(joined.lease, joined.table).read_bytes() == TABLE
    assert joined.line.received == SIZE


def test_what_the_disk_has_no_room_for_is_not_begun(joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.worker.cache._KEPT_FREE_BYTES", 1 << 60)
    with pytest.raises(NoRoom, match="are to be fetched"):
        joined.channel.get(joined.lease, joined.table)
    assert joined.line.received < SIZE


def test_a_file_that_arrived_by_a_connection_which_seemed_broken_is_handed_over(joined: Joined) -> None:
    channel = joined.channel
    assert isinstance(channel, HttpChannel)
    call, asked = channel._call, iter([True])

    def late(lease: Lease, method: str, what: str, **given: Any) -> httpx.Response:
        if method == "PATCH" and next(asked, False):
            channel.put(lease, CONTENT)
        return call(lease, method, what, **given)

    channel._call = late  # type: ignore[method-assign]
    assert channel.put(joined.lease, CONTENT) == HASH


def test_a_server_that_takes_nothing_is_not_sent_a_file_without_end(joined: Joined) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(200, json={"received_bytes": 0})

    now = iter(range(0, 100_000, 30))
    retry = Retry(sleep=lambda seconds: None, clock=lambda: float(next(now)))
    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server")
    channel = HttpChannel(client, "w", Cache(joined.served.context.settings.home / "other", 1), retry=retry)
    with pytest.raises(NotReady, match="holds on to 0 bytes"):
        channel.put(replace(joined.lease, seconds_left=60.0), b"content")
    assert asked[:3] == ["GET", "PATCH", "GET"] and len(asked) < 30


def test_where_the_disk_is_full_what_is_not_in_use_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, 10**9)
    old, new = tmp_path / ("0" * 64), tmp_path / ("1" * 64)
    for path in (old, new):
        path.write_bytes(b"0123456789")
    os.utime(old, (0, 0))
    monkeypatch.setattr(cache, "_free_bytes", lambda: 0 if old.exists() else 10)
    cache.check_room(10)
    assert new.exists()
    with pytest.raises(NoRoom):
        cache.check_room(11)


def test_what_another_is_just_fetching_makes_no_room(tmp_path: Path) -> None:
    part, lock = tmp_path / f"{HASH}.part", tmp_path / f"{HASH}.lock"
    part.write_bytes(b"0123456789")
    os.utime(part, (0, 0))
    cache = Cache(tmp_path, 5)
    text = b"abcdefghij"
    with locks.taken(lock) as is_mine:
        assert is_mine
        cache.fetched(hashlib.sha256(text).hexdigest(), lambda offset: iter([text]), lambda: None)
        assert part.exists() and lock.exists()
    cache.fetched(hashlib.sha256(text).hexdigest(), lambda offset: iter([text]), lambda: None)
    assert not part.exists() and lock.exists()


def test_a_connection_that_broke_off_at_the_very_end_is_no_fault(joined: Joined) -> None:
    joined.line.breaks = [SIZE]
    assert joined.channel.get(joined.lease, joined.table).read_bytes() == TABLE


def test_what_arrives_damaged_is_fetched_anew(joined: Joined, tmp_path: Path) -> None:
    (tmp_path / "fetched" / f"{joined.table}.part").write_bytes(b"something else")
    assert joined.channel.get(joined.lease, joined.table).read_bytes() == TABLE


def test_what_never_arrives_whole_is_not_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10**9)
    with pytest.raises(Damaged):
        cache.fetched(HASH, lambda offset: iter([b"something else"]), lambda: None)
    assert not list(tmp_path.glob("*.part"))


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 25)
    for text in (b"0123456789", b"abcdefghij", b"0123456789", b"ABCDEFGHIJ"):
        cache.fetched(hashlib.sha256(text).hexdigest(), lambda offset, text=text: iter([text]), lambda: None)
    kept = {path.read_bytes() for path in tmp_path.iterdir() if len(path.name) == 64}
    assert kept == {b"0123456789", b"ABCDEFGHIJ"}


def test_nobody_waits_for_a_server_for_ever(joined: Joined) -> None:
    joined.line.breaks = ["before"] * 1_000
    now = iter(range(0, 10_000, 30))
    channel = HttpChannel(
        joined.channel._client,  # type: ignore[attr-defined]
        joined.lease.owner,
        Cache(joined.served.context.settings.home / "other", 1),
        retry=Retry(sleep=lambda seconds: None, clock=lambda: float(next(now))),
    )
    with pytest.raises(NotReady, match="was not reached"):
        channel.put(replace(joined.lease, seconds_left=60.0), CONTENT)


def test_only_what_its_hash_names_is_kept(joined: Joined) -> None:
    hand_over = Transfers(joined.served.store)
    assert hand_over.append(joined.lease, HASH, 0, 6, b"not") == 3
    with pytest.raises(WrongState, match="3 bytes"):
        hand_over.append(joined.lease, HASH, 0, 6, b"not")
    with pytest.raises(InvalidInput, match="not the file"):
        hand_over.append(joined.lease, HASH, 3, 6, b"it.")
    assert hand_over.received(joined.lease, HASH) == 0
    assert not joined.served.store.files.has(HASH)


def test_nothing_is_taken_without_a_lease_or_without_end(joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_over = Transfers(joined.served.store, most_bytes=10)
    with pytest.raises(TooLarge):
        hand_over.append(joined.lease, HASH, 0, 11, b"x")
    with pytest.raises(InvalidInput, match="behind the end"):
        hand_over.append(joined.lease, HASH, 0, 2, b"xyz")
    for name in ("../../flowml.sqlite", "A" * 64, ""):
        with pytest.raises(InvalidInput, match="SHA-256"):
            hand_over.received(joined.lease, name)
    with pytest.raises(LeaseLost):
        hand_over.append(replace(joined.lease, attempt=2), HASH, 0, 2, b"x")
    assert hand_over.append(joined.lease, hashlib.sha256(b"1234").hexdigest(), 0, 4, b"1234") is None
    for number in range(transfers.MOST_FILES - 1):
        hand_over.append(joined.lease, f"{number:064x}", 0, 2, b"x")
    with pytest.raises(TooLarge, match="4 files"):
        hand_over.append(joined.lease, "f" * 64, 0, 2, b"x")
    with pytest.raises(TooLarge, match="in all"):
        hand_over.append(joined.lease, f"{0:064x}", 1, 6, b"x")

    def full(n_bytes: int) -> None:
        raise NoRoom("full")

    monkeypatch.setattr(joined.served.store.room, "check", full)
    with pytest.raises(NoRoom):
        hand_over.append(joined.lease, f"{0:064x}", 1, 2, b"x")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({OFFSET: "-1", LENGTH: "3"}, 400),
        ({OFFSET: "٣", LENGTH: "3"}, 400),
        ({OFFSET: "9" * 30, LENGTH: "3"}, 400),
        ({OFFSET: "1", LENGTH: "3"}, 409),
        ({OFFSET: "0", LENGTH: "1"}, 422),
    ],
)
def test_a_piece_says_where_it_belongs(joined: Joined, headers: dict[str, str], status: int) -> None:
    address = f"/api/workers/{joined.lease.owner}/trials/{joined.lease.trial_id}/uploads/{HASH}?attempt=1"
    sent = {name: value.encode() for name, value in headers.items()}
    assert joined.served.client.patch(address, content=b"xy", headers=sent).status_code == status


def test_a_piece_has_a_bound(joined: Joined) -> None:
    address = f"/api/workers/{joined.lease.owner}/trials/{joined.lease.trial_id}/uploads/{HASH}?attempt=1"
    headers = {OFFSET: "0", LENGTH: str(SIZE)}
    assert joined.served.client.patch(address, content=CONTENT, headers=headers).status_code == 413
