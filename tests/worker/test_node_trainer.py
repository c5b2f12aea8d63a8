"""A trial on a node of a cluster: in a process beside the cluster's own, which is ended and never the node."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowml.automl.model import modelfile
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import DID_NOT_STOP, Lease
from flowml.domain.workers import Share
from flowml.services.dispatch.ledger import StoreLedger
from flowml.store.store import Store
from flowml.worker.engines import node, node_folder, node_trainer
from flowml.worker.engines.errand import Errand, parse_done
from flowml.worker.engines.node_trainer import TRAINERS, run_errand
from tests.services.trained import store_table
from tests.web.serving import until

PARAMS = {
    "learning_rate": 0.3, "max_depth": 3, "min_child_weight": 1.0, "subsample": 0.9, "colsample_bynode": 0.9,
    "reg_lambda": 1.0, "wide": False,
}  # fmt: skip
ROOMY = Share(1, 1, 4_000_000_000)


@pytest.fixture
def errand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Errand]:
    monkeypatch.setattr(node_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    store = Store(tmp_path, now=1.0)
    table = store_table(store).table
    store.jobs.add(JobSpec("d1", "bought", exclude_columns=("spent",), cv_folds=3), "a run", 1.0)
    job = store.jobs.claim(9, 2.0, 2.0)
    assert job is not None
    lease = Lease("t", job.id, "w", 1, 60.0, "xgboost", PARAMS, 0, 100.0)
    yield Errand("ab", lease, StoreLedger(store, job.id).brief(), ROOMY, (table,))
    for trainer in TRAINERS._idle:
        trainer.end()
    TRAINERS._idle.clear()


def working(errand: Errand) -> tuple[threading.Thread, list[dict[str, Any]]]:
    """The errand, run beside."""
    done: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: done.append(run_errand(errand.text())))
    thread.start()
    return thread, done


def test_a_node_trains_keeps_its_process_and_ends_it_where_a_trial_goes_wrong(errand: Errand, tmp_path: Path) -> None:
    (table,) = errand.tables
    assert run_errand(errand.text()) == {"missing": [table]}
    content = Store(tmp_path, now=1.0).files.path(table).read_bytes()
    node.keep(table, "cd", 0, content, True)

    done = parse_done(run_errand(errand.text()), errand)
    assert done.report is not None and done.report.status == "finished" and len(done.report.fold_scores) == 3
    assert done.report.model is not None and done.report.out_of_fold is not None
    (tmp_path / "model").write_bytes(done.files[done.report.model])
    assert modelfile.read(tmp_path / "model", tried=False).schema.classes
    assert not node_folder.Folder().errand("ab").exists()
    (kept,) = TRAINERS._idle
    assert node_folder.Folder().idle_pids() == [kept.pid]

    # The next one takes the same process; whoever stops it is heard of, whatever it is doing.
    os.kill(kept.pid, signal.SIGSTOP)
    thread, answers = working(errand)
    assert until(lambda: "ab" in node.look(["ab"], [])["scores"])
    node.look([], ["ab"])
    thread.join(30)
    assert answers == [{}] and not kept.is_alive()

    # Its process breaks down: that is said, and the node goes on.
    thread, answers = working(errand)
    assert until(lambda: bool(_children()))
    os.kill(_children()[0], signal.SIGKILL)
    thread.join(30)
    broke = parse_done(answers[0], errand)
    assert broke.broke is not None and "it was killed" in broke.broke and broke.retry


def _children() -> list[int]:
    found = []
    for child in psutil.Process().children():
        # What another test has left, and nobody has waited for, has no command any more.
        with contextlib.suppress(psutil.Error):
            if "flowml.worker.engines.node_child" in child.cmdline():
                found.append(child.pid)
    return found


def test_limits_of_time_and_memory_are_those_of_a_trial(
    errand: Errand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(node_trainer.time, "monotonic", lambda: clock[0])
    watch = node_trainer._Watch(errand, tmp_path)
    assert watch.verdict(os.getpid()) is None
    watch.tell({"seconds_left": 5.0, "memory_bytes": None})
    clock[0] += 5.2
    assert watch.verdict(os.getpid()) is None
    clock[0] += 1.0
    assert watch.verdict(os.getpid()) == {"broke": DID_NOT_STOP, "retry": False}
    watch.tell({"seconds_left": None, "memory_bytes": 1_000})
    verdict = watch.verdict(os.getpid())
    assert verdict is not None and "more memory" in verdict["broke"] and not verdict["retry"]


def test_a_trial_that_nobody_looks_at_any_more_is_asked_to_stop_and_then_ended(
    errand: Errand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(node_trainer.time, "monotonic", lambda: clock[0])
    watch = node_trainer._Watch(replace(errand, share=ROOMY), tmp_path)
    for number in range(3):
        (tmp_path / "looked").write_text(str(number))
        os.utime(tmp_path / "looked", (number, number))
        clock[0] += 100.0
        assert watch.verdict(os.getpid()) is None
    clock[0] += 130.0
    assert watch.verdict(os.getpid()) is None and (tmp_path / "unwanted").exists()
    clock[0] += 3.0
    assert watch.verdict(os.getpid()) == {}
