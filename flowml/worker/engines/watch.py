"""The trials that are under way on a cluster: how far they are, and which of them nobody wants any more."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowml.domain.trials import Beat, Lease
from flowml.worker.engines.engine import Engine, whole
from flowml.worker.engines.node import finite_scores, look
from flowml.worker.relay import DirectChannel

# A task that nobody waits for may still begin.
_REMEMBERED_SECONDS = 60.0
# Dask writes a line for each look into its worker's log.
_LOOK_AT_IDLE_SECONDS = 15.0


@dataclass
class Underway:
    """A trial on a node. `began_at`: when it was first seen there."""

    lease: Lease
    node_id: str
    scores: tuple[float, ...] = ()
    began_at: float | None = None
    unwanted: bool = False


class Watch:
    """Over all trials of one cluster; `clock` is for lengths of time alone."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic):
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._underway: dict[str, Underway] = {}
        self._dropped: dict[str, tuple[str, float]] = {}
        self._idle_at = 0.0

    def begin(self, errand_id: str, lease: Lease, node_id: str) -> Underway:
        """A trial is about to be sent to a node."""
        with self._lock:
            self._underway[errand_id] = Underway(lease, node_id)
            return self._underway[errand_id]

    def end(self, errand_id: str, *, is_over: bool) -> None:
        """Nobody waits for it any more; it has to be told so, unless it `is_over`."""
        with self._lock:
            found = self._underway.pop(errand_id)
            if not is_over:
                self._dropped[errand_id] = (found.node_id, self._clock() + _REMEMBERED_SECONDS)

    def drop_all(self) -> None:
        """Nobody wants any of them."""
        with self._lock:
            for underway in self._underway.values():
                underway.unwanted = True

    def look(self, channel: DirectChannel, node_ids: set[str], wanted: Callable[[str], bool]) -> dict[str, int]:
        """Hear of all of them, and say of those which are not wanted. Returns the memory that is free on the nodes that
        say so; of those without trials only now and then. `wanted`: whether the trials of a node are."""
        now = self._clock()
        with self._lock:
            self._dropped = {key: (node, until) for key, (node, until) in self._dropped.items() if until > now}
            underway = dict(self._underway)
            dropped = {key: node for key, (node, _) in self._dropped.items()}
        stop = channel.heartbeat([Beat(one.lease, one.scores) for one in underway.values()])
        for one in underway.values():
            one.unwanted = one.unwanted or one.lease.trial_id in stop or not wanted(one.node_id)
        asked = ({one.node_id for one in underway.values()} | set(dropped.values())) & node_ids
        if now - self._idle_at > _LOOK_AT_IDLE_SECONDS:
            self._idle_at, asked = now, node_ids
        if not asked:
            return {}
        unwanted = [*dropped, *(key for key, one in underway.items() if one.unwanted)]
        answers = self._engine.call(asked, look, [*underway], unwanted)
        return {node_id: self._heard(answer, underway) for node_id, answer in answers.items()}

    def _heard(self, answer: Any, underway: dict[str, Underway]) -> int:
        if not isinstance(answer, dict):
            return 0
        for key, scores in dict(answer.get("scores") or {}).items():
            if (one := underway.get(key)) is not None:
                one.began_at = one.began_at or self._clock()
                one.scores = tuple(finite_scores(scores))
        return whole(answer.get("free_bytes"))
