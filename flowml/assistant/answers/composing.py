"""An answer of FlowML's own: paragraphs and lists of sentences, each with the facts that it stands on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowml.assistant.facts import Fact
from flowml.domain.conversations import Proposal


@dataclass(frozen=True)
class OwnAnswer:
    """`text` is plain: paragraphs, lists of lines that begin with “- ”, and [f1] where a fact is cited. `questions` are
    what may be asked next."""

    text: str
    facts: tuple[Fact, ...] = ()
    proposal: Proposal | None = None
    questions: tuple[str, ...] = ()


@dataclass
class Composition:
    """An answer that is being put together."""

    proposal: Proposal | None = None
    questions: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _facts: list[Fact] = field(default_factory=list)

    def fact(self, sentence: str, *, column: str | None = None, link: str = "") -> str:
        """How a sentence of the answer cites this fact; one that was cited before keeps its id."""
        for known in self._facts:
            if known.sentence == sentence:
                return f"[{known.id}]"
        made = Fact(f"f{len(self._facts) + 1}", sentence, (), column, link)
        self._facts.append(made)
        return f"[{made.id}]"

    def has(self, sentence: str) -> bool:
        """Whether this fact is cited already."""
        return any(known.sentence == sentence for known in self._facts)

    def say(self, *sentences: str) -> None:
        """A paragraph; empty sentences are left out."""
        if told := " ".join(filter(None, sentences)):
            self._parts.append(told)

    def items(self, lines: Sequence[str]) -> None:
        """A list."""
        if lines:
            self._parts.append("\n".join(f"- {' '.join(line.split())}" for line in lines))

    def answer(self) -> OwnAnswer:
        return OwnAnswer("\n\n".join(self._parts), tuple(self._facts), self.proposal, tuple(self.questions[:4]))


def listed(items: Sequence[str]) -> str:
    """
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)
