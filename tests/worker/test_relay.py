"""Trainers of a worker ask their worker, and it the server: what it holds, what is to stop, and what becomes of the
trial of a trainer that has died."""

import errno
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowml.domain.channel import JobBrief
from flowml.domain.errors import FlowMLError, Forbidden, LeaseLost, NotFound, NotReady
from flowml.domain.logs import LogLevel, LogLine
from flowml.domain.trials import DID_NOT_STOP, Beat, Lease, Offer, TrialReport, TrialStatus
from flowml.worker.relay import Relay, RelayedChannel
from tests.web.serving import until

LEASE = Lease("t1", "job", "w", 1, 60.0, "ridge", {}, 0, 30.0)


@dataclass
class Server:
    """What the relay asks of the server, kept in memory."""

    leases: list[Lease] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    back: list[tuple[str, str | None]] = field(default_factory=list)
    reports: list[tuple[str, TrialReport]] = field(default_factory=list)
    faults: list[str | None] = field(default_factory=list)
    problem: FlowMLError | None = None
    hears: threading.Event = field(default_factory=threading.Event)
    waits: threading.Event | None = None
    is_asked: bool = False
    following: Lease | None = None
    offered: list[Offer | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hears.set()

    def lease(self, offer: Offer) -> Lease | None:
        self.offers.append(offer)
        if self.waits is not None:
            self.is_asked = True
            self.waits.wait(10)
            self.waits, self.is_asked = None, False
        if self.problem is not None:
            raise self.problem
        return self.leases.pop(0) if self.leases else None

    def get(self, lease: Lease, sha256: str) -> Path:
        raise LeaseLost("gone", hint="hint")

    def put(self, lease: Lease, content: bytes) -> str:
        raise OSError("No space left on device")

    def brief(self, lease: Lease) -> JobBrief:
        raise NotFound("the data set is gone")

    def give_back(self, lease: Lease, reason: str | None, fault: str | None = None) -> None:
        self.faults.append(fault)
        self.hears.wait(10)
        self.back.append((lease.trial_id, reason))

    def report(self, lease: Lease, report: TrialReport) -> bool:
        self.hears.wait(10)
        self.reports.append((lease.trial_id, report))
        return True

    def report_for_next(self, lease: Lease, report: TrialReport, offer: Offer | None) -> tuple[bool, Lease | None]:
        self.offered.append(offer)
        following, self.following = self.following, None
        return self.report(lease, report), following


@dataclass
class Parts:
    server: Server
    relay: Relay
    troubles: list[FlowMLError]
    now: float = 0.0
    said: list[str] = field(default_factory=list)
    heard: list[LogLine] = field(default_factory=list)

    def trainer(self, owner: str) -> RelayedChannel:
        return RelayedChannel(*self.relay.door, owner)


@pytest.fixture
def parts() -> Iterator[Parts]:
    server, troubles = Server(), list[FlowMLError]()
    capabilities = {"gpus": []}
    relay = Relay(
        server,  # type: ignore[arg-type]
        free_bytes=lambda owner: 1_000 + 500 * (owner == "big"),
        machine=lambda: (("cpu",), capabilities),
        trouble=troubles.append,
        say=lambda words: parts.said.append(words),
        hear=lambda lines: parts.heard.extend(lines),
        clock=lambda: parts.now,
    )
    parts = Parts(server, relay, troubles)
    yield parts
    relay.close()


def test_a_trainer_is_served_through_its_worker(parts: Parts) -> None:
    parts.server.leases = [LEASE]
    trainer = parts.trainer("a")
    assert trainer.queues() == ("cpu",) and trainer.capabilities() == {"gpus": []}
    assert trainer.lease(Offer(memory_bytes=5_000)) == LEASE
    assert parts.server.offers[0].memory_bytes == 1_000, "no more than what is free now"
    assert trainer.heartbeat([Beat(LEASE, (0.5,))]) == frozenset()
    assert parts.relay.beats() == [Beat(LEASE, (0.5,))]
    report = TrialReport(TrialStatus.FINISHED, 0.5)
    assert trainer.report(LEASE, report)
    assert parts.server.reports == [("t1", report)] and parts.relay.beats() == []
    assert trainer.lease(Offer()) is None


def hand_in(parts: Parts, trainer: RelayedChannel, following: Lease, offer: Offer = Offer()) -> None:  # noqa: B008
    parts.server.leases = [LEASE]
    assert trainer.lease(offer) == LEASE
    parts.server.following = following
    assert trainer.report(LEASE, TrialReport(TrialStatus.FINISHED, 0.5))


def test_a_report_brings_the_next_trial_which_is_held_until_the_trainer_asks(parts: Parts) -> None:
    trainer, following = parts.trainer("a"), replace(LEASE, trial_id="t2")
    hand_in(parts, trainer, following, Offer(("cpu",), 5_000))
    assert parts.server.offered == [Offer(("cpu",), 1_000)]
    assert parts.relay.beats() == [Beat(following)]
    asked = len(parts.server.offers)
    assert trainer.lease(Offer()) == following and len(parts.server.offers) == asked
    assert trainer.report(following, TrialReport(TrialStatus.FINISHED, 0.5))
    assert parts.relay.beats() == [] and trainer.lease(Offer()) is None
    assert parts.server.back == []


def test_what_a_trainer_holds_itself_is_free_for_its_next_trial_also_when_it_reports(parts: Parts) -> None:
    trainer = parts.trainer("big")
    hand_in(parts, trainer, replace(LEASE, trial_id="t2"), Offer(("cpu",), 5_000))
    assert [offer and offer.memory_bytes for offer in parts.server.offered] == [1_500]
    assert parts.server.offers[0].memory_bytes == 1_500, "its supervisor may not have heard yet that it is through"


def test_what_a_gpu_has_free_is_asked_anew(parts: Parts) -> None:
    trainer = parts.trainer("a")
    parts.server.leases = [LEASE]
    trainer.lease(Offer(("cpu", "gpu"), 10, 8.0))
    trainer.report(LEASE, TrialReport(TrialStatus.FINISHED, 0.5))
    assert parts.server.offered == [None]


@pytest.mark.parametrize("dies", [True, False])
def test_a_next_trial_that_was_never_begun_waits_again_without_blame(parts: Parts, dies: bool) -> None:
    trainer = parts.trainer("a")
    hand_in(parts, trainer, replace(LEASE, trial_id="t2"))
    if dies:
        parts.relay.died("a", "it crashed", True, None)
    else:
        trainer._connection.close()
    assert until(lambda: parts.server.back == [("t2", None)], 5)
    assert until(lambda: parts.relay.beats() == [], 5)


def test_a_worker_that_ends_asks_for_no_next_trial_and_gives_back_the_one_that_comes(parts: Parts) -> None:
    trainer = parts.trainer("a")
    parts.server.leases = [LEASE]
    assert trainer.lease(Offer()) == LEASE
    parts.server.following = replace(LEASE, trial_id="t2")
    parts.relay.close()
    assert trainer.report(LEASE, TrialReport(TrialStatus.FINISHED, 0.5))
    assert parts.server.offered == [None] and parts.server.back == [("t2", None)]


def test_errors_reach_the_trainer_and_nobody_else(parts: Parts) -> None:
    trainer = parts.trainer("a")
    with pytest.raises(LeaseLost, match="gone") as lost:
        trainer.get(LEASE, "0" * 64)
    assert lost.value.hint == "hint"
    assert trainer.queues() == ("cpu",), "it is served on"


def test_what_this_machine_cannot_do_is_not_the_trials_fault_and_it_rests(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowml.worker.relay._PAUSE_SECONDS", 0.0)
    trainer = parts.trainer("a")
    for rest in (2.0, 4.0, 8.0):
        parts.server.leases, parts.server.back = [LEASE], []
        assert trainer.lease(Offer()) == LEASE
        with pytest.raises(LeaseLost, match="does not go on"):
            trainer.put(LEASE, b"")
        assert until(lambda: parts.server.back == [("t1", None)]) and parts.relay.beats() == []
        assert "No space left" in (parts.server.faults[-1] or ""), "the server hears what is wrong here"
        parts.server.leases = [LEASE]
        parts.now += rest - 0.1
        assert trainer.lease(Offer()) is None
        parts.now += 0.2
    assert len(parts.said) == 1 and "No space left" in parts.said[0]
    assert trainer.lease(Offer()) == LEASE
    with pytest.raises(NotFound):
        trainer.brief(LEASE)
    assert len(parts.server.back) == 1, "what is the trial's own fault is its own"


def test_what_nobody_wants_is_told_at_the_next_beat(parts: Parts) -> None:
    parts.server.leases = [LEASE]
    trainer = parts.trainer("a")
    trainer.lease(Offer())
    parts.relay.stop(["t1", "of somebody else"])
    assert trainer.heartbeat([Beat(LEASE)]) == {"t1"}
    assert parts.relay.unwanted({"a": "t1", "b": "t2"}) == {"a"}
    # It has stopped, and asks for the next one.
    trainer.lease(Offer())
    assert parts.server.back == [("t1", None)]
    assert trainer.heartbeat([Beat(LEASE)]) == {"t1"}, "it is not its own any more"


def test_what_is_to_stop_is_news_once_for_as_long_as_the_server_names_it(parts: Parts) -> None:
    parts.server.leases = [LEASE]
    trainer = parts.trainer("a")
    trainer.lease(Offer())
    assert parts.relay.stop(["t1"]) and not parts.relay.stop(["t1"])
    trainer.lease(Offer())
    assert parts.relay.known() == {"t1"} and not parts.relay.stop(["t1"]), "nobody works on it any more"
    parts.now += 121.0
    assert parts.relay.known() == frozenset()


def test_a_trial_that_was_lost_is_worked_on_when_it_comes_again(parts: Parts) -> None:
    again = replace(LEASE, attempt=2)
    parts.server.leases = [LEASE, again]
    trainer = parts.trainer("a")
    trainer.lease(Offer())
    parts.relay.lose([Beat(LEASE)], {"t1"})
    assert trainer.heartbeat([Beat(LEASE)]) == {"t1"} and parts.relay.unwanted({"a": "t1"}) == {"a"}
    assert trainer.lease(Offer()) == again
    parts.relay.lose([Beat(LEASE)], {"t1"})
    assert trainer.heartbeat([Beat(again)]) == frozenset() and parts.relay.unwanted({"a": "t1"}) == set()


def test_what_is_leased_for_a_trainer_that_has_died_meanwhile_waits_again(parts: Parts) -> None:
    """Both for one that was ended, and for one whose socket alone tells."""
    for told in (True, False):
        parts.server.leases, parts.server.back = [LEASE], []
        parts.server.waits = threading.Event()
        trainer = parts.trainer(f"told {told}")
        trainer._connection.send(("lease", (Offer(),)))
        assert until(lambda: parts.server.is_asked)
        if told:
            parts.relay.died("told True", "It broke down.", True, None)
        else:
            trainer._connection.close()
        parts.server.waits.set()
        assert until(lambda: parts.server.back == [("t1", None)])
        assert until(lambda: parts.relay.beats() == [])


@pytest.mark.parametrize(
    ("reason", "retry", "blamed", "back", "reported"),
    [
        ("It broke down.", True, None, [("t1", "It broke down.")], []),
        ("Too much memory.", False, "t1", [], [(TrialStatus.FAILED, "Too much memory.")]),
        (DID_NOT_STOP, False, "t1", [], [(TrialStatus.CANCELLED, DID_NOT_STOP)]),
        ("Too much memory.", False, "another", [("t1", None)], []),
    ],
)
def test_the_server_hears_what_became_of_the_trial_of_a_dead_trainer(
    parts: Parts, reason: str, retry: bool, blamed: str | None, back: Any, reported: Any
) -> None:
    parts.server.leases = [LEASE]
    parts.server.hears.clear()
    trainer = parts.trainer("a")
    trainer.lease(Offer())
    parts.relay.died("a", reason, retry, blamed)
    parts.relay.died("a", reason, retry, blamed)
    parts.relay.died("nobody", reason, retry, blamed)
    assert parts.relay.beats() == [Beat(LEASE)], "it is held until the server knows"
    parts.server.hears.set()
    assert until(lambda: parts.relay.beats() == [])
    assert until(lambda: bool(parts.server.back or parts.server.reports))
    assert parts.server.back == back
    assert [(report.status, report.error) for _, report in parts.server.reports] == reported


def test_what_the_server_says_of_the_worker_is_told_to_the_worker(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowml.worker.relay._PAUSE_SECONDS", 0.0)
    parts.server.problem = Forbidden("revoked")
    assert parts.trainer("a").lease(Offer()) is None
    assert parts.troubles == [parts.server.problem]


def test_what_cannot_be_handed_in_ends_no_trainer(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def report(lease: Lease, report: TrialReport) -> bool:
        raise NotReady("not reached")

    monkeypatch.setattr(parts.server, "report", report)
    with pytest.raises(LeaseLost, match="not reached"):
        parts.trainer("a").report(LEASE, TrialReport(TrialStatus.FINISHED, 0.5))


def test_a_worker_that_ends_takes_nothing_more(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.worker.relay._PAUSE_SECONDS", 0.0)
    trainer = parts.trainer("a")
    assert trainer.queues()
    parts.server.leases = [LEASE]
    parts.relay.close()
    assert trainer.lease(Offer()) is None and parts.server.leases == [LEASE]


def test_nobody_without_the_key_is_let_in_and_the_others_stay(parts: Parts) -> None:
    with pytest.raises((AuthenticationError, EOFError, ConnectionError)):
        Client(parts.relay.door[0], authkey=b"guessed").recv()
    assert parts.trainer("a").queues() == ("cpu",)


def test_who_comes_and_says_nothing_is_in_nobodys_way(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(parts.relay.door[0])
        answers: list[Any] = []
        threading.Thread(target=lambda: answers.append(parts.trainer("a").queues()), daemon=True).start()
        assert until(lambda: answers == [("cpu",)], 10)
        monkeypatch.setattr("flowml.worker.relay._KNOCK_SECONDS", 0.01)
        with socket.socket(socket.AF_UNIX) as another:
            another.connect(parts.relay.door[0])
            another.settimeout(10)
            while another.recv(1_000):
                """What it is asked; then it is hung up on."""


def test_while_there_is_no_room_for_a_connection_it_is_not_asked_in_a_hot_loop(parts: Parts) -> None:
    waits: list[float] = []
    closed = SimpleNamespace(is_set=lambda: len(waits) >= 3, wait=waits.append)
    tries: list[int] = []

    def accept() -> Any:
        tries.append(1)
        assert len(tries) <= 3, "it waits in between"
        raise OSError(errno.EMFILE, "Too many open files")

    Relay._accept(SimpleNamespace(_closed=closed, _listener=SimpleNamespace(accept=accept)))  # type: ignore[arg-type]
    assert len(tries) == len(waits) == 3 and min(waits) > 0


def test_where_a_relay_is_is_known_also_when_it_has_closed(parts: Parts) -> None:
    door = parts.relay.door
    parts.relay.close()
    assert parts.relay.door == door


def test_two_threads_of_a_trainer_do_not_mix_up_their_answers(parts: Parts) -> None:
    trainer = parts.trainer("a")
    wrong: list[Any] = []

    def ask(what: int) -> None:
        for _ in range(100):
            answer = trainer.queues() if what else trainer.heartbeat([Beat(replace(LEASE, trial_id="x"))])
            if answer != (("cpu",) if what else {"x"}):
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_log_of_a_trainer_reaches_its_worker_while_it_waits_for_a_trial(parts: Parts) -> None:
    # By a connection of its own, as `children.run_remote_trainer` has it.
    line = LogLine(LogLevel.ERROR, "x", "it failed", 1.0, 1.0, "trainer", trial_id="t")
    parts.trainer("a").tell([line])
    assert parts.heard == [line] and parts.relay.beats() == []
