"""The two seams between training code and whatever keeps the tables."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flowml.domain.datasets import Column
from flowml.domain.jobs import Job, JobSpec, JobStatus
from flowml.domain.models import Model
from flowml.domain.recipes import Operation
from flowml.domain.trials import Beat, Lease, Needs, Offer, Trial, TrialReport, TrialSpec
from flowml.domain.workers import Machine


def nothing(_: Model) -> None:
    """Nothing else is stored with it."""


@dataclass(frozen=True)
class JobBrief:
    """What a trainer needs to know about a job to build the same task as everyone else.

    `recipe` is what was done to the table `root_table` to make this one of it; `notations` say how the file of that
    wrote the values of its columns (`datasets.HowRead`).
    """

    job_id: str
    spec: JobSpec
    table: str
    columns: tuple[Column, ...]
    recipe: tuple[Operation, ...] = ()
    root_table: str | None = None
    notations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Channel(Protocol):
    """How a trainer talks to the dispatcher: in-process to the store, or over HTTP.

    Made for machines that are not the dispatcher's. Nothing in it is a time of day; every call but the first names a
    lease, by which it is authorised; big bytes go by the hash of their content.
    """

    def lease(self, offer: Offer) -> Lease | None:
        """Claim the next waiting trial that this fits, or None when there is none."""
        ...

    def brief(self, lease: Lease) -> JobBrief:
        """The job that it belongs to. Raises LeaseLost, and NotFound where the job or its data set is gone."""
        ...

    def get(self, lease: Lease, sha256: str) -> Path:
        """A file of the job (its tables), on this machine. Raises LeaseLost, and NotFound for one that is none of its
        own, or not there."""
        ...

    def put(self, lease: Lease, content: bytes) -> str:
        """Hand over a file; returns its hash. Raises LeaseLost."""
        ...

    def heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        """Renew leases and say how far the trials are; returns the ids of those to be stopped, because nobody wants
        them any more or their lease is gone."""
        ...

    def give_back(self, lease: Lease, reason: str | None = None) -> None:
        """Not go on with a trial: it waits again. With a `reason` it is held to have caused that."""
        ...

    def report(self, lease: Lease, report: TrialReport) -> bool:
        """Hand in the outcome; False: it came too late and changed nothing. Raises NotFound where a file that it names
        was not handed over."""
        ...


class Ledger(Protocol):
    """How a conductor reads and writes its one job."""

    def version(self) -> int:
        """A number that changes whenever anything was stored; cheap to ask often."""
        ...

    def job(self) -> Job: ...

    def brief(self) -> JobBrief: ...

    def table(self, sha256: str) -> Path: ...

    def file(self, sha256: str) -> Path:
        """A stored file (out-of-fold predictions, a model) by its hash."""
        ...

    def trials(self) -> list[Trial]:
        """All of them, of which a long run has very many."""
        ...

    def trial(self, number: int) -> Trial:
        """The one of this number. Raises NotFound."""
        ...

    def ended(self, trial_ids: Collection[str]) -> list[Trial]:
        """Those of these trials that have ended."""
        ...

    def machines(self) -> Sequence[Machine]:
        """Those that may take its trials now."""
        ...

    def waiting_since(self) -> Mapping[str, float]:
        """By queue, since when of the steady clock the one of its trials has waited that waits longest, of those that
        every machine of that queue may take."""
        ...

    def lower_needs(self, queues: Sequence[str], memory_bytes: int) -> None:
        """Have waiting trials need no other queue than these and no more memory than that: there is no more."""
        ...

    def enqueue(self, spec: TrialSpec, needs: Needs, deadline_at: float, now: float, steady: float) -> Trial:
        """A trial that waits for a trainer; `deadline_at` and `steady` are of the steady clock (`domain.clock`)."""
        ...

    def cancel_trials(self, trial_ids: Sequence[str], now: float) -> None:
        """Take queued trials back and have running ones abandoned."""
        ...

    def looked_at(self, trial: Trial, now: float) -> None:
        """What another machine has finished counts from now on, with the score, the folds' scores and the metrics that
        it has really reached."""
        ...

    def leave_out(self, trial: Trial, reason: str, now: float) -> None:
        """Cancel a trial that another machine has finished, because nobody can look at it."""
        ...

    def refuse(self, trial: Trial, reason: str, now: float) -> Trial:
        """Have a finished trial wait again, or fail for good, because what its worker has reported cannot be used; a
        worker of which that is so again and again gets no more."""
        ...

    def models(self) -> list[Model]:
        """What has been published for this job so far, best first."""
        ...

    def publish_model(
        self, model: Model, gain: float, content: bytes | None, also: Callable[[Model], object] = nothing
    ) -> Model:
        """Store a model, or replace the one with its id; with `content`, its file too. `gain`: greater is better.
        `also`: what is stored of it in the same change, so that a conductor that dies leaves both or neither."""
        ...

    def keep_out_of_fold(self, model_id: str, content: bytes) -> None:
        """Keep what a published model said of rows that it had not seen (`training.trainer.pack_array`)."""
        ...

    def keep_figure(self, name: str, stand: str, body: Mapping[str, Any]) -> None:
        """Keep a figure of the job's results (`domain.models.stand_of`)."""
        ...

    def set_details(self, model_id: str, details: Mapping[str, Any]) -> None:
        """Add figures to those stored with a model."""
        ...

    def champion(self, model: Model, expected: Mapping[str, Any] | None, now: float, steady: float) -> None:
        """Make this the job's best model and tell who watches. `expected`: score, low, high and method of what it can
        be expected to reach on new rows; None where that cannot be said, then its own score stands for it."""
        ...

    def expect(self, expected: Mapping[str, Any], now: float) -> None:
        """The same became known of the best model anew."""
        ...

    def update(self, now: float, **changes: Any) -> Job:
        """Change the job's own columns (stage, progress, message, baseline_score, …) and tell who watches."""
        ...

    def log(self, level: str, message: str, now: float) -> None: ...

    def finish(self, status: JobStatus, now: float, error: str | None = None, remark: str | None = None) -> Job:
        """End the job. `error` says why it failed; `remark` is a sentence added to its closing words."""
        ...
