"""Trials as rows of the job's tables: whoever has a free place takes them, and their ends come back."""

import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from flowml.automl.model import modelfile
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Outcome
from flowml.domain.channel import Ledger
from flowml.domain.jobs import Validation
from flowml.domain.trials import Trial, TrialSpec, TrialStatus


class LedgerRunner:
    """Trials as rows: submitted to the queue, taken in when somebody has finished them."""

    def __init__(
        self,
        ledger: Ledger,
        task: Task,
        slots: int,
        clock: Callable[[], float],
        tested_before: Validation | None = None,
    ):
        """`tested_before`: how trials of an earlier life of this run were tested, as far as was written down."""
        self.slots = slots
        self._tested_before = tested_before
        # One more than there are slots, so that nobody who has finished waits for the next poll.
        self.spare = 1
        self._task = task
        self._ledger = ledger
        self._clock = clock
        self._seen: set[str] = set()
        self._version = -1
        self._open = {trial.id for trial in ledger.trials() if not trial.status.ended}

    def seen(self, trial_ids: Iterable[str]) -> None:
        """Trials that were taken in before."""
        self._seen.update(trial_ids)
        self._open -= self._seen

    def ready(self) -> bool:
        return True

    def submit(self, spec: TrialSpec, deadline: float) -> None:
        self._open.add(self._ledger.enqueue(spec, deadline, self._clock()).id)

    def open(self) -> int:
        return len(self._open)

    def wait(self, timeout: float) -> Sequence[Outcome]:
        until = self._clock() + timeout
        while True:
            version = self._ledger.version()
            if version != self._version or timeout <= 0:
                self._version = version
                ended = [
                    trial
                    for trial in self._ledger.trials()
                    if trial.status.ended and trial.id not in self._seen and trial.id in self._open
                ]
                if ended:
                    for trial in ended:
                        self._seen.add(trial.id)
                        self._open.discard(trial.id)
                    return [self.outcome(trial) for trial in sorted(ended, key=lambda trial: trial.finished_at or 0)]
            left = until - self._clock()
            if left <= 0:
                return []
            time.sleep(min(0.02, left))

    def cancel(self) -> Sequence[Outcome]:
        self._ledger.cancel_trials(sorted(self._open), self._clock())
        ended = self.wait(0)
        self._open.clear()
        return [outcome for outcome in ended if outcome.status is TrialStatus.FINISHED]

    def is_comparable(self, trial: Trial) -> bool:
        """Whether a finished trial was tested as those to come will be.

        One of an earlier version knew fewer ways to test; what it said of other rows, or of rows that it may have
        known, is not to be mixed with what is said now.
        """
        task = self._task
        if trial.out_of_fold is None or len(trial.fold_scores) != task.n_folds:
            return False
        held_out = np.load(self._ledger.file(trial.out_of_fold), mmap_mode="r", allow_pickle=False)
        return len(held_out) == len(task.validated) and self._tested_before == task.validation

    def outcome(self, trial: Trial) -> Outcome:
        """A row as the search and the ensemble want it."""
        spec = TrialSpec(trial.number, trial.algorithm, trial.params, trial.origin, trial.max_rows, trial.bar)
        outcome = Outcome(
            spec,
            trial.status,
            trial.score,
            trial.fold_scores,
            trial.metrics or {},
            trial.fit_seconds or 0.0,
            trial.predict_ms,
            trial.error,
            applicable=trial.applicable,
        )
        if trial.status is not TrialStatus.FINISHED or trial.out_of_fold is None or trial.model_file is None:
            return outcome
        model_file = trial.model_file
        held_out = np.load(io.BytesIO(self._ledger.file(trial.out_of_fold).read_bytes()), allow_pickle=False)
        array = np.full((len(self._task.target), held_out.shape[1]), np.nan, dtype=np.float32)
        array[self._task.validated] = held_out
        return replace(
            outcome,
            out_of_fold=array,
            load_model=lambda: modelfile.read(self._ledger.file(model_file)),
        )
