"""Shapley values of whatever answers: how much each column of a row adds to what the typical row would get.

A column that is not in a coalition has its typical value (baseline Shapley, Sundararajan and Najmi 2020): a model file
has those, and no rows. Few columns are tried in all combinations; of many, orders are drawn, each with its reverse
(antithetic sampling, Mitchell et al. 2022), and what they add along the way always adds up.
"""

from collections.abc import Callable
from math import comb

import numpy as np

_MOST_EXACT = 9
_MOST_ROWS = 4_000
_FEWEST_PAIRS = 2
_MOST_PAIRS = 64

Answers = Callable[[np.ndarray], np.ndarray]
"""From coalitions, bool (coalitions, columns), to answers (coalitions, outputs)."""


def shapley(answers: Answers, n_columns: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The answer where no column is in, (outputs,), and what each adds, (columns, outputs): together the answer where
    all are. At most some thousand coalitions are asked about, however many columns there are."""
    if n_columns <= _MOST_EXACT:
        return _all(answers, n_columns)
    return _some(answers, n_columns, np.random.default_rng(seed))


def _all(answers: Answers, n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    codes = np.arange(2**n_columns)
    coalitions = (codes[:, None] >> np.arange(n_columns)) & 1 > 0
    said = answers(coalitions)
    sizes = coalitions.sum(axis=1)
    added = np.zeros((n_columns, said.shape[1]))
    weight = np.array([1.0 / (n_columns * comb(n_columns - 1, size)) for size in range(n_columns)])
    for column in range(n_columns):
        without = np.flatnonzero(~coalitions[:, column])
        added[column] = weight[sizes[without]] @ (said[without + 2**column] - said[without])
    return said[0], added


def _some(answers: Answers, n_columns: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    pairs = int(np.clip(_MOST_ROWS // (2 * n_columns), _FEWEST_PAIRS, _MOST_PAIRS))
    base, total = np.empty(0), np.empty(0)
    for _ in range(pairs):
        order = generator.permutation(n_columns)
        for drawn in (order, order[::-1]):
            place = np.empty(n_columns, dtype=np.intp)
            place[drawn] = np.arange(n_columns)
            said = answers(place[None, :] < np.arange(n_columns + 1)[:, None])
            if not total.size:
                base, total = said[0], np.zeros((n_columns, said.shape[1]))
            total[drawn] += np.diff(said, axis=0)
    return base, total / (2 * pairs)
