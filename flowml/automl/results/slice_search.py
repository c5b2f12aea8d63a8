"""Slices of one or two conditions, each with how sure it is that its rows fare worse than others.

A slice of one condition is tested against all other rows; one of two conditions against the other rows of either
condition too, and its p value is the greatest of these (an intersection-union test): what one of them alone explains is
no finding. The test is Welch's; rows count by their weights, of which the effective number (Kish) must be large enough,
and where rows belong together their sum is what varies (cluster-robust variance).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import stdtr

_BEAM = 30
# More than that is no part that stands out.
_MOST_SHARE = 0.5
_WORSE_THAN_PARTS = 1.15
# Rows, or groups of rows, that a mean is of in effect: of fewer there is no telling how much it varies.
_LEAST_EFFECTIVE = 15.0
# Of the variance of all rows: where a slice is wrong throughout, a few rows less would not be.
_LEAST_VARIANCE = 0.01
_MOMENTS = 7


@dataclass(frozen=True)
class Found:
    """`places`: of its conditions among all that there are; `inside` and `outside` mean losses."""

    places: tuple[int, ...]
    n_rows: int
    inside: float
    outside: float
    effect: float
    strength: float
    p_value: float


@dataclass(frozen=True)
class _Tested:
    """Of each slice, all (slices,); `enough`: there are rows enough on both sides."""

    rows: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    effect: np.ndarray
    strength: np.ndarray
    p_value: np.ndarray
    enough: np.ndarray


def search(
    columns: Sequence[str],
    masks: np.ndarray,
    losses: np.ndarray,
    counts: np.ndarray,
    units: np.ndarray | None,
    least: int,
) -> list[Found]:
    """All slices that were tested. `columns` and `masks` (conditions, rows) are of the conditions; `counts` the weights
    and `units` to whom each row belongs, or None, (rows,)."""
    center, scale = float(np.average(losses, weights=counts)), max(float(losses.std()), 1e-12)
    sums = _Sums(masks, (losses - center) / scale, counts, units)
    singles = sums.of_all(np.arange(len(losses)))
    alone = sums.tested(singles, sums.totals - singles, least)

    def found(tested: _Tested, at: int, places: tuple[int, ...]) -> Found:
        # What single precision leaves of none is none.
        means = (
            value if (value := center + scale * float(one[at])) > 1e-5 * scale else 0.0
            for one in (tested.inside, tested.outside)
        )
        figures = (float(one[at]) for one in (tested.effect, tested.strength, tested.p_value))
        return Found(places, round(float(tested.rows[at])), *means, *figures)

    small = alone.rows <= max(least, _MOST_SHARE * masks.shape[1])
    shown = np.flatnonzero(alone.enough & small)
    slices = [found(alone, at, (at,)) for at in shown.tolist()]
    strongest = shown[np.argsort(-alone.strength[shown], kind="stable")][:_BEAM]
    beam = [at for at in strongest.tolist() if alone.strength[at] > 0]
    names = np.array(columns)
    for place, at in enumerate(beam):
        pairs = sums.of_all(np.flatnonzero(masks[at]))
        both = sums.tested(pairs, sums.totals - pairs, least)
        parts = [sums.tested(pairs, rest - pairs, least) for rest in (singles[at][None, :], singles)]
        usable = both.enough & (both.rows <= max(least, _MOST_SHARE * masks.shape[1])) & (names != names[at])
        usable[beam[:place]] = False
        says_more = both.p_value
        for part in parts:
            # Where hardly a row of a condition is left, the pair is that condition.
            says_more = np.maximum(says_more, np.where(part.enough, part.p_value, 1.0))
        # Mean losses themselves, of conditions of any share.
        means = center + scale * np.stack([both.inside, alone.inside, np.full(len(names), alone.inside[at])])
        clearly = means[0] > _WORSE_THAN_PARTS * np.maximum(means[1], means[2])
        for other in np.flatnonzero(usable).tolist():
            # One that says nothing that one condition does not was tested all the same, and counts as such.
            one = found(both, other, (at, other))
            effect = one.effect if clearly[other] else 0.0
            slices.append(
                Found(one.places, one.n_rows, one.inside, one.outside, effect, one.strength, float(says_more[other]))
            )
    return slices


class _Sums:
    """Sums over the rows of slices, (slices, figures): rows, weights, their squares, losses and squared losses by
    weight and by its square; where rows belong together also losses and weights by group."""

    def __init__(self, masks: np.ndarray, losses: np.ndarray, counts: np.ndarray, units: np.ndarray | None) -> None:
        squares = counts**2
        moments = [np.ones(len(losses)), counts, squares, counts * losses, counts * losses**2]
        self._parts = np.stack([*moments, squares * losses, squares * losses**2], axis=1)
        self._by_row = np.ascontiguousarray(masks.T.astype(np.float32))
        self._n_groups = 0
        self._picks: list[sparse.csr_matrix] = []
        if units is not None:
            known, group = np.unique(units, return_inverse=True)
            self._n_groups = len(known)
            rows, shape = np.arange(len(losses)), (len(losses), self._n_groups)
            for values in (counts * losses, counts):
                picked = sparse.csr_matrix((values.astype(np.float32), (rows, group.reshape(-1))), shape=shape)
                self._picks.append(picked)
        whole = np.ones((len(losses), 1), dtype=np.float32)
        self.totals = self._sums(whole, np.arange(len(losses)))

    def of_all(self, rows: np.ndarray) -> np.ndarray:
        """Of what each condition shares with these rows."""
        return self._sums(self._by_row[rows], rows)

    def _sums(self, masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        parts = [masks.T @ self._parts[rows].astype(np.float32)]
        parts += [np.asarray((pick[rows].T @ masks).T) for pick in self._picks]
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def tested(self, sums: np.ndarray, rest: np.ndarray, least: int) -> _Tested:
        """Whether the mean loss of `sums` is above that of `rest`, which shares no row with it."""
        means, variances, errors, numbers = [], [], [], []
        with np.errstate(divide="ignore", invalid="ignore"):
            for part in (sums, rest):
                _, weight, squares, loss, of_squares, loss_2, of_squares_2 = part[:, :_MOMENTS].T
                mean = loss / weight
                means.append(mean)
                variances.append(np.maximum(of_squares / weight - mean**2, _LEAST_VARIANCE))
                number = weight**2 / squares if not self._n_groups else self._groups(part)
                numbers.append(number)
                error = (of_squares_2 - 2 * mean * loss_2 + mean**2 * squares) / weight**2 * number / (number - 1)
                errors.append(np.maximum(error, _LEAST_VARIANCE / number))
            spread = np.sqrt((variances[0] + variances[1]) / 2)
            if self._n_groups:
                error, freedom = self._by_group(sums, rest, means)
                error = np.maximum(error, _LEAST_VARIANCE * (1 / numbers[0] + 1 / numbers[1]))
            else:
                error = errors[0] + errors[1]
                freedom = error**2 / (errors[0] ** 2 / (numbers[0] - 1) + errors[1] ** 2 / (numbers[1] - 1))
            gap = means[0] - means[1]
            strength = gap / np.sqrt(error)
            p_value = stdtr(np.maximum(freedom, 1.0), -strength)
        enough = (np.minimum(sums[:, 0], rest[:, 0]) >= least) & (np.minimum(*numbers) >= _LEAST_EFFECTIVE)
        enough = enough & np.isfinite(p_value) & np.isfinite(strength)
        return _Tested(sums[:, 0], means[0], means[1], gap / spread, strength, p_value, enough)

    def _groups(self, part: np.ndarray) -> np.ndarray:
        """The effective number of groups, by the weights of their rows."""
        weights = np.maximum(part[:, _MOMENTS + self._n_groups :], 0.0)
        return np.asarray(weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1))

    def _by_group(
        self, sums: np.ndarray, rest: np.ndarray, means: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The variance of the difference of the means, and how many groups carry it."""
        moves: np.ndarray | float = 0.0
        for sign, part, mean in ((1.0, sums, means[0]), (-1.0, rest, means[1])):
            losses, weights = part[:, _MOMENTS : _MOMENTS + self._n_groups], part[:, _MOMENTS + self._n_groups :]
            moves = moves + sign * (losses - mean[:, None] * weights) / part[:, 1:2]
        squares = np.asarray(moves) ** 2
        variance = squares.sum(axis=1)
        error = variance * self._n_groups / max(self._n_groups - 1, 1)
        return error, variance**2 / (squares**2).sum(axis=1)
