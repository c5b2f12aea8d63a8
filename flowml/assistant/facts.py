"""What the assistant knows: facts, each a sentence with its figures, which a text can cite."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

Figure = float | int

_FIGURE = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?%?")


@dataclass(frozen=True)
class Fact:
    """One thing that FlowML has found. `id` is what a text cites ("f12"), short and unique among those told together;
    `sentence` is FlowML's own, in words for people; `figures` are all the numbers that stand in it, as they are (a
    share as .25, not as 25 %). `column` names what it is about, where that is a column of the table; `link` is a place
    on FlowML's pages that shows it, from the root ("/datasets/ab12#columns"), or empty.

    Names of columns and values of the data stand in “ ”. A model is told short ids for them, and of the values only
    those that are among `texts`: pieces of the data that their owner lets it have. `values_of` are the columns whose
    values stand among the figures: where one of them is guarded, a model is told the sentence without figures. `told`
    is what a model hears in the place of a sentence that holds words of others than FlowML."""

    id: str
    sentence: str
    figures: tuple[Figure, ...] = ()
    column: str | None = None
    link: str = ""
    texts: tuple[str, ...] = ()
    values_of: tuple[str, ...] = ()
    told: str | None = None


@dataclass(frozen=True)
class Briefing:
    """What a model may be told: facts, those that matter most first, because the last ones are left out where there
    are too many; `columns`, the names of all columns of the table in their order; sentences on what is `left_out`
    already; the columns that are `guarded`, so that figures which are values of theirs are not told; `values` of the
    data, such as classes, that sentences quote; and the columns that were `shared` when it was made."""

    facts: tuple[Fact, ...]
    columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = field(default=())
    guarded: frozenset[str] = frozenset()
    values: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()


def by_id(facts: Sequence[Fact]) -> dict[str, Fact]:
    """The facts by what a text cites."""
    return {fact.id: fact for fact in facts}


def numbered(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """The facts under ids by their place: f1, f2, …"""
    return tuple(replace(fact, id=f"f{place}") for place, fact in enumerate(facts, start=1))


def figures_in(sentence: str) -> tuple[Figure, ...]:
    """The numbers that stand in a sentence of FlowML's own; percentages as shares.

    >>> figures_in("20% of 1,234 rows, 0.5 on average, down to -3; “f2” has none of these.")
    (0.2, 1234, 0.5, -3)
    """
    return tuple(_figure(match) for match in _FIGURE.findall(sentence))


def _figure(text: str) -> Figure:
    if text.endswith("%"):
        return round(float(text[:-1].replace(",", "")) / 100, 12)
    plain = text.replace(",", "")
    return float(plain) if any(mark in plain for mark in ".e") else int(plain)
