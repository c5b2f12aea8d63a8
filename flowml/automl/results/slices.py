"""Where a model fails most: parts of the table, by one or two columns, in which it is wrong more often than elsewhere.

As Slice Finder (Chung et al. 2019): conditions on single columns are scored, the most telling ones are joined with all
others (a beam), and a slice counts where it is large enough, its losses are greater by an effect size that matters, and
Welch's t-test says so after Benjamini and Hochberg's (1995) control of false discoveries over all that was tested. Of
two columns a slice is shown only where it is clearly worse than either condition alone; one that holds mostly rows of
another that is shown, only where it is much worse.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.results.conditions import Condition, conditions_of
from flowml.automl.results.evidence import Evidence, rounded
from flowml.domain.datasets import Role
from flowml.domain.wording import number, percent, plural

Columns = Callable[[np.ndarray, list[str]], pl.DataFrame]

_MOST_ROWS = 50_000
_MOST_COLUMNS = 60
# Rows times conditions: more takes long, and says the same.
_MOST_CELLS = 15_000_000
_BEAM = 30
_SHOWN = 8
_LEAST_ROWS, _LEAST_SHARE = 20, 0.01
# More than that is no part that stands out.
_MOST_SHARE = 0.5
_EFFECT = 0.2
_WORSE_THAN_PARTS = 1.15
_FALSE_DISCOVERIES = 0.05
# A slice that is mostly the rows of another, and not much worse, says the same.
_OVERLAP, _MUCH_WORSE = 0.6, 1.4
_FEWEST = 60
_LOOKED_AT = 500


@dataclass(frozen=True)
class _Found:
    """`places`: of its conditions among all that there are."""

    places: tuple[int, ...]
    n_rows: int
    inside: float
    outside: float
    effect: float
    strength: float
    p_value: float


def worst_slices(evidence: Evidence, columns: Columns, roles: Mapping[str, Role], seed: int = 0) -> dict[str, Any]:
    """{"n_rows", "loss", "of", "tested", "note", "items": [{"sentence", "conditions", "n_rows", "loss", "elsewhere",
    "effect", "p_value", "q_value"}]}, the most telling first. `columns` reads those of the named columns of rows by
    their places in the evidence; `roles` are of all that may be looked at. `loss` is the share of rows that are wrong,
    or the mean distance of numbers. Slices of big tables are looked for in a sample and counted in all rows.
    """
    of = "wrong" if evidence.classes is not None else "distance"
    losses, counts = evidence.losses, evidence.counts
    overall = float(losses @ counts / counts.sum()) if len(losses) else 0.0
    answer: dict[str, Any] = {"n_rows": len(losses), "loss": rounded(overall), "of": of, "tested": 0, "items": []}
    if len(losses) < _FEWEST:
        return {**answer, "note": f"With {plural(len(losses), 'row')} no part of the table is large enough to judge."}
    if float(losses.max()) <= 0:
        return {**answer, "note": "No row was predicted wrong."}
    drawn = np.random.default_rng(seed).permutation(len(losses))[:_MOST_ROWS]
    names = list(roles)[:_MOST_COLUMNS]
    frame = columns(np.sort(drawn), names)
    least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(drawn)))
    conditions = [item for name in names for item in conditions_of(frame[name], roles[name], least)]
    masks = np.array([item.holds(frame[item.column]) for item in conditions], dtype=bool)
    looked_at = np.sort(drawn)
    if len(conditions) * len(drawn) > _MOST_CELLS:
        fewer = np.sort(
            np.random.default_rng(seed).permutation(len(drawn))[: max(_FEWEST, _MOST_CELLS // len(conditions))]
        )
        masks, looked_at = masks[:, fewer], looked_at[fewer]
        least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(fewer)))
    of_columns = [item.column for item in conditions]
    found = _search(of_columns, masks, losses[looked_at], counts[looked_at], least) if conditions else []
    kept = [([conditions[at] for at in one.places], one, quality) for one, quality in _telling(found, masks)]
    if len(looked_at) < len(losses) and kept:
        everywhere = columns(np.arange(len(losses)), sorted({item.column for some, *_ in kept for item in some}))
        kept = [(some, _counted(one, rows_where(some, everywhere), losses, counts), value) for some, one, value in kept]
    note = "" if kept else "No part of the table stands out: it errs about as often everywhere."
    if len(roles) > _MOST_COLUMNS:
        note = f"{note} Of {len(roles)} columns the first {_MOST_COLUMNS} were looked at.".strip()
    items = [_item(some, one, quality, of) for some, one, quality in kept]
    return {**answer, "tested": len(found), "note": note, "items": items}


def _counted(one: _Found, mask: np.ndarray, losses: np.ndarray, counts: np.ndarray) -> _Found:
    """The same with the figures of all rows."""
    inside, outside = (float(losses[part] @ counts[part] / counts[part].sum()) for part in (mask, ~mask))
    return replace(one, n_rows=int(mask.sum()), inside=inside, outside=outside)


def rows_where(conditions: Sequence[Condition], frame: pl.DataFrame) -> np.ndarray:
    """Which rows of a table all of these hold for, bool (rows,)."""
    held = np.ones(frame.height, dtype=bool)
    for condition in conditions:
        held &= condition.holds(frame[condition.column])
    return held


def _search(
    columns: Sequence[str], masks: np.ndarray, losses: np.ndarray, counts: np.ndarray, least: int
) -> list[_Found]:
    """`columns` and `masks` (conditions, rows) are of the conditions."""
    center, scale = float(losses.mean()), max(float(losses.std()), 1e-12)
    scaled = (losses - center) / scale
    # Sums by slice: rows, weight, its square, loss, its square; one product for all slices at once.
    parts = np.stack([np.ones(len(losses)), counts, counts**2, counts * scaled, counts * scaled**2], axis=1)
    totals, parts = parts.sum(axis=0), parts.astype(np.float32)
    weights = masks.astype(np.float32)

    def judged(sums: np.ndarray, places: tuple[int, ...]) -> _Found | None:
        found = _judged(sums, totals, least)
        if found is None:
            return None
        inside, outside, *rest = found
        # What single precision leaves of none is none.
        means = (value if (value := center + scale * mean) > 1e-5 * scale else 0.0 for mean in (inside, outside))
        return _Found(places, round(sums[0]), *means, *rest)

    singles = [one for at, sums in enumerate(_sums(weights, parts)) if (one := judged(sums, (at,))) is not None]
    alone = {one.places[0]: one for one in singles}
    pairs: list[_Found] = []
    beam = [at for at in sorted(alone, key=lambda at: -alone[at].strength)[:_BEAM] if alone[at].strength > 0]
    # Of each slice of the beam the sums of its rows alone: all pairs in one product as well.
    within = [parts * weights[at][:, None] for at in beam]
    joint = _sums(weights, np.concatenate(within, axis=1)).reshape(len(columns), len(beam), -1) if beam else None
    for place, at in enumerate(beam):
        assert joint is not None
        before = set(beam[:place])
        for other, sums in enumerate(joint[:, place]):
            one = None if columns[other] == columns[at] or other in before else judged(sums, (at, other))
            if one is None:
                continue
            alike = max(alone[part].inside for part in (at, other) if part in alone)
            # One that says nothing that one condition does not was tested all the same, and counts as such.
            pairs.append(one if one.inside > _WORSE_THAN_PARTS * alike else replace(one, effect=0.0))
    return [*singles, *pairs]


def _sums(masks: np.ndarray, parts: np.ndarray) -> np.ndarray:
    return np.asarray(masks @ parts, dtype=np.float64)


def _judged(sums: np.ndarray, totals: np.ndarray, least: int) -> tuple[float, float, float, float, float] | None:
    """Loss inside and outside, effect size, Welch's t and its p value (one-sided, by the normal distribution: there are
    at least `least` rows on either side). Weighted rows count as Kish's effective number of them."""
    rest = totals - sums
    too_many = sums[0] > max(least, _MOST_SHARE * totals[0])
    if sums[0] < least or rest[0] < least or too_many or sums[1] <= 0 or rest[1] <= 0:
        return None
    means, variances, errors = [], [], []
    for part in (sums, rest):
        mean = part[3] / part[1]
        variance = max(part[4] / part[1] - mean**2, 0.0)
        means.append(float(mean))
        variances.append(float(variance))
        errors.append(float(variance) * float(part[2]) / float(part[1]) ** 2)
    gap, spread = means[0] - means[1], math.sqrt(sum(variances) / 2)
    if spread <= 1e-6:
        return means[0], means[1], 0.0, 0.0, 1.0
    strength = gap / math.sqrt(max(sum(errors), 1e-12))
    return means[0], means[1], gap / spread, strength, 0.5 * math.erfc(strength / math.sqrt(2))


def _telling(found: Sequence[_Found], masks: np.ndarray) -> list[tuple[_Found, float]]:
    """Those that count, with their q values, without those that repeat another one."""
    order = sorted(range(len(found)), key=lambda at: found[at].p_value)
    quality, least = {}, 1.0
    for place in range(len(order) - 1, -1, -1):
        least = min(least, found[order[place]].p_value * len(found) / (place + 1))
        quality[order[place]] = least
    counted = [at for at in order if found[at].effect >= _EFFECT and quality[at] <= _FALSE_DISCOVERIES]
    kept: list[tuple[int, np.ndarray]] = []
    for at in sorted(counted, key=lambda at: -found[at].strength)[:_LOOKED_AT]:
        mask = np.asarray(masks[list(found[at].places)].all(axis=0))
        if not any(_repeats(found[at], mask, found[other], theirs) for other, theirs in kept):
            kept.append((at, mask))
        if len(kept) == _SHOWN:
            break
    return [(found[at], quality[at]) for at, _ in kept]


def _repeats(one: _Found, mask: np.ndarray, kept: _Found, theirs: np.ndarray) -> bool:
    shared = int((mask & theirs).sum())
    return shared > _OVERLAP * min(mask.sum(), theirs.sum()) and one.inside < _MUCH_WORSE * kept.inside


def _item(conditions: Sequence[Condition], one: _Found, quality: float, of: str) -> dict[str, Any]:
    where = " and ".join(condition.text() for condition in conditions)
    if of == "wrong":
        says = f"{percent(one.inside)} wrong, against {percent(one.outside)} elsewhere"
    else:
        says = f"off by {number(one.inside)} on average, against {number(one.outside)} elsewhere"
    return {
        "sentence": f"Where {where}: {says}; {plural(one.n_rows, 'row')}.",
        "conditions": [condition.state() for condition in conditions],
        "n_rows": one.n_rows,
        "loss": rounded(one.inside),
        "elsewhere": rounded(one.outside),
        "effect": rounded(one.effect),
        "p_value": rounded(one.p_value),
        "q_value": rounded(quality),
    }
