"""The local queue runs what it is told, inside this process, and a lost message is made good at the next start."""

import threading
from pathlib import Path

from flowml.training.queue import LocalQueue


def test_tasks_run_in_the_background_and_once_at_start_up(tmp_path: Path) -> None:
    ran = threading.Semaphore(0)
    queue = LocalQueue(tmp_path / "queue.sqlite", start_jobs=ran.release, keep_house=lambda: None)
    queue.start()
    try:
        assert ran.acquire(timeout=5), "not looked at the tables at start-up"
        queue.start_jobs()
        assert ran.acquire(timeout=5), "not run when asked"
    finally:
        queue.stop()


def test_a_task_put_in_while_nobody_listens_runs_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    before = LocalQueue(path, start_jobs=lambda: None, keep_house=lambda: None)
    before.start_jobs()
    ran = threading.Semaphore(0)
    after = LocalQueue(path, start_jobs=ran.release, keep_house=lambda: None)
    after.start()
    try:
        assert ran.acquire(timeout=5) and ran.acquire(timeout=5), "the waiting task and the one of the start"
    finally:
        after.stop()


def test_a_task_that_fails_does_not_stop_the_queue(tmp_path: Path) -> None:
    ran = threading.Semaphore(0)

    def stumble() -> None:
        ran.release()
        raise RuntimeError("stumbled")

    queue = LocalQueue(tmp_path / "queue.sqlite", start_jobs=stumble, keep_house=lambda: None)
    queue.start()
    try:
        assert ran.acquire(timeout=5)
        queue.start_jobs()
        assert ran.acquire(timeout=5)
    finally:
        queue.stop()
