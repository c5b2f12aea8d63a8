"""Numbers as people say them: “62 of 100”, “2,100”, “one in ten”."""

import math
from collections.abc import Sequence

from flowml.domain.wording import fixed, number, quoted, shortened, significant

_COUNTED = 40
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PARTS = ((0.5, "half"), (1 / 3, "a third"), (2 / 3, "two thirds"), (0.25, "a quarter"), (0.75, "three quarters"))
_EVEN = 0.015
_LONGEST = 40


def amount(value: float) -> str:
    """A measured amount with its sign, in two digits that matter; millions in words. Of how far off something is the
    size alone is given.

    >>> amount(2147.3), amount(0.03412), amount(37.4), amount(-8.06), amount(12_345_678), amount(0)
    ('2,100', '0.034', '37', '−8.1', '12 million', '0')
    """
    if value < 0:
        return f"−{amount(-value)}"
    size = value
    if not math.isfinite(size):
        return "very much"
    if size == 0:
        return "0"
    if size >= 9.95e8:
        return f"{_two(size / 1e9)} billion"
    if size >= 9.95e6:
        return f"{_two(size / 1e6)} million"
    if size < 1e-4:
        return number(float(significant(size, 2)))
    return _two(size)


def _two(size: float) -> str:
    rounded = significant(size, 2)
    text = f"{rounded:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def of_hundred(share: float) -> str:
    """How many of 100; of more where that would be none or all.

    >>> of_hundred(0.62), of_hundred(0.997), of_hundred(0.0004), of_hundred(1.0), of_hundred(0.0)
    ('62 of 100', '997 of 1,000', '4 of 10,000', 'all of 100', 'none of 100')
    """
    if share in (0.0, 1.0):
        return "none of 100" if share == 0 else "all of 100"
    for base in (100, 1_000, 10_000):
        count = round(share * base)
        if 0 < count < base and (base > 100 or 0.985 > share > 0.0095):
            return f"{count:,} of {base:,}"
    return "fewer than 1 of 10,000" if share < 0.5 else "nearly all"


def alike(shares: Sequence[float]) -> list[str]:
    """Several shares as so many of the same number, which tells each of them from none and from all.

    >>> alike([0.977, 0.9915]), alike([0.98, 0.63]), alike([0.5, 1.0])
    (['977 of 1,000', '992 of 1,000'], ['98 of 100', '63 of 100'], ['50 of 100', 'all'])
    >>> alike([0.9996, 0.98]), alike([0.999999, 0.5])
    (['9,996 of 10,000', '9,800 of 10,000'], ['nearly all', '50 of 100'])
    """
    base = max(map(base_of, map(of_hundred, shares)))
    return [_of_base(share, base) for share in shares]


def base_of(text: str) -> int:
    """Of how many it is said.

    >>> base_of("977 of 1,000"), base_of("nearly all")
    (1000, 100)
    """
    base = text.rpartition(" of ")[2].replace(",", "")
    return int(base) if text[:1].isdigit() and base.isdigit() else 100


def _of_base(share: float, base: int) -> str:
    count = round(share * base)
    if share == 1 or (count == base and share < 1):
        return "all" if share == 1 else "nearly all"
    return f"{count:,} of {base:,}" if count or not share else f"fewer than 1 of {base:,}"


def out_of(count: float, total: float, what: str = "") -> str:
    """A count of few as it is, of many as so many of 100; `what` names them in the plural.

    >>> out_of(6, 8, "rows"), out_of(620, 1000, "rows"), out_of(8, 8, "rows"), out_of(0, 8), out_of(1, 1)
    ('6 of the 8 rows', '62 of 100 rows', 'all 8 rows', 'none of the 8', 'the only one')
    """
    named = f" {what}" if what else ""
    if total > _COUNTED:
        if count in (0, total):
            return f"{'all' if count else 'none of the'} {number(total)}{named}"
        return of_hundred(count / total) + named
    if total == 1:
        return "the only one" if count else "not the only one"
    if count == total:
        return f"{'both' if total == 2 else f'all {number(total)}'}{named}"
    return f"{'none' if count == 0 else number(count)} of the {number(total)}{named}"


def count_word(count: int) -> str:
    """
    >>> count_word(1), count_word(5), count_word(13)
    ('one', 'five', '13')
    """
    return _WORDS[count] if 0 <= count < len(_WORDS) else number(count)


def part(share: float) -> str:
    """A share in a word where there is one, else in percent.

    >>> part(0.49), part(0.335), part(0.62), part(1.0), part(0.004)
    ('half', 'a third', '62 %', 'all', 'less than 1 %')
    """
    for value, word in _PARTS:
        if abs(share - value) <= _EVEN:
            return word
    if share >= 0.995:
        return "all" if share >= 1 else "nearly all"
    return f"{fixed(100 * share)} %" if share >= 0.01 else "less than 1 %"


def percent(share: float) -> str:
    """
    >>> percent(0.764), percent(0.9996), percent(0.0042), percent(0.0), percent(8.173)
    ('76 %', 'nearly 100 %', '0.4 %', '0 %', '817 %')
    """
    if 0 < share < 0.0005:
        return "nearly 0 %"
    if 0 < share < 0.0095:
        return f"{significant(100 * share, 1):f} %"
    return "nearly 100 %" if 0.995 <= share < 1 else f"{fixed(100 * share)} %"


def points(share: float) -> str:
    """A difference of shares.

    >>> points(0.031), points(0.0099), points(0.0)
    ('3 percentage points', '1 percentage point', '0 percentage points')
    """
    rounded = fixed(100 * share) if share >= 0.0095 or not share else fixed(100 * share, 1)
    return f"{rounded} percentage point{'' if rounded == '1' else 's'}"


def times(ratio: float) -> str:
    """How many times as much.

    >>> times(2.04), times(1.5), times(3.3), times(7.1)
    ('twice', 'one and a half times', 'more than three times', 'seven times')
    >>> times(2.27), times(2.8)
    ('more than twice', 'nearly three times')
    """
    if ratio < 1.25:
        return "about as much as"
    if ratio < 1.75:
        return "one and a half times"
    if ratio < 2.25:
        return "twice"
    near = round(ratio)
    if abs(ratio - near) <= 0.15:
        return _whole_times(near)
    return f"more than {_whole_times(near)}" if ratio > near else f"nearly {_whole_times(near)}"


def _whole_times(count: int) -> str:
    return "twice" if count == 2 else f"{count_word(count)} times"


def seconds(value: float) -> str:
    """A time in words.

    >>> seconds(1), seconds(11.3), seconds(0.42), seconds(75), seconds(5400)
    ('1 second', '11 seconds', '0.4 seconds', '75 seconds', '90 minutes')
    """
    if value >= 120:
        return _unit(round(value / 60), "minute")
    if value < 0.95:
        return f"{fixed(value, 1)} seconds" if value >= 0.05 else "less than 0.1 seconds"
    return _unit(round(value), "second")


def seconds_of(value: float, whole: float) -> str:
    """A time of a longer one, with the unit once where it is the same.

    >>> seconds_of(26.8, 31.2), seconds_of(1, 12), seconds_of(75, 300), seconds_of(0.4, 1), seconds_of(180, 600)
    ('27 of 31 seconds', '1 of 12 seconds', '75 seconds of 5 minutes', '0.4 of 1 second', '3 of 10 minutes')
    """
    (part, unit), (total, of) = seconds(value).rsplit(" ", 1), seconds(whole).rsplit(" ", 1)
    same = unit.rstrip("s") == of.rstrip("s") and not part.startswith("less")
    return f"{part}{'' if same else f' {unit}'} of {total} {of}"


def _unit(count: int, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def named(text: str) -> str:
    """A column or a class by its name.

    >>> named("a b"), named("a” b")
    ('“a b”', '“a’ b”')
    """
    return quoted(shortened(" ".join(text.split()), _LONGEST))
