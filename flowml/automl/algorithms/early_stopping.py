"""When to stop adding iterations."""

from collections.abc import Callable

import numpy as np


def patience(n_rows: int) -> int:
    """Iterations without a gain to wait for: many where an iteration is cheap, few where it is dear."""
    return int(max(20, 150 * min(1.0, 5_000 / max(n_rows, 1))))


class EarlyStopping:
    """Watches a loss. `stop(iteration, loss)` says whether the iteration just done should be the last.

    The patience grows with the best iteration, since a small learning rate improves slowly. Every `every` iterations
    the clock is looked at too.
    """

    def __init__(self, n_rows: int, time_left: Callable[[], float], reserve: float, every: int = 1):
        self.best_loss = np.inf
        self.best_iteration = -1
        self.iterations = 0
        self.out_of_time = False
        self._patience = patience(n_rows)
        self._time_left = time_left
        self._reserve = reserve
        self._every = every

    def stop(self, iteration: int, loss: float) -> bool:
        self.iterations = iteration + 1
        if loss < self.best_loss:
            self.best_loss = loss
            self.best_iteration = iteration
        if iteration % self._every == 0 and self._time_left() <= self._reserve:
            self.out_of_time = True
            return True
        return iteration - self.best_iteration >= max(self._patience, 0.15 * self.best_iteration)
