"""The numbers that a text states, each with all that it may mean: decimal commas, words, shares, roundings."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from flowml.assistant.numbers.apart import only_numbers
from flowml.assistant.numbers.signs import COUNTED, GLYPHS, HAN, PERCENT, SPACES, han_value

_DIGITS = (
    rf"(?:\d{{1,3}}(?:[ {SPACES}'’]\d{{3}}){{1,5}}(?:[.,]\d{{1,15}})?(?!\d)"
    r"|\d{1,18}(?:[.,]\d{1,18})?[eE][+-]?\d{1,3}(?![\w.])"
    r"|\d{1,18}(?:[.,]\d{1,18}){0,6}(?!\d)|\.\d{1,18}(?!\d))"
)
_SCALES = {
    "thousand": 1e3, "thousands": 1e3, "k": 1e3, "million": 1e6, "millions": 1e6, "mio": 1e6, "m": 1e6,
    "billion": 1e9, "billions": 1e9, "bn": 1e9, "hundred": 1e2, "dozen": 12.0,
    "tausend": 1e3, "millionen": 1e6, "mille": 1e3,
}  # fmt: skip
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
WORDS = {word: float(at) for at, word in enumerate(_ONES)} | {word: 10.0 * at for at, word in enumerate(_TENS, 2)}
_PARTS = {
    "half": 1 / 2, "third": 1 / 3, "thirds": 1 / 3, "quarter": 1 / 4, "quarters": 1 / 4, "fourth": 1 / 4,
    "fifth": 1 / 5, "fifths": 1 / 5, "sixth": 1 / 6, "sixths": 1 / 6, "eighth": 1 / 8, "eighths": 1 / 8,
    "tenth": 1 / 10, "tenths": 1 / 10,
}  # fmt: skip
_WORD = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(_ONES)})"
_HUNDREDS = r"\b(?:an? (?:hundred|thousand|million|billion|dozen)|(?:hundreds|thousands|millions|dozens)(?= of\b))\b"
_AMOUNT = rf"(?:{_DIGITS}|{_HUNDREDS}|(?:a )?\b{_WORD}\b)"
_MANY = {
    "hundreds": (550.0, 450.0),
    "thousands": (5_500.0, 4_500.0),
    "millions": (5.5e6, 4.5e6),
    "dozens": (60.0, 40.0),
}
_SCALE = rf"(?:[ {SPACES}]?(?P<scale>{'|'.join(sorted(_SCALES, key=len, reverse=True))})\b)?"
# A number begins behind no other sign of it; behind the point of a word it does (“v.87 rows”, “right.87 rows”).
_BEGINS = r"(?:(?<![\w.,])|(?<=[^\W\d_][.,]))"
_RATIO = re.compile(
    rf"{_BEGINS}(?P<count>{_AMOUNT})(?P<words>(?: \w+){{0,2}}?) (?:times )?(?:of|out of|in|von|sur|auf)"
    rf"(?: every| each| the| those)? (?P<base>{_AMOUNT})(?![\w%]|[.,]\d)",
    re.IGNORECASE,
)
_FRACTION = re.compile(
    rf"\b(?:(?P<count>an?|one|two|three|four|five|seven)[ -])?(?P<part>{'|'.join(_PARTS)})\b|(?P<only>\bhalf\b)"
    rf"|{_BEGINS}(?P<glyph>[{GLYPHS}])"
    r"|\bevery (?P<every>second|third|fourth|fifth|tenth)\b"
    r"|(?<![\w.,/])(?:(?P<top>\d)/(?P<bottom>\d{1,2})|(?P<many>\d{1,4})/(?P<round>100|1,?000))(?![\w/]|[.,]\d)",
    re.IGNORECASE,
)
_TIMES = re.compile(
    r"\b(?P<word>twice|double[ds]?|thrice|triple[ds]?|tenfold)\b"
    rf"|{_BEGINS}(?P<count>{_AMOUNT})(?:[- ]times|[- ]?fold|[ {SPACES}]?[x×])(?!\w)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"{_BEGINS}(?P<sign>[-−–]\s?|minus )?(?P<amount>{_AMOUNT}){_SCALE}(?P<percent>{PERCENT})?", re.IGNORECASE
)
_LOOSE = re.compile(
    r"(?:about|around|roughly|approximately|approx\.?|some|nearly|almost|close to|just (?:over|under)|circa|ca\.|~|≈"
    r"|or so|slightly (?:over|under|more than|less than|above|below)|etwa|rund|environ)\s*(?:an? |the )?$",
    re.IGNORECASE,
)
_ABOVE = re.compile(r"(?:over|above|more than|at least|upwards of|greater than|>|≥)\s*(?:an? |the )?$", re.IGNORECASE)
_BELOW = re.compile(r"(?:under|below|less than|fewer than|at most|up to|within|<|≤)\s*(?:an? |the )?$", re.IGNORECASE)
_RANGE = re.compile(
    rf"\s*(?:to|and|or|bis|und|oder|à|et|ou|y|a|e|-|–|—)\s*{_AMOUNT}{_SCALE}(?P<percent>{PERCENT})?(?!\w)",
    re.IGNORECASE,
)
# Behind these a minus is none: plus or minus 0.7, 62% - 71%, a dash between words.
_NO_MINUS = re.compile(
    r"(?:\bplus(?: or| ou| oder| und|/|-)?|\+ ?/?"
    rf"|\d(?: ?(?:{'|'.join(sorted(_SCALES, key=len, reverse=True))}))?(?:{PERCENT})?)$",
    re.IGNORECASE,
)
_BEFORE_MINUS = re.compile(
    r"(?:\b(?:is|are|was|were|of|to|by|at|from|than|and|or|about|around|only|equals?)|[^\w%)\]”\"])$", re.IGNORECASE
)
_BASE = re.compile(
    r"\b(?:of|in|from|out of|per|every|von|sur|auf)(?: every| each)?"
    r" (?P<base>10{1,4}|1[.,]000|10[.,]000|(?:a )?(?:hundred|thousand))\b",
    re.IGNORECASE,
)
_ANY_ROW = (
    r"(?:(?: single| new| other| of| the| its| these| those| \d[\d,]{0,12}| “[^”]{0,60}”){0,3}"
    r" (?:rows?|cases?|predictions?|answers?)|(?: one)? of (?:them|these|those))"
)
_OUTCOME = r"(?:is|are|was|were|will be) (?:right|correct|wrong|false|incorrect|found|missed|recogni[sz]ed)\b"
_ALL = re.compile(
    r"\b(?:(?:right|correct) (?:in|for|on|about|every) ?(?:all\b|every\b|each\b|time\b)|never wrong\b|always right\b"
    r"|(?:finds?|found|recogni[sz]e[sd]?|catches|caught|detects?|detected)"
    r" (?:all of|every (?:single )?one of|each of) (?:them|the|these|those)\b)"
    rf"|(?<!not )(?<!n't )(?<!n’t )(?<!if )(?<!whether )\b(?:every|each|all){_ANY_ROW} {_OUTCOME}"
    r"|\b(?P<none>(?:no|zero|without(?: any?| a single)?|not (?:one|a single)) (?:mistakes?|errors?|false alarms?"
    rf"|misses)\b|none of (?:the|all)\b|(?:no|zero|none|not one|not a single){_ANY_ROW} {_OUTCOME})",
    re.IGNORECASE,
)
_MULTIPLES = {"twice": 2.0, "double": 2.0, "doubled": 2.0, "doubles": 2.0, "thrice": 3.0, "triple": 3.0, "tripled": 3.0,
              "triples": 3.0, "tenfold": 10.0}  # fmt: skip
_EVERY = {"second": 2, "third": 3, "fourth": 4, "fifth": 5, "tenth": 10}
_ROUND, _TENTH, _MOST_BASE = (10.0, 100.0, 1_000.0, 10_000.0), 0.06, 50
_COUNTS = re.compile(rf" {COUNTED}", re.IGNORECASE)
_FEW, _NEAR_BY = 5, 24
_SHARE_ROOM, _CLOSE = 0.04, 0.0101
_SMALL = 3.0
"""Number words up to it are figures of speech as often as not: one of them, two classes."""


@dataclass(frozen=True)
class Reading:
    """One thing that a number may mean: `value`, off by at most `near` in either direction by how it is written.
    `is_share`: a part of all, as .25 for 25 %."""

    value: float
    near: float
    is_share: bool = False


@dataclass(frozen=True)
class Stated:
    """A number of a text, from `start` to `end`; it is right where one of its readings is. `is_ratio`: it says how many
    times as much something is."""

    start: int
    end: int
    readings: tuple[Reading, ...]
    loose: float = 0.0
    above: bool = False
    below: bool = False
    is_ratio: bool = False
    parts: tuple["Stated", ...] = ()


def stated(text: str) -> Iterator[Stated]:
    """Every number, in order; numbers of places, and citations, are none."""
    text = only_numbers(text)
    taken = [False] * len(text)
    found: list[Stated] = []
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            if any(taken[match.start() : match.end()]):
                continue
            one = read(text, match)
            if one is not None:
                found.append(one)
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
    yield from sorted(found, key=lambda one: one.start)


def values_of(written: str) -> list[tuple[float, float]]:
    """What digits may mean, (value, unit of the last digit): 1.500 is one and a half or fifteen hundred.

    >>> values_of("1,500"), values_of("0,62"), values_of("1 234,5"), values_of("2.5"), values_of(".5")
    ([(1500.0, 1.0), (1.5, 0.001)], [(0.62, 0.01)], [(1234.5, 0.1)], [(2.5, 0.1)], [(0.5, 0.1)])
    >>> values_of("95e-2")
    [(0.95, 0.01)]
    """
    text = re.sub(rf"['’ {SPACES}]", "", written)
    if "e" in text.lower():
        size, _, power = text.lower().replace(",", ".").partition("e")
        power = str(max(-300, min(300, int(power))))
        return [(float(f"{size}e{power}"), float(f"1e{int(power) - len(size.partition('.')[2])}"))]
    marks = [character for character in text if character in ".,"]
    if not marks:
        return [(float(text), 1.0)]
    found = []
    last = marks[-1]
    whole, _, decimals = text.rpartition(last)
    grouped = re.fullmatch(rf"\d{{1,3}}(?:[{''.join(sorted(set(marks)))}]\d{{3}})+", text)
    if grouped and len(set(marks)) == 1 and not text.startswith("0"):
        found.append((float(re.sub(r"[.,]", "", text)), 1.0))
    if marks.count(last) == 1:
        found.append((float(f"{re.sub(r'[.,]', '', whole)}.{decimals}"), 10.0 ** -len(decimals)))
    return found or [(float(re.sub(r"[.,]", "", text)), 1.0)]


def _amounts(written: str) -> list[tuple[float, float]]:
    word = written.lower().removeprefix("an ").removeprefix("a ").strip()
    if word in _MANY:
        return [_MANY[word]]
    if word in _SCALES:
        return [(_SCALES[word], 1.0)]
    if _is_digits(word):
        return values_of(word)
    tens, _, ones = word.replace("-", " ").partition(" ")
    return [(WORDS[tens] + (WORDS[ones] if ones else 0.0), 1.0)]


def _is_digits(word: str) -> bool:
    return word.strip()[:1].isdigit() or word.strip()[:1] == "."


def _rounding(value: float, unit: float) -> float:
    """By how much a number that was rounded or cut off may be off: 2,100 by fifty, 62 by less than one, 0 not at
    all."""
    if unit == 1 and 0 <= value < _FEW:
        return 0.51 if value else 0.0005
    if unit >= 1 and value >= 100 and value == int(value):
        zeros = len(f"{int(value)}") - len(f"{int(value)}".rstrip("0"))
        return max(unit, min(0.51 * 10.0**zeros, 0.05 * value))
    return unit


def _number(text: str, match: re.Match[str]) -> Stated | None:
    written = match["amount"]
    bases = _bases(text)
    if match.start("amount") in bases:
        return None
    amounts = _amounts(written)
    # Of “69 to 82 %” and “1.2 to 1.5 million” both are.
    shared = _RANGE.match(text, match.end())
    scaled = match["scale"] or (shared and shared["scale"])
    per_cent = match["percent"] or (shared and shared["percent"])
    scale = _SCALES[scaled.lower()] if scaled else 1.0
    is_word = not _is_digits(written)
    # “Two classes” and “one of them” are figures of speech, “two mistakes” is a claim.
    is_claim = written.lower().strip() in ("two", "three") and _COUNTS.match(text, match.end())
    if is_word and scale == 1 and not per_cent and amounts[0][0] <= _SMALL and not is_claim:
        return None
    sign = -1.0 if _is_minus(text, match) else 1.0
    readings = []
    for value, unit in amounts:
        size, near = sign * value * scale, _rounding(value, unit) * scale
        readings.append(Reading(size, near))
        if per_cent:
            per = 1000.0 if "‰" in per_cent else 100.0
            readings.append(Reading(size / per, near / per, True))
        else:
            # “Of 100 rows it finds 62”: the 100 stands elsewhere in the sentence. What is in percent is of its own 100.
            readings += [
                Reading(size / base, unit * scale / base, True) for base in set(bases.values()) if 0 <= size <= base
            ]
    parts: tuple[Stated, ...] = ()
    if " " in written and not is_word:
        # Two numbers one after the other look like one that is grouped.
        parts = tuple(
            Stated(match.start(), match.end(), (Reading(float(part.replace(",", "")), 1.0),))
            for part in written.split(" ")
            if re.fullmatch(r"[\d,]+(?:\.\d+)?", part)
        )
    return _stated(text, match, readings, parts=parts)


def _is_minus(text: str, match: re.Match[str]) -> bool:
    """Whether what stands before a number makes it less than nothing: a minus between two numbers is a range, one in
    front of a line a list, one between words a dash."""
    if not match["sign"] or match["sign"].strip() not in ("-", "−", "minus"):
        return False
    before = text[max(0, match.start() - _NEAR_BY) : match.start()]
    is_dash = match["sign"] == "- " and (not before or before.endswith(" "))
    before = before.rstrip()
    if is_dash and not (before and _BEFORE_MINUS.search(before)):
        return False
    return _NO_MINUS.search(before) is None


@lru_cache(maxsize=8)
def _bases(text: str) -> dict[int, float]:
    """Of how many a sentence speaks, by the place where that stands: of 100, of 1,000."""
    return {found.start("base"): _amounts(found["base"])[0][0] for found in _BASE.finditer(text)}


def _ratio(text: str, match: re.Match[str]) -> Stated | None:
    counts, bases = _amounts(match["count"]), _amounts(match["base"])
    base = bases[0][0]
    if base < 2 or not any(count <= base for count, _ in counts):
        return None
    is_word = not _is_digits(match["count"]) and not _is_digits(match["base"])
    if is_word and base <= _SMALL and re.search(r" (?:the|those) ", match.group()):
        # “One of the two classes” says nothing of a share.
        return None
    # “Puts the right one first in 69 cases” is none.
    if base not in _ROUND and (match["words"] or base > _MOST_BASE):
        return None
    readings = []
    for count, _ in counts:
        if base in (20.0, *_ROUND) or count == 1:
            # Of one in seven the seven is rounded.
            near = 0.12 / base if count == 1 and base not in _ROUND else min(1.0 / base, _TENTH)
            readings.append(Reading(count / base, near, True))
        else:
            readings.append(Reading(count / base, 0.5 / base, True))
    # Else they are two counts, each of which has to be known.
    parts = (
        ()
        if base in _ROUND and not _is_digits(match["base"])
        else tuple(
            Stated(
                match.start(name),
                match.end(name),
                tuple(Reading(value, _rounding(value, unit)) for value, unit in some),
            )
            for name, some in (("count", counts), ("base", bases))
            if not (not _is_digits(match[name]) and some[0][0] <= _SMALL)
        )
    )
    return _stated(text, match, readings, parts=parts)


def _all(text: str, match: re.Match[str]) -> Stated | None:
    """None, or every one of them."""
    share = 0.0 if match["none"] else 1.0
    return _stated(text, match, [Reading(share, 0.0005, True)])


def _fraction(text: str, match: re.Match[str]) -> Stated | None:
    if match["glyph"]:
        return _stated(text, match, [Reading(unicodedata.numeric(match["glyph"]), 0.03, True)])
    if match["top"]:
        share = float(match["top"]) / max(float(match["bottom"]), 1.0)
        return _stated(text, match, [Reading(share, 0.03, True)]) if share <= 1 else None
    if match["many"]:
        base = float(match["round"].replace(",", ""))
        share = float(match["many"]) / base
        return _stated(text, match, [Reading(share, 1 / base, True)]) if share <= 1 else None
    if match["every"]:
        return _stated(text, match, [Reading(1 / _EVERY[match["every"].lower()], 0.03, True)])
    part = (match["part"] or match["only"]).lower()
    count = (match["count"] or "").lower()
    # “One and a half times” is a ratio.
    if part == "half" and text[max(0, match.start() - 4) : match.start()] == "and ":
        return None
    # “The third column” is a place, “a third” a share.
    if part != "half" and not count:
        return None
    if (
        part == "half"
        and re.search(r"(?:a|and a) $", text[max(0, match.start() - 6) : match.start()])
        and "and a" in text[max(0, match.start() - 8) : match.start()]
    ):
        return None
    times = 1.0 if count in ("", "a", "an") else WORDS[count]
    share = times * _PARTS[part]
    return _stated(text, match, [Reading(share, 0.035 if part != "tenth" else 0.02, True)]) if share <= 1 else None


def _times(text: str, match: re.Match[str]) -> Stated | None:
    if match["word"]:
        value = _MULTIPLES[match["word"].lower()]
        return _stated(text, match, [Reading(value, 0.26 * value / 2)], is_ratio=True)
    # “62 times out of 100” is a count.
    if text.startswith((" out of", " of "), match.end()):
        return None
    amounts = _amounts(match["count"])
    if not _is_digits(match["count"]) and amounts[0][0] <= 1:
        return None
    return _stated(text, match, [Reading(value, max(unit, 0.13 * value)) for value, unit in amounts], is_ratio=True)


def _stated(
    text: str, match: re.Match[str], readings: list[Reading], *, is_ratio: bool = False, parts: tuple[Stated, ...] = ()
) -> Stated:
    before = text[max(0, match.start() - _NEAR_BY) : match.start()]
    after = text[match.end() : match.end() + 8]
    loose = 0.1 if _LOOSE.search(before) or after.startswith(" or so") else 0.0
    is_close = match.re is not _ALL and any(one.is_share and one.near <= _CLOSE for one in readings)
    is_close |= match.re is _NUMBER and any(one.is_share or 0 < abs(one.value) < 1 for one in readings)
    if loose and is_close:
        # “About 72 %”, “about 72 of 100” and “~0.72” are no more than a few points off.
        loose = min(loose, _SHARE_ROOM)
    start = match.start() + len(match.group()) - len(match.group().lstrip())
    return Stated(
        start,
        match.end(),
        tuple(readings),
        loose,
        bool(_ABOVE.search(before)),
        bool(_BELOW.search(before)),
        is_ratio,
        parts,
    )


def _han(text: str, match: re.Match[str]) -> Stated:
    """Written in Chinese or Japanese: 百分之八十七, 八十七%, 三百."""
    value = han_value(match["share"] or match["percent"] or match["count"])
    near = _rounding(value, 1.0)
    readings = [Reading(value, near)]
    if match["count"] is None:
        per = 1000.0 if match["per"] == "‰" else 100.0
        readings.insert(0, Reading(value / per, near / per, True))
    return _stated(text, match, readings)


_READERS = (
    (_ALL, _all),
    (_RATIO, _ratio),
    (_TIMES, _times),
    (_FRACTION, _fraction),
    (HAN, _han),
    (_NUMBER, _number),
)
