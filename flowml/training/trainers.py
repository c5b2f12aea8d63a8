"""The trainers of this machine, one process a slot: started when wanted, watched, killed when they misbehave."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from flowml.automl.trial import limits
from flowml.domain.trials import DID_NOT_STOP
from flowml.machine.child import describe_exit
from flowml.machine.facts import resident_bytes
from flowml.training.trainer_status import Busy

log = logging.getLogger(__name__)

_GRACE_SECONDS = 0.5
_ABANDON_GRACE_SECONDS = 2.0
_MEMORY_CHECK_SECONDS = 0.5
_STILLBORN_IN_A_ROW = 3


class TrainerDesk(Protocol):
    """What is asked of the tables about trials."""

    def unwanted(self, held: Mapping[str, str]) -> set[str]:
        """Of these owners and their trials: the owners whose trial is not theirs any more, or not wanted."""
        ...

    def died(self, owner: str, reason: str, retry: bool, trial_id: str | None) -> None:
        """Give its trial back, or fail it with the reason; `trial_id`: the one it was killed for."""
        ...


@dataclass
class TrainerProcess:
    """One of them. `late_at`: when its trial has to be over."""

    owner: str
    process: BaseProcess
    status: Connection
    busy: Busy | None = None
    late_at: float = math.inf
    abandoned_since: float | None = None
    kill_reason: str | None = None
    killed_for: str | None = None
    told: bool = False
    retry: bool = True
    ready: bool = False


class Trainers:
    """`start` makes one; `memory_bytes`: what one may usually hold."""

    def __init__(
        self, desk: TrainerDesk, start: Callable[[], TrainerProcess], memory_bytes: int, clock: Callable[[], float]
    ):
        self._desk = desk
        self._start = start
        self._memory_bytes = memory_bytes
        self._clock = clock
        self._trainers: list[TrainerProcess] = []
        self._stillborn = 0
        self._start_not_before = 0.0
        self._memory_checked_at = 0.0

    def __len__(self) -> int:
        return len(self._trainers)

    def processes(self) -> list[BaseProcess]:
        return [trainer.process for trainer in self._trainers]

    def described(self) -> list[dict[str, Any]]:
        """Them, for those who look after the machine."""
        return [
            {
                "kind": "trainer",
                "pid": trainer.process.pid,
                "trial_id": trainer.busy.trial_id if trainer.busy else None,
            }
            for trainer in self._trainers
        ]

    def waiting(self, besides: str | None = None) -> list[int]:
        """The ids of the processes that have nothing to do; and of this owner, which is through with what it did."""
        those = [trainer for trainer in self._trainers if trainer.busy is None or trainer.owner == besides]
        return [trainer.process.pid or 0 for trainer in those]

    def places(self, wanted: int) -> int:
        """How many of so many there are, or will be in a moment: no more than are there, where others do not come
        up."""
        if self._stillborn < _STILLBORN_IN_A_ROW:
            return wanted
        return min(wanted, sum(trainer.ready for trainer in self._trainers))

    def start_missing(self, wanted: int, now: float) -> None:
        """As many as are wanted, unless the last ones did not come up."""
        while len(self._trainers) < wanted and now >= self._start_not_before:
            self._trainers.append(self._start())

    def send_home(self) -> None:
        """End those that have nothing to do."""
        for trainer in self._trainers:
            if trainer.busy is None:
                trainer.process.kill()

    def look(self, now: float) -> None:
        """Give back the trials of those that died, and kill what ignores its deadline, its memory, or that nobody wants
        it any more."""
        check_memory = now - self._memory_checked_at > _MEMORY_CHECK_SECONDS
        if check_memory:
            self._memory_checked_at = now
        for trainer in self._trainers:
            self._read_status(trainer)
        held = {trainer.owner: trainer.busy.trial_id for trainer in self._trainers if trainer.busy is not None}
        unwanted = self._desk.unwanted(held) if held else set()
        for trainer in list(self._trainers):
            if not trainer.process.is_alive():
                trainer.process.join()
                self._trainers.remove(trainer)
                trainer.status.close()
                if not trainer.ready:
                    self._note_stillborn(trainer, now)
                reason = trainer.kill_reason or (
                    "The training process broke down: " + describe_exit(trainer.process.exitcode) + "."
                )
                if not trainer.told:
                    self._desk.died(trainer.owner, reason, trainer.retry, trainer.killed_for)
                continue
            if trainer.kill_reason is not None or trainer.busy is None:
                trainer.abandoned_since = None
            elif now > trainer.late_at + _GRACE_SECONDS:
                self._kill(trainer, DID_NOT_STOP, retry=False)
            elif trainer.owner in unwanted:
                trainer.abandoned_since = trainer.abandoned_since or now
                if now - trainer.abandoned_since > _ABANDON_GRACE_SECONDS:
                    self._kill(trainer, "It was no longer wanted and did not stop when asked.", retry=False)
            else:
                trainer.abandoned_since = None
            if check_memory and trainer.kill_reason is None and trainer.busy is not None:
                self._check_memory(trainer)

    def _note_stillborn(self, trainer: TrainerProcess, now: float) -> None:
        """A trainer that ended before it was ready: something is wrong here, so not again and again at once."""
        self._stillborn += 1
        self._start_not_before = now + min(30.0, 0.2 * 2**self._stillborn)
        how = describe_exit(trainer.process.exitcode)
        log.warning("a trainer did not come up: %s", how)
        if self._stillborn == _STILLBORN_IN_A_ROW:
            log.error("no process that trains comes up on this machine: %s. It is tried again now and then.", how)

    def _check_memory(self, trainer: TrainerProcess) -> None:
        used = resident_bytes(trainer.process.pid or 0)
        allowed = self._memory_bytes
        if trainer.busy is not None and trainer.busy.memory_bytes is not None:
            allowed = trainer.busy.memory_bytes
        if used > allowed:
            self._kill(trainer, limits.too_much_memory(allowed), retry=False)

    def _kill(self, trainer: TrainerProcess, reason: str, *, retry: bool) -> None:
        trainer.kill_reason = reason
        trainer.killed_for = trainer.busy.trial_id if trainer.busy else None
        trainer.retry = retry
        trainer.process.kill()
        # At once: until its death is seen the run may end, and what was wrong with the trial would be lost.
        self._desk.died(trainer.owner, reason, retry, trainer.killed_for)
        trainer.told = True

    def _read_status(self, trainer: TrainerProcess) -> None:
        try:
            while trainer.status.poll():
                trainer.busy = trainer.status.recv()
                trainer.late_at = math.inf if trainer.busy is None else self._clock() + trainer.busy.seconds_left
                if not trainer.ready:
                    trainer.ready = True
                    self._stillborn = 0
        except (EOFError, OSError):
            return
