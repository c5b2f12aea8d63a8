"""Sentences about a table with short ids in the place of its names and values, and back."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from flowml.assistant.untrusted import LONGEST, value_to_tell
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.wording import quoted, shortened, unquoted

_OPEN, _CLOSE = "“", "”"
_ID = re.compile(r"(?<![\w])[“\"'`]?\b([cv][1-9]\d{0,5})\b[”\"'`]?")
_TICKED = re.compile(r"`((?:[^`]|``)*)`")
# A number, or a date with or without a time, as FlowML writes them.
_FIGURE = re.compile(r"(?<![\w.])[-−]?\d+(?:[.,:/-]\d+|[T ](?=\d\d:)\d\d:\d[\d:.]*)*(?:e[+-]?\d+)?(?![\w])")
# So many rows, values, …, and shares: these are of the table, and no values in it.
_COUNTED = re.compile(
    r"\s?%|\s+(?:of\s+(?:the\s+)?[\d,]+\s+)?(?:rows?|values?|different|spellings?|categor\w+|classes|columns?|gaps?"
    r"|dates?|blocks?|rare|cop\w+|trials?|folds?|characters?|others?)\b"
)
_COUNTING = re.compile(r"\b(?:Operation|character|line|column|place) $")
# What FlowML quotes of its own when it finds fault with operations.
_OWN_WORDS = frozenset({"op", "missing", "is", *OPERATIONS}) | frozenset(
    word for kind in OPERATIONS.values() for field in kind.fields for word in (field.name, *field.choices)
)
MOST_ADDED = 12_000
"""So many characters more a text may have with names than with ids."""
# A beginning of a name that is cut, which nothing else has.
_LONG_ENOUGH = 25


class Coder:
    """Gives out ids: c1, c2, … to columns by their place in the table, v1, v2, … to values as they come.

    `spoken_of` are the columns of the sentences so far, `withheld` their values, by their ids. `values` are texts of
    the data that sentences may quote: one with a quotation mark in it is taken whole.
    """

    def __init__(self, columns: Sequence[str], values: Collection[str] = ()):
        self.columns = {f"c{place}": name for place, name in enumerate(columns, start=1)}
        self.spoken_of: dict[str, str] = {}
        self.withheld: dict[str, str] = {}
        self._ids = {name: column_id for column_id, name in self.columns.items()}
        self._spoken = _spoken_of(self._ids)
        # The longest first, so that a name which goes on behind a quotation mark is taken whole.
        self._tricky = _by_length({*self._ids, *values})
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

    def coded_problem(self, problem: str, answer: str) -> str:
        """What is wrong with a model's `answer`, in words of FlowML's made of names and values of the table, as it may
        be said to that model: with ids, and of other texts and figures only those that stand in the answer."""
        problem = self._quoted_again(problem, answer)
        problem = _TICKED.sub(lambda found: f"`{self._known(found[1].replace('``', '`'), answer)}`", problem)
        return without_figures(problem, answer)

    def keep(self) -> tuple[dict[str, str], ...]:
        """What was given out so far, for `go_back`."""
        return dict(self.spoken_of), dict(self.withheld), dict(self._value_ids)

    def go_back(self, kept: tuple[dict[str, str], ...]) -> None:
        """As if nothing had been said since."""
        self.spoken_of, self.withheld, self._value_ids = kept

    def _quoted_again(self, problem: str, answer: str) -> str:
        parts = []
        at = 0
        while (start := problem.find(_OPEN, at)) >= 0:
            parts.append(problem[at:start])
            inner, at = self._quotation(problem, start, frozenset(self.withheld.values()))
            known = self._known(inner, answer)
            parts.append(known if known != inner else f"{_OPEN}{inner}{_CLOSE}")
        parts.append(problem[at:])
        return "".join(parts)

    def _known(self, text: str, answer: str) -> str:
        """The id of what a text is or begins with; a text that the model has said itself; or that it is one."""
        if (column_id := self._column(text)) is not None:
            return column_id
        for value_id, value in self.withheld.items():
            if text in (value, *_forms_of(value)):
                return value_id
        if text in answer or not any(one.isalnum() for one in text) or text in _OWN_WORDS:
            return text
        return "(a text)"

    def _column(self, text: str) -> str | None:
        if text in self._ids:
            return self.column_id(text)
        if (name := self._spoken.get(text)) is not None:
            return self.column_id(name)
        start = text.removesuffix("…")
        if len(start) < _LONG_ENOUGH:
            return None
        begun = [name for name in self._ids if name.startswith(start)]
        return self.column_id(begun[0]) if len(begun) == 1 else None

    def _replaced(self, sentence: str, texts: frozenset[str], *, only_names: bool) -> str:
        parts = []
        at = 0
        while (start := sentence.find(_OPEN, at)) >= 0:
            parts.append(sentence[at:start])
            inner, at = self._quotation(sentence, start, texts)
            column_id = self._column(inner)
            if column_id is not None:
                parts.append(column_id)
            elif only_names:
                parts.append(sentence[start:at])
            else:
                parts.append(self._value(inner, told=inner in texts))
        parts.append(sentence[at:])
        return "".join(parts)

    def _quotation(self, sentence: str, start: int, texts: frozenset[str]) -> tuple[str, int]:
        """What stands in the quotation marks that open here, and where it goes on behind them."""
        for name in (*self._tricky, *_by_length(texts)):
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


class Naming:
    """A text that grows, the ids in it replaced by what they stand for, in “ ”. What is settled is not looked at again.
    Ids are short and names may be long: a text that they would make much longer is cut.

    >>> naming = Naming({"c2": "Age", "c10": "Fare"})
    >>> text = "Fill c2, not `c10` or abc2."
    >>> naming.upto(text, 7), naming.upto(text, len(text))
    ('Fill “Age”', 'Fill “Age”, not “Fare” or abc2.')
    """

    def __init__(self, names: Mapping[str, str]):
        self._names = names
        self._said, self._at, self._room = "", 0, MOST_ADDED
        self._is_cut = False

    def upto(self, text: str, end: int) -> str:
        """The text up to that place, which may be no earlier than before: between two words, or in none that may
        still become an id. `text` begins as it did before."""
        if self._is_cut:
            return self._said
        for found in _ID.finditer(text, self._at, end):
            if (name := self._names.get(found[1])) is None:
                continue
            said = quoted(name)
            before = text[self._at : found.start()]
            self._room -= len(said) - len(found[0])
            if self._room < 0:
                self._is_cut = True
                self._said += f"{before}…"
                return self._said
            if found.end() == end:
                # A quotation mark that belongs to it may come.
                self._room += len(said) - len(found[0])
                self._said, self._at = self._said + before, found.start()
                return self._said + said
            self._said, self._at = self._said + before + said, found.end()
        self._said, self._at = self._said + text[self._at : end], end
        return self._said


def without_figures(text: str, known: str = "") -> str:
    """A sentence of FlowML's own without what may be a value: numbers and dates, but for counts, shares, and what
    stands in `known`.

    >>> without_figures("8 values of c1 lie far away, at -71.5 to 1,900; c2 is 1900-01-01 in 12% of 30 rows.")
    '8 values of c1 lie far away, at … to …; c2 is … in 12% of 30 rows.'
    """

    def kept(found: re.Match[str]) -> str:
        is_count = _COUNTED.match(text, found.end()) or _COUNTING.search(text, 0, found.start())
        return found[0] if is_count or re.search(rf"(?<!\w){re.escape(found[0])}(?!\w)", known) else "…"

    return _FIGURE.sub(kept, text)


def _by_length(texts: Collection[str]) -> list[str]:
    return sorted((text for text in texts if _CLOSE in text), key=len, reverse=True)


def _forms_of(name: str) -> Iterator[str]:
    """How FlowML's sentences say a name or a value: on one line, without quotation marks, shortened."""
    for text in (name, " ".join(name.split())):
        for form in (text, shortened(text), text[:40], text[:60]):
            yield form
            yield unquoted(form)


def _spoken_of(names: Collection[str]) -> dict[str, str]:
    """Names by other forms of theirs, as far as these are of one alone."""
    found: dict[str, str | None] = {}
    for name in names:
        if len(name) <= 40 and name.isidentifier():
            continue
        for form in dict.fromkeys(_forms_of(name)):
            if form not in names:
                found[form] = name if found.get(form, name) == name else None
    return {form: name for form, name in found.items() if name is not None}
