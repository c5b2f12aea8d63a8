"""A trainer: lease a trial, evaluate it, report; then the next one. The same on every machine."""

import contextlib
import io
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from flowml.automl import algorithms, modelfile
from flowml.automl.evaluate import Abandoned, EncodedFolds, Evaluation, evaluate
from flowml.automl.memory import WillNotFit
from flowml.automl.run import shape_of
from flowml.automl.sharing import Share, share_for
from flowml.automl.task import Task
from flowml.domain.channel import Channel
from flowml.domain.errors import DeadlineReached, FlowMLError, NotApplicable, NotFound, Pruned
from flowml.domain.trials import NEEDED_BYTES, NOT_APPLICABLE, OUT_OF_TIME, Lease, TrialReport, TrialStatus
from flowml.training.gpus import GPUs
from flowml.training.tasks import load_task
from flowml.training.trainer_status import Busy

log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.03
_HEARTBEAT_SECONDS = 5.0
MOST_CACHED_BYTES = 1_500_000_000
LATE_SHARE = 0.15
"""The figure that a trial leaves which needs more memory than there is."""


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
        started = self._clock()
        remarks: list[str] = []
        beat = _Heartbeat(self._channel, lease, self._clock)
        try:
            with beat:
                task, cache = self._data_of(lease.job_id)
                self._on_encoding(False)
                with self._device_for(lease, task, remarks.append) as device:
                    evaluation = evaluate(
                        task,
                        cache,
                        algorithms.get(lease.algorithm),
                        lease.params,
                        seed=task.seed,
                        threads=self._share.threads,
                        time_left=lambda: 0.0 if beat.abandoned else lease.deadline_at - self._clock(),
                        on_fold=beat.on_fold,
                        device=device,
                        max_rows=lease.max_rows,
                        bar=lease.bar,
                        memory_bytes=self._share.memory_bytes,
                        remark=remarks.append,
                    )
            return _finished(task, evaluation, remarks)
        except Abandoned:
            return None
        except Pruned as behind:
            report = _ended(TrialStatus.PRUNED, behind.detail, self._clock() - started)
            return replace(report, fold_scores=behind.fold_scores)
        except NotFound:
            return None
        except DeadlineReached:
            return _ended(TrialStatus.CANCELLED, OUT_OF_TIME, self._clock() - started)
        except WillNotFit as error:
            report = _ended(TrialStatus.FAILED, error.detail, self._clock() - started)
            return replace(report, metrics={NEEDED_BYTES: float(error.needed_bytes)})
        except NotApplicable as error:
            report = _ended(TrialStatus.FAILED, error.detail, self._clock() - started)
            return replace(report, metrics={NOT_APPLICABLE: 1.0})
        except FlowMLError as error:
            return _ended(TrialStatus.FAILED, error.detail, self._clock() - started)
        except MemoryError:
            return _ended(TrialStatus.FAILED, "There was not enough memory for this one.", self._clock() - started)
        except Exception as error:
            log.exception("trial %s (%s) failed", lease.trial_id, lease.algorithm)
            return _ended(TrialStatus.FAILED, f"{type(error).__name__}: {error}"[:500], self._clock() - started)

    def _device_for(
        self, lease: Lease, task: Task, remark: Callable[[str], None]
    ) -> contextlib.AbstractContextManager[str]:
        if self._gpus is None:
            return contextlib.nullcontext("cpu")
        shape = shape_of(task)
        if lease.max_rows is not None:
            shape = replace(shape, n_rows=min(shape.n_rows, lease.max_rows))
        return self._gpus.device_for(lease, algorithms.get(lease.algorithm), shape, self._queue, remark)

    def _on_encoding(self, began: bool) -> None:
        if self._lease is not None:
            # What has been fitted in time is worth the moment that its figures and its file take.
            late = LATE_SHARE * max(0.0, self._lease.deadline_at - self._clock())
            deadline = math.inf if began else self._lease.deadline_at + late
            self._tell(Busy(self._lease.trial_id, deadline, self._share.memory_bytes))

    def _data_of(self, job_id: str) -> tuple[Task, EncodedFolds]:
        if self._job_id != job_id or self._task is None or self._cache is None:
            # Let go of the old job's data before the new one's comes in.
            self._task = self._cache = None
            brief = self._channel.brief(job_id)
            self._task, self._queue = load_task(brief, self._channel.table), brief.spec.queue
            self._share = share_for(shape_of(self._task), self._machine)
            # A quarter of the memory for encoded tables leaves enough for the fits that use them.
            cache_bytes = min(MOST_CACHED_BYTES, self._share.memory_bytes // 4)
            self._cache = EncodedFolds(self._task, cache_bytes, self._on_encoding)
            self._job_id = job_id
        return self._task, self._cache


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


def _finished(task: Task, evaluation: Evaluation, remarks: Sequence[str]) -> TrialReport:
    return TrialReport(
        status=TrialStatus.FINISHED,
        score=evaluation.score,
        fold_scores=tuple(evaluation.fold_scores),
        metrics=evaluation.metrics,
        fit_seconds=evaluation.fit_seconds,
        predict_ms=evaluation.predict_ms,
        error=" ".join(dict.fromkeys(remarks)) or None,
        # Only of rows that some fold holds out: of a big table those are few.
        out_of_fold=pack_array(evaluation.out_of_fold[task.validated]),
        model=modelfile.write(evaluation.model),
    )


def _ended(status: TrialStatus, reason: str, seconds: float) -> TrialReport:
    return TrialReport(status=status, error=reason, fit_seconds=seconds)


def pack_array(array: np.ndarray) -> bytes:
    """An array as the bytes of a `.npy` file, float32."""
    buffer = io.BytesIO()
    np.save(buffer, array.astype(np.float32), allow_pickle=False)
    return buffer.getvalue()
