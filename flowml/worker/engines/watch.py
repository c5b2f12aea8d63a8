"""The trials that are under way on a cluster: how far they are, and which of them nobody wants any more."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowml.domain.trials import Beat, Lease
from flowml.worker.engines.described import MOST_GPUS
from flowml.worker.engines.engine import Engine, whole
from flowml.worker.engines.node import finite_scores, look
from flowml.worker.relay import DirectChannel

# A task that nobody waits for may still begin.
_REMEMBERED_SECONDS = 60.0
# Dask writes a line for each look into its worker's log.
_LOOK_AT_IDLE_SECONDS = 15.0
_ANSWERS_WITHIN_SECONDS = 10.0
_SILENT_ANSWER_WITHIN_SECONDS = 3.0
_ASK_SILENT_AGAIN_SECONDS = 10.0
_MOST_SILENT_ASKED = 16
# Before trials stop themselves at which nobody looks.
_SILENT_SECONDS = 60.0


@dataclass
class Underway:
    """A trial on a node. `began_at`: when it was first seen there."""

    lease: Lease
    node_id: str
    scores: tuple[float, ...] = ()
    began_at: float | None = None
    unwanted: bool = False


@dataclass(frozen=True)
class Seen:
    """What a node has free: memory, and that of its GPUs by number, as far as it says so."""

    free_bytes: int
    vram_free_bytes: Mapping[int, int]


class Watch:
    """Over all trials of one cluster; `clock` is for lengths of time alone."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic):
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._underway: dict[str, Underway] = {}
        self._dropped: dict[str, tuple[str, float]] = {}
        self._idle_at = 0.0
        # Since when a node has not answered: the others are not kept waiting for it.
        self._silent: dict[str, float] = {}
        self._asked_silent_at = -math.inf

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

    def look(self, channel: DirectChannel, node_ids: set[str], wanted: Callable[[str], bool]) -> dict[str, Seen]:
        """Hear of all of them, and say of those which are not wanted. Returns what the nodes say that answer; of those
        without trials only now and then. `wanted`: whether the trials of a node are."""
        now = self._clock()
        with self._lock:
            self._dropped = {key: (node, until) for key, (node, until) in self._dropped.items() if until > now}
            underway = dict(self._underway)
            dropped = {key: node for key, (node, _) in self._dropped.items()}
        stop = channel.heartbeat([Beat(one.lease, one.scores) for one in underway.values()])
        for one in underway.values():
            one.unwanted = one.unwanted or one.lease.trial_id in stop or not wanted(one.node_id)
        self._silent = {node_id: since for node_id, since in self._silent.items() if node_id in node_ids}
        asked = ({one.node_id for one in underway.values()} | set(dropped.values())) & node_ids
        if now - self._idle_at > _LOOK_AT_IDLE_SECONDS:
            self._idle_at, asked = now, set(node_ids)
        unwanted = [*dropped, *(key for key, one in underway.items() if one.unwanted)]
        seen = self._ask(asked - self._silent.keys(), _ANSWERS_WITHIN_SECONDS, underway, unwanted)
        if self._silent and now - self._asked_silent_at > _ASK_SILENT_AGAIN_SECONDS:
            # Nobody waits long for them; a few at a time, so that each is asked alone.
            self._asked_silent_at = now
            few = [*self._silent][:_MOST_SILENT_ASKED]
            seen |= self._ask(set(few), _SILENT_ANSWER_WITHIN_SECONDS, underway, unwanted)
            self._silent |= {node_id: self._silent.pop(node_id) for node_id in few if node_id in self._silent}
        return seen

    def silent(self) -> set[str]:
        """The nodes that have not answered for so long that they count as lost."""
        now = self._clock()
        return {node_id for node_id, since in self._silent.items() if now - since > _SILENT_SECONDS}

    def _ask(
        self, node_ids: set[str], seconds: float, underway: Mapping[str, Underway], unwanted: list[str]
    ) -> dict[str, Seen]:
        if not node_ids:
            return {}
        asked_at = self._clock()
        answers = self._engine.call(node_ids, seconds, look, [*underway], unwanted)
        for node_id in node_ids:
            if node_id in answers:
                self._silent.pop(node_id, None)
            else:
                self._silent.setdefault(node_id, asked_at)
        return {node_id: self._heard(answers[node_id], underway) for node_id in node_ids & answers.keys()}

    def _heard(self, answer: Any, underway: Mapping[str, Underway]) -> Seen:
        """Whatever a node says: what is odd is left out."""
        told = answer if isinstance(answer, dict) else {}
        scores, vram_free = told.get("scores"), told.get("vram_free")
        for key, of_trial in scores.items() if isinstance(scores, dict) else ():
            if isinstance(key, str) and (one := underway.get(key)) is not None:
                one.began_at = one.began_at or self._clock()
                one.scores = tuple(finite_scores(of_trial))
        cards = vram_free[:MOST_GPUS] if isinstance(vram_free, list) else []
        return Seen(whole(told.get("free_bytes")), {index: whole(free) for index, free in enumerate(cards)})
