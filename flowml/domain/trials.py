"""A trial: one algorithm with one set of parameters, evaluated by cross-validation.

The unit of scheduling, leasing, retrying, progress and crash recovery.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from flowml.domain.workers import LOCAL_ID


class TrialStatus(StrEnum):
    """queued → leased → finished | pruned | failed | cancelled; an expired lease goes back to queued."""

    QUEUED = "queued"
    LEASED = "leased"
    FINISHED = "finished"
    PRUNED = "pruned"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (TrialStatus.QUEUED, TrialStatus.LEASED)


@dataclass(frozen=True)
class TrialSpec:
    """What to evaluate. `number` counts up within the job; `origin` is `first`, `portfolio` or `search`.

    With `max_rows` each fold learns from at most so many rows; all rows are predicted all the same. `bar`: the score
    of the first fold, in the metric's own direction, short of which the trial ends there.
    """

    number: int
    algorithm: str
    params: Mapping[str, Any]
    origin: str = "portfolio"
    max_rows: int | None = None
    bar: float | None = None


@dataclass(frozen=True)
class Needs:
    """What a trial takes of a machine: a place in this queue, so much memory, and a GPU with so much. `prefers`: the
    queue of machines that have it first, where they are free."""

    queue: str = "cpu"
    memory_bytes: int = 0
    vram_gb: float = 0.0
    prefers: str | None = None


@dataclass(frozen=True)
class Offer:
    """What a machine has for the next trial."""

    queues: tuple[str, ...] = ("cpu",)
    memory_bytes: int = 1 << 62
    vram_gb: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A row of the trials table. `score` is in the metric's own direction (an RMSE is positive); `started_seconds` and
    `elapsed_seconds` are those of its job when its last attempt began and ended, in which pauses do not count;
    `queued_at` is one of the steady clock."""

    id: str
    job_id: str
    number: int
    algorithm: str
    params: Mapping[str, Any]
    origin: str
    status: TrialStatus
    score: float | None = None
    fold_scores: tuple[float, ...] = ()
    metrics: Mapping[str, float | None] | None = None
    fit_seconds: float | None = None
    worker_id: str | None = None
    worker_name: str | None = None
    attempt: int = 0
    queued_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    started_seconds: float | None = None
    elapsed_seconds: float | None = None
    error: str | None = None
    out_of_fold: str | None = None
    model_file: str | None = None
    predict_ms: float | None = None
    max_rows: int | None = None
    bar: float | None = None
    needs: Needs = Needs()
    tested_on: str | None = None
    """The folds and rows that it was tested on, as a hash: scores and predictions of others are not comparable."""
    to_look_at: bool = False
    """Another machine says that it has finished, with this score, and this server has not looked at it yet."""

    @property
    def shown(self) -> "Trial":
        """What others are told of it: of what nobody has looked at, that it is being worked on."""
        if not self.to_look_at:
            return self
        return replace(
            self,
            status=TrialStatus.LEASED,
            score=None,
            fold_scores=(),
            metrics=None,
            fit_seconds=None,
            predict_ms=None,
            finished_at=None,
            elapsed_seconds=None,
            error=None,
            to_look_at=False,
        )

    @property
    def from_elsewhere(self) -> bool:
        """Whether another machine than the server's own worked on it."""
        return self.worker_id not in (None, LOCAL_ID)

    @property
    def applicable(self) -> bool:
        """Whether more trials of this algorithm may do better, as far as this one tells."""
        return not {NEEDED_BYTES, NOT_APPLICABLE} & set(self.metrics or ())


@dataclass(frozen=True)
class EarlierAttempt:
    """Work on a trial that did not end it: the machine was lost or gave it back, or what it reported was not used
    (`error`). Seconds are those of its job."""

    trial_id: str
    attempt: int
    worker_id: str | None
    worker_name: str | None
    started_seconds: float | None
    ended_seconds: float | None
    error: str | None


OUT_OF_TIME = "Not finished in time."
"""Why a trial was cancelled that its own time, or that of the run, was too short for: no failure of anybody's."""
DID_NOT_STOP = f"{OUT_OF_TIME} It did not stop when asked."
"""The same of one whose process had to be ended."""
NOT_LOOKED_AT = "It was reported too late: the run ended before this server had looked at it."
"""The same of one that another machine has finished."""
CANNOT_BE_LOOKED_AT = "What was reported of it is gone from this server's disk, or damaged."
NOTHING_MORE = "The time was too short for more than what was made at once: give it a larger time budget"
"""What is said of a run of which no trial was finished in time."""
NEEDED_BYTES = "needed_bytes"
NOT_APPLICABLE = "not_applicable"
"""Figures of a failed trial: what it would have needed of memory; that its algorithm is not for this table."""


@dataclass(frozen=True)
class Lease:
    """The right to evaluate one trial; a report with an older attempt changes nothing.

    It ends `lease_seconds` after it was given unless it is renewed; the trial has to be over after `seconds_left`.
    Neither is a time of day: the clocks of two machines differ, and the dispatcher's rules.
    """

    trial_id: str
    job_id: str
    owner: str
    attempt: int
    lease_seconds: float
    algorithm: str
    params: Mapping[str, Any]
    number: int
    seconds_left: float
    max_rows: int | None = None
    bar: float | None = None
    needs: Needs = Needs()
    failures: int = 0
    """How often a machine could not do it before."""


@dataclass(frozen=True)
class Beat:
    """A trial is still being worked on: the scores of the folds that it has done."""

    lease: Lease
    fold_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrialReport:
    """The outcome of an evaluation. `out_of_fold` and `model` are hashes of files that were handed over before;
    `tested_on` as in Trial.

    `status` is finished, pruned, failed, or cancelled where the time was too short.
    """

    status: TrialStatus
    score: float | None = None
    fold_scores: tuple[float, ...] = ()
    metrics: Mapping[str, float | None] | None = None
    fit_seconds: float = 0.0
    predict_ms: float | None = None
    error: str | None = None
    out_of_fold: str | None = None
    model: str | None = None
    tested_on: str | None = None
