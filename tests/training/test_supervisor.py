"""Children may crash, hang or eat the memory: it costs them, never the server, and the reason is told."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from flowml.domain.workers import Share
from flowml.training import conductors
from flowml.training.conductors import Conductors, RunningJob
from flowml.training.processes import local_slots
from flowml.training.supervisor import Supervisor
from tests.processes import has_ended
from tests.training import doubles


class Desk:
    """Tables of one job, kept in memory: what the supervisor reads and says."""

    def __init__(self, jobs: list[str], deadline_at: float | None = None, cancelled: bool = False):
        self.jobs = jobs
        self.deadline_at = deadline_at
        self.cancelled = cancelled
        self.late: list[str] = []
        self.starts = 0
        self.failures: list[str] = []
        self.deaths: list[tuple[str, bool]] = []
        self.wanted = True
        self.has_model = True

    def running_jobs(self) -> list[RunningJob]:
        return [RunningJob(job_id, self.deadline_at, self.cancelled, self.has_model) for job_id in self.jobs]

    def overdue(self, job_id: str) -> None:
        self.jobs.remove(job_id)
        self.late.append(job_id)

    def started(self, job_id: str) -> int:
        self.starts += 1
        return self.starts

    def failed(self, job_id: str, reason: str) -> None:
        self.jobs.remove(job_id)
        self.failures.append(reason)

    def unwanted(self, held: Mapping[str, str]) -> set[str]:
        return set() if self.wanted else set(held)

    def died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        self.blamed = trial_id
        self.deaths.append((reason, retry))


@contextmanager
def supervising(
    desk: Desk,
    conduct: Callable[..., None] = doubles.idle,
    train: Callable[..., None] = doubles.idle,
    deadline_in: float = 60.0,
    memory: int = 10**10,
    idle_seconds: float = 60.0,
) -> Iterator[Supervisor]:
    share = Share(slots=1, threads=1, memory_bytes=memory)
    supervisor = Supervisor(
        desk, desk, share, conduct, train, (deadline_in,), boot="test", idle_seconds=idle_seconds,
        conductors_memory_bytes=memory,
    )  # fmt: skip
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def until(condition: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_trainer_that_crashes_gives_its_trial_back_and_is_replaced() -> None:
    desk = Desk(["job"])
    with supervising(desk, train=doubles.crash):
        until(lambda: len(desk.deaths) >= 2)
    reason, retry = desk.deaths[0]
    assert "SIGABRT" in reason and retry


def test_a_trainer_that_ignores_its_deadline_is_killed_and_not_tried_again() -> None:
    desk = Desk(["job"])
    with supervising(desk, train=doubles.train_forever, deadline_in=0.2):
        until(lambda: desk.deaths)
    reason, retry = desk.deaths[0]
    assert "Not finished in time" in reason and not retry
    assert desk.blamed == "t1"


def test_a_trainer_that_keeps_at_an_abandoned_trial_is_killed() -> None:
    desk = Desk(["job"])
    desk.wanted = False
    with supervising(desk, train=doubles.train_forever):
        until(lambda: desk.deaths)
    assert "no longer wanted" in desk.deaths[0][0]


def test_a_trainer_that_eats_the_memory_is_killed_with_that_reason() -> None:
    desk = Desk(["job"])
    with supervising(desk, train=doubles.eat_memory, memory=400_000_000):
        until(lambda: desk.deaths)
    reason, retry = desk.deaths[0]
    assert "memory" in reason and "0.4 GB" in reason and not retry


def test_a_conductor_that_eats_the_memory_ends_its_run_with_what_it_has() -> None:
    desk = Desk(["job"])
    with supervising(desk, conduct=doubles.conduct_greedily, memory=400_000_000):
        until(lambda: desk.failures)
    assert "0.4 GB" in desk.failures[0] and desk.starts == 1


def test_of_conductors_that_hold_too_much_together_the_largest_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {1: 900_000_000, 2: 700_000_000, 3: 300_000_000}
    killed: list[int] = []

    def start(job_id: str) -> Any:
        pid = int(job_id)
        return SimpleNamespace(
            pid=pid,
            exitcode=-9,
            kill=lambda: killed.append(pid),
            join=lambda **_: None,
            is_alive=lambda: pid not in killed,
        )

    desk = Desk(["1", "2", "3"])
    looking = Conductors(desk, start, lambda: None, memory_bytes=1_200_000_000)
    monkeypatch.setattr(conductors, "resident_bytes", held.__getitem__)
    # Of what they hold they share half.
    monkeypatch.setattr(conductors, "own_bytes", lambda pid: held[pid] // 2)
    looking.look([], 0.0)
    looking.look([], 1.0)
    assert killed == []
    monkeypatch.setattr(conductors, "own_bytes", held.__getitem__)
    looking.look([], 2.0)
    assert killed == [1] and "1.2 GB" in desk.failures[0] and "held the most" in desk.failures[0]


def test_why_a_trainer_was_ended_is_told_before_the_run_can_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the kill and the moment that its death is seen a run may end, and cancel what is open of it."""
    monkeypatch.setattr("multiprocessing.process.BaseProcess.kill", lambda process: None)
    desk = Desk(["job"])
    with supervising(desk, train=doubles.eat_memory, memory=400_000_000) as supervisor:
        try:
            until(lambda: desk.deaths)
            assert "memory" in desk.deaths[0][0] and desk.blamed == "t1"
            time.sleep(0.3)
            assert len(desk.deaths) == 1, "told once"
        finally:
            monkeypatch.undo()
            for item in supervisor.processes():
                os.kill(item["pid"], signal.SIGKILL)


def test_a_conductor_that_keeps_dying_ends_its_job_with_a_reason() -> None:
    desk = Desk(["job"])
    with supervising(desk, conduct=doubles.end_at_once):
        until(lambda: desk.failures)
    assert "keeps crashing" in desk.failures[0]
    assert desk.starts == 4


def test_a_conductor_that_hangs_does_not_keep_its_job_beyond_its_time() -> None:
    desk = Desk(["job"], deadline_at=time.monotonic() + 1)
    with supervising(desk) as supervisor:
        until(lambda: desk.late)
        assert desk.late == ["job"] and time.monotonic() < (desk.deadline_at or 0) + 1.5
        until(lambda: not any(item["kind"] == "conductor" for item in supervisor.processes()))


def test_a_conductor_that_does_not_hear_that_it_shall_stop_is_ended() -> None:
    desk = Desk(["job"], cancelled=True)
    with supervising(desk):
        until(lambda: desk.late)


def test_a_killed_conductor_is_started_again() -> None:
    desk = Desk(["job"])
    with supervising(desk) as supervisor:

        def conductor() -> int | None:
            return next((item["pid"] for item in supervisor.processes() if item["kind"] == "conductor"), None)

        until(conductor)
        first = conductor()
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: conductor() not in (None, first))


def test_a_conductor_does_not_wait_for_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.training.processes.end", doubles.idle)
    desk = Desk(["job"])
    with supervising(desk) as supervisor:
        until(lambda: [item["kind"] for item in supervisor.processes()] == ["conductor"])


@pytest.mark.parametrize("gone", [EOFError, ConnectionResetError])
def test_when_the_forkserver_is_ended_it_is_said_in_words(
    gone: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can do anything about it, and nobody has to."""
    asked = []

    def cannot_fork(*_: object, **__: object) -> None:
        asked.append(gone)
        raise gone

    monkeypatch.setattr(Supervisor, "_mp", lambda _: SimpleNamespace(Process=cannot_fork, Pipe=cannot_fork))
    with supervising(Desk([])) as supervisor:
        supervisor.warm_up()
        # By who loads the engine, and by who starts a trainer.
        until(lambda: len(asked) >= 2 and len(caplog.records) >= 2)
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert not any(record.exc_info for record in caplog.records)


def test_a_job_without_a_model_is_given_the_time_for_a_first_one() -> None:
    desk = Desk(["job"], deadline_at=time.monotonic() - 5)
    desk.has_model = False
    with supervising(desk) as supervisor:
        until(lambda: any(item["kind"] == "conductor" for item in supervisor.processes()))
        time.sleep(0.3)
        assert not desk.late
        desk.has_model = True
        until(lambda: desk.late)


def test_without_work_no_process_is_kept() -> None:
    desk = Desk([])
    with supervising(desk, idle_seconds=0.3) as supervisor:
        assert supervisor.processes() == []
        supervisor.warm_up()
        until(lambda: len(supervisor.processes()) == 1)
        until(lambda: supervisor.processes() == [], seconds=10)


@pytest.mark.parametrize("children", [2])
def test_stopping_ends_every_child(children: int) -> None:
    desk = Desk(["job"])
    with supervising(desk) as supervisor:
        until(lambda: len(supervisor.processes()) == children)
        pids = [item["pid"] for item in supervisor.processes()]
    until(lambda: all(map(has_ended, pids)))


def test_hardly_a_core_is_left_without_work() -> None:
    assert [local_slots(cores) for cores in (1, 2, 4, 8, 12, 16)] == [1, 2, 4, 4, 6, 5]
    for cores in range(1, 129):
        slots = local_slots(cores)
        assert 0.85 * cores <= slots * (cores // slots) <= cores or cores < 8


def test_a_trainer_with_a_big_table_may_hold_what_it_was_given() -> None:
    desk = Desk(["job"])
    with supervising(desk, train=doubles.eat_memory_that_it_was_given, memory=400_000_000) as supervisor:

        def held() -> int:
            pids = [item["pid"] for item in supervisor.processes() if item.get("trial_id")]
            return sum(psutil.Process(pid).memory_info().rss for pid in pids)

        until(lambda: held() > 500_000_000)
        time.sleep(1.2)
    assert not desk.deaths
