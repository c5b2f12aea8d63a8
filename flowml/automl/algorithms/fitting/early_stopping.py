"""When to stop adding iterations."""

from collections.abc import Callable

# A gain must be worth a round.
LEAST_GAIN = 2e-4
# Where a model tells the classes apart perfectly, the log loss falls for ever; a probability of .999 is enough.
GOOD_LOG_LOSS = 1e-3


def patience(n_rows: int) -> int:
    """Iterations without a gain to wait for: many where an iteration is cheap, few where it is dear."""
    return int(max(20, 150 * min(1.0, 5_000 / max(n_rows, 1))))


class EarlyStopping:
    """Watches a loss. `stop(iteration, loss)` says whether the iteration just done should be the last.

    The patience grows with the best iteration, since a small learning rate improves slowly. A loss of `good_enough`
    ends it, and so does the clock when no more than `reserve` seconds are left.
    """

    def __init__(self, n_rows: int, time_left: Callable[[], float], reserve: float, *, good_enough: float = 0.0):
        self.best_loss = float("inf")
        self.best_iteration = -1
        self._patience = patience(n_rows)
        self._time_left = time_left
        self._reserve = reserve
        self._good_enough = good_enough

    def stop(self, iteration: int, loss: float) -> bool:
        if self.best_iteration < 0 or loss < self.best_loss - LEAST_GAIN * abs(self.best_loss):
            self.best_loss = loss
            self.best_iteration = iteration
        if loss <= self._good_enough or self._time_left() <= self._reserve:
            return True
        return iteration - self.best_iteration >= max(self._patience, 0.15 * self.best_iteration)
