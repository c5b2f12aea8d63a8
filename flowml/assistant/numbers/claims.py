"""What the figures of a fact are of, and which of them a clause can mean: what is right or wrong, what is found or
named, how far off the half or nine in ten are, times in their units."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from flowml.assistant.facts import Fact
from flowml.assistant.numbers.reading import Reading, Stated, stated

_SAME = 0.02
_BOUNDS = (
    (re.compile(r"nine (?:times )?in ten\b", re.IGNORECASE), 0.9),
    (re.compile(r"\b(?:one|nine) in ten\b", re.IGNORECASE), 0.1),
    (re.compile(r"\bhalf of\b|\bin half of them\b", re.IGNORECASE), 0.5),
)
_RIGHT_OF = re.compile(r"(?<![\d,])([\d,]{1,20}) of ([\d,]{1,20}) rows were right")
_CLASS = re.compile(
    r"finds ([\d,]+) of ([\d,]+) rows?(?:.*?; of the ([\d,]+) rows? that it names, ([\d,]+) (?:are|is) right)?"
)
_ACCURACY = re.compile(r"reaches accuracy |\baccuracy expected")
_LOSS = re.compile(r"worse by|is no worse|give or take|varies by|behind by|apart by|percentage points")
_WITHIN = re.compile(r"[Hh]alf of .*?off by at most ([\d.,]+\d).*?nine in ten by(?: at most)? ([\d.,]+\d)")
_TIME = re.compile(
    r"(?<![\d.,])([\d.,]{0,20}\d)(?: of ([\d.,]*\d))?,? (milli)?seconds?\b(?: a prediction)?"
    r"(?: instead of ([\d.,]*\d)| of ([\d.,]*\d))?"
)

_CLAUSE = re.compile(r"[;:]|,(?!\d)|\b(?:but|whereas|while|and)\b", re.IGNORECASE)
_WRONG = re.compile(
    r"\b(?:wrong\w*|mistak\w*|errs?|errors?|fail\w*|incorrect\w*|false|miss|misses|missed|missing|not)\b", re.IGNORECASE
)
_RIGHT = re.compile(r"\b(?:right|correct\w*|accura\w*|finds?|found|recogni\w*|catch\w*|detect\w*)\b", re.IGNORECASE)
_FINDS = re.compile(r"\b(?:finds?|found|recogni\w*|catch\w*|detect\w*|miss|misses|missed|recall)\b", re.IGNORECASE)
_NAMES = re.compile(r"\b(?:names?|named|says?|said|calls?|called|precision|false alarms?)\b", re.IGNORECASE)
_BOUNDED = re.compile(
    r"\b(?:within|off|at most|more than|less than|over|under|closer|further|between|from|range|interval|lies?|lands?"
    r"|hit|exactly|innerhalb|liegt|moins)\b",
    re.IGNORECASE,
)
_OUTRIGHT = re.compile(r"\b(?:right|wrong|correct|explain\w*|mistakes?|better|worse)\b", re.IGNORECASE)
_HALF = re.compile(r"\b(?:half|hälfte|moitié|median|typical|50 ?%)", re.IGNORECASE)
_MOST = re.compile(r"\b(?:nine(?! times as)|ten(?! times as)|tenth|90 ?%|10 ?%|one in)\b", re.IGNORECASE)
_UNIT = re.compile(
    r"\s?-?(?:(?P<ms>milliseconds?|ms)"
    r"|(?P<s>seconds?|secs?|s)|(?P<min>minutes?|mins?)|(?P<h>hours?|hrs?|h)|(?P<d>days?))\b"
)
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_NOUN = re.compile(
    r"\s(?:more )?(?:“[^”]{0,400}” )?"
    r"(?:rows?|mistakes?|errors?|misses|cases?|false alarms?|columns?|classes|people|models?|trials?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Known:
    """The figures of a fact by what they are of. `plain` may be meant by any clause; `right` are those of which what is
    missing to `wrong` is another figure, at the same place; `bounds` tell of how many a distance or a range is."""

    plain: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    bounds: tuple[float, ...] = ()
    times: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    right: tuple[tuple[float, float], ...] = ()
    found: tuple[tuple[float, float], ...] = ()
    named: tuple[tuple[float, float], ...] = ()
    half: tuple[float, ...] = ()
    most: tuple[float, ...] = ()


@dataclass
class Meant:
    """What a clause can mean. Of `whole` shares what is missing to all is a figure, too, of `fixed` ones it is not."""

    whole: list[float] = field(default_factory=list)
    fixed: list[float] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    is_bounded: bool = False

    @property
    def figures(self) -> list[float]:
        return [*self.whole, *self.fixed]


def known_of(fact: Fact) -> Known:
    """The figures that it states, and what stands in its sentence beside them: bounds, dates, names of values."""
    figures, sentence = _figures(fact), fact.sentence
    bounds = [bound for pattern, bound in _BOUNDS if pattern.search(sentence) and bound in figures]
    for bound in bounds:
        figures.remove(bound)
    times, seconds = [], []
    for match in _TIME.finditer(sentence):
        for written in (one for one in (match[1], match[2], match[4], match[5]) if one):
            size = float(written.replace(",", ""))
            for figure in [one for one in figures if abs(one - size) <= max(_SAME * abs(size), 0.06)]:
                figures.remove(figure)
                times.append(figure)
                seconds.append(figure * (1e-3 if match[3] else 1.0))
    if _LOSS.search(sentence):
        return Known((), tuple(figures), tuple(bounds), tuple(times), tuple(seconds))
    one = _RIGHT_OF.search(sentence)
    if one is not None:
        right, total = (float(part.replace(",", "")) for part in one.groups())
        pairs = [(right, total - right), (total, total), (right / max(total, 1), 1 - right / max(total, 1))]
        return Known(_rest(figures, pairs), bounds=tuple(bounds), right=tuple(pairs))
    one = _CLASS.search(sentence)
    if one is not None:
        counts = [float(part.replace(",", "")) if part else None for part in one.groups()]
        found = list(_pairs(counts[0], counts[1]))
        named = list(_pairs(counts[3], counts[2]))
        return Known(_rest(figures, [*found, *named]), bounds=tuple(bounds), found=tuple(found), named=tuple(named))
    if _ACCURACY.search(sentence):
        return Known((), bounds=tuple(bounds), right=tuple((figure, 1 - figure) for figure in figures))
    one = _WITHIN.search(sentence)
    if one is not None:
        half, most = (float(part.replace(",", "")) for part in one.groups())
        halves = [figure for figure in figures if abs(figure - half) <= _SAME * abs(half)]
        mosts = [figure for figure in figures if abs(figure - most) <= _SAME * abs(most) and figure not in halves]
        rest = [figure for figure in figures if figure not in halves and figure not in mosts]
        return Known(tuple(rest), bounds=tuple(bounds), half=tuple(halves), most=tuple(mosts))
    return Known(tuple(figures), (), tuple(bounds), tuple(times), tuple(seconds))


def meant(facts: Sequence[Known], clause: str) -> Meant:
    """What a clause can mean of these."""
    wrong, right = _WRONG.search(clause) is not None, _RIGHT.search(clause) is not None
    finds, names = _FINDS.search(clause) is not None, _NAMES.search(clause) is not None
    half, most = _HALF.search(clause) is not None, _MOST.search(clause) is not None
    # A share that is itself said to be right is no bound of anything else.
    found = Meant(is_bounded=_BOUNDED.search(clause) is not None and _OUTRIGHT.search(clause) is None)
    for one in facts:
        found.whole += one.plain
        found.fixed += one.losses
        found.bounds += one.bounds
        found.times += one.times
        found.seconds += one.seconds
        found.whole += one.half if half or not most else ()
        found.whole += one.most if most or not half else ()
        pairs = [*one.right]
        pairs += one.found if finds or not names else ()
        pairs += one.named if names or not finds else ()
        if wrong and not right:
            found.fixed += [other for _, other in pairs]
        elif right and not wrong:
            found.fixed += [figure for figure, _ in pairs]
        else:
            found.fixed += [figure for pair in pairs for figure in pair]
    return found


def clauses(sentence: str) -> list[tuple[int, int]]:
    """Where each begins and ends."""
    cuts = [match.start() for match in _CLAUSE.finditer(sentence)]
    return list(zip([0, *cuts], [*cuts, len(sentence)], strict=True))


def in_seconds(one: Stated, sentence: str) -> Stated | None:
    """A time in seconds, or both of “3.2 of 12 seconds”; None of what is no time."""
    match = _UNIT.match(sentence, one.end)
    if match is None:
        return None
    scale = _SECONDS[str(match.lastgroup)]
    return replace(_times(one, scale), parts=tuple(_times(part, scale) for part in one.parts))


def _times(one: Stated, scale: float) -> Stated:
    counts = (reading for reading in one.readings if not reading.is_share)
    return replace(one, readings=tuple(Reading(reading.value * scale, reading.near * scale) for reading in counts))


def is_counted(one: Stated, sentence: str) -> bool:
    """Whether it counts rows, mistakes, columns."""
    return _NOUN.match(sentence, one.end) is not None


def is_bound(one: Stated, found: Meant, written: str) -> bool:
    """Whether it says of how many a distance or a range is: not a score that happens to be the same."""
    if not found.is_bounded or "." in written or "," in written:
        return False
    shares = [reading.value for reading in one.readings if reading.is_share]
    return any(abs(share - bound) <= 0.03 for share in shares for bound in found.bounds)


def _pairs(count: float | None, total: float | None) -> Iterator[tuple[float, float]]:
    if count is not None and total:
        yield count, total - count
        yield total, total
        yield count / total, 1 - count / total


def _rest(figures: Sequence[float], pairs: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Those that are none of the pairs'."""
    return tuple(one for one in figures if not any(abs(one - own) <= 0.006 * max(abs(own), 1.0) for own, _ in pairs))


def _figures(fact: Fact) -> list[float]:
    found = [float(figure) for figure in fact.figures if math.isfinite(figure)]
    for one in stated(fact.sentence):
        for part in one.parts or (one,):
            shares = [reading.value for reading in part.readings if reading.is_share]
            value = shares[0] if shares else part.readings[0].value
            # A figure that is rounded in the sentence is no other one.
            if not any(abs(value - figure) <= _SAME * max(abs(figure), 0.1) for figure in found):
                found.append(value)
    return found
