"""Ideas that make one column of several."""

import re
from itertools import combinations

import numpy as np
import polars as pl

from flowml.automl.ideas.candidate import (
    FOR_TREES,
    Candidate,
    Table,
    derive,
    less,
    on_scale,
    strength,
    strengths,
    written,
)
from flowml.automl.ideas.judge import Judge
from flowml.domain.wording import columns as named
from flowml.domain.wording import number, plural

_MOST_LEVELS = 60
_MOST_SOURCES = 30
_SIMILAR_SCALE = 20.0
_KILOMETRES = 111.2
_LATITUDE = re.compile(r"^(?:.*[_ ])?lat(?:itude)?$", re.IGNORECASE)
_LONGITUDE = re.compile(r"^(?:.*[_ ])?(?:lon|lng|long|longitude)$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(.*?)[ _.-]?\d{1,3}$")


def ratios_and_products(table: Table, judge: Judge) -> list[Candidate]:
    """Two numbers divided or multiplied, where that tells more of the target than each alone, and a line of both."""
    found = []
    names = table.telling_numbers(judge)
    for first, second in combinations(names, 2):
        a, b = table.values(first), table.values(second)
        alone = judge.told_by(table.frame[first]), judge.told_by(table.frame[second])
        line = judge.line(a, b)
        together = 0.0 if line is None else judge.told(table.spread_of(line))
        # Divided by the one that is further from zero.
        if _least(a) > _least(b):
            first, second, a, b, alone = second, first, b, a, alone[::-1]
        with np.errstate(all="ignore"):
            made = (
                ("product", "*", "times", a * b, "times"),
                ("ratio", "/", "per", np.where(b == 0, np.nan, a / b), "divided by"),
            )
        for kind, sign, word, values, spoken in made:
            told = judge.told(table.spread_of(values))
            gain = told - max(*alone, together)
            if gain <= judge.least_gain * (1 if line is not None else 2):
                continue
            reason = (
                f"“{first}” {spoken} “{second}” goes with “{table.target}” at {on_scale(told)}, more than “{first}”"
                f" ({strength(alone[0])}) and “{second}” ({strength(alone[1])}) do alone"
                f"{f', and than both do added up ({strength(together)})' if line is not None else ''}."
            )
            figures = strengths(told, *alone, *([together] if line is not None else []))
            made_of = derive(table.free(f"{first}_{word}_{second}"), f"{written(first)} {sign} {written(second)}")
            found.append(Candidate(kind, told, gain, reason, figures, (first, second), made_of))
    return found


def differences(table: Table, judge: Judge) -> list[Candidate]:
    """Two numbers of the same scale subtracted, where that is what matters of both: trees would need many steps."""
    found = []
    for first, second in combinations(table.telling_numbers(judge), 2):
        a, b = table.values(first), table.values(second)
        if not _alike(a, b):
            continue
        alone = judge.told_by(table.frame[first]), judge.told_by(table.frame[second])
        told = judge.told(table.spread_of(a - b))
        gain = told - max(alone)
        if gain <= 3 * judge.least_gain:
            continue
        reason = (
            f"“{first}” less “{second}” goes with “{table.target}” at {on_scale(told)}, and they alone at"
            f" {strength(alone[0])} and {strength(alone[1])}."
        )
        operations = derive(table.free(f"{first}_minus_{second}"), f"{written(first)} - {written(second)}")
        found.append(
            Candidate(
                "difference", told, 0.5 * gain, reason, strengths(told, *alone), (first, second), operations, FOR_TREES
            )
        )
    return found


def totals(table: Table, judge: Judge) -> list[Candidate]:
    """The sum of columns that are numbered through, such as score_1, score_2 and score_3."""
    stems: dict[str, list[str]] = {}
    for name in table.numbers:
        if match := _NUMBERED.match(name):
            stems.setdefault(match[1], []).append(name)
    found = []
    for stem, names in stems.items():
        if not 3 <= len(names) <= _MOST_SOURCES or not all(
            _alike(table.values(names[0]), table.values(name)) for name in names[1:]
        ):
            continue
        told = judge.told(table.spread_of(np.sum([table.values(name) for name in names], axis=0)))
        best = max(names, key=lambda name: judge.told_by(table.frame[name]))
        alone = judge.told_by(table.frame[best])
        if told - alone <= judge.least_gain:
            continue
        reason = (
            f"The sum of {named(names, 3)} goes with “{table.target}” at {on_scale(told)}, the strongest of them alone"
            f" (“{best}”) at {strength(alone)}."
        )
        operations = derive(table.free(f"{stem.rstrip(' _.-') or 'columns'}_total"), " + ".join(map(written, names)))
        found.append(
            Candidate(
                "total", told, 0.5 * (told - alone), reason, strengths(told, alone), tuple(names), operations, FOR_TREES
            )
        )
    return found


def crosses(table: Table, judge: Judge) -> list[Candidate]:
    """Two categories as one, where the pair tells more than both do one beside the other."""
    found = []
    for first, second in combinations(table.telling_categories(judge), 2):
        a, b = table.frame[first], table.frame[second]
        levels = a.n_unique() * b.n_unique()
        if levels > _MOST_LEVELS:
            continue
        told = judge.told(pl.select(pl.concat_str([a, b], separator="\0")).to_series())
        alone = judge.told_by(a), judge.told_by(b)
        gain = told - sum(alone)
        if gain <= 2 * judge.least_gain:
            continue
        reason = (
            f"“{first}” and “{second}” together go with “{table.target}” at {on_scale(told)}, and alone at"
            f" {strength(alone[0])} and {strength(alone[1])}: what one means depends on the other."
        )
        expression = f'concat({written(first)}, " · ", {written(second)})'
        operations = derive(table.free(f"{first}_and_{second}"), expression)
        found.append(Candidate("cross", told, gain, reason, strengths(told, *alone), (first, second), operations))
    return found


def equals(table: Table, judge: Judge) -> list[Candidate]:
    """Whether two columns with the same values agree."""
    found = []
    for first, second in combinations(table.telling_categories(judge), 2):
        a, b = table.frame[first], table.frame[second]
        levels = set(a.drop_nulls().unique()), set(b.drop_nulls().unique())
        shared = len(levels[0] & levels[1])
        if shared < 2 or shared < 0.5 * min(map(len, levels)):
            continue
        same = (a == b).cast(pl.Int64)
        told = judge.told(same)
        alone = judge.told_by(a), judge.told_by(b)
        if told - max(alone) <= judge.least_gain:
            continue
        reason = (
            f"“{first}” and “{second}” hold the same {plural(shared, 'value')}; whether they are equal goes with"
            f" “{table.target}” at {on_scale(told)}, and they alone at {strength(alone[0])} and {strength(alone[1])}."
        )
        operations = derive(table.free(f"same_{first}_and_{second}"), f"if({written(first)} = {written(second)}, 1, 0)")
        found.append(
            Candidate(
                "equal",
                told,
                told - max(alone),
                reason,
                (shared, *strengths(told, *alone)),
                (first, second),
                operations,
            )
        )
    return found


def distances(table: Table, judge: Judge) -> list[Candidate]:
    """How far a place is from the middle of all places."""
    north = [name for name in table.numbers if _LATITUDE.match(name)]
    east = [name for name in table.numbers if _LONGITUDE.match(name)]
    if len(north) != 1 or len(east) != 1:
        return []
    a, b = table.values(north[0]), table.values(east[0])
    if not (np.nanmax(np.abs(a)) <= 90 and np.nanmax(np.abs(b)) <= 180):
        return []
    middle = round(float(np.nanmedian(a)), 4), round(float(np.nanmedian(b)), 4)
    wide = round(_KILOMETRES * float(np.cos(np.radians(middle[0]))), 2)
    away = np.hypot(_KILOMETRES * (a - middle[0]), wide * (b - middle[1]))
    told = judge.told(table.spread_of(away))
    alone = judge.told_by(table.frame[north[0]]), judge.told_by(table.frame[east[0]])
    if told - max(alone) <= judge.least_gain:
        return []
    reason = (
        f"How far a row’s place is from the middle of all ({number(middle[0])}, {number(middle[1])}) goes with"
        f" “{table.target}” at {on_scale(told)}, and its coordinates alone at {strength(alone[0])} and"
        f" {strength(alone[1])}."
    )
    expression = (
        f"sqrt(({_KILOMETRES} * {less(written(north[0]), f'{middle[0]:.4f}')})^2"
        f" + ({wide:.2f} * {less(written(east[0]), f'{middle[1]:.4f}')})^2)"
    )
    operations = derive(table.free("km_from_the_middle"), expression)
    figures = (*middle, *strengths(told, *alone))
    return [Candidate("distance", told, told - max(alone), reason, figures, (north[0], east[0]), operations)]


def _least(values: np.ndarray) -> float:
    """How far from zero all but a few are, beside their spread."""
    known = np.abs(values[np.isfinite(values)])
    if not len(known):
        return 0.0
    return float(np.quantile(known, 0.02) / max(float(np.quantile(known, 0.98)), 1e-300))


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two columns are of a scale on which they can be subtracted."""
    spreads = [float(np.nanstd(values)) for values in (first, second)]
    if min(spreads) <= 0 or max(spreads) > _SIMILAR_SCALE * min(spreads):
        return False
    return abs(float(np.nanmean(first)) - float(np.nanmean(second))) <= _SIMILAR_SCALE * max(spreads)
