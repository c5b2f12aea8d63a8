"""Evaluates the trials of a run in processes, one trial each at a time: what crashes, hangs or eats all memory costs
one trial and not the user's program. Where no process can be started, threads do the same (`ThreadRunner`).
"""

import pickle
import queue
import shutil
import tempfile
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flowml.automl.model import modelfile
from flowml.automl.task.task import Task
from flowml.automl.trial import limits
from flowml.automl.trial.attempt import Means, attempt
from flowml.automl.trial.evaluate import EncodedFolds
from flowml.automl.trial.outcome import Outcome
from flowml.automl.trial.scores import short
from flowml.domain.trials import DID_NOT_STOP, OUT_OF_TIME, TrialSpec, TrialStatus
from flowml.library.engine_process import EngineProcess, TrialProcess
from flowml.library.task_file import write_task
from flowml.library.trial_process import ENCODING, Brief
from flowml.machine.child import CannotStart
from flowml.machine.facts import resident_bytes

_GRACE_SECONDS = 1.0
_LOOK_SECONDS = 0.25
_FAILED_START_SECONDS = 0.5


class _SlotRunner(ABC):
    """A thread a slot; each has one trial evaluated at a time. Daemons, so that nothing keeps the run from ending."""

    def __init__(self, slots: int, clock: Callable[[], float]):
        self.slots = slots
        # One more than there are slots, so that nobody who has finished waits for the next poll.
        self.spare = 1
        self.failures: dict[str, str] = {}
        self._clock = clock
        self._open = 0
        self._cancelled = threading.Event()
        self._ready = threading.Event()
        self._waiting: queue.SimpleQueue[tuple[TrialSpec, float] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"trials-{slot}", daemon=True)
            for slot in range(slots)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ready(self) -> bool:
        return self._ready.is_set()

    def submit(self, spec: TrialSpec, deadline: float) -> None:
        self._open += 1
        self._waiting.put((spec, deadline))

    def open(self) -> int:
        return self._open

    def wait(self, timeout: float) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        try:
            outcomes.append(self._done.get(timeout=timeout) if timeout > 0 else self._done.get_nowait())
            while True:
                outcomes.append(self._done.get_nowait())
        except queue.Empty:
            pass
        self._open -= len(outcomes)
        for outcome in outcomes:
            if outcome.error and outcome.status is TrialStatus.FAILED:
                self.failures[outcome.spec.algorithm] = outcome.error
        return outcomes

    def cancel(self) -> Sequence[Outcome]:
        ended = self.wait(0)
        self._cancelled.set()
        self._abandon()
        return ended

    def close(self) -> None:
        """End what runs, and let go of everything that the outcomes' models do not need."""
        self._cancelled.set()
        self._abandon()
        for _ in self._threads:
            self._waiting.put(None)

    def _work(self, slot: int) -> None:
        self._ready.set()
        while (item := self._waiting.get()) is not None:
            spec, deadline = item
            if not self._cancelled.is_set():
                self._done.put(self._evaluate(slot, spec, deadline))

    @abstractmethod
    def _evaluate(self, slot: int, spec: TrialSpec, deadline: float) -> Outcome:
        """Have it evaluated, in whatever way; called in the slot's own thread."""

    @abstractmethod
    def _abandon(self) -> None:
        """What runs now is not wanted any more."""


class ThreadRunner(_SlotRunner):
    """In this very process: the data is there only once, but a crash is the program's crash."""

    def __init__(self, task: Task, slots: int, clock: Callable[[], float]):
        super().__init__(slots, clock)
        self._task = task
        self._folds = EncodedFolds(task)

    def _evaluate(self, slot: int, spec: TrialSpec, deadline: float) -> Outcome:
        return _evaluate_here(self._task, self._folds, spec, lambda: deadline - self._clock(), self._cancelled)

    def _abandon(self) -> None:
        return None


def _evaluate_here(
    task: Task,
    folds: EncodedFolds,
    spec: TrialSpec,
    time_left: Callable[[], float],
    cancelled: threading.Event,
) -> Outcome:
    outcome = attempt(
        lambda: Means(task, folds),
        spec,
        time_left=lambda: 0.0 if cancelled.is_set() else time_left(),
        on_fold=lambda fold, score: not cancelled.is_set(),
    )
    if outcome.load_predictions is None:
        return outcome
    # As exact as what comes from a process, so that both find the same ensemble.
    said = short(outcome.predictions())
    return replace(outcome, load_predictions=lambda: said.astype(np.float64))


def warn_of_threads(problem: Exception) -> None:
    """Say that there are no processes, and what that means."""
    warnings.warn(
        f"Training in threads of this program, which is slower and does not survive a crash. {problem}",
        RuntimeWarning,
        stacklevel=3,
    )


class ProcessRunner(_SlotRunner):
    """In processes of their own. `memory_bytes`: what one of them may hold; `threads`: how many it may use. Models and
    what they said of rows that they had not seen stay in files until `close`.

    They are forked as soon as the engine is there, for which nobody has to wait. Where it does not come up, the slots'
    threads evaluate the trials themselves, and a RuntimeWarning says so.
    """

    def __init__(
        self,
        task: Task,
        slots: int,
        clock: Callable[[], float],
        *,
        engine: EngineProcess,
        memory_bytes: int,
        threads: int = 1,
    ):
        super().__init__(slots, clock)
        self._threads_a_trial = threads
        self._engine = engine
        self._memory_bytes = memory_bytes
        self._processes: dict[int, TrialProcess] = {}
        self._lock = threading.Lock()
        self._task = task
        self._folder: Path | None = None
        self._set_up_lock = threading.Lock()
        self._here: EncodedFolds | None = None

    def close(self) -> None:
        super().close()
        if self._here is None:
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join()
        for slot in range(self.slots):
            self._stop(slot)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _abandon(self) -> None:
        with self._lock:
            for process in self._processes.values():
                process.kill()

    def _start(self, slot: int) -> TrialProcess:
        process = self._engine.fork()
        assert self._folder is not None
        cached = limits.cache_bytes(self._memory_bytes)
        brief = Brief(str(self._folder), cached, self._threads_a_trial, self._memory_bytes)
        process.connection.send(brief)
        with self._lock:
            self._processes[slot] = process
            if self._cancelled.is_set():
                process.kill()
        return process

    def _stop(self, slot: int) -> None:
        with self._lock:
            process = self._processes.pop(slot, None)
            if process is not None:
                process.close()

    def _work(self, slot: int) -> None:
        try:
            if self._set_up(slot):
                super()._work(slot)
        finally:
            self._stop(slot)

    def _set_up(self, slot: int) -> bool:
        """Have the slot's process ready, or this program in its place; False when that is not wanted any more."""
        try:
            with self._set_up_lock:
                if self._folder is None and self._here is None:
                    scratch = self._engine.scratch(wanted=lambda: not self._cancelled.is_set())
                    self._folder = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
                    write_task(self._task, self._folder)
            if self._here is None:
                self._start(slot)
        except (CannotStart, OSError) as problem:
            with self._set_up_lock:
                if self._here is None and not self._cancelled.is_set():
                    warn_of_threads(problem)
                    self._here = EncodedFolds(self._task)
        return not self._cancelled.is_set()

    def _evaluate(self, slot: int, spec: TrialSpec, deadline: float) -> Outcome:
        if self._here is not None:
            return _evaluate_here(self._task, self._here, spec, lambda: deadline - self._clock(), self._cancelled)
        started = self._clock()

        def ended(status: TrialStatus, reason: str) -> Outcome:
            self._stop(slot)
            if self._cancelled.is_set():
                status, reason = TrialStatus.CANCELLED, OUT_OF_TIME
            return Outcome(spec, status, error=reason, fit_seconds=self._clock() - started)

        def failed(reason: str) -> Outcome:
            return ended(TrialStatus.FAILED, reason)

        try:
            process = self._processes.get(slot) or self._start(slot)
        except (CannotStart, OSError) as error:
            # So that a search that is never refused does not ask a thousand times a second.
            self._cancelled.wait(_FAILED_START_SECONDS)
            return failed(f"No process could be started for it: {error}")
        try:
            process.connection.send((spec, deadline - self._clock()))
            encoding = False
            killed_at = deadline + max(_GRACE_SECONDS, limits.late_seconds(deadline - self._clock()))
            while True:
                left = killed_at - self._clock()
                if process.connection.poll(_LOOK_SECONDS if encoding else max(0.0, min(_LOOK_SECONDS, left))):
                    # Nothing in it is from outside: the process is ours, and its end of the pipe was never anyone's.
                    content = process.connection.recv_bytes()
                    said: Outcome | str | None = pickle.loads(content)  # noqa: S301
                    if isinstance(said, Outcome):
                        return self._taken_in(said)
                    encoding = said == ENCODING
                elif (left <= 0 and not encoding) or self._cancelled.is_set():
                    return ended(TrialStatus.CANCELLED, DID_NOT_STOP)
                elif resident_bytes(process.pid) > self._memory_bytes:
                    return failed(limits.too_much_memory(self._memory_bytes))
        except (EOFError, OSError):
            return failed(f"The process that evaluated it broke down: {process.exit_reason()}.")

    def _taken_in(self, outcome: Outcome) -> Outcome:
        if outcome.status is not TrialStatus.FINISHED:
            return outcome
        assert self._folder is not None
        model, said = (self._folder / f"{outcome.spec.number}.{kind}" for kind in ("flowml", "npy"))
        return replace(
            outcome,
            load_predictions=lambda: np.load(said, allow_pickle=False).astype(np.float64),
            load_model=lambda: modelfile.read(model, tried=False),
        )
