"""Where a model fails most: parts of the table, by one or two columns, in which it is wrong more often than elsewhere.

As Slice Finder (Chung et al. 2019): conditions on single columns are scored, the most telling ones are joined with all
others (a beam), and a slice counts where it is large enough, its losses are greater by an effect size that matters, and
a test says so (`slice_search`) after Benjamini and Hochberg's (1995) control of false discoveries over all that was
tested. One that holds mostly rows of another that is shown, is shown only where it is much worse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.results.conditions import Condition, conditions_of
from flowml.automl.results.evidence import Evidence, rounded
from flowml.automl.results.slice_search import Found, search
from flowml.domain.datasets import Role
from flowml.domain.wording import number, percent, plural

Columns = Callable[[np.ndarray, list[str]], pl.DataFrame]

_MOST_ROWS = 50_000
_MOST_COLUMNS = 60
# Rows times conditions: more takes long, and says the same.
_MOST_CELLS = 15_000_000
# Where rows belong together every slice has sums of every group.
_MOST_CELLS_OF_GROUPS = 3_000_000
_SHOWN = 8
_LEAST_ROWS, _LEAST_SHARE = 20, 0.01
_EFFECT = 0.2
_FALSE_DISCOVERIES = 0.05
# A slice that is mostly the rows of another, and not much worse, says the same.
_OVERLAP, _MUCH_WORSE = 0.6, 1.4
_FEWEST = 60
_LOOKED_AT = 500
_UNTESTED = "No part of the table could be looked at: no column divides it into parts that are large enough."


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
    if not roles:
        return {**answer, "note": _UNTESTED}
    drawn = np.random.default_rng(seed).permutation(len(losses))[:_MOST_ROWS]
    names = list(roles)[:_MOST_COLUMNS]
    frame = columns(np.sort(drawn), names)
    least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(drawn)))
    conditions = [item for name in names for item in conditions_of(frame[name], roles[name], least)]
    masks = np.array([item.holds(frame[item.column]) for item in conditions], dtype=bool)
    looked_at = np.sort(drawn)
    most = _MOST_CELLS if evidence.units is None else _MOST_CELLS_OF_GROUPS
    if len(conditions) * len(drawn) > most:
        fewer = np.sort(np.random.default_rng(seed).permutation(len(drawn))[: max(_FEWEST, most // len(conditions))])
        masks, looked_at = masks[:, fewer], looked_at[fewer]
        least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(fewer)))
    of_columns = [item.column for item in conditions]
    units = None if evidence.units is None else evidence.units[looked_at]
    found = search(of_columns, masks, losses[looked_at], counts[looked_at], units, least) if conditions else []
    kept = [([conditions[at] for at in one.places], one, quality) for one, quality in _telling(found, masks)]
    if len(looked_at) < len(losses) and kept:
        everywhere = columns(np.arange(len(losses)), sorted({item.column for some, *_ in kept for item in some}))
        kept = [(some, _counted(one, rows_where(some, everywhere), losses, counts), value) for some, one, value in kept]
    note = "" if kept else "No part of the table stands out: it errs about as often everywhere." if found else _UNTESTED
    if len(roles) > _MOST_COLUMNS:
        note = f"{note} Of {len(roles)} columns the first {_MOST_COLUMNS} were looked at.".strip()
    items = [_item(some, one, quality, of) for some, one, quality in kept]
    return {**answer, "tested": len(found), "note": note, "items": items}


def _counted(one: Found, mask: np.ndarray, losses: np.ndarray, counts: np.ndarray) -> Found:
    """The same with the figures of all rows."""
    inside, outside = (float(losses[part] @ counts[part] / counts[part].sum()) for part in (mask, ~mask))
    return replace(one, n_rows=int(mask.sum()), inside=inside, outside=outside)


def rows_where(conditions: Sequence[Condition], frame: pl.DataFrame) -> np.ndarray:
    """Which rows of a table all of these hold for, bool (rows,)."""
    held = np.ones(frame.height, dtype=bool)
    for condition in conditions:
        held &= condition.holds(frame[condition.column])
    return held


def _telling(found: Sequence[Found], masks: np.ndarray) -> list[tuple[Found, float]]:
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


def _repeats(one: Found, mask: np.ndarray, kept: Found, theirs: np.ndarray) -> bool:
    shared = int((mask & theirs).sum())
    return shared > _OVERLAP * min(mask.sum(), theirs.sum()) and one.inside < _MUCH_WORSE * kept.inside


def _item(conditions: Sequence[Condition], one: Found, quality: float, of: str) -> dict[str, Any]:
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
