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


def test_whatever_is_left_of_the_last_queue_the_next_one_works(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    path.write_bytes(b"garbage" * 1000)
    (tmp_path / "queue.sqlite-wal").write_bytes(b"more of it")
    ran = threading.Semaphore(0)
    queue = LocalQueue(path, start_jobs=ran.release, keep_house=lambda: None)
    queue.start()
    try:
        assert ran.acquire(timeout=5)
    finally:
        queue.stop()


def test_jobs_are_started_also_where_the_queue_cannot_be_written_to(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    ran = threading.Semaphore(0)
    queue = LocalQueue(path, start_jobs=ran.release, keep_house=lambda: None)
    path.write_bytes(b"garbage" * 1000)
    queue.start_jobs()
    assert ran.acquire(timeout=5)


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
