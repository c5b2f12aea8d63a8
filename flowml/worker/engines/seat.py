"""A place for one trial on a node of a cluster: it leases a trial, has it evaluated there, and hands it in."""

import contextlib
import logging
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from flowml.automl.trial import limits
from flowml.domain.channel import JobBrief
from flowml.domain.errors import Damaged, FlowMLError, InvalidInput, LeaseLost, NotFound
from flowml.domain.trials import DID_NOT_STOP, Lease, Offer, TrialReport, TrialStatus
from flowml.training.gpus import GPUs
from flowml.worker.engines.engine import ClusterLost, Engine, NodeLost, NotFetched
from flowml.worker.engines.errand import Done, Errand, parse_done
from flowml.worker.engines.found import Found, Gone
from flowml.worker.engines.node import keep
from flowml.worker.engines.node_trainer import run_errand
from flowml.worker.engines.room import Room
from flowml.worker.engines.watch import Watch
from flowml.worker.relay import DirectChannel

log = logging.getLogger(__name__)

_PIECE_BYTES = 8 << 20
_POLL_SECONDS = 0.2
_PAUSE_SECONDS = 1.0
# Until a lost node is missed.
_LOST_SECONDS = 10.0
# Until it is known whether the cluster went with it.
_SETTLES_SECONDS = 15.0
_FETCH_SECONDS = 900.0
_MOST_DELIVERIES = 3
# After which a node is taken to be busy with what others have it do; it starts processes first.
_PATIENCE_SECONDS = 45.0
_LATE_SECONDS = 10.0
_WAITS_FOR_A_STOP_SECONDS = 6.0


class Surroundings(Protocol):
    """What a seat asks of the cluster that it is one of."""

    def lost_again(self, trial_id: str, node_id: str) -> bool:
        """This node was lost under this trial; whether another one was before."""
        ...

    def queues(self, found: Found, use_gpu: bool) -> tuple[str, ...]:
        """Whose trials a seat takes."""
        ...

    @property
    def room(self) -> Room:
        """For what trials hand in."""
        ...

    def fault(self, found: Found, why: str | None) -> None:
        """A trial could not be looked after on this node, which is neither lost nor the trial to blame; None: one
        could."""
        ...


class NotBegun(FlowMLError):
    """The node has not begun with a trial. `rest_seconds`: for how long not to send another."""

    def __init__(self, detail: str, rest_seconds: float):
        super().__init__(detail)
        self.rest_seconds = rest_seconds


class Away(FlowMLError):
    """Nothing is known of the trial, nor of any other: the cluster is away, or this worker ends."""


class NodeFault(FlowMLError):
    """The node does not do what it should, and the trial has nothing to do with that."""


class Seat:
    """The place `number` of a node. `uses_gpu`: whether it may ask for one of the node's GPUs."""

    def __init__(
        self,
        engine: Engine,
        watch: Watch,
        channel: DirectChannel,
        surroundings: Surroundings,
        found: Found,
        *,
        uses_gpu: bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._engine = engine
        self._watch = watch
        self._channel = channel
        self._surroundings = surroundings
        self._found = found
        self._uses_gpu = uses_gpu
        self._clock = clock
        self._sleep = sleep
        self._gpus = GPUs(
            lambda: found.capabilities, lambda _: contextlib.nullcontext(True), lambda: found.vram_free_bytes, clock
        )

    def run(self) -> None:
        """Until its node is gone."""
        while self._found.gone is None:
            try:
                self.step()
            except Exception:
                log.exception("a trial of the cluster could not be looked after")
                self._sleep(_PAUSE_SECONDS)

    def _stay(self) -> None:
        """Raises NodeLost where the node is gone, and Away where more than the node is."""
        if self._found.gone is not None:
            kind = NodeLost if self._found.gone is Gone.NODE else Away
            raise kind(f"{self._found.node.name}: {self._found.gone}")

    def step(self) -> None:
        """Lease a trial, and see it through."""
        queues = self._surroundings.queues(self._found, self._uses_gpu)
        if not queues or self._found.paused:
            self._sleep(_PAUSE_SECONDS)
            return
        memory_bytes = min(self._found.share.memory_bytes, self._found.free_bytes)
        queues, vram_gb = self._gpus.offered(queues)
        lease = self._channel.lease(Offer(queues, memory_bytes, vram_gb))
        if lease is None:
            return
        ends_at = self._clock() + lease.seconds_left
        try:
            self._see_through(lease, ends_at)
        except LeaseLost:
            # The relay has let go of it.
            log.info("trial %s was taken away before its outcome could be handed in", lease.trial_id)
        except (NotFound, InvalidInput, Damaged) as refused:
            self._channel.report(lease, TrialReport(TrialStatus.FAILED, error=refused.detail))
        except Away as problem:
            log.warning("trial %s is given back: %s", lease.trial_id, problem)
            self._give_back(lease, None)
        except NodeLost as problem:
            log.warning("trial %s was lost with its node: %s", lease.trial_id, problem)
            # Where the cluster goes, single tasks may be the first to notice.
            self._rest(_SETTLES_SECONDS)
            is_away = self._found.gone is Gone.ALL
            again = not is_away and self._surroundings.lost_again(lease.trial_id, self._found.node.id)
            reason = "The node that it ran on was lost, and another one before." if again else None
            self._give_back(lease, reason)
            self._rest(_LOST_SECONDS)
        except (NotBegun, NotFetched) as problem:
            log.warning("trial %s is given back: %s", lease.trial_id, problem)
            self._give_back(lease, None)
            self._rest(problem.rest_seconds if isinstance(problem, NotBegun) else _LOST_SECONDS)
        except ClusterLost as problem:
            log.warning("trial %s is given back: %s", lease.trial_id, problem)
            self._give_back(lease, None)
            self._rest(_LOST_SECONDS)
        except Exception as problem:
            is_known = isinstance(problem, FlowMLError)
            log.warning("trial %s is given back: %s", lease.trial_id, problem, exc_info=not is_known)
            self._give_back(lease, None)
            told = problem.detail if isinstance(problem, FlowMLError) else f"{type(problem).__name__}: {problem}"
            self._surroundings.fault(self._found, told)
            self._rest(_LOST_SECONDS)

    def _give_back(self, lease: Lease, reason: str | None) -> None:
        # Where that cannot be said, the next heartbeat does so by not naming it.
        with contextlib.suppress(FlowMLError):
            self._channel.give_back(lease, reason)

    def _rest(self, seconds: float) -> None:
        """As long as that, or until the node is gone."""
        until = self._clock() + seconds
        while self._found.gone is None and self._clock() < until:
            self._sleep(_PAUSE_SECONDS)

    def _see_through(self, lease: Lease, ends_at: float) -> None:
        # The server may have had nothing for it for long.
        if self._found.gone is not None or self._found.paused:
            self._give_back(lease, None)
            return
        brief = self._channel.brief(lease)
        tables = {sha256: self._channel.get(lease, sha256) for sha256 in _tables(brief)}
        uses_gpu = self._uses_gpu and lease.needs.queue.startswith("gpu")
        gpus = self._found.capabilities if uses_gpu else None
        for _ in range(_MOST_DELIVERIES):
            errand = Errand(
                secrets.token_hex(16),
                replace(lease, seconds_left=max(0.0, ends_at - self._clock())),
                brief,
                self._found.share,
                tuple(tables),
                gpus and {name: gpus[name] for name in ("gpus", "gpu_libraries")},
            )
            if not (missing := self._try(errand, uses_gpu)):
                return
            for sha256 in missing:
                self._deliver(sha256, tables[sha256])
        raise NodeFault("It does not keep the tables that it gets.")

    def _try(self, errand: Errand, uses_gpu: bool) -> Sequence[str]:
        """Have it done, and hand in what came of it; or the tables that were missing."""
        with contextlib.ExitStack() as until_handed_in:
            done = self._have_done(errand, uses_gpu, until_handed_in)
            if not done.missing:
                self._hand_in(errand.lease, done)
            return done.missing

    def _have_done(self, errand: Errand, uses_gpu: bool, until_handed_in: contextlib.ExitStack) -> Done:
        node = self._found.node
        underway = self._watch.begin(errand.id, errand.lease, node.id)
        is_over = False
        try:
            task = self._engine.submit(node, self._found.share, uses_gpu, run_errand, errand.text())
            left = errand.lease.seconds_left
            asked_at, unwanted_at = self._clock(), None
            late_at = asked_at + left + limits.late_seconds(left) + _LATE_SECONDS
            with contextlib.ExitStack() as unless_over:
                unless_over.callback(task.cancel)
                while not task.wait(_POLL_SECONDS):
                    now = self._clock()
                    if self._found.gone is not None and underway.began_at is None:
                        raise NotBegun(f"{node.name}: {self._found.gone}", 0.0)
                    self._stay()
                    if underway.unwanted and unwanted_at is None:
                        unwanted_at = now
                    if unwanted_at is not None and now - unwanted_at > _WAITS_FOR_A_STOP_SECONDS:
                        return Done(retry=False)
                    if underway.began_at is None and (now > late_at or now - asked_at > _PATIENCE_SECONDS):
                        raise NotBegun(f"{node.name} is busy with other work", _PATIENCE_SECONDS)
                    if now > late_at:
                        return Done(broke=DID_NOT_STOP, retry=False)
                # It was in time, however long it takes to come here.
                room, n_bytes = self._surroundings.room, task.size()
                self._until(lambda seconds: room.take(n_bytes, seconds), math.inf)
                until_handed_in.callback(room.give, n_bytes)
                try:
                    is_here = self._until(task.fetch, self._clock() + _FETCH_SECONDS)
                except NodeLost as problem:
                    raise NotFetched(f"{problem.detail}; the trial was through") from problem
                if not is_here:
                    raise NotFetched(f"what {node.name} has worked out does not come")
                unless_over.pop_all()
            is_over = True
            try:
                done = parse_done(task.result(), errand)
                return replace(done, retry=False) if underway.unwanted and done == Done() else done
            except NodeLost as problem:
                if underway.began_at is None:
                    # It may be gone, and not missed yet.
                    raise NotBegun(f"{node.name} did not take it: {problem.detail}", _LOST_SECONDS) from problem
                raise
        finally:
            self._watch.end(errand.id, is_over=is_over)

    def _until(self, is_so: Callable[[float], bool], until: float) -> bool:
        while not is_so(_POLL_SECONDS):
            self._stay()
            if self._clock() > until:
                return False
        return True

    def _deliver(self, sha256: str, path: Path) -> None:
        """A table to the node, in pieces."""
        delivery, size = secrets.token_hex(16), path.stat().st_size
        with path.open("rb") as file:
            for offset in range(0, max(1, size), _PIECE_BYTES):
                is_last = offset + _PIECE_BYTES >= size
                piece = file.read(_PIECE_BYTES)
                task = self._engine.submit(
                    self._found.node, self._found.share, False, keep, sha256, delivery, offset, piece, is_last
                )
                with contextlib.ExitStack() as unless_over:
                    unless_over.callback(task.cancel)
                    try:
                        is_kept = self._until(task.wait, self._clock() + _PATIENCE_SECONDS)
                    except NodeLost as problem:
                        raise NotBegun(problem.detail, 0.0) from problem
                    if not is_kept:
                        raise NotBegun(f"{self._found.node.name} does not take in a table", _PATIENCE_SECONDS)
                    unless_over.pop_all()
                try:
                    task.result()
                except OSError as problem:
                    raise NodeFault(f"A table cannot be kept there ({problem.strerror or problem}).") from problem

    def _hand_in(self, lease: Lease, done: Done) -> None:
        if done.fault is not None:
            raise NodeFault(f"It cannot keep what it has worked out: {done.fault}.")
        if done.broke is not None and done.retry:
            self._give_back(lease, done.broke)
            return
        if done.broke is not None:
            status = TrialStatus.CANCELLED if done.broke == DID_NOT_STOP else TrialStatus.FAILED
            self._channel.report(lease, TrialReport(status, error=done.broke))
            return
        if done.report is None:
            # Where nobody wants it any more the place is free for another; else what was in its way still is.
            self._give_back(lease, None)
            if done.retry:
                self._rest(_LOST_SECONDS)
            return
        for content in done.files.values():
            self._channel.put(lease, content)
        self._channel.report(lease, done.report)
        self._surroundings.fault(self._found, None)


def _tables(brief: JobBrief) -> list[str]:
    return [brief.table] if brief.root_table in (None, brief.table) else [brief.table, str(brief.root_table)]
