"""Honest answers for the rows that a fit stops by.

Whoever keeps the iteration that is best on the validation rows, and is then scored on them, looks better than it is:
AdaBoost on 1,200 rows by 3 % of its log loss, a network by as much. So those rows are divided into parts, and each part
is answered by the iteration that is best on the other parts. The model itself stops by all of them.
"""

import numpy as np

PARTS = 4
_FEWEST_ROWS = 8


class HeldOut:
    """The validation rows in parts, and for each the iteration at which the loss of all others was least.

    `iterations[part]` is it, -1 before any. `least_gain`: the part of the loss by which an iteration has to be better.
    """

    def __init__(
        self, target: np.ndarray, weights: np.ndarray | None, seed: int, *, classes: bool, least_gain: float = 0.0
    ):
        self.part = _parts(target, seed, classes)
        self.n_parts = int(self.part.max(initial=0)) + 1
        self._weights = np.ones(len(target)) if weights is None else weights
        self._sums = np.bincount(self.part, self._weights, minlength=self.n_parts)
        self._least_gain = least_gain
        self._best = np.full(self.n_parts, np.inf)
        self.iterations = np.full(self.n_parts, -1)

    def rows(self, part: int) -> np.ndarray:
        """The rows of a part, in order."""
        return np.flatnonzero(self.part == part)

    def rest(self, part: int) -> np.ndarray:
        """The rows of all other parts; all rows where there is one part only."""
        return np.flatnonzero(self.part != part) if self.n_parts > 1 else self.rows(part)

    def losses(self, of_rows: np.ndarray) -> np.ndarray:
        """The mean loss of each part, (parts,), from that of each row."""
        return np.asarray(np.bincount(self.part, self._weights * of_rows, minlength=self.n_parts) / self._sums)

    def whole(self, losses: np.ndarray) -> float:
        """The mean loss of all rows from that of each part."""
        loss = float(losses @ self._sums / self._sums.sum())
        return loss if np.isfinite(loss) else float("inf")

    def improved(self, losses: np.ndarray, iteration: int) -> list[int]:
        """The parts for which this iteration is the best so far, going by the others."""
        if self.n_parts == 1:
            others = np.asarray(losses)
        else:
            total = losses * self._sums
            others = (total.sum() - total) / (self._sums.sum() - self._sums)
        gain = self._least_gain * np.abs(np.where(np.isfinite(self._best), self._best, 0.0))
        better = (others < self._best - gain) | (self.iterations < 0)
        self._best[better] = others[better]
        self.iterations[better] = iteration
        return np.flatnonzero(better).tolist()


def _parts(target: np.ndarray, seed: int, classes: bool) -> np.ndarray:
    """The part of each row, (rows,): as large as each other, each with its share of every class or of high values."""
    if len(target) < _FEWEST_ROWS:
        return np.zeros(len(target), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(target))
    if classes:
        order = order[np.argsort(target[order], kind="stable")]
    part = np.empty(len(target), dtype=np.int64)
    part[order] = np.arange(len(target)) % PARTS
    return part
