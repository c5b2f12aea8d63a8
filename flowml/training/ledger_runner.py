"""Trials as rows of the job's tables: whoever has a free place takes them, and their ends come back."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flowml.automl import algorithms
from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Outcome
from flowml.automl.trial.sharing import share_for, usual_need
from flowml.domain.channel import Ledger
from flowml.domain.clock import Clock
from flowml.domain.errors import Damaged, NotFound, TrialFailed
from flowml.domain.jobs import PRIORITY, Validation
from flowml.domain.stored import damaged, hash_file
from flowml.domain.trials import CANNOT_BE_LOOKED_AT, Needs, Trial, TrialSpec, TrialStatus
from flowml.domain.workers import LOCAL_ID, Machine, Share
from flowml.machine.capabilities import VRAM_SLACK_GB, vram_of
from flowml.training import taking_in
from flowml.training.gpus import pays_on_gpu
from flowml.training.places import Places

# The tables' whole numbers end there, whatever a machine says of itself.
_MOST_BYTES = 2**62
# As long as a look usually takes several times over: there is nothing better to do meanwhile.
_PATIENCE_SECONDS = 0.25


class LedgerRunner:
    """Trials as rows: submitted to the queue, taken in when somebody has finished them.

    `queue`: the one that the job asks for; `tested_before`: how trials of an earlier life of this run were tested. How
    many trials are open at once follows the machines that are online. `last_look_seconds`: how long, when the search is
    over, what other machines have finished is looked at.
    """

    def __init__(
        self,
        ledger: Ledger,
        task: Task,
        clock: Clock,
        queue: str = "cpu",
        tested_before: Validation | None = None,
        last_look_seconds: float = 30.0,
    ):
        self._tested_before = tested_before
        self._last_look_seconds = last_look_seconds
        self._look: _Look | None = None
        self._task = task
        self._ledger = ledger
        self._clock = clock
        self._queue = queue
        brief = ledger.brief()
        self._rows = brief.root_table or brief.table
        # Whoever takes it in wants to see it next.
        self._latest: tuple[str, FittedModel] | None = None
        self._version = -1
        self._open = {trial.id for trial in ledger.trials() if not trial.status.ended}
        self._machines: Sequence[Machine] = ()
        self._places = Places()
        self._machines_version: int | None = None
        self._waiting: Mapping[str, float] = {}
        self._waiting_version: int | None = None
        self._whole_files: set[str] = set()

    @property
    def slots(self) -> int:
        """How many trials of this task the machines that are online evaluate at once, as far as they are seen to."""
        machines = self._online()
        slots = {machine.worker_id: self._shared(machine).slots for machine in machines}
        count, may_be_more = self._places.count(machines, slots, self._waiting_since(), self._clock.steady())
        # One trial waits for somebody to show that they have a place after all.
        return max(1, count + may_be_more)

    @property
    def spare(self) -> int:
        """One more than there are slots may wait, so that nobody who has finished waits for the next poll; of a big
        table none, because whoever trains in a free slot would need the table, too."""
        said = sum(share.slots for share in self.shares())
        return 1 if said >= sum(machine.slots for machine in self._online()) else 0

    def shares(self) -> list[Share]:
        """How each machine is shared by trials of this task."""
        return [self._shared(machine) for machine in self._online()]

    def _shared(self, machine: Machine) -> Share:
        share = Share(max(1, machine.slots), machine.threads, machine.memory_bytes)
        # Places of several machines are nothing that one trial could have together.
        return share if machine.largest_trial_bytes is not None else share_for(self._task.shape, share)

    def _online(self) -> Sequence[Machine]:
        version = self._ledger.version()
        if version != self._machines_version:
            found, self._machines_version = tuple(filter(self._takes_part, self._ledger.machines())), version
            is_other, self._machines = found != self._machines, found
            if is_other:
                self._ledger.lower_needs(self._queues(), self._most_memory())
                if any(machine.worker_id != LOCAL_ID for machine in found):
                    # What they report is looked at in processes that come from there.
                    taking_in.FORKSERVER.warm()
        return self._machines

    def _waiting_since(self) -> Mapping[str, float]:
        """By queue, since when the trial of this run has waited that waits longest for any machine of that queue."""
        version = self._ledger.version()
        if version != self._waiting_version:
            self._waiting, self._waiting_version = self._ledger.waiting_since(), version
        return self._waiting

    def _takes_part(self, machine: Machine) -> bool:
        """Whether it takes any trial of this job."""
        wanted = {PRIORITY} if self._queue == PRIORITY else {"cpu", self._queue}
        return bool(wanted & set(machine.queues))

    def _queues(self) -> list[str]:
        return sorted({"cpu", *(name for machine in self._machines for name in machine.queues)})

    def _most_memory(self) -> int:
        """What the largest machine has for a single trial; nothing is asked for where there is none."""
        largest = max((_most_memory_of(machine) for machine in self._machines), default=0)
        return min(largest, _MOST_BYTES)

    def _needs(self, spec: TrialSpec) -> Needs:
        """Where nobody has what it needs, it asks for what there is, and whoever takes it says what it lacks."""
        queue, vram_gb = "cpu", 0.0
        self._online()
        for_all = self._queue == PRIORITY
        if self._queue in self._queues() and self._queue != "cpu" and (for_all or algorithms.get(spec.algorithm).gpu):
            queue, vram_gb = self._queue, vram_of(self._queue)
        rather = self._queue == "auto" and "gpu" in self._queues() and pays_on_gpu(spec, self._task.shape)
        return Needs(
            queue,
            min(usual_need(self._task.shape), self._most_memory()),
            max(0.0, vram_gb - VRAM_SLACK_GB),
            prefers="gpu" if rather else None,
        )

    def taken_up(self, finished: Sequence[Trial]) -> list[Trial]:
        """Of the trials that an earlier life of the run has left finished, those that it has taken in. What another
        machine had reported and nobody has looked at yet is told of like what is still to come."""
        known = [trial for trial in finished if not trial.to_look_at]
        self._open.update(trial.id for trial in finished)
        self._open.difference_update(trial.id for trial in known)
        return known

    def ready(self) -> bool:
        return True

    def submit(self, spec: TrialSpec, deadline: float) -> None:
        now, steady = self._clock.now(), self._clock.steady()
        self._open.add(self._ledger.enqueue(spec, self._needs(spec), deadline, now, steady).id)

    def open(self) -> int:
        return len(self._open)

    def wait(self, timeout: float) -> Sequence[Outcome]:
        until = self._clock.steady() + timeout
        while True:
            version = self._ledger.version()
            if version != self._version or timeout <= 0:
                self._version = version
                ended = self._ended(min(_PATIENCE_SECONDS, timeout) if timeout > 0 else self._last_look_seconds)
                if ended:
                    return ended
            left = until - self._clock.steady()
            if left <= 0:
                return []
            time.sleep(min(0.02, left))

    def _ended(self, patience: float) -> Sequence[Outcome]:
        """What has ended: all that can be told of at once, or one that has to be looked at, if that takes no longer
        than this. What is left then is told of later."""
        ended = sorted(self._ledger.ended(self._open), key=lambda trial: trial.finished_at or 0)
        found = [trial for trial in ended if not trial.to_look_at]
        # The one that is being looked at first.
        waiting = sorted(ended, key=lambda trial: self._look is None or not self._look.is_at(trial))
        for trial in () if found else waiting:
            looked_at = self._looked_at(trial, patience)
            if looked_at is None:
                break
            if looked_at.status.ended:
                found = [looked_at]
                break
        if len(found) < len(ended):
            # Whatever else is stored meanwhile or not: there is more.
            self._version = -1
        self._open.difference_update(trial.id for trial in found)
        return [self.outcome(trial) for trial in found]

    def cancel(self) -> Sequence[Outcome]:
        self._ledger.cancel_trials(sorted(self._open), self._clock.now())
        until = self._clock.steady() + self._last_look_seconds
        found: list[Outcome] = []
        while ended := self._ended(max(0.0, until - self._clock.steady())):
            found += ended
        self._open.clear()
        return [outcome for outcome in found if outcome.status is TrialStatus.FINISHED]

    def is_comparable(self, trial: Trial) -> bool:
        """Whether a finished trial was tested as those to come will be: what it said of other rows, or of rows that it
        may have known, is not to be mixed with what is said now."""
        if trial.out_of_fold is None:
            return False
        if trial.tested_on is not None:
            return trial.tested_on == self._task.fingerprint
        # An earlier version did not write it down: as many rows, tested in the same way, are the same ones.
        if len(trial.fold_scores) != self._task.n_folds or self._tested_before != self._task.validation:
            return False
        try:
            held_out = np.load(self._whole(trial.out_of_fold), mmap_mode="r", allow_pickle=False)
        except (NotFound, Damaged):
            return False
        return len(held_out) == len(self._task.validated)

    def is_there(self, trial: Trial) -> bool:
        """Whether the files of a finished trial are there. What they hold is looked at when they are first read."""
        try:
            for sha256 in filter(None, (trial.out_of_fold, trial.model_file)):
                self._ledger.file(sha256)
        except NotFound:
            return False
        return True

    def _whole(self, sha256: str) -> Path:
        """Where a file lies that is what was stored, read through once. Raises NotFound, Damaged."""
        path = self._ledger.file(sha256)
        if sha256 not in self._whole_files:
            try:
                is_whole = hash_file(path) == sha256
            except OSError:
                is_whole = False
            if not is_whole:
                raise damaged("file of this trial")
            self._whole_files.add(sha256)
        return path

    def outcome(self, trial: Trial) -> Outcome:
        """A row as the search and the ensemble want it."""
        spec = TrialSpec(trial.number, trial.algorithm, trial.params, trial.origin, trial.max_rows, trial.bar)
        fit_seconds = trial.fit_seconds or 0.0
        if trial.from_elsewhere and trial.started_at is not None and trial.finished_at is not None:
            # How long the search takes such trials to last is not for a worker to say.
            fit_seconds = min(fit_seconds, max(0.0, trial.finished_at - trial.started_at))
        outcome = Outcome(
            spec,
            trial.status,
            trial.score,
            trial.fold_scores,
            trial.metrics or {},
            fit_seconds,
            trial.predict_ms,
            trial.error,
            applicable=trial.applicable,
        )
        if trial.status is not TrialStatus.FINISHED or trial.out_of_fold is None or trial.model_file is None:
            return outcome
        out_of_fold, model_file = trial.out_of_fold, trial.model_file
        return replace(
            outcome,
            load_predictions=lambda: self._predictions(self._whole(out_of_fold)),
            # Written by a trainer of this server a moment ago, or tried; again that would wait for a booster's import.
            load_model=lambda: self._model(trial.id, model_file),
        )

    def _looked_at(self, trial: Trial, patience: float | None) -> Trial | None:
        """A trial that has ended; one that another machine has finished as it really is. What cannot be used waits
        again, or has failed. None where that takes longer than this, or another one is just being looked at."""
        if not trial.to_look_at:
            return trial
        if self._look is None or (not self._look.is_at(trial) and self._look.is_over()):
            rows = self._rows
            self._look = _Look(
                trial, lambda: taking_in.taken_in(self._task, trial, self._whole, self._ledger.table(rows))
            )
        if not self._look.is_at(trial) or not self._look.is_over(patience):
            return None
        look, self._look = self._look, None
        try:
            found, model = look.outcome()
        except (NotFound, Damaged):
            # What this server has lost is nobody's fault, and nothing that was not looked at is used.
            self._ledger.leave_out(trial, CANNOT_BE_LOOKED_AT, self._clock.now())
            return replace(trial, status=TrialStatus.CANCELLED, to_look_at=False)
        except TrialFailed as refused:
            reason = f"What the worker {trial.worker_name} reported is not used: {refused.detail}."
            trial = self._ledger.refuse(trial, reason, self._clock.now())
            if not trial.status.ended:
                self._open.add(trial.id)
            return trial
        self._latest = trial.id, model
        self._ledger.looked_at(found, self._clock.now())
        return replace(found, to_look_at=False)

    def _model(self, trial_id: str, sha256: str) -> FittedModel:
        if self._latest is not None and self._latest[0] == trial_id:
            return self._latest[1]
        return modelfile.read(self._whole(sha256), tried=False)

    def _predictions(self, file: Path) -> np.ndarray:
        """What was stored of the rows that are held out, NaN for all others. Where there are no others, only what is
        looked at is read; the file is open as long as somebody holds this."""
        held_out: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
        rows = self._task.validated
        if len(rows) == len(self._task.target):
            return np.asarray(held_out)
        array = np.full((len(self._task.target), held_out.shape[1]), np.nan, dtype=held_out.dtype)
        array[rows] = held_out
        return array


class _Look:
    """A look at what another machine has reported, beside the loop that conducts the run: on a busy machine it takes
    seconds until the process in which it is tried is there, and what else has finished is not to wait for that."""

    def __init__(self, trial: Trial, take_in: Callable[[], tuple[Trial, FittedModel]]):
        self._trial = trial
        self._take_in = take_in
        self._found: tuple[Trial, FittedModel] | None = None
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="look", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._take_in()
        except Exception as problem:
            self._problem = problem

    def is_at(self, trial: Trial) -> bool:
        """Whether it is at this attempt of this trial."""
        return (trial.id, trial.attempt) == (self._trial.id, self._trial.attempt)

    def is_over(self, patience: float | None = 0.0) -> bool:
        """Whether it is, within so many seconds; None waits for it."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def outcome(self) -> tuple[Trial, FittedModel]:
        """What it found. Raises what stood against it."""
        if self._problem is not None:
            raise self._problem
        assert self._found is not None
        return self._found


def _most_memory_of(machine: Machine) -> int:
    together = machine.slots * machine.memory_bytes
    return together if machine.largest_trial_bytes is None else min(together, machine.largest_trial_bytes)
