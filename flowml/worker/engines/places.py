"""Which slots of which node of a cluster have a seat, no more of them together than were asked for."""

import threading
from collections.abc import Collection

from flowml.worker.engines.found import Found, Gone


class Places:
    """Of the nodes that are fit. `most`: of all together. A node that is met again has new seats: those of before know
    that theirs is gone, also where they have slept meanwhile."""

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._slots: dict[str, int] = {}
        self._found: dict[str, Found] = {}
        self._seated: set[tuple[Found, int]] = set()
        self._closed = False

    def add(self, found: Found) -> None:
        """A node has been met."""
        with self._lock:
            if self._closed:
                return
            before = self._found.get(found.node.id)
            if before is not None:
                before.gone = before.gone or Gone.NODE
            self._found[found.node.id], self._slots[found.node.id] = found, 0

    def remove(self, node_ids: Collection[str], why: Gone) -> None:
        """These are gone."""
        with self._lock:
            for node_id in node_ids:
                if (found := self._found.pop(node_id, None)) is not None:
                    found.gone = found.gone or why
                    del self._slots[node_id]

    def close(self) -> None:
        """This worker ends."""
        with self._lock:
            self._closed = True
        self.remove([*self._found], Gone.ALL)

    def free(self) -> list[tuple[Found, int]]:
        """Share out what is left, evenly; gives the slots that need a seat, which they have from now on."""
        with self._lock:
            left = self._most - sum(self._slots.values())
            while left > 0:
                room = [one for one in self._found.values() if self._slots[one.node.id] < one.share.slots]
                if not room:
                    break
                least = min(room, key=lambda one: self._slots[one.node.id])
                self._slots[least.node.id] += 1
                left -= 1
            wanted = {(one, n) for one in self._found.values() for n in range(self._slots[one.node.id])}
            new = sorted(wanted - self._seated, key=lambda seat: (seat[0].node.id, seat[1]))
            self._seated |= set(new)
            return new

    def left(self, found: Found, number: int) -> None:
        """A seat has ended."""
        with self._lock:
            self._seated.discard((found, number))

    def nodes(self) -> list[Found]:
        """Those that have slots."""
        with self._lock:
            return [found for found in self._found.values() if self._slots[found.node.id]]

    def total(self) -> int:
        """Slots, of all together."""
        with self._lock:
            return sum(self._slots.values())
