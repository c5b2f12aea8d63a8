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
from flowml.worker.engines.engine import ClusterLost, Engine, Node, NodeLost
from flowml.worker.engines.found import Found, meet, together
from flowml.worker.engines.seat import Seat
from flowml.worker.engines.watch import Watch
from flowml.worker.relay import DirectChannel, Relay

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_MEETS_AT_ONCE = 16
_MEETS_AGAIN_SECONDS = 60.0
_MOST_REMEMBERED = 10_000
_STOPS_WITHIN_SECONDS = 5.0
_ANY_BYTES = 1 << 62


class ClusterCrew:
    """`most_slots`: no more trials at once than that; `say` is for people. `clock` is for lengths of time alone."""

    def __init__(
        self,
        engine: Engine,
        *,
        most_slots: int,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._engine = engine
        self._most_slots = most_slots
        self._say = say
        self._clock = clock
        self._watch = Watch(engine, clock)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._news: Callable[[], None] = lambda: None
        self._relay: Relay | None = None
        self._thread = threading.Thread(target=self._tend, name="cluster", daemon=True)
        self._found: dict[str, Found] = {}
        self._meeting: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._slots: dict[str, int] = {}
        self._lost_under: dict[str, set[str]] = {}
        self._told: set[tuple[str, str]] = set()

    def start(self, relay: Relay, news: Callable[[], None]) -> None:
        """As `worker.crew.Crew`, and so are the others."""
        self._relay, self._news = relay, news
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOPS_WITHIN_SECONDS)

    def share(self) -> Share:
        with self._lock:
            seated = [self._found[node_id] for node_id in self._slots]
            slots = sum(self._slots.values())
        if not slots:
            return Share(0, 1, 0)
        memory_bytes = min(min(one.share.memory_bytes, one.free_bytes) for one in seated)
        return Share(slots, min(one.share.threads for one in seated), memory_bytes)

    def load(self) -> None:
        return None

    def capabilities(self) -> dict[str, Any]:
        with self._lock:
            found, slots = list(self._found.values()), sum(self._slots.values())
        return together(self._engine.name, found, slots)

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

    def is_there(self, node_id: str) -> bool:
        """As `engines.seat.Surroundings`, and so is the next."""
        return node_id in self._slots and not self._stopping.is_set()

    def lost_again(self, trial_id: str, node_id: str) -> bool:
        with self._lock:
            while len(self._lost_under) > _MOST_REMEMBERED:
                self._lost_under.pop(next(iter(self._lost_under)))
            lost = self._lost_under.setdefault(trial_id, set())
            lost.add(node_id)
            return len(lost) > 1

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
                self._follow([])
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
            there = set(self._slots)
        if there:
            for node_id, free_bytes in self._watch.look(channel, there, self.is_there).items():
                if node_id in self._found:
                    self._found[node_id].free_bytes = free_bytes

    def _follow(self, nodes: list[Node]) -> None:
        """Have seats on these nodes, and on no others."""
        now = self._clock()
        by_id = {node.id: node for node in nodes}
        machines = Counter(node.name.partition(":")[0] for node in nodes)
        with self._lock:
            gone = self._found.keys() - by_id.keys()
            for node_id in gone:
                del self._found[node_id]
                self._slots.pop(node_id, None)
            self._not_before = {key: at for key, at in self._not_before.items() if key in by_id}
            new = [
                node
                for node in nodes
                if node.id not in self._meeting
                and self._not_before.get(node.id, 0.0) <= now
                and (node.id not in self._found or self._found[node.id].problem is not None)
            ][: max(0, _MEETS_AT_ONCE - len(self._meeting))]
            self._meeting |= {node.id for node in new}
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
        except (NodeLost, ClusterLost) as problem:
            log.warning("a node of the cluster could not be looked at: %s", problem)
        except Exception:
            log.exception("a node of the cluster could not be looked at")
        with self._lock:
            self._meeting.discard(node.id)
            self._not_before[node.id] = self._clock() + _MEETS_AGAIN_SECONDS
            if found is None or self._stopping.is_set():
                return
            self._found[node.id] = found
            if found.problem is None:
                self._slots[node.id] = min(found.share.slots, self._most_slots - sum(self._slots.values()))
        if found.problem is not None:
            if (node.name, found.problem) not in self._told:
                self._told.add((node.name, found.problem))
                self._say(f"The node {node.name} gets no trials: {found.problem}")
            self._news()
            return
        self._say(f"The node {node.name} is there. {self._count()}")
        self._news()
        for number in range(self._slots.get(node.id, 0)):
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

        threading.Thread(target=sit, name="seat", daemon=True).start()

    def _count(self) -> str:
        slots = self.share().slots
        return f"{slots} trial{'' if slots == 1 else 's'} at once."
