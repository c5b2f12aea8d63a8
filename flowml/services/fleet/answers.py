"""What was given out by answers that may be lost on their way: who asks the same again is told the same again."""

import threading

from flowml.domain.trials import Lease

_MOST = 10_000

Question = tuple[str, ...]


class Answers:
    """The latest answers that may have brought a lease, by what was asked."""

    def __init__(self, most: int = _MOST):
        self._most = most
        self._lock = threading.Lock()
        self._given: dict[Question, tuple[str, int] | None] = {}

    def __len__(self) -> int:
        return len(self._given)

    def given(self, asked: Question, lease: Lease | None) -> None:
        """This was the answer."""
        with self._lock:
            self._given.pop(asked, None)
            self._given[asked] = None if lease is None else (lease.trial_id, lease.attempt)
            if len(self._given) > self._most:
                del self._given[next(iter(self._given))]

    def knows(self, asked: Question) -> bool:
        """Whether that was answered."""
        return asked in self._given

    def lease_of(self, asked: Question) -> tuple[str, int] | None:
        """The trial and the attempt that the answer brought."""
        return self._given.get(asked)
