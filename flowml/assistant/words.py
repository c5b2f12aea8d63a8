"""Sentences about a table with short ids in the place of its names and values, and back."""

import re
from collections.abc import Mapping, Sequence

from flowml.assistant.untrusted import LONGEST, value_to_tell

_OPEN, _CLOSE = "“", "”"
_ID = re.compile(r"(?<![\w])[“\"'`]?\b([cv][1-9]\d{0,5})\b[”\"'`]?")


class Coder:
    """Gives out ids: c1, c2, … to columns by their place in the table, v1, v2, … to values as they come.

    `spoken_of` are the columns of the sentences so far, `withheld` their values, by their ids.
    """

    def __init__(self, columns: Sequence[str]):
        self.columns = {f"c{place}": name for place, name in enumerate(columns, start=1)}
        self.spoken_of: dict[str, str] = {}
        self.withheld: dict[str, str] = {}
        self._ids = {name: column_id for column_id, name in self.columns.items()}
        # The longest first, so that a name which goes on behind a quotation mark is taken whole.
        self._tricky = sorted((name for name in self._ids if _CLOSE in name), key=len, reverse=True)
        self._value_ids: dict[str, str] = {}

    @property
    def size(self) -> int:
        """About how many characters it takes to say what the ids are."""
        return sum(min(len(name), LONGEST) + 12 for name in self.spoken_of.values()) + 45 * len(self.withheld)

    def column_id(self, name: str) -> str:
        """Raises KeyError for a column that is not there."""
        column_id = self._ids[name]
        self.spoken_of.setdefault(column_id, name)
        return column_id

    def coded(self, sentence: str, texts: Sequence[str]) -> str:
        """A sentence of FlowML's own with ids for all that stands in “ ”, but for `texts`, which stay as they are as
        far as a model may read them."""
        return self._replaced(sentence, frozenset(texts), only_names=False)

    def coded_names(self, text: str) -> str:
        """A text of somebody else's: names of columns in “ ” become ids, the rest stays."""
        return self._replaced(text, frozenset(), only_names=True)

    def keep(self) -> tuple[dict[str, str], ...]:
        """What was given out so far, for `go_back`."""
        return dict(self.spoken_of), dict(self.withheld), dict(self._value_ids)

    def go_back(self, kept: tuple[dict[str, str], ...]) -> None:
        """As if nothing had been said since."""
        self.spoken_of, self.withheld, self._value_ids = kept

    @staticmethod
    def named(text: str, names: Mapping[str, str]) -> str:
        """The ids in a text replaced by what they stand for, in “ ”.

        >>> Coder.named("Fill c2, not `c10` or abc2.", {"c2": "Age", "c10": "Fare"})
        'Fill “Age”, not “Fare” or abc2.'
        """
        return _ID.sub(lambda found: f"“{names[found[1]]}”" if found[1] in names else found[0], text)

    def _replaced(self, sentence: str, texts: frozenset[str], *, only_names: bool) -> str:
        parts = []
        at = 0
        while (start := sentence.find(_OPEN, at)) >= 0:
            parts.append(sentence[at:start])
            inner, at = self._quotation(sentence, start, texts)
            if inner in self._ids:
                parts.append(self.column_id(inner))
            elif only_names:
                parts.append(sentence[start:at])
            else:
                parts.append(self._value(inner, told=inner in texts))
        parts.append(sentence[at:])
        return "".join(parts)

    def _quotation(self, sentence: str, start: int, texts: frozenset[str]) -> tuple[str, int]:
        """What stands in the quotation marks that open here, and where it goes on behind them."""
        known = [*self._tricky, *sorted((text for text in texts if _CLOSE in text), key=len, reverse=True)]
        for name in known:
            if sentence.startswith(f"{name}{_CLOSE}", start + 1):
                return name, start + len(name) + 2
        end = sentence.find(_CLOSE, start)
        end = len(sentence) if end < 0 else end
        return sentence[start + 1 : end], end + 1

    def _value(self, text: str, *, told: bool) -> str:
        if told and (readable := value_to_tell(text)) is not None:
            return f"{_OPEN}{readable}{_CLOSE}"
        if text not in self._value_ids:
            self._value_ids[text] = f"v{len(self.withheld) + 1}"
            self.withheld[self._value_ids[text]] = text
        return self._value_ids[text]
