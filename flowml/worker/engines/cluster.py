"""A cluster as the crew of a worker: it follows which nodes there are, and has seats on each that is fit."""

import logging
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from flowml.domain.workers import Share
from flowml.machine import facts
from flowml.worker.engines.engine import ClusterLost, Engine, Node, NodeLost, NotFetched
from flowml.worker.engines.found import Found, Gone, meet, meet_gpus, together
from flowml.worker.engines.places import Places
from flowml.worker.engines.room import Room
from flowml.worker.engines.seat import Seat
from flowml.worker.engines.watch import Watch
from flowml.worker.relay import DirectChannel, Relay

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_MEETS_AT_ONCE = 16
_MEETS_AGAIN_SECONDS = 60.0
_FAULTS_IN_A_ROW = 5
_FAULTY_REST_SECONDS = 600.0
_MOST_WORDS = 300
_HANDED_IN_BYTES = 4 << 30
_MOST_REMEMBERED = 10_000
_STOPS_WITHIN_SECONDS = 5.0
_ANY_BYTES = 1 << 62


class ClusterCrew:
    """`most_slots`: no more trials at once than that. `clock` is for lengths of time alone."""

    def __init__(self, engine: Engine, *, most_slots: int, clock: Callable[[], float] = time.monotonic):
        self._engine = engine
        self._clock = clock
        self._watch = Watch(engine, clock)
        self._places = Places(most_slots)
        self.room = Room(min(_HANDED_IN_BYTES, facts.memory_bytes() // 4))
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._news: Callable[[], None] = lambda: None
        self._relay: Relay | None = None
        self._thread = threading.Thread(target=self._tend, name="cluster", daemon=True)
        self._found: dict[str, Found] = {}
        self._meeting: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._lost_under: dict[str, set[str]] = {}
        self._told: set[tuple[str, str]] = set()

    def start(self, relay: Relay, news: Callable[[], None]) -> None:
        """As `worker.crew.Crew`, and so are the others."""
        self._relay, self._news = relay, news
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        # What is lost from now on is lost by nobody's fault.
        self._places.close()
        if self._thread.is_alive():
            self._thread.join(_STOPS_WITHIN_SECONDS)

    def share(self) -> Share:
        seated, slots = self._places.nodes(), self._places.total()
        if not seated:
            return Share(0, 1, 0)
        memory_bytes = min(min(one.share.memory_bytes, one.free_bytes) for one in seated)
        return Share(slots, min(one.share.threads for one in seated), memory_bytes)

    def load(self) -> None:
        return None

    def capabilities(self) -> dict[str, Any]:
        with self._lock:
            found = list(self._found.values())
        return together(self._engine.name, found, self._places.total())

    def queues(self, found: Found | None = None, use_gpu: bool = True) -> tuple[str, ...]:
        """Of the whole cluster, or what a seat of this node takes."""
        with self._lock:
            those = list(self._found.values()) if found is None else [found]
        offered = dict.fromkeys(
            queue for one in those for queue in one.queues if use_gpu or not queue.startswith("gpu")
        )
        if found is None or self._relay is None:
            return tuple(offered)
        # Where only some queues were asked for.
        wanted = self._relay.answer("", "queues", ())
        return tuple(queue for queue in offered if queue in wanted)

    def try_gpus(self) -> bool:
        """They are tried when their nodes are met."""
        return False

    def free_bytes(self, owner: str | None = None) -> int:
        """What a seat offers is of its own node."""
        return _ANY_BYTES

    def lost_again(self, trial_id: str, node_id: str) -> bool:
        """As `engines.seat.Surroundings`, and so are the others."""
        with self._lock:
            while len(self._lost_under) > _MOST_REMEMBERED:
                self._lost_under.pop(next(iter(self._lost_under)))
            lost = self._lost_under.setdefault(trial_id, set())
            lost.add(node_id)
            return len(lost) > 1

    def fault(self, found: Found, why: str | None) -> None:
        found.faults = 0 if why is None else found.faults + 1
        if why is None or found.faults < _FAULTS_IN_A_ROW:
            return
        with self._lock:
            if found.problem is not None or found.gone is not None:
                return
            found.problem = f"One trial after the other could not be looked after there: {why}"[:_MOST_WORDS]
            self._not_before[found.node.id] = self._clock() + _FAULTY_REST_SECONDS
        self._places.remove([found.node.id], Gone.ALL)
        self._say_problem(found)

    def _tend(self) -> None:
        assert self._relay is not None
        channel = DirectChannel(self._relay, "watch")
        pause, is_connected, was_said = _FIRST_PAUSE_SECONDS, False, False
        while not self._stopping.is_set():
            try:
                if not is_connected:
                    self._engine.connect()
                    is_connected = True
                self._follow(self._engine.nodes())
                self._seat_the_free()
                self._look(channel)
                if was_said:
                    self._say("The cluster is reached again.")
                pause, was_said = _FIRST_PAUSE_SECONDS, False
                self._stopping.wait(_TICK_SECONDS)
            except ClusterLost as problem:
                is_connected = False
                if not was_said:
                    self._say(f"The cluster is not reached: {problem.detail}. Trying again.")
                was_said = True
                self._follow([], Gone.ALL)
                self._engine.close()
                self._stopping.wait(random.uniform(pause / 2, pause))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except Exception:
                log.exception("the cluster could not be looked after; it is looked at again in a moment")
                self._stopping.wait(_TICK_SECONDS)
        # What runs there is not wanted any more.
        self._watch.drop_all()
        try:
            if is_connected:
                self._look(channel)
        except Exception as problem:
            log.warning("the cluster could not be told that this worker ends: %s", problem)
        self._engine.close()

    def _look(self, channel: DirectChannel) -> None:
        with self._lock:
            there = {key: found for key, found in self._found.items() if found.problem is None or found.faults}
        seen_there = self._watch.look(channel, set(there), lambda key: key in there and there[key].gone is None)
        for node_id, seen in seen_there.items():
            there[node_id].free_bytes, there[node_id].vram_free_bytes = seen.free_bytes, seen.vram_free_bytes

    def _follow(self, nodes: list[Node], why_gone: Gone = Gone.NODE) -> None:
        """Know these nodes, and no others. One that does not answer is as good as lost, whatever the cluster says."""
        now = self._clock()
        silent = self._watch.silent()
        by_id = {node.id: node for node in nodes if node.id not in silent}
        machines = Counter(node.name.partition(":")[0] for node in nodes)
        with self._lock:
            gone = self._found.keys() - by_id.keys()
            for node_id in gone:
                del self._found[node_id]
            for node_id, found in self._found.items():
                found.paused = by_id[node_id].paused
            here = {node.id for node in nodes}
            self._not_before = {key: at for key, at in self._not_before.items() if key in here}
            self._not_before |= dict.fromkeys(gone & silent, now + _MEETS_AGAIN_SECONDS)
            new = [
                node
                for node in by_id.values()
                if node.id not in self._meeting
                # It would be met when it begins again.
                and not node.paused
                and self._not_before.get(node.id, 0.0) <= now
                and (node.id not in self._found or self._found[node.id].problem is not None)
            ][: max(0, _MEETS_AT_ONCE - len(self._meeting))]
            self._meeting |= {node.id for node in new}
        self._places.remove(gone, why_gone)
        for node in new:
            beside = machines[node.name.partition(":")[0]]
            threading.Thread(target=self._meet, args=(node, beside), name="meet-node", daemon=True).start()
        if gone:
            self._say(f"{len(gone)} {'node' if len(gone) == 1 else 'nodes'} of the cluster left. {self._count()}")
            self._news()

    def _meet(self, node: Node, beside: int) -> None:
        found: Found | None = None
        try:
            found = meet(self._engine, node, beside)
        except (NodeLost, NotFetched, ClusterLost) as problem:
            log.warning("a node of the cluster could not be looked at: %s", problem)
        except Exception:
            log.exception("a node of the cluster could not be looked at")
        with self._lock:
            self._meeting.discard(node.id)
            self._not_before[node.id] = self._clock() + _MEETS_AGAIN_SECONDS
            if found is None or self._stopping.is_set():
                return
            self._found[node.id] = found
        if found.problem is not None:
            self._say_problem(found)
            return
        self._places.add(found)
        self._seat_the_free()
        self._say(f"The node {node.name} is there. {self._count()}")
        self._news()
        if node.gpus:
            self._meet_gpus(found)

    def _meet_gpus(self, found: Found) -> None:
        """Its CPUs have trials meanwhile."""
        while found.gone is None:
            try:
                if meet_gpus(self._engine, found):
                    self._news()
                return
            except (NodeLost, NotFetched, ClusterLost) as problem:
                log.warning("the GPUs of a node of the cluster could not be looked at: %s", problem)
            except Exception:
                log.exception("the GPUs of a node of the cluster could not be looked at")
            self._stopping.wait(_MEETS_AGAIN_SECONDS)

    def _say_problem(self, found: Found) -> None:
        with self._lock:
            is_new = (found.node.name, found.problem) not in self._told
            self._told.add((found.node.name, str(found.problem)))
        if is_new:
            self._say(f"The node {found.node.name} gets no trials: {found.problem}")
        self._news()

    def _say(self, words: str) -> None:
        assert self._relay is not None
        self._relay.say(words)

    def _seat_the_free(self) -> None:
        for found, number in self._places.free():
            self._sit_down(found, number)

    def _sit_down(self, found: Found, number: int) -> None:
        assert self._relay is not None
        owner = f"{found.node.id}:{number}:{secrets.token_hex(4)}"
        channel = DirectChannel(self._relay, owner)
        seat = Seat(self._engine, self._watch, channel, self, found, uses_gpu=number < found.node.gpus)

        def sit() -> None:
            try:
                seat.run()
            finally:
                channel.close()
                self._places.left(found, number)

        threading.Thread(target=sit, name="seat", daemon=True).start()

    def _count(self) -> str:
        slots = self.share().slots
        return f"{slots} trial{'' if slots == 1 else 's'} at once."
