"""A text of FlowML's own: paragraphs of sentences, each with the facts that it stands on."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowml.assistant.facts import Fact, Figure


@dataclass(frozen=True)
class Sentence:
    """`facts`: the ids of those that it stands on."""

    text: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A paragraph under a title, or a list of things to do (`is_list`)."""

    key: str
    title: str
    sentences: tuple[Sentence, ...]
    is_list: bool = False


@dataclass(frozen=True)
class Explanation:
    """`verdict` is how good it is, in a word: none, guessing, perfect, weak, modest, good or excellent."""

    verdict: str
    sections: tuple[Section, ...]
    facts: tuple[Fact, ...]

    @property
    def text(self) -> str:
        """As plain text: a paragraph a section, a line for each thing of a list."""
        parts = []
        for section in self.sections:
            lines = [sentence.text for sentence in section.sentences]
            parts.append(section.title)
            parts.append("\n".join(f"- {line}" for line in lines) if section.is_list else " ".join(lines))
        return "\n\n".join(parts)


class Facts:
    """Facts as they are found, by a name for what each is about; ids count up: f1, f2, …"""

    def __init__(self) -> None:
        self._by_topic: dict[str, Fact] = {}

    def add(
        self,
        topic: str,
        sentence: str,
        figures: Sequence[Figure] = (),
        *,
        column: str | None = None,
        link: str = "",
        values_of: Sequence[str] = (),
        told: str | None = None,
    ) -> None:
        """One more, unless the topic has one; `values_of` and `told` as a Fact has them."""
        if topic not in self._by_topic:
            self._by_topic[topic] = Fact(
                f"f{len(self._by_topic) + 1}",
                sentence,
                tuple(figures),
                column,
                link,
                values_of=tuple(values_of),
                told=told,
            )

    def ids(self, *topics: str) -> tuple[str, ...]:
        """Of those topics of which there is a fact."""
        return tuple(dict.fromkeys(self._by_topic[one].id for one in topics if one in self._by_topic))

    def say(self, text: str, *topics: str) -> Sentence:
        """A sentence that stands on these."""
        return Sentence(text, self.ids(*topics))

    def all(self) -> tuple[Fact, ...]:
        return tuple(self._by_topic.values())
