"""A text against the facts that it was told: numbers that are none of theirs, and facts that there are not.

A number is held against the figures of the facts that its sentence cites; where they do not have it, against all of
them. What follows from the cited figures in one step is theirs as well: what is missing from a share to all of it, a
difference, how many times as much. Among all facts some figure is near nearly every share and every small count: where
a sentence cites nothing, only an amount written in three digits or more that is a figure counts as found.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import combinations, permutations

from flowml.assistant.facts import Fact, by_id
from flowml.assistant.numbers.apart import citations, without_list_numbers
from flowml.assistant.numbers.claims import Known, Meant, clauses, in_seconds, is_bound, is_counted, known_of, meant
from flowml.assistant.numbers.dates import Day, dates, days_of, without_dates, years
from flowml.assistant.numbers.reading import Reading, Stated, stated
from flowml.domain.wording import shortened, unquoted

_SENTENCE_END = re.compile(r"(?<=[.!?])(?:\s|(?=[\[(]f\d))+(?![\[(]\s*f\d)|\n+")
# Where nothing is compared, a number is not what two figures make together or differ by.
_COMPARES = re.compile(
    r"\b(?:miss\w*|mistakes?|rest|remaining|others?|together|total|altogether|less|fewer|better|worse|above|below|ahead"
    r"|behind|differ\w*|gap|gains?|gained|lose[sd]?|lost|points?|pp|improve\w*|drop\w*|fall\w*|rise\w*|rose|grew|grow\w*"
    r"|higher|lower|beyond|extra|additional|longer|shorter|not)\b",
    re.IGNORECASE,
)
_SHARE_MOST = 1.0 + 1e-9
_WIDE = 0.25
# “Less than 5 %” is said of 3 %, and “less than half” of 38 %; “up to 89 %” not of 72 %.
_WIDE_SHARE_LEAST, _WIDE_SHARE_MOST = 0.03, 0.125
_MOST_FIGURES, _FEW_FIGURES = 24, 5
_FEW_FACTS = 3
_MOST_NUMBERS = 1_000
_NEAR_SHARE = 0.02
_EXACT_FROM, _EXACT_DIGITS, _EXACT_ROOM = 100.0, 3, 0.01


class Kind(StrEnum):
    """What is wrong at a place of a text."""

    INVENTED = "invented"
    ELSEWHERE = "elsewhere"
    UNCITED = "uncited"
    NO_SUCH_FACT = "no_such_fact"


@dataclass(frozen=True)
class Mark:
    """A place of a text, from `start` to `end` in characters, and what is said there of it."""

    start: int
    end: int
    kind: Kind
    note: str


@dataclass(frozen=True)
class Checked:
    """`marks` in the order of the text; `cited`: the facts that it cites and that there are, each once; `numbers`: how
    many were looked at."""

    marks: tuple[Mark, ...]
    cited: tuple[str, ...]
    numbers: int


def check(text: str, facts: Sequence[Fact], names: Iterable[str] = (), *, rests_on: Sequence[str] = ()) -> Checked:
    """`names` are those of columns and classes: numbers within them are none of the text's. `rests_on`: facts that the
    whole text cites, wherever a sentence cites none of its own."""
    known = by_id(facts)
    figures = {fact.id: known_of(fact) for fact in facts}
    everything = list(figures.values())
    written = " \n ".join(fact.sentence for fact in facts)
    masked = without_list_numbers(_without_names(text, names))
    marks, cited, count = [], list[str](), 0
    for citation in citations(text):
        if citation.id not in known:
            marks.append(Mark(citation.start, citation.end, Kind.NO_SUCH_FACT, "there is no such fact"))
        elif citation.id not in cited:
            cited.append(citation.id)
    days = {fact.id: days_of(fact.sentence) for fact in facts}
    ever = frozenset[Day]().union(*days.values())
    told = []
    for day in dates(masked):
        is_told = masked[day.start : day.end] in written or (not day.has_time and not ever.isdisjoint(day.readings))
        if is_told:
            told.append(day)
        elif day.in_digits:
            marks.append(Mark(day.start, day.end, Kind.INVENTED, "not among the figures"))
        # One in words that was not told is read as the numbers that it has.
        count += is_told or day.in_digits
    masked = without_dates(masked, told)
    for start, end in _sentences(masked):
        sentence = masked[start:end]
        there = [one.id for one in citations(text[start:end]) if one.id in known]
        there = there or [one for one in rests_on if one in known]
        own = [figures[one] for one in dict.fromkeys(there)]
        compares = _COMPARES.search(sentence) is not None
        parts = [_Clause(sentence[first:last], first, own, everything) for first, last in clauses(sentence)]
        starts, said = [part.start for part in parts], years(sentence)
        theirs = frozenset[Day]().union(*(days[one] for one in there))
        for one in stated(sentence):
            count += 1
            at = Mark(start + one.start, start + one.end, Kind.INVENTED, "not among the figures")
            if count > _MOST_NUMBERS:
                marks.append(at)
                continue
            clause, year = parts[bisect_right(starts, one.start) - 1], (said.get(one.end), None, None)
            if year in theirs:
                continue
            if own and _is_borne_out(one, clause.own, sentence, compares=compares, derived=True):
                continue
            if year in ever and not own:
                continue
            if year in ever or _is_borne_out(one, clause.all, sentence, compares=compares, derived=not own):
                if own and _is_telling(one):
                    marks.append(replace(at, kind=Kind.ELSEWHERE, note="not a figure of what is cited here"))
                elif not own and not _is_exact(one, clause.all.found, sentence):
                    marks.append(replace(at, kind=Kind.UNCITED, note="cites no figure"))
                continue
            marks.append(at)
    return Checked(tuple(sorted(marks, key=lambda mark: mark.start)), tuple(cited), count)


class _Clause:
    """A part of a sentence, and what it can mean of the facts that the sentence cites, and of all."""

    def __init__(self, text: str, start: int, own: Sequence[Known], everything: Sequence[Known]):
        self.start = start
        self._text, self._own, self._everything = text, own, everything

    @cached_property
    def own(self) -> "_Meanings":
        return _Meanings(self._text, self._own)

    @cached_property
    def all(self) -> "_Meanings":
        return _Meanings(self._text, self._everything)


class _Meanings:
    """What a clause can mean of some facts, worked out once."""

    def __init__(self, clause: str, facts: Sequence[Known]):
        self.found = meant(facts, clause)
        self.n_facts = len(facts)
        self._clause, self._facts = clause, facts

    @cached_property
    def of_each(self) -> list[Meant]:
        return [meant([fact], self._clause) for fact in self._facts]


def _is_borne_out(one: Stated, meanings: _Meanings, sentence: str, *, compares: bool, derived: bool) -> bool:
    found = meanings.found
    figures = found.figures
    time = in_seconds(one, sentence)
    if time is not None and found.seconds:
        if _is_known(time, found.seconds, (), derived=False):
            return True
    elif not is_counted(one, sentence):
        figures += found.times
    if is_bound(one, found, sentence[one.start : one.end]):
        return True
    if one.is_ratio and derived and meanings.n_facts > _FEW_FACTS:
        # Of all facts together some two figures always make a ratio: both have to be of one.
        return any(_is_known(one, [*part.figures, *part.times], part.whole, derived=True) for part in meanings.of_each)
    return _is_known(one, figures, found.whole, derived=derived, compares=compares)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _SENTENCE_END.finditer(text):
        yield start, found.start()
        start = found.end()
    yield start, len(text)


def _without_names(text: str, names: Iterable[str]) -> str:
    """Numbers in names of columns and classes are blanked out; short names of digits alone only where they are quoted,
    since any count may look like them."""
    plain_names = {form for name in names for form in (name, " ".join(name.split()))}
    written = {
        form for name in plain_names for form in (name, unquoted(name), shortened(name), unquoted(shortened(name)))
    }
    there = (one for one in written if one in text and any(c.isdigit() for c in one))
    for name in sorted(there, key=len, reverse=True):
        plain = re.escape(name)
        quoted, alone = rf"[“\"'‘`«„]{plain}[”\"'’`»“]", rf"(?<!\w){plain}(?!\w)"
        pattern = quoted if re.fullmatch(r"[\d.,\s-]+", name) else alone
        text = re.sub(pattern, lambda found: "_" * len(found.group()), text)
    return text


def _is_known(
    one: Stated, figures: Sequence[float], whole: Sequence[float], *, derived: bool, compares: bool = False
) -> bool:
    if one.is_ratio:
        return _is_ratio_known(one, figures, derived)
    if any(_is_near(one, figure) for figure in figures):
        return True
    shares = [figure for figure in figures if 0 <= figure <= _SHARE_MOST]
    is_share = any(reading.is_share for reading in one.readings)
    if is_share and any(_is_near(one, 1.0 - share) for share in whole if 0 <= share <= _SHARE_MOST):
        return True
    if one.parts and all(_is_known(part, figures, whole, derived=False) for part in one.parts):
        return True
    return derived and _follows(one, figures, shares, is_share, compares)


def _follows(one: Stated, figures: Sequence[float], shares: Sequence[float], is_share: bool, compares: bool) -> bool:
    """Whether it is made of two figures: what they make together, their difference, the part that one is of the other.
    Only what is of a kind is put together: shares of all, or counts and amounts."""
    amounts = [figure for figure in figures if abs(figure) > _SHARE_MOST]
    readings = tuple(replace(one, near=min(one.near, _NEAR_SHARE)) if one.is_share else one for one in one.readings)
    exact = replace(one, readings=readings, loose=0.0, above=False, below=False)
    if is_share:
        pairs_of_shares = permutations(shares[:_MOST_FIGURES], 2) if compares else ()
        if any(_is_near(exact, first - second) for first, second in pairs_of_shares):
            return True
        counts = [abs(figure) for figure in amounts if figure == int(figure)]
        # A count beside itself would make up all.
        pairs = combinations(dict.fromkeys(counts[:_MOST_FIGURES]), 2)
        return any(_is_near(exact, min(pair) / max(pair)) for pair in pairs)
    return compares and any(
        _is_near(exact, made)
        for first, second in combinations(amounts[:_MOST_FIGURES], 2)
        for made in (abs(first - second), first + second)
    )


def _is_ratio_known(one: Stated, figures: Sequence[float], derived: bool) -> bool:
    if any(_is_near(one, figure) for figure in figures):
        return True
    if not derived:
        return False
    if len(figures) <= _FEW_FIGURES:
        sizes = [abs(figure) for figure in figures if figure]
        return any(_is_near(one, max(pair) / min(pair)) for pair in combinations(sizes, 2))
    shares = [figure for figure in figures if 0 < figure <= _SHARE_MOST][:_MOST_FIGURES]
    amounts = [abs(figure) for figure in figures if abs(figure) > _SHARE_MOST][:_MOST_FIGURES]
    return any(_is_near(one, max(pair) / min(pair)) for some in (shares, amounts) for pair in combinations(some, 2))


def _is_near(one: Stated, figure: float) -> bool:
    for reading in one.readings:
        # Of a share that is written in percent the figure is a share, or the percent themselves.
        room = max(reading.near * (1 - 1e-6), one.loose * abs(reading.value))
        off = figure - reading.value
        if abs(off) <= room + 1e-12:
            return True
        if (one.above and 0 <= off <= _wide(one, reading)) or (one.below and 0 <= -off <= _wide(one, reading)):
            return True
        # “off by 300” is said without a sign of −300.
        if reading.value > 0 > figure and abs(-figure - reading.value) <= room + 1e-12:
            return True
    return False


def _wide(one: Stated, reading: Reading) -> float:
    """How far a figure may be beyond a bound that is said of it."""
    wide = _WIDE * abs(reading.value)
    if reading.is_share:
        wide = max(wide, _WIDE_SHARE_LEAST)
    is_share = reading.is_share or 0 < abs(reading.value) < 1
    return min(wide, _WIDE_SHARE_MOST) if one.below and is_share else wide


def _is_telling(one: Stated) -> bool:
    """Whether a number is no small count, which many facts share."""
    return all(reading.is_share or abs(reading.value) > 10 for reading in one.readings)


def _is_exact(one: Stated, found: Meant, sentence: str) -> bool:
    """Whether it is a figure to its last digit, and has so many that chance hardly makes it one."""
    if one.is_ratio or sum(map(str.isdigit, sentence[one.start : one.end])) < _EXACT_DIGITS:
        return False
    if any(reading.is_share for reading in one.readings):
        return False
    exact = tuple(
        replace(reading, near=min(reading.near, _EXACT_ROOM * abs(reading.value)))
        for reading in one.readings
        if abs(reading.value) >= _EXACT_FROM
    )
    plain = replace(one, readings=exact, loose=0.0, above=False, below=False)
    return any(_is_near(plain, figure) for figure in found.figures)
