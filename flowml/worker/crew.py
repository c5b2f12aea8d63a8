"""Who trains for a worker: the processes of this machine, or a cluster (`worker.engines`)."""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from flowml.domain.workers import Load, Share
from flowml.machine import capabilities
from flowml.machine.facts import free_memory_bytes, own_bytes
from flowml.machine.load import CpuGauge, machine_load
from flowml.training.conductors import RunningJob
from flowml.training.supervisor import Supervisor
from flowml.worker.relay import Relay

# Of the memory that is free: other programs come and go.
_OFFERED_SHARE = 0.9
_FOREVER = 1e9


class Crew(Protocol):
    """Those who train for a worker. They ask a relay for trials, and hand in there."""

    def start(self, relay: Relay, news: Callable[[], None]) -> None:
        """Begin to ask for trials. `news` is called when the share, or what was found, has changed."""
        ...

    def stop(self) -> None:
        """End what is being worked on."""
        ...

    def share(self) -> Share:
        """How many trials there are places for now, and what each may use; it may change at any time."""
        ...

    def capabilities(self) -> dict[str, Any]:
        """What was found, as `machine.capabilities.probe` has it."""
        ...

    def queues(self) -> tuple[str, ...]:
        """Whose trials can be trained."""
        ...

    def try_gpus(self) -> bool:
        """Find out which libraries can use the GPUs, in seconds or minutes; whether there is news."""
        ...

    def free_bytes(self, owner: str | None = None) -> int:
        """Memory that one trial could have now; of this owner's, which is through with the one before."""
        ...

    def load(self) -> Load | None:
        """How busy those machines are; None where that is of several."""
        ...


class LocalCrew:
    """Trainers of this machine, each a process of its own. `train`: the main function of one; `home`: where they find
    what they share."""

    def __init__(self, share: Share, train: Callable[..., None], home: str):
        self._share = share
        self._train = train
        self._home = home
        self._found = capabilities.probe(details=True, home=Path(home))
        self._cpu = CpuGauge()
        self._supervisor: Supervisor | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, relay: Relay, news: Callable[[], None]) -> None:
        """As `Crew`."""
        supervisor = Supervisor(
            _NoJobs(),
            relay,
            self._share,
            _conducts_nothing,
            self._train,
            (self._home, *relay.door),
            boot=secrets.token_hex(4),
            idle_seconds=_FOREVER,
            conductors_memory_bytes=0,
        )
        with self._lock:
            # It was ended while it was starting.
            if self._stopped:
                return
            self._supervisor = supervisor
            supervisor.start()
        supervisor.warm_up()

    def stop(self) -> None:
        """As `Crew`."""
        with self._lock:
            self._stopped = True
        if self._supervisor is not None:
            self._supervisor.stop()

    def share(self) -> Share:
        """With no more memory than is free, and places for as many as come up."""
        free = int(_OFFERED_SHARE * self.free_bytes()) // max(1, self._share.slots)
        slots = self._share.slots if self._supervisor is None else self._supervisor.places()
        return Share(slots, self._share.threads, min(self._share.memory_bytes, free))

    def capabilities(self) -> dict[str, Any]:
        """As `Crew`."""
        return self._found

    def queues(self) -> tuple[str, ...]:
        """As `Crew`."""
        return capabilities.queues(self._found)

    def try_gpus(self) -> bool:
        """As `Crew`."""
        if not self._found["gpus"]:
            return False
        self._found = capabilities.probe(fit_on_gpu=True, details=True, home=Path(self._home))
        return True

    def free_bytes(self, owner: str | None = None) -> int:
        """What nobody uses, and what trainers hold that have nothing to do, or are this owner."""
        waiting = [] if self._supervisor is None else self._supervisor.waiting_trainers(owner)
        return free_memory_bytes() + sum(own_bytes(pid) for pid in waiting)

    def load(self) -> Load:
        """Of this machine since it was last asked."""
        return machine_load(self._cpu)


class _NoJobs:
    """A worker conducts nothing: its server does."""

    def running_jobs(self) -> list[RunningJob]:
        return []

    def started(self, job_id: str) -> int:
        raise AssertionError

    def overdue(self, job_id: str) -> None:
        raise AssertionError

    def failed(self, job_id: str, reason: str) -> None:
        raise AssertionError


def _conducts_nothing() -> None:
    raise AssertionError
