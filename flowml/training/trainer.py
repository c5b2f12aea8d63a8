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
from flowml.automl.trial.scores import short
from flowml.automl.trial.sharing import share_for
from flowml.domain.channel import Channel
from flowml.domain.errors import FlowMLError, InvalidInput, LeaseLost, NotFound
from flowml.domain.faults import fault_of
from flowml.domain.trials import (
    NEEDED_BYTES,
    NOT_APPLICABLE,
    Beat,
    Lease,
    Offer,
    TrialReport,
    TrialSpec,
    TrialStatus,
)
from flowml.domain.workers import Share
from flowml.training.gpus import GPUs
from flowml.training.tasks import load_task
from flowml.training.trainer_status import Busy

log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.03
_OFFER_SECONDS = 1.0
_MOST_WORDS = 500


class Trainer:
    """Evaluates trials one after another, keeping the data of the current job loaded and encoded.

    `machine`: how this machine is shared by trials of ordinary tables; `gpus`: what may be used besides the CPU;
    `queues`: whose trials it takes now. `heartbeat_seconds`: how often it asks whether its trial is still wanted.
    `clock`: of this machine, for lengths of time alone.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        machine: Share,
        gpus: GPUs | None = None,
        queues: Callable[[], tuple[str, ...]] = lambda: ("cpu",),
        heartbeat_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[Busy | None], None] = lambda busy: None,
    ):
        self._channel = channel
        self._machine = machine
        self._gpus = gpus
        self._queues = queues
        self._heartbeat_seconds = heartbeat_seconds
        self._queue = "cpu"
        self._clock = clock
        self._sleep = sleep
        self._tell = tell
        self._job_id: str | None = None
        self._task: Task | None = None
        self._cache: EncodedFolds | None = None
        self._share = machine
        self._lease: Lease | None = None
        self._deadline = 0.0
        self._offered: Offer | None = None
        self._offered_at = 0.0

    def run(self, stop: Callable[[], bool]) -> None:
        """Until told to stop. The first word, `None`, says that it is ready."""
        self._tell(None)
        while not stop():
            if not self.step():
                self._sleep(_IDLE_SECONDS)

    def step(self) -> bool:
        """Evaluate one trial; False when none is waiting."""
        lease = self._channel.lease(self._offer())
        if lease is None:
            return False
        with contextlib.nullcontext(True) if self._gpus is None else self._gpus.reserved_for(lease) as has_a_place:
            if has_a_place:
                self._work_on(lease)
            else:
                # Another trainer of this machine was a moment faster: it waits for a card, here or elsewhere.
                with contextlib.suppress(LeaseLost):
                    self._channel.give_back(lease)
        return True

    def _work_on(self, lease: Lease) -> None:
        self._lease, self._deadline = lease, self._clock() + lease.seconds_left
        # A table that is being read, or encoded, is of use to whatever comes after: not before the run ends is it too
        # late for that.
        self._on_encoding(True)
        try:
            report = self._evaluate(lease)
            if report is not None:
                self._hand_in(lease, report)
        except LeaseLost:
            log.info("trial %s was taken away before its outcome could be handed in", lease.trial_id)
        finally:
            self._tell(None)

    def _hand_in(self, lease: Lease, report: TrialReport) -> None:
        try:
            self._channel.report(lease, report)
        except LeaseLost:
            raise
        except (NotFound, InvalidInput) as refused:
            # What was handed over is no longer there, or not taken.
            self._channel.report(lease, TrialReport(TrialStatus.FAILED, error=refused.detail[:_MOST_WORDS]))

    def _offer(self) -> Offer:
        """What this machine has for a trial; its queues are looked up now and then, for its GPUs are tried only after
        its start, and which of them are free each time."""
        now = self._clock()
        if self._offered is None or now - self._offered_at > _OFFER_SECONDS:
            # A trial of a big table may have the memory of several.
            memory_bytes = self._machine.slots * self._machine.memory_bytes
            self._offered, self._offered_at = Offer(self._queues(), memory_bytes), now
        if self._gpus is None:
            return self._offered
        queues, vram_gb = self._gpus.offered(self._offered.queues)
        return replace(self._offered, queues=queues, vram_gb=vram_gb)

    def _evaluate(self, lease: Lease) -> TrialReport | None:
        spec = TrialSpec(lease.number, lease.algorithm, lease.params, max_rows=lease.max_rows, bar=lease.bar)
        beat = _Heartbeat(self._channel, lease, self._heartbeat_seconds)
        with beat:
            outcome = attempt(
                lambda: self._means_for(lease),
                spec,
                time_left=lambda: 0.0 if beat.abandoned else self._deadline - self._clock(),
                on_fold=beat.on_fold,
                device_for=partial(self._device_for, lease),
            )
        abandoned = outcome.status is TrialStatus.CANCELLED and outcome.error is None
        if abandoned:
            return None
        try:
            return self._report_of(outcome, lease)
        except LeaseLost:
            raise
        except MemoryError:
            reason = "There was not enough memory for it."
        except Exception as problem:
            log.exception("trial %s (%s) could not be handed in", lease.trial_id, lease.algorithm)
            told = problem if isinstance(problem, FlowMLError) else fault_of(problem)
            reason = f"{type(problem).__name__}: {problem}"[:_MOST_WORDS] if told is None else told.detail
        return TrialReport(TrialStatus.FAILED, error=reason, fit_seconds=outcome.fit_seconds)

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
            left = self._deadline - self._clock()
            seconds = math.inf if began else left + limits.late_seconds(left)
            self._tell(Busy(self._lease.trial_id, seconds, self._share.memory_bytes))

    def _means_for(self, lease: Lease) -> Means:
        if self._job_id != lease.job_id or self._task is None or self._cache is None:
            # Let go of the old job's data before the new one's comes in.
            self._task = self._cache = None
            brief = self._channel.brief(lease)
            self._task, self._queue = load_task(brief, partial(self._channel.get, lease)), brief.spec.queue
            self._share = share_for(self._task.shape, self._machine)
            cached = limits.cache_bytes(self._share.memory_bytes)
            self._cache = EncodedFolds(self._task, cached, self._on_encoding)
            self._job_id = lease.job_id
        self._on_encoding(False)
        return Means(self._task, self._cache, self._share.threads, self._share.memory_bytes)

    def _report_of(self, outcome: Outcome, lease: Lease) -> TrialReport:
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
        if self._task is None or outcome.load_predictions is None or outcome.load_model is None:
            return report
        # Only of rows that some fold holds out: of a big table those are few.
        held_out = pack_array(outcome.predictions()[self._task.validated])
        return replace(
            report,
            out_of_fold=self._channel.put(lease, held_out),
            model=self._channel.put(lease, modelfile.write(outcome.load_model())),
            tested_on=self._task.fingerprint,
        )


class _Heartbeat:
    """Renews a lease in the background while a trial runs, and hears when nobody wants it any more."""

    def __init__(self, channel: Channel, lease: Lease, seconds: float):
        self._channel = channel
        self._lease = lease
        self._seconds = seconds
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
        while not self._done.wait(self._seconds):
            self._renew()

    def _renew(self) -> bool:
        try:
            if self._channel.heartbeat([Beat(self._lease, tuple(self._scores))]):
                self.abandoned = True
        except Exception as problem:
            # A dispatcher that cannot be reached for a moment costs nothing; the lease outlives several beats. One that
            # has ended has said so itself.
            is_known = isinstance(problem, FlowMLError | OSError | EOFError)
            told = f"{type(problem).__name__} {problem}".strip()
            log.warning(
                "heartbeat of trial %s did not get through: %s", self._lease.trial_id, told, exc_info=not is_known
            )
        return not self.abandoned


def pack_array(array: np.ndarray) -> bytes:
    """Predictions as the bytes of a `.npy` file, float32 where that keeps them apart (`automl.trial.scores.short`)."""
    buffer = io.BytesIO()
    np.save(buffer, short(array), allow_pickle=False)
    return buffer.getvalue()
