"""A place for one trial on a node of a cluster: it leases a trial, has it evaluated there, and hands it in."""

import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from flowml.automl.trial import limits
from flowml.domain.channel import JobBrief
from flowml.domain.errors import Damaged, FlowMLError, InvalidInput, LeaseLost, NotFound
from flowml.domain.trials import DID_NOT_STOP, Lease, Offer, TrialReport, TrialStatus
from flowml.worker.engines.engine import Engine, NodeLost
from flowml.worker.engines.errand import Done, Errand, parse_done
from flowml.worker.engines.found import Found
from flowml.worker.engines.node import keep
from flowml.worker.engines.node_trainer import run_errand
from flowml.worker.engines.watch import Watch
from flowml.worker.relay import DirectChannel

log = logging.getLogger(__name__)

_PIECE_BYTES = 8 << 20
_POLL_SECONDS = 0.2
_PAUSE_SECONDS = 1.0
# Until a lost node is missed.
_LOST_SECONDS = 10.0
_MOST_DELIVERIES = 3
# After which a node is taken to be busy with what others have it do; it starts processes first.
_PATIENCE_SECONDS = 45.0
_LATE_SECONDS = 10.0
_WAITS_FOR_A_STOP_SECONDS = 6.0


class Surroundings(Protocol):
    """What a seat asks of the cluster that it is one of."""

    def is_there(self, node_id: str) -> bool:
        """Whether the node is still one of the cluster."""
        ...

    def lost_again(self, trial_id: str, node_id: str) -> bool:
        """This node was lost under this trial; whether another one was before."""
        ...

    def queues(self, found: Found, use_gpu: bool) -> tuple[str, ...]:
        """Whose trials a seat takes."""
        ...


class NotBegun(FlowMLError):
    """The node has not begun with a trial. `rest_seconds`: for how long not to send another."""

    def __init__(self, detail: str, rest_seconds: float):
        super().__init__(detail)
        self.rest_seconds = rest_seconds


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

    def run(self) -> None:
        """Until its node is gone."""
        while self._is_there():
            try:
                self.step()
            except Exception:
                log.exception("a trial of the cluster could not be looked after")
                self._sleep(_PAUSE_SECONDS)

    def _is_there(self) -> bool:
        return self._surroundings.is_there(self._found.node.id)

    def step(self) -> None:
        """Lease a trial, and see it through."""
        queues = self._surroundings.queues(self._found, self._uses_gpu)
        if not queues:
            self._sleep(_PAUSE_SECONDS)
            return
        memory_bytes = min(self._found.share.memory_bytes, self._found.free_bytes)
        vram_gb = self._found.vram_gb if self._uses_gpu else 0.0
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
        except NodeLost as problem:
            log.warning("trial %s was lost with its node: %s", lease.trial_id, problem)
            again = self._surroundings.lost_again(lease.trial_id, self._found.node.id)
            reason = "The node that it ran on was lost, and another one before." if again else None
            self._give_back(lease, reason)
            self._rest(_LOST_SECONDS)
        except NotBegun as problem:
            log.warning("trial %s is given back: %s", lease.trial_id, problem)
            self._give_back(lease, None)
            self._rest(problem.rest_seconds)
        except Exception as problem:
            is_known = isinstance(problem, FlowMLError)
            log.warning("trial %s is given back: %s", lease.trial_id, problem, exc_info=not is_known)
            self._give_back(lease, None)
            self._rest(_LOST_SECONDS)

    def _give_back(self, lease: Lease, reason: str | None) -> None:
        # Where that cannot be said, the next heartbeat does so by not naming it.
        with contextlib.suppress(FlowMLError):
            self._channel.give_back(lease, reason)

    def _rest(self, seconds: float) -> None:
        """As long as that, or until the node is gone."""
        until = self._clock() + seconds
        while self._is_there() and self._clock() < until:
            self._sleep(_PAUSE_SECONDS)

    def _see_through(self, lease: Lease, ends_at: float) -> None:
        if not self._is_there():
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
            done = self._have_done(errand, uses_gpu)
            if not done.missing:
                self._hand_in(lease, done)
                return
            for sha256 in done.missing:
                self._deliver(sha256, tables[sha256])
        raise NodeLost(f"The node {self._found.node.name} does not keep the tables that it gets.")

    def _have_done(self, errand: Errand, uses_gpu: bool) -> Done:
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
                    if not self._is_there():
                        raise NodeLost(f"{node.name} is not part of the cluster any more")
                    if underway.unwanted and unwanted_at is None:
                        unwanted_at = now
                    if unwanted_at is not None and now - unwanted_at > _WAITS_FOR_A_STOP_SECONDS:
                        return Done()
                    if underway.began_at is None and (now > late_at or now - asked_at > _PATIENCE_SECONDS):
                        raise NotBegun(f"{node.name} is busy with other work", _PATIENCE_SECONDS)
                    if now > late_at:
                        return Done(broke=DID_NOT_STOP, retry=False)
                unless_over.pop_all()
            is_over = True
            try:
                return parse_done(task.result(), errand)
            except NodeLost as problem:
                if underway.began_at is None:
                    # It may be gone, and not missed yet.
                    raise NotBegun(f"{node.name} did not take it: {problem.detail}", _LOST_SECONDS) from problem
                raise
        finally:
            self._watch.end(errand.id, is_over=is_over)

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
                until = self._clock() + _PATIENCE_SECONDS
                while not task.wait(_POLL_SECONDS):
                    if not self._is_there() or self._clock() > until:
                        task.cancel()
                        raise NodeLost(f"{self._found.node.name} does not take in a table")
                task.result()

    def _hand_in(self, lease: Lease, done: Done) -> None:
        if done.broke is not None and done.retry:
            self._give_back(lease, done.broke)
            return
        if done.broke is not None:
            status = TrialStatus.CANCELLED if done.broke == DID_NOT_STOP else TrialStatus.FAILED
            self._channel.report(lease, TrialReport(status, error=done.broke))
            return
        if done.report is None:
            self._give_back(lease, None)
            return
        for content in done.files.values():
            self._channel.put(lease, content)
        self._channel.report(lease, done.report)


def _tables(brief: JobBrief) -> list[str]:
    return [brief.table] if brief.root_table in (None, brief.table) else [brief.table, str(brief.root_table)]
