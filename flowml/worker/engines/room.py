"""How much of what trials hand in is in the worker's memory at once."""

import threading


class Room:
    """For so many bytes. What is larger has all of it, alone."""

    def __init__(self, most_bytes: int):
        self._most_bytes = most_bytes
        self._taken = 0
        self._changed = threading.Condition()

    def take(self, n_bytes: int, seconds: float) -> bool:
        """Whether there is room for that, after so many seconds at the most; it is taken then."""
        n_bytes = min(n_bytes, self._most_bytes)
        with self._changed:
            if not self._changed.wait_for(lambda: self._taken + n_bytes <= self._most_bytes, seconds):
                return False
            self._taken += n_bytes
            return True

    def give(self, n_bytes: int) -> None:
        """It is not needed any more."""
        with self._changed:
            self._taken -= min(n_bytes, self._most_bytes)
            self._changed.notify_all()
