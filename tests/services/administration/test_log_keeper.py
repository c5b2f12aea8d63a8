"""The log of a process is written into the tables, whatever happens to the disk."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.domain.trials import Needs, TrialSpec
from flowml.machine import log_lines
from flowml.machine.log_lines import Collector
from flowml.services.administration.log_keeper import THIS_SERVER, LogKeeper
from flowml.store.store import Store
from tests.services.records import add_dataset, add_job
from tests.web.serving import until

log = logging.getLogger("flowml.tests.keeper")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home", now=1.0)


@pytest.fixture
def collector() -> Iterator[Collector]:
    logging.getLogger("flowml").setLevel(logging.INFO)
    found = Collector("trainer").attach()
    yield found
    found.detach()
    logging.getLogger("flowml").setLevel(logging.NOTSET)


def messages(store: Store) -> list[str]:
    return [entry.message for entry in store.logs.page(100)]


def test_lines_are_there_in_a_moment_and_know_their_run(store: Store, collector: Collector) -> None:
    add_dataset(store)
    job = add_job(store)
    trial = store.trials.add(job.id, TrialSpec(0, "ridge", {}), Needs(), 2e9, 1.0)
    keeper = LogKeeper(store, collector)
    keeper.start()
    collector.trial_id = trial.id
    log.warning("of a trial")
    assert until(lambda: messages(store) == ["of a trial"])
    (entry,) = store.logs.page(1)
    assert (entry.job_id, entry.trial_id, entry.kind, entry.machine) == (job.id, trial.id, "trainer", THIS_SERVER)
    collector.trial_id = "of a deleted run"
    log.info("the last one")
    keeper.close()
    assert messages(store) == ["of a trial", "the last one"]
    log.info("nobody hears this")
    assert collector.take(9) == []


def test_on_a_full_disk_lines_wait_and_nothing_else_fails(
    store: Store, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "_FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(log_lines, "_LONGEST_PAUSE_SECONDS", 0.05)
    writer = store._database._writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.events.append("system", "system_event", {"filling": "x" * 500_000}, 1.0)
    keeper = LogKeeper(store, collector)
    keeper.start()
    for number in range(60):
        log.error("%d %s", number, "x" * 1_900)
    assert until(lambda: collector.come.is_set())
    written = len(messages(store))
    assert written < 60
    writer.execute("PRAGMA max_page_count = 1000000")
    assert until(lambda: len(messages(store)) == 60)
    keeper.close()
    assert [message.split()[0] for message in messages(store)] == [str(number) for number in range(60)]
