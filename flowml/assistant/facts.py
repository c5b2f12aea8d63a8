"""What the assistant knows: facts, each a sentence with its figures, which a text can cite."""

from collections.abc import Sequence
from dataclasses import dataclass

Figure = float | int


@dataclass(frozen=True)
class Fact:
    """One thing that FlowML has found. `id` is what a text cites ("f12"), short and unique among those told together;
    `sentence` is FlowML's own, in words for people; `figures` are all the numbers that stand in it, as they are (a
    share as .25, not as 25 %). `column` names what it is about, where that is a column of the table; `link` is a place
    on FlowML's pages that shows it, from the root ("/datasets/ab12#columns"), or empty."""

    id: str
    sentence: str
    figures: tuple[Figure, ...] = ()
    column: str | None = None
    link: str = ""


def by_id(facts: Sequence[Fact]) -> dict[str, Fact]:
    """The facts by what a text cites."""
    return {fact.id: fact for fact in facts}
