"""Ideas that come of one column, or of what is missing in several."""

import re

import numpy as np
import polars as pl

from flowml.automl.ideas.candidate import (
    FOR_LINEAR,
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
from flowml.domain.datasets import Role
from flowml.domain.wording import columns as named
from flowml.domain.wording import number, percent, plural

_DELIMITERS = ("-", "/", "_", "|", ":", ".", " ")
_MOST_PARTS = 4
_NEARLY_ALL = 0.97
_FEWEST_CODES = 20
_MOST_MISSING = 40
_SPECIAL_SHARE = (0.1, 0.9)
_ROUNDS = {
    re.compile(r"(?:^|[_ ])hours?$", re.IGNORECASE): (24, "hours of the day"),
    re.compile(r"(?:^|[_ ])months?$", re.IGNORECASE): (12, "months of the year"),
    re.compile(r"(?:^|[_ ])(?:weekday|dow|day_of_week|dayofweek)$", re.IGNORECASE): (7, "days of the week"),
}


def parts_of_codes(table: Table, judge: Judge) -> list[Candidate]:
    """Codes such as DE-4711-X taken apart, where a part says something by itself."""
    found = []
    for name in table.frame.columns:
        column = table.frame[name]
        if column.dtype != pl.String or column.n_unique() < _FEWEST_CODES:
            continue
        codes = column.drop_nulls()
        delimiter, count = _how_divided(codes)
        if not delimiter:
            continue
        parts = [
            pl.select(column.str.splitn(delimiter, count).struct.field(f"field_{place}")).to_series()
            for place in range(count)
        ]
        # The beginning of a value is looked at by the engine itself.
        whole = max(judge.told(parts[0]), judge.told_by(column) if table.roles[name] is Role.CATEGORICAL else 0.0)
        told = [judge.told(part) if 2 <= part.n_unique() <= 0.3 * len(codes) else 0.0 for part in parts[1:]]
        best = int(np.argmax(told)) + 1
        if told[best - 1] - whole <= judge.least_gain:
            continue
        distinct = parts[best].n_unique()
        reason = (
            f"“{name}” holds {plural(column.n_unique(), 'different code')} of {count} parts; part {best + 1} has"
            f" {plural(distinct, 'value')} and goes with “{table.target}” at {on_scale(told[best - 1])}."
        )
        figures = (column.n_unique(), count, best + 1, distinct, *strengths(told[best - 1]))
        into = [table.free(f"{name}_part_{place + 1}") for place in range(count)]
        operations = ({"op": "split", "column": name, "into": into, "delimiter": delimiter},)
        found.append(Candidate("code", told[best - 1], told[best - 1] - whole, reason, figures, (name,), operations))
    return found


def missing_values(table: Table, judge: Judge) -> list[Candidate]:
    """How many of a row's values are missing: the engine marks each by itself, and does not count them."""
    names = [
        name
        for name in table.frame.columns
        if 0 < table.frame[name].null_count() < table.frame.height and table.roles[name] is not Role.IDENTIFIER
    ]
    names = sorted(names, key=lambda name: -table.frame[name].null_count())[:_MOST_MISSING]
    if len(names) < 3:
        return []
    flags = table.frame.select(pl.col(names).is_null().cast(pl.Int64))
    told = judge.told(flags.sum_horizontal())
    alone = max(judge.told(flags[name]) for name in names)
    if told - alone <= judge.least_gain:
        return []
    cells = sum(table.frame[name].null_count() for name in names)
    reason = (
        f"{plural(cells, 'value')} are missing in {named(names, 3)}; how many of a row’s are goes with"
        f" “{table.target}” at {on_scale(told)}, whether a single one is at {strength(alone)} at most."
    )
    expression = " + ".join(f"if({written(name)} is missing, 1, 0)" for name in names)
    operations = derive(table.free("values_missing"), expression)
    return [
        Candidate("missing", told, told - alone, reason, (cells, *strengths(told, alone)), tuple(names), operations)
    ]


def special_values(table: Table, judge: Judge) -> list[Candidate]:
    """One value that many rows have and that means something else than a little less or more of it would."""
    found = []
    for name in table.numbers:
        values = table.values(name)
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        levels, counts = np.unique(known, return_counts=True)
        value, share = float(levels[counts.argmax()]), float(counts.max() / len(values))
        if not _SPECIAL_SHARE[0] <= share <= _SPECIAL_SHARE[1] or len(levels) < 10:
            continue
        flag = (values == value).astype(np.float64)
        line, beside = judge.by_lines(values), judge.by_lines(values, flag)
        if beside - line <= judge.least_gain:
            continue
        reason = (
            f"{percent(share)} of “{name}” are {number(value)}; a line through all of it explains {percent(line)} of"
            f" “{table.target}”, and {percent(beside)} where these rows have a mark of their own."
        )
        operations = derive(table.free(f"{name}_is_{number(value)}"), f"if({written(name)} = {value:g}, 1, 0)")
        found.append(
            Candidate(
                "special",
                beside,
                0.5 * (beside - line),
                reason,
                (share, value, line, beside),
                (name,),
                operations,
                FOR_LINEAR,
            )
        )
    return found


def bends(table: Table, judge: Judge) -> list[Candidate]:
    """A number whose middle differs from both of its ends, which a line cannot say."""
    found = []
    for name in table.numbers:
        values = table.values(name)
        if not np.isfinite(values).any():
            continue
        middle = float(f"{np.nanmedian(values):.4g}")
        square = (values - middle) ** 2
        line, bent = judge.by_lines(values), judge.by_lines(values, square)
        if bent - line <= 1.5 * judge.least_gain:
            continue
        reason = (
            f"A line through “{name}” explains {percent(line)} of “{table.target}”, a curve with its turn around"
            f" {number(middle)} {percent(bent)}."
        )
        operations = derive(
            table.free(f"{name}_from_{number(middle)}_squared"), f"{less(written(name), f'{middle:g}')}^2"
        )
        figures = (line, middle, bent)
        found.append(Candidate("bend", bent, 0.5 * (bent - line), reason, figures, (name,), operations, FOR_LINEAR))
    return found


def clocks(table: Table, judge: Judge) -> list[Candidate]:
    """Hours, months and weekdays written as numbers, which begin again at their end."""
    found = []
    for name in table.numbers:
        period, what = next((one for pattern, one in _ROUNDS.items() if pattern.search(name)), (0, ""))
        values = table.values(name)
        known = values[np.isfinite(values)]
        if not period or not len(known) or known.min() < 0 or known.max() > period or (known % 1).any():
            continue
        line = judge.by_lines(values)
        best, told = 0, 0.0
        for peak in range(period):
            away = np.abs(values - peak)
            found_here = judge.by_lines(values, np.minimum(away, period - away))
            if found_here > told:
                best, told = peak, found_here
        if told - line <= judge.least_gain:
            continue
        reason = (
            f"“{name}” holds {what}, of which the last is next to the first. A line through it explains {percent(line)}"
            f" of “{table.target}”, and {percent(told)} with how far each is from {best}."
        )
        away_from = f"abs({written(name)} - {best})"
        operations = derive(table.free(f"{name}_from_{best}"), f"min({away_from}, {period} - {away_from})")
        found.append(
            Candidate("clock", told, 0.5 * (told - line), reason, (line, told, best), (name,), operations, FOR_LINEAR)
        )
    return found


def _how_divided(codes: pl.Series) -> tuple[str, int]:
    """Between what parts, and how many there are in nearly all of the codes; "" where that is nothing."""
    sample = codes.unique().head(5_000)
    for delimiter in _DELIMITERS:
        counts = sample.str.count_matches(delimiter, literal=True).to_numpy() + 1
        levels, often = np.unique(counts, return_counts=True)
        usual = int(levels[often.argmax()]) if len(levels) else 0
        if 2 <= usual <= _MOST_PARTS and often.max() >= _NEARLY_ALL * len(counts):
            return delimiter, usual
    return "", 0
