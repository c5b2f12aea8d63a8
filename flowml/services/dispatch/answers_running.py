"""Which conversations are being answered in this process, so that an answer ends with what it is about."""

import threading
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from flowml.store.store import Store

Key = tuple[str, str]
"""Of a conversation: “dataset” or “job”, and which."""


@dataclass
class Running:
    """The answers of one store that are being written: what ends each, and the data set that it is about."""

    stops: dict[Key, tuple[threading.Event, str | None]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: Key, dataset_id: str | None, stopped: threading.Event) -> bool:
        """Whether this conversation is answered by nobody else."""
        with self.lock:
            if key in self.stops:
                return False
            self.stops[key] = stopped, dataset_id
            return True

    def end(self, key: Key) -> None:
        """It is answered no more."""
        with self.lock:
            del self.stops[key]

    def stop(self, *, dataset_id: str | None = None, job_id: str | None = None) -> bool:
        """End the answer about a run; or those about a data set and all of its runs. Whether there was one."""
        with self.lock:
            found = [
                event
                for key, (event, about) in self.stops.items()
                if key == ("job", job_id) or (job_id is None and dataset_id is not None and about == dataset_id)
            ]
        for event in found:
            event.set()
        return bool(found)

    def stop_one(self, key: Key) -> bool:
        """End the answer in this one conversation. Whether there was one."""
        with self.lock:
            event, _ = self.stops.get(key, (None, None))
        if event is not None:
            event.set()
        return event is not None


_running: WeakKeyDictionary[Store, Running] = WeakKeyDictionary()
_lock = threading.Lock()


def running_of(store: Store) -> Running:
    """Those of this store."""
    with _lock:
        return _running.setdefault(store, Running())
