"""Stand-ins for children that misbehave; run in real processes."""

import os
import time
from multiprocessing.connection import Connection

from flowml.domain.workers import Share
from flowml.training.trainer_status import Busy


def idle(*_: object) -> None:
    time.sleep(60)


def end_at_once(*_: object) -> None:
    os._exit(3)


def train_forever(deadline_in: float, owner: str, share: Share, status: Connection) -> None:
    """Ignores its deadline."""
    status.send(Busy("t1", deadline_in))
    time.sleep(60)


def crash(deadline_in: float, owner: str, share: Share, status: Connection) -> None:
    """Breaks down in native code."""
    status.send(Busy("t1", deadline_in))
    os.abort()


def eat_memory(deadline_in: float, owner: str, share: Share, status: Connection) -> None:
    """Takes half a gigabyte."""
    status.send(Busy("t1", deadline_in))
    _hoard()


def eat_memory_that_it_was_given(deadline_in: float, owner: str, share: Share, status: Connection) -> None:
    """Takes half a gigabyte, and may take a whole one."""
    status.send(Busy("t1", deadline_in, memory_bytes=1_000_000_000))
    _hoard()


def conduct_greedily(deadline_in: float, job_id: str) -> None:
    """Takes half a gigabyte for its job."""
    _hoard()


def _hoard() -> None:
    hoard = bytearray(500_000_000)
    for index in range(0, len(hoard), 4096):
        hoard[index] = 1
    time.sleep(60)


def hand_over_and_fetch(home: str, address: str, key: bytes, owner: str, share: Share, status: Connection) -> None:
    """A trainer of a worker that fetches the table of its first trial, and then hands over a large file for it."""
    from flowml.domain.trials import Offer
    from flowml.worker.relay import RelayedChannel

    channel = RelayedChannel(address, key, owner)
    status.send(None)
    while (lease := channel.lease(Offer())) is None:
        time.sleep(0.05)
    status.send(Busy(lease.trial_id, 60))
    channel.get(lease, channel.brief(lease).table)
    channel.put(lease, bytes(10_000_000))
    time.sleep(60)
