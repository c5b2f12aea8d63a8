"""Lines of a file that a remark names: how many, and the first few."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flowml.domain.wording import shortened

_SHOWN_LINES = 5
_SHOWN_CHARACTERS = 80


@dataclass
class NamedLines:
    """Lines of one kind: how many, and the first few as people would look them up."""

    total: int = 0
    examples: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[tuple[int, str]]) -> NamedLines:
        """Lines with their numbers."""
        named = cls()
        for number, line in lines:
            named.add(number, line)
        return named

    def add(self, line_number: int, text: str, remark: str = "") -> None:
        self.total += 1
        if len(self.examples) < _SHOWN_LINES:
            shown = shortened(text.rstrip("\r\n"), _SHOWN_CHARACTERS)
            self.examples.append(f"line {line_number:,}{remark}: “{shown}”")

    def sentence(self, one: str, many: str) -> str:
        """All of it as one sentence: `one` begins it for a single line, `many` follows the number of several."""
        more = f" (and {self.total - len(self.examples):,} more)" if self.total > len(self.examples) else ""
        return f"{one if self.total == 1 else f'{self.total:,} {many}'}{more}: {'; '.join(self.examples)}"
