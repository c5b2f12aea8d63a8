"""A trainer: lease a trial, evaluate it, report; then the next one. The same on every machine."""

import contextlib
import io
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from flowml.automl import algorithms
from flowml.automl.model import modelfile
from flowml.automl.task.task import Task
from flowml.automl.trial import limits
from flowml.automl.trial.attempt import Means, attempt
from flowml.automl.trial.evaluate import EncodedFolds
from flowml.automl.trial.outcome import Outcome
from flowml.automl.trial.sharing import Share, share_for
from flowml.domain.channel import Channel
from flowml.domain.trials import NEEDED_BYTES, NOT_APPLICABLE, Lease, TrialReport, TrialSpec, TrialStatus
from flowml.training.gpus import GPUs
from flowml.training.tasks import load_task
from flowml.training.trainer_status import Busy

log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.03
_HEARTBEAT_SECONDS = 5.0


class Trainer:
    """Evaluates trials one after another, keeping the data of the current job loaded and encoded.

    `machine`: how this machine is shared by trials of ordinary tables; `gpus`: what may be used besides the CPU.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        machine: Share,
        gpus: GPUs | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[Busy | None], None] = lambda busy: None,
    ):
        self._channel = channel
        self._machine = machine
        self._gpus = gpus
        self._queue = "cpu"
        self._clock = clock
        self._sleep = sleep
        self._tell = tell
        self._job_id: str | None = None
        self._task: Task | None = None
        self._cache: EncodedFolds | None = None
        self._share = machine
        self._lease: Lease | None = None

    def run(self, stop: Callable[[], bool]) -> None:
        """Until told to stop. The first word, `None`, says that it is ready."""
        self._tell(None)
        while not stop():
            if not self.step():
                self._sleep(_IDLE_SECONDS)

    def step(self) -> bool:
        """Evaluate one trial; False when none is waiting."""
        lease = self._channel.lease(self._clock())
        if lease is None:
            return False
        self._lease = lease
        # A table that is being read, or encoded, is of use to whatever comes after: not before the run ends is it too
        # late for that.
        self._on_encoding(True)
        try:
            report = self._evaluate(lease)
            if report is not None:
                self._channel.report(lease, report, self._clock())
        finally:
            self._tell(None)
        return True

    def _evaluate(self, lease: Lease) -> TrialReport | None:
        spec = TrialSpec(lease.number, lease.algorithm, lease.params, max_rows=lease.max_rows, bar=lease.bar)
        beat = _Heartbeat(self._channel, lease, self._clock)
        with beat:
            outcome = attempt(
                lambda: self._means_for(lease.job_id),
                spec,
                time_left=lambda: 0.0 if beat.abandoned else lease.deadline_at - self._clock(),
                on_fold=beat.on_fold,
                device_for=partial(self._device_for, lease),
            )
        abandoned = outcome.status is TrialStatus.CANCELLED and outcome.error is None
        return None if abandoned else _report_of(outcome, self._task)

    def _device_for(
        self, lease: Lease, task: Task, remark: Callable[[str], None]
    ) -> contextlib.AbstractContextManager[str]:
        if self._gpus is None:
            return contextlib.nullcontext("cpu")
        shape = task.shape
        if lease.max_rows is not None:
            shape = replace(shape, n_rows=min(shape.n_rows, lease.max_rows))
        return self._gpus.device_for(lease, algorithms.get(lease.algorithm), shape, self._queue, remark)

    def _on_encoding(self, began: bool) -> None:
        if self._lease is not None:
            late = limits.late_seconds(self._lease.deadline_at - self._clock())
            deadline = math.inf if began else self._lease.deadline_at + late
            self._tell(Busy(self._lease.trial_id, deadline, self._share.memory_bytes))

    def _means_for(self, job_id: str) -> Means:
        if self._job_id != job_id or self._task is None or self._cache is None:
            # Let go of the old job's data before the new one's comes in.
            self._task = self._cache = None
            brief = self._channel.brief(job_id)
            self._task, self._queue = load_task(brief, self._channel.table), brief.spec.queue
            self._share = share_for(self._task.shape, self._machine)
            cached = limits.cache_bytes(self._share.memory_bytes)
            self._cache = EncodedFolds(self._task, cached, self._on_encoding)
            self._job_id = job_id
        self._on_encoding(False)
        return Means(self._task, self._cache, self._share.threads, self._share.memory_bytes)


class _Heartbeat:
    """Renews a lease in the background while a trial runs, and hears when nobody wants it any more."""

    def __init__(self, channel: Channel, lease: Lease, clock: Callable[[], float]):
        self._channel = channel
        self._lease = lease
        self._clock = clock
        self._scores: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.abandoned = False

    def __enter__(self) -> "_Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def on_fold(self, fold: int, score: float) -> bool:
        """After each fold: say how far it is; False when the trial is to be dropped."""
        self._scores.append(score)
        return self._renew()

    def _beat(self) -> None:
        while not self._done.wait(_HEARTBEAT_SECONDS):
            self._renew()

    def _renew(self) -> bool:
        try:
            if not self._channel.heartbeat(self._lease, list(self._scores), self._clock()):
                self.abandoned = True
        except Exception:
            # A dispatcher that cannot be reached for a moment costs nothing; the lease outlives several beats.
            log.warning("heartbeat of trial %s did not get through", self._lease.trial_id, exc_info=True)
        return not self.abandoned


def _report_of(outcome: Outcome, task: Task | None) -> TrialReport:
    metrics = dict(outcome.metrics)
    if outcome.needed_bytes is not None:
        metrics[NEEDED_BYTES] = float(outcome.needed_bytes)
    elif not outcome.applicable:
        metrics[NOT_APPLICABLE] = 1.0
    report = TrialReport(
        status=outcome.status,
        score=outcome.score,
        fold_scores=outcome.fold_scores,
        metrics=metrics,
        fit_seconds=outcome.fit_seconds,
        predict_ms=outcome.predict_ms,
        error=outcome.error,
    )
    if task is None or outcome.out_of_fold is None or outcome.load_model is None:
        return report
    # Only of rows that some fold holds out: of a big table those are few.
    held_out = pack_array(outcome.out_of_fold[task.validated])
    return replace(report, out_of_fold=held_out, model=modelfile.write(outcome.load_model()))


def pack_array(array: np.ndarray) -> bytes:
    """An array as the bytes of a `.npy` file, float32."""
    buffer = io.BytesIO()
    np.save(buffer, array.astype(np.float32), allow_pickle=False)
    return buffer.getvalue()
