"""Machines that have joined: who they are, and what they do with the trials that they lease.

Each belongs to whoever registered it, and nobody else learns that it is there. What a call is about is said by worker,
trial and attempt; a lease that is no longer good raises LeaseLost.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief
from flowml.domain.clock import Clock
from flowml.domain.errors import Forbidden, LeaseLost, NotFound, WrongState
from flowml.domain.protocol import PROTOCOL
from flowml.domain.trials import Beat, Lease, Offer, TrialReport
from flowml.domain.workers import Caller, Load, Share, Worker, WorkerStatus
from flowml.machine.log_lines import Limiter
from flowml.services.assistant.choosing import assistance_of
from flowml.services.context import Context
from flowml.services.dispatch.blame import failed_on
from flowml.services.dispatch.channel import LEASE_SECONDS, StoreChannel, lease_lost
from flowml.services.dispatch.telling import tell_trial, tell_worker
from flowml.services.fleet.answers import Answers, Question
from flowml.services.fleet.attendance import Attendance
from flowml.services.fleet.heard_lines import HeardLines
from flowml.services.fleet.transfers import Transfers
from flowml.services.fleet.waiting_room import WaitingRoom
from flowml.services.turns import alone

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 30.0
MOST_LOG_LINES_AT_ONCE = 600
LOG_LINES_A_SECOND = 10
"""Of one worker: so many at once, as after its server was away, and so many a second for long."""
MOST_LOG_BYTES_AT_ONCE = 3_000_000
LOG_BYTES_A_SECOND = 30_000
"""Of all workers of one token."""
_MOST_WORKERS_REMEMBERED = 5_000
# A lease may be on its way to a worker that does not know of it yet.
_ON_ITS_WAY_SECONDS = 10.0
_UPGRADE_THE_WORKER = (
    "Upgrade the worker: start it with --upgrade, which fetches this server's flowml.pyz, or run that file there."
)
_UPGRADE_THIS_SERVER = (
    "Upgrade this server: run the newer flowml.pyz here. Or start the worker with --upgrade, and it becomes what this"
    " server is."
)


@dataclass(frozen=True)
class Working:
    """A trial that a worker says it works on, and how far it is; without an attempt, the one that it holds."""

    trial_id: str
    attempt: int | None = None
    fold_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """What a call of a worker is about."""

    worker_id: str
    trial_id: str
    number: int


def register(
    context: Context,
    fleet: "Fleet",
    name: str,
    queues: Sequence[str],
    share: Share,
    capabilities: Mapping[str, Any],
    *,
    protocol: int,
    instance: str | None = None,
    life: str | None = None,
) -> Worker:
    """Have a machine join, or come back under its name. `instance` tells two machines of one name apart: the second
    gets a number. `life` is another one for each start of its process: two that live at the same time are two workers,
    copies of one machine also. Raises WrongState where the two do not speak the same protocol."""
    if protocol != PROTOCOL:
        raise WrongState(
            f"This server speaks version {PROTOCOL} of the workers' protocol, and this worker version {protocol}.",
            hint=_UPGRADE_THE_WORKER if protocol < PROTOCOL else _UPGRADE_THIS_SERVER,
        )
    worker = context.store.workers.register(
        name,
        tuple(queues),
        share,
        capabilities,
        context.clock(),
        owner=context.caller.identifier,
        instance=instance,
        life=life,
        others=set() if life is None else fleet.attendance.alive(other_than=life),
    )
    log.info("worker %s (%s) has joined, for %s", worker.name, worker.id, ", ".join(worker.queues) or "no queue")
    fleet.attendance.joined(worker.id, life)
    tell_worker(context.store, worker, context.clock())
    # A run may have waited for somebody to train it.
    context.trainers.nudge()
    return worker


class Fleet:
    """What a server keeps in mind of its workers: who waits for what, and who is there."""

    def __init__(self, context: Context):
        clock = Clock(context.clock, context.steady)
        self.waiting_room = WaitingRoom(context.store, clock)
        self._exchange = assistance_of(context).exchange
        self.attendance = Attendance(context.store, clock, self._dismiss)
        self.answers = Answers()
        self.heard_lines = HeardLines()
        self.log_limiter = Limiter(MOST_LOG_LINES_AT_ONCE, LOG_LINES_A_SECOND, _MOST_WORKERS_REMEMBERED)
        self.log_bytes = Limiter(MOST_LOG_BYTES_AT_ONCE, LOG_BYTES_A_SECOND, _MOST_WORKERS_REMEMBERED)

    def _dismiss(self, worker_id: str) -> None:
        self.waiting_room.dismiss(worker_id)
        self._exchange.dismiss(worker_id)

    def close(self) -> None:
        """Nobody waits any more."""
        self.attendance.close()
        self.waiting_room.close()


def called(context: Context, fleet: Fleet, worker_id: str) -> Caller:
    """The worker that calls, if it is the caller's. Raises NotFound, and Forbidden for one that was removed."""
    worker = caller(context, fleet, worker_id)
    fleet.attendance.lived(worker_id)
    if worker.status is WorkerStatus.OFFLINE:
        fleet.attendance.back(worker_id)
    return worker


def caller(context: Context, fleet: Fleet, worker_id: str) -> Caller:
    """The same without anything being stored, and so at once: one that is offline is left so."""
    if fleet.attendance.was_removed(worker_id):
        raise Forbidden("This worker was removed from the server.", hint="Start it again to have it join anew.")
    worker = context.store.workers.caller(worker_id)
    if worker is None or worker.owner != context.caller.identifier or fleet.attendance.has_left(worker_id):
        raise no_such_worker()
    fleet.attendance.heard(worker_id)
    return worker


def must_serve(context: Context, worker_id: str, queue: str) -> None:
    """Raises NotFound, and WrongState for a worker that has not registered with this queue."""
    worker = context.store.workers.find(worker_id)
    if worker is None:
        raise no_such_worker()
    if queue not in worker.queues:
        raise WrongState(f"This worker does not offer the queue “{queue}”.", hint="Have it register with that queue.")


def no_such_worker() -> NotFound:
    """What is said to who is not known, or not any more."""
    return NotFound("There is no such worker.", hint="Have it register first.")


def heartbeat(
    context: Context,
    fleet: Fleet,
    worker_id: str,
    working: Sequence[Working],
    arrived: float,
    life: str | None = None,
    load: Load | None = None,
) -> frozenset[str]:
    """The worker is there and works on these; returns the ids of the trials that it should abandon. What else it had
    leased waits again: it does not know of it. `arrived`: when it said so, by the steady clock. Raises
    NotFound also where another process than that of this `life` has become this worker."""
    called(context, fleet, worker_id)
    if life is not None and not fleet.attendance.is_of(worker_id, life):
        raise no_such_worker()
    trials = context.store.trials
    beats, stop = [], set[str]()
    for one in working:
        lease = trials.leased(one.trial_id, worker_id, one.attempt, context.steady())
        if lease is None:
            stop.add(one.trial_id)
        else:
            beats.append(Beat(lease, one.fold_scores))
    before = fleet.attendance.beat(worker_id, arrived, load)
    # What was leased after the heartbeat before may not have been known when this one was written.
    unknown = None if before is None else min(before, arrived - _ON_ITS_WAY_SECONDS) + LEASE_SECONDS
    mine = [beat.lease.trial_id for beat in beats]
    if not beats and (unknown is None or not trials.any_other(worker_id, mine, unknown)):
        return frozenset(stop)
    now = context.clock()
    with context.store.transaction():
        if unknown is not None:
            for trial in trials.abandon_others(worker_id, mine, unknown, now):
                tell_trial(context.store, trial, now)
        return _channel(context, worker_id).heartbeat(beats) | stop


def leave(context: Context, fleet: Fleet, worker_id: str) -> None:
    """The worker ends; what it had leased waits again."""
    called(context, fleet, worker_id)
    fleet.attendance.leave(worker_id)


def give_back(context: Context, attempt: Attempt, reason: str | None, fault: str | None = None) -> None:
    """A worker does not go on with a trial: it waits again. With a `reason` its machine broke down with the trial, with
    a `fault` that is wrong with the machine alone."""
    lease = _lease(context, attempt)
    now = context.clock()
    with context.store.transaction():
        for trial in context.store.trials.abandon(lease, now, reason):
            tell_trial(context.store, trial, now)
            if told := reason or fault:
                failed_on(context.store, attempt.worker_id, trial.id, told, now)


def brief(context: Context, attempt: Attempt) -> JobBrief:
    """What there is to know about the job of a leased trial."""
    return _channel(context, attempt.worker_id).brief(_lease(context, attempt))


def file(context: Context, attempt: Attempt, sha256: str) -> Path:
    """A file of the job of a leased trial. Raises NotFound for any other, Damaged for one that has changed."""
    lease = _lease(context, attempt)
    _channel(context, attempt.worker_id).get(lease, sha256)
    # Before it has it: whoever runs the server sees what has left it.
    context.store.workers.has_fetched(attempt.worker_id, context.store.jobs.get(lease.job_id).dataset_id, sha256)
    # Of many who come for it at once, one has it read through.
    with alone("whole", sha256, left=context.left):
        return context.store.files.whole(sha256, "stored table")


def received(context: Context, attempt: Attempt, sha256: str) -> int | None:
    """As `Transfers.received`."""
    return Transfers(context.store).received(_lease(context, attempt), sha256)


def append(context: Context, attempt: Attempt, sha256: str, offset: int, length: int, piece: bytes) -> int | None:
    """As `Transfers.append`."""
    return Transfers(context.store).append(_lease(context, attempt), sha256, offset, length, piece)


def report(
    context: Context, fleet: Fleet, attempt: Attempt, outcome: TrialReport, offer: Offer | None = None
) -> tuple[bool, Lease | None]:
    """Take the outcome of a trial; False: it came too late and changed nothing. With an `offer`, also the next trial
    where one waits, so that the worker need not ask for it; who hands in the same again, since the answer was lost, is
    given the same again. Raises LeaseLost as well for what came too late, and NotFound where a file that it names was
    not handed over."""
    try:
        lease = _lease(context, attempt)
    except LeaseLost:
        if offer is None:
            raise
        return True, _given_before(context, fleet, attempt)
    handed_over = context.store.trials.handed_over(lease)
    if any(sha256 not in handed_over for sha256 in (outcome.out_of_fold, outcome.model) if sha256 is not None):
        raise NotFound("A file of this report was not handed over for it.", hint="Hand it over first.")
    with context.store.transaction():
        is_accepted = _channel(context, attempt.worker_id).report(lease, outcome)
        found = None if offer is None else _next(context, fleet, attempt.worker_id, offer)
    if is_accepted and offer is not None:
        fleet.answers.given(_question(attempt), found)
    return is_accepted, found


def _question(attempt: Attempt) -> Question:
    return (attempt.worker_id, attempt.trial_id, str(attempt.number))


def _given_before(context: Context, fleet: Fleet, attempt: Attempt) -> Lease | None:
    """The next trial that the report of this one has brought, if it is still theirs. Raises LeaseLost where nothing was
    reported."""
    worker = context.store.workers.caller(attempt.worker_id)
    if worker is None or worker.owner != context.caller.identifier or not fleet.answers.knows(_question(attempt)):
        raise lease_lost()
    found = fleet.answers.lease_of(_question(attempt))
    return None if found is None else context.store.trials.leased(found[0], worker.id, found[1], context.steady())


def _next(context: Context, fleet: Fleet, worker_id: str, offer: Offer) -> Lease | None:
    try:
        worker = caller(context, fleet, worker_id)
    except (NotFound, Forbidden):
        # It hears so when it asks.
        return None
    if worker.status is not WorkerStatus.ONLINE:
        return None
    return fleet.waiting_room.take(worker.id, worker.name, offer)


def _lease(context: Context, attempt: Attempt) -> Lease:
    lease = context.store.trials.leased(attempt.trial_id, attempt.worker_id, attempt.number, context.steady())
    worker = context.store.workers.caller(attempt.worker_id)
    if lease is None or worker is None or worker.owner != context.caller.identifier:
        raise lease_lost()
    return lease


def _channel(context: Context, worker_id: str) -> StoreChannel:
    clock = Clock(context.clock, context.steady)
    return StoreChannel(context.store, owner=worker_id, worker_id=worker_id, worker_name=worker_id, clock=clock)
