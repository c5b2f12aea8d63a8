"""What is logged is collected without waiting, bounded, and written in batches."""

import logging
import threading
from collections.abc import Iterator

import pytest

from flowml.domain.logs import LogLevel, LogLine
from flowml.machine import log_lines
from flowml.machine.log_lines import BURST, Collector, Limiter, Writer
from tests.clocks import clock_of


class Hour:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hour() -> Hour:
    return Hour()


@pytest.fixture
def collector(hour: Hour) -> Iterator[Collector]:
    found = Collector("server", clock=clock_of(hour), most=1_000).attach()
    logging.getLogger("flowml").setLevel(logging.INFO)
    yield found
    found.detach()
    logging.getLogger("flowml").setLevel(logging.NOTSET)


log = logging.getLogger("flowml.tests.log")


def test_a_line_has_what_was_logged(collector: Collector) -> None:
    log.debug("not this")
    log.info("%s of %s", 1, 2)
    collector.job_id = "j"
    try:
        raise ValueError("flowml_admin_" + "a" * 43)
    except ValueError:
        log.exception("it went\nwrong")
    log.critical("of another", extra={"job_id": "k", "trial_id": "t"})
    first, second, third = collector.take(10)
    assert (first.level, first.source, first.message, first.detail) == (LogLevel.INFO, log.name, "1 of 2", None)
    assert (first.kind, first.at > 1e9, first.steady) == ("server", True, 1000.0)
    assert (second.level, second.message, second.job_id) == (LogLevel.ERROR, "it went", "j")
    assert second.detail is not None and second.detail.startswith("wrong\nTraceback (most recent")
    assert second.detail.endswith("ValueError: flowml_admin_…")
    assert (third.level, third.job_id, third.trial_id) == (LogLevel.CRITICAL, "k", "t")


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


def test_whoever_logs_nonsense_is_not_failed(collector: Collector) -> None:
    for what, argument in (("%d", "x"), ("%s", Unspeakable()), ("%s", "x" * 5_000_000)):
        # Not by a logger: pytest's own handler would be failed.
        collector.handle(log.makeRecord(log.name, logging.INFO, "a file", 1, what, (argument,), None))
    assert [line.message[:12] for line in collector.take(10)] == ["A line that ", "A line that ", "x" * 12]


def test_a_flood_is_left_out_and_counted_and_drowns_nobody(collector: Collector, hour: Hour) -> None:
    for number in range(2_000):
        log.info("line %d", number)
    logging.getLogger("flowml.tests.other").warning("heard")
    held = collector.take(1_000)
    assert [line.message for line in held] == [*(f"line {number}" for number in range(BURST)), "heard"]
    # Not while it goes on.
    assert collector.take(10) == []
    hour.now += 2
    (told,) = collector.take(10)
    assert told.level is LogLevel.WARNING and told.source == log.name
    assert told.message == "1,900 lines were left out here: there were too many at once"
    hour.now += 60
    assert collector.take(10) == []


def test_of_too_many_lines_that_nobody_takes_the_oldest_go(collector: Collector, hour: Hour) -> None:
    for number in range(3_000):
        hour.now += 1
        log.info("line %d", number)
    held = collector.take(10_000)
    assert len(held) <= 1_001 and "line 2999" in [line.message for line in held]
    assert any("lines were left out here" in line.message for line in held)


def test_the_limiter_remembers_no_more_names_than_it_can_and_none_gets_more_for_it() -> None:
    limiter = Limiter(burst=2, per_second=0.001, most=100)
    allowed = sum(limiter.allows(str(number), 0.0) for _ in range(5) for number in range(1_000))
    # The hundred first ones have their own, all others one together.
    assert allowed == 2 * 101
    assert len(limiter._left) <= 101 and len(limiter._left_out) <= 101
    assert sum(limiter.left_out(1e9).values()) == 5_000 - allowed
    # Who is quiet for long is forgotten, and there is room for others.
    assert [limiter.allows("new", 1e9) for _ in range(3)] == [True, True, False]


def test_what_one_has_lost_is_told_to_it_alone() -> None:
    limiter = Limiter(burst=1, per_second=1)
    for key in ("a", "b", "b"):
        limiter.allows(key, 0.0)
        limiter.allows(key, 0.0)
    assert limiter.left_out_of("a", 0.0) == 0
    assert [limiter.left_out_of(key, 5.0) for key in ("a", "a", "c")] == [1, 0, 0]
    assert limiter.left_out(5.0) == {"b": 3}


def test_a_limit_may_be_of_more_than_lines() -> None:
    limiter = Limiter(burst=1_000, per_second=10)
    assert [limiter.allows("a", 0.0, 600), limiter.allows("a", 0.0, 600), limiter.allows("a", 0.0, 400)] == [
        *(True, False, True)
    ]
    assert limiter.allows("a", 20.0, 200) and not limiter.allows("a", 20.0, 1)


def test_what_cannot_be_written_is_written_later_in_order(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log_lines, "_FIRST_PAUSE_SECONDS", 0.01)
    written: list[str] = []
    done = threading.Event()
    failures = iter([OSError("full"), OSError("full"), None])

    def write(lines: list[LogLine]) -> None:
        # What the writing itself logs would come back for ever.
        log.warning("about to write")
        problem = next(failures, None)
        if problem is not None:
            raise problem
        written.extend(line.message for line in lines)
        done.set()

    log.error("first")
    log.error("second")
    writer = Writer(collector, write).start()
    assert done.wait(10)
    log.info("third")
    writer.close()
    assert written == ["first", "second", "third"]
    assert capfd.readouterr().err.count("cannot be written: full") == 1


def test_closing_waits_no_longer_than_it_may(collector: Collector) -> None:
    stuck = threading.Event()
    writer = Writer(collector, lambda lines: bool(stuck.wait(30)) and None).start()
    log.error("never written")
    writer.close(seconds=0.1)
    stuck.set()
