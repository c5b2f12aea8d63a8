"""The race over the first fold: which trials are worth going on with.

When a trial is proposed it is told how good its first fold has to be; one that stays behind ends there, and the other
folds' time goes to somebody else (as in successive halving, Jamieson and Talwalkar 2016, with one rung). The bar looks
only at what is known when the trial is proposed, so that the same record always gives the same bar.
"""

import math
from collections.abc import Sequence

LEAST_ROWS = 2_000
NEWCOMERS_MARGIN = 0.12
FAMILYS_MARGIN = 0.03
NOISE = 1.0


def bar(
    first_folds: Sequence[float], of_family: Sequence[float], *, perfect: float, n_rows: int, n_folds: int
) -> float | None:
    """The gain that the first fold has to reach; None where every trial may finish.

    `first_folds`: the first fold's gains of all finished trials, `of_family` those of the same family; `perfect`: the
    best gain that there can be. A family's first trial is compared with the best of all and may be clearly worse, since
    models that err differently help an ensemble; a later one has to come near its family's best. Both margins widen
    where a fold has few rows. On small tables a whole trial costs less than a wrong decision.
    """
    if n_folds < 2 or n_rows < LEAST_ROWS or not first_folds:
        return None
    reference, margin = (max(of_family), FAMILYS_MARGIN) if of_family else (max(first_folds), NEWCOMERS_MARGIN)
    loss = perfect - reference
    if loss <= 0:
        return None
    return perfect - loss * (1.0 + margin + NOISE / math.sqrt(n_rows / n_folds))
