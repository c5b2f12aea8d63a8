"""What is kept of a regression model's residuals, actual minus predicted, for pictures: bounded, however many rows."""

import numpy as np

from flowml.data.profiling.bins import number_edges
from flowml.domain.models import OfAllRows, RangeOfRows, Residuals

_POINTS = 200
_MOST_BINS = 24
# Of many rows the few that are furthest off are counted, but do not squeeze the others into one bar.
_SHOWN = (0.01, 0.99)
_MANY = 100
_DIGITS = 6
_ENOUGH_FOR_RANGES = 60


def residuals(
    actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None, *, seed: int = 0
) -> Residuals | None:
    """Of rows that a model had not seen; `actual`, `predicted` and `weights` are (rows,), in the target's unit.

    Points are drawn at random, with weights in proportion to them; shares and quantiles are of the weight. Rows of
    weight 0, and those for which there is no finite prediction, do not count; None where none is left.

    >>> found = residuals(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 3.0]))
    >>> found.n_rows, found.half_within, found.most_within, found.mean
    (3, 0.0, 0.5, -0.166667)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        counted = np.isfinite(actual - predicted)
    if weights is not None:
        counted &= weights > 0
    actual, predicted = actual[counted].astype(float), predicted[counted].astype(float)
    if len(actual) == 0:
        return None
    shares = np.ones(len(actual)) if weights is None else weights[counted].astype(float)
    shares = shares / shares.sum()
    off = actual - predicted
    shown = _drawn(shares, seed)
    low, high = _quantiles(off, shares, _SHOWN) if len(off) >= _MANY else (off.min(), off.max())
    # A few rows make no fine histogram.
    edges = number_edges(float(low), float(high), min(_MOST_BINS, max(3, round(2 * len(off) ** 0.5))))
    within = (off >= edges[0]) & (off <= edges[-1])
    bars, _ = np.histogram(off[within], edges, weights=shares[within])
    half, most = _quantiles(np.abs(off), shares, (0.5, 0.9))
    mean = float(off @ shares)
    # Kish's effective number of rows.
    spread = float(np.sqrt(((off - mean) ** 2) @ shares * (shares**2).sum()))
    return Residuals(
        n_rows=len(off),
        weighted=weights is not None,
        actual=_short(actual[shown]),
        predicted=_short(predicted[shown]),
        edges=_short(edges),
        shares=_short(bars),
        half_within=_rounded(half),
        most_within=_rounded(most),
        greatest=_rounded(float(np.abs(off).max())),
        mean=_rounded(mean),
        mean_error=_rounded(spread),
        all_rows=_of_all(actual, off, shares),
    )


def _of_all(actual: np.ndarray, off: np.ndarray, shares: np.ndarray) -> OfAllRows:
    (middle,) = _quantiles(actual, shares, (0.5,))
    away = np.abs(actual - middle)
    return OfAllRows(
        middle=_rounded(middle),
        guess_within=_rounded(_quantiles(away, shares, (0.5,))[0]),
        guess_mean=_rounded(float(away @ shares)),
        mean_off=_rounded(float(np.abs(off) @ shares)),
        ranges=_ranges(actual, off, shares),
    )


def _ranges(actual: np.ndarray, off: np.ndarray, shares: np.ndarray) -> tuple[RangeOfRows, ...]:
    if len(actual) < _ENOUGH_FOR_RANGES:
        return ()
    low, high = _quantiles(actual, shares, (0.2, 0.8))
    if not actual.min() < low < high < actual.max():
        return ()
    found = []
    for least, most in ((None, low), (low, high), (high, None)):
        inside = np.ones(len(actual), dtype=bool) if least is None else actual > least
        if most is not None:
            inside &= actual <= most
        part = shares[inside] / shares[inside].sum()
        above, up_to = (None if bound is None else _rounded(bound) for bound in (least, most))
        half = _rounded(_quantiles(np.abs(off[inside]), part, (0.5,))[0])
        found.append(RangeOfRows(above, up_to, int(inside.sum()), half, _rounded(float(off[inside] @ part))))
    return tuple(found)


def _drawn(shares: np.ndarray, seed: int) -> np.ndarray:
    """Which rows are shown, in their order (Efraimidis & Spirakis 2006: without replacement, in proportion)."""
    if len(shares) <= _POINTS:
        return np.arange(len(shares))
    keys = np.random.default_rng(seed).exponential(size=len(shares)) / shares
    return np.sort(np.argpartition(keys, _POINTS)[:_POINTS])


def _quantiles(values: np.ndarray, shares: np.ndarray, levels: tuple[float, ...]) -> list[float]:
    """The smallest value up to which so much of the weight lies."""
    order = np.argsort(values)
    reached = np.cumsum(shares[order])
    at = np.minimum(np.searchsorted(reached, np.array(levels) - 1e-12), len(values) - 1)
    return [float(value) for value in values[order][at]]


def _short(values: np.ndarray) -> tuple[float, ...]:
    return tuple(_rounded(value) for value in values.tolist())


def _rounded(value: float) -> float:
    """With as many digits as a picture shows."""
    return float(f"{value:.{_DIGITS}g}")
