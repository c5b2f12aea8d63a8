"""Tables of fixed width with a ruler below the names: groups of dashes, as wide as the columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flowml.data.delimited.dialect.spacing import is_crossing
from flowml.data.delimited.outline.sample import Sample, is_rule

_RULER = re.compile(r" *(?:-+ +)+-+ *|(?: *(?:=+ +)+=+ *)")
_GROUP = re.compile(r"[-=]+")
_LOOKED_AT = 200
_LONGEST = 10_000


@dataclass(frozen=True)
class Ruler:
    """`names` is the index in the sample of the line with the names, `starts` are where the columns begin."""

    names: int
    starts: tuple[int, ...]


def find_ruler(sample: Sample) -> Ruler | None:
    """The first ruler whose columns the names above and the rows below keep to."""
    places = {number: index for index, number in enumerate(sample.numbers)}
    for number, line in sample.comments:
        names = places.get(number - 1)
        text = line.rstrip("\r\n")
        if names is None or len(text) > _LONGEST or not _RULER.fullmatch(text) or not is_rule(text):
            continue
        starts = tuple(group.start() for group in _GROUP.finditer(text))
        if _keeps(sample.lines[names], starts, every=True) and _rows_keep(sample.lines[names + 1 :], starts):
            return Ruler(names, starts)
    return None


def _rows_keep(lines: Sequence[str], starts: Sequence[int]) -> bool:
    below = itertools.dropwhile(lambda line: not line.strip(), lines[:_LOOKED_AT])
    # After a blank line a note may follow.
    rows = list(itertools.takewhile(str.strip, below))
    return bool(rows) and sum(_keeps(line, starts) for line in rows) >= 0.8 * len(rows)


def _keeps(line: str, starts: Sequence[int], *, every: bool = False) -> bool:
    """Whether no value runs over the place in front of a column, and with `every`, whether each column has one."""
    if is_crossing(line, starts):
        return False
    text = line.expandtabs()
    ends = (*starts[1:], len(text))
    return not every or all(text[start:end].strip() for start, end in zip(starts, ends, strict=True))
