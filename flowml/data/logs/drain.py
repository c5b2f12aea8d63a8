"""Templates of log messages: Drain (He, Zhu, Zheng, Lyu: “Drain: An online log parsing approach with fixed depth
tree”, ICWS 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

WILDCARD = "<*>"
_MOST_CHILDREN = 100
# A message is compared with all templates of a leaf.
_MOST_IN_LEAF = 50


@dataclass(eq=False)
class Template:
    """Tokens that all messages of a group share; a wildcard where they differ."""

    tokens: list[str]

    def __str__(self) -> str:
        return " ".join(self.tokens)


@dataclass
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)


class Drain:
    """A tree of fixed depth: by the number of tokens, then by the first of them, then a list of templates, of which a
    message joins the most similar.

    `similarity` is the least share of equal tokens; at most `most_templates` are made. Messages that then fit none
    belong to none.

    >>> drain = Drain()
    >>> groups = [drain.add(text.split()) for text in ("logged in as anna", "logged in as bob", "stop")]
    >>> [str(group) for group in groups]
    ['logged in as <*>', 'logged in as <*>', 'stop']
    """

    def __init__(self, similarity: float = 0.5, depth: int = 2, most_templates: int = 1000):
        self._similarity = similarity
        self._depth = depth
        self._most_templates = most_templates
        self._roots: dict[int, _Node] = {}
        self.n_templates = 0

    def add(self, tokens: Sequence[str]) -> Template | None:
        """The template that a message belongs to, widened by it or new; None when there are enough and none fits."""
        node = self._leaf(tokens)
        best, score = self._most_similar(node.templates, tokens)
        if best is None or score < self._similarity:
            if self.n_templates >= self._most_templates or len(node.templates) >= _MOST_IN_LEAF:
                return None
            self.n_templates += 1
            best = Template(list(tokens))
            node.templates.append(best)
            return best
        for position, token in enumerate(tokens):
            if best.tokens[position] != token:
                best.tokens[position] = _common(best.tokens[position], token)
        return best

    def _leaf(self, tokens: Sequence[str]) -> _Node:
        node = self._roots.setdefault(len(tokens), _Node())
        for token in tokens[: self._depth]:
            # A parameter in front would make a branch for each of its values.
            key = WILDCARD if WILDCARD in token or any(character.isdigit() for character in token) else token
            if key not in node.children and len(node.children) >= _MOST_CHILDREN:
                key = WILDCARD
            node = node.children.setdefault(key, _Node())
        return node

    @staticmethod
    def _most_similar(templates: list[Template], tokens: Sequence[str]) -> tuple[Template | None, float]:
        best, most, most_wild = None, -1, -1
        for template in templates:
            equal = wild = 0
            for token, own in zip(tokens, template.tokens, strict=True):
                if token == own:
                    equal += 1
                elif own.endswith(WILDCARD):
                    wild += 1
            if (equal, wild) > (most, most_wild):
                best, most, most_wild = template, equal, wild
        return best, most / max(1, len(tokens))


def _common(one: str, other: str) -> str:
    """A wildcard, after the key that both share: user=<*>."""
    key, equals, _ = one.partition("=")
    return f"{key}={WILDCARD}" if equals and other.startswith(f"{key}=") else WILDCARD
