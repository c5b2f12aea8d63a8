"""The columns that a question names, by their names or by words near to them."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

_QUOTED = re.compile(r"“([^”]{1,400})”|\"([^\"]+)\"|`([^`]+)`|‘([^’]{1,400})’|(?<!\w)'([^']{1,400})'(?!\w)")
_WORD = re.compile(r"[\w.%€$#-]+")
# As names of columns they count only in quotation marks.
_COMMON = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "be",
        "in",
        "of",
        "on",
        "to",
        "for",
        "and",
        "or",
        "not",
        "no",
        "it",
        "this",
        "that",
        "these",
        "those",
        "i",
        "me",
        "my",
        "you",
        "we",
        "what",
        "which",
        "who",
        "how",
        "why",
        "when",
        "where",
        "do",
        "does",
        "did",
        "can",
        "could",
        "should",
        "would",
        "will",
        "has",
        "have",
        "with",
        "by",
        "from",
        "as",
        "at",
        "about",
        "tell",
        "show",
        "give",
        "there",
        "any",
        "all",
        "column",
        "columns",
        "row",
        "rows",
        "table",
        "data",
        "value",
        "values",
        "model",
        "missing",
        "empty",
        "good",
        "best",
        "wrong",
        "most",
        "more",
        "than",
        "between",
        "matter",
        "matters",
        "next",
        "explain",
        "predict",
        "related",
        "relate",
        "draw",
        "plot",
        "chart",
    ]
)
# Of these, what stands in names all the same, behind other words.
_IN_NAMES = frozenset({"value", "values", "model", "no"})
# What a name has beside what it is about: nobody says it.
_BESIDE = frozenset(
    [
        "mean",
        "median",
        "average",
        "avg",
        "total",
        "sum",
        "max",
        "min",
        "count",
        "number",
        "num",
        "no",
        "nr",
        "code",
        "percent",
        "pct",
        "share",
        "rate",
        "months",
        "month",
        "years",
        "year",
        "days",
        "day",
        "hours",
        "hour",
        "minutes",
        "seconds",
        "usd",
        "eur",
        "kg",
        "cm",
        "mm",
        "km",
    ]
)
_KEYS = frozenset({"id", "ids", "key", "no", "nr", "uuid"})
# What people say of what such columns hold.
_SAID = {
    "gender": ("sex", "gender"),
    "sex": ("sex", "gender"),
    **dict.fromkeys(("man", "men", "woman", "women", "male", "males", "female", "females"), ("sex", "gender")),
    **dict.fromkeys(("old", "older", "oldest", "young", "younger", "youngest"), ("age",)),
    **dict.fromkeys(("salary", "salaries", "wage", "wages", "earn", "earns"), ("salary", "income", "wage")),
    **dict.fromkeys(("cost", "costs", "expensive", "cheap", "cheapest"), ("price", "cost", "fare")),
}
_MOST_WORDS, _MOST_GUESSED, _MOST_QUOTED = 6, 500, 60
_SHORTEST_GUESS, _LONGEST, _ALIKE = 4, 80, 4
_SURE, _RATHER_SURE = 0.82, 0.74


@dataclass(frozen=True)
class Mention:
    """A column named at `start` to `end` of a text. `said`: the words that stand there, where they are not its name and
    were only taken to mean it."""

    column: str
    start: int
    end: int
    said: str = ""


def mentions(text: str, columns: Sequence[str]) -> tuple[Mention, ...]:
    """Every place of a text that names a column, in its order.

    >>> [(one.column, one.said) for one in mentions("house age by incme", ["housing_median_age", "income", "house_id"])]
    [('housing_median_age', 'house age'), ('income', 'incme')]
    """
    names = _Names(columns)
    found: list[Mention] = []
    quoted: list[range] = []
    for match in _QUOTED.finditer(text):
        inner = next(group for group in match.groups() if group is not None)
        name = names.called(inner)
        near = None if name is not None else names.near(inner)
        if name is not None or near is not None:
            found.append(Mention(name or near or "", match.start(), match.end(), "" if name is not None else inner))
            quoted.append(range(match.start(), match.end()))
    words = [word for word in _WORD.finditer(text) if not any(word.start() in place for place in quoted)]
    at = 0
    while at < len(words):
        count, mention = _taken(text, words[at : at + _MOST_WORDS], names)
        found += [] if mention is None else [mention]
        at += count
    return tuple(sorted(found, key=lambda mention: mention.start))


def mentioned(text: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a text names, in its order: as they are written, in any case, or nearly so.

    >>> mentioned("Does the passenger class say more than 'a'?", ["a", "Passenger_Class", "b"])
    ('Passenger_Class', 'a')
    """
    return tuple(dict.fromkeys(mention.column for mention in mentions(text, columns)))


def unknown_names(text: str, columns: Sequence[str]) -> tuple[str, ...]:
    """What stands in quotation marks as a name would, and is no column.

    >>> unknown_names("Is “Agee” like “Fare” or “gene 7”?", ["Age", "Fare"])
    ('gene 7',)
    """
    names = _Names(columns)
    inner = [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    return tuple(one for one in inner if len(one) <= _MOST_QUOTED and not (names.called(one) or names.near(one)))


class _Names:
    """Names of columns, by what may be said for them."""

    def __init__(self, columns: Sequence[str]):
        self._known = {folded(name): name for name in reversed(columns)}
        self._joined = {name.replace(" ", ""): column for name, column in self._known.items()}
        self._parts: dict[str, list[tuple[str, list[str]]]] | None = None

    def called(self, words: str) -> str | None:
        """The column that is called so, however its words are set apart."""
        name = folded(words)
        return self._known.get(name) or self._joined.get(name.replace(" ", ""))

    def near(self, word: str) -> str | None:
        """The one that differs by a letter or two. What differs in a figure is another column."""
        wanted = folded(word)[:_LONGEST]
        names = [
            name
            for name in list(self._known)[:_MOST_GUESSED]
            if _digits(name) == _digits(wanted) and not _numbers_them(name, wanted)
        ]
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=_SURE)
        if near and abs(len(near[0]) - len(wanted)) > 1:
            near = []
        if not near and len(wanted) >= _SHORTEST_GUESS:
            alike = [name for name in names if len(name) == len(wanted) and name[0] == wanted[0]]
            near = difflib.get_close_matches(wanted, alike, n=1, cutoff=_RATHER_SURE)
        return self._known[near[0]] if near else None

    def by_parts(self, words: Sequence[str]) -> str | None:
        """The one column of whose name these words are parts: more than half of those that say what it is about."""
        best, most, n_best = None, 0.0, 0
        having_first = self._by_part().get(_stem(words[0]), ())
        for column, parts in having_first if len(having_first) <= _MOST_GUESSED else ():
            having = [part for part in parts if any(_is_alike(part, word) for word in words)]
            all_said = all(any(_is_alike(part, word) for part in parts) for word in words)
            about = [part for part in parts if part not in _BESIDE]
            share = sum(part not in _BESIDE for part in having) / len(about) if about else 0.0
            if not all_said or share <= 0.5 or share < most:
                continue
            best, most, n_best = column, share, n_best + 1 if share == most else 1
        return best if n_best == 1 else None

    def said_for(self, word: str) -> str | None:
        """The one column that holds what this word is about, such as “sex” what “women” is."""
        wanted = [name for name in _SAID.get(word.casefold(), ()) if name in self._known]
        return self._known[wanted[0]] if wanted else None

    def _by_part(self) -> Mapping[str, Sequence[tuple[str, list[str]]]]:
        if self._parts is None:
            self._parts = {}
            for name in self._known.values():
                parts = folded(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).split()
                for stem in dict.fromkeys(map(_stem, parts)) if len(parts) > 1 else ():
                    self._parts.setdefault(stem, []).append((name, parts))
        return self._parts


def _taken(text: str, words: Sequence[re.Match[str]], names: _Names) -> tuple[int, Mention | None]:
    """Take the longest name that begins with these words: of how many of them, and it."""
    for count in range(len(words), 0, -1):
        piece = text[words[0].start() : words[count - 1].end()].strip(".-")
        name = names.called(piece)
        if name is not None and (count > 1 or piece.casefold() not in _COMMON):
            return count, Mention(name, words[0].start(), words[count - 1].end())
    said = [word.group().strip(".-") for word in words]
    telling = list(takewhile(lambda word: word.casefold() not in _COMMON or word.casefold() in _IN_NAMES, said))
    if said[0].casefold() in _COMMON:
        return 1, None
    for count in range(len(telling), 0, -1):
        piece = text[words[0].start() : words[count - 1].end()].strip(".-")
        name = None
        if count == 1:
            name = names.said_for(piece) or (names.near(piece) if len(piece) >= _SHORTEST_GUESS else None)
        if name is None and len(piece) >= _SHORTEST_GUESS:
            name = names.by_parts([folded(word) for word in telling[:count]])
        if name is not None:
            # More than one of a thing is no guess.
            is_plural = folded(piece) in (f"{folded(name)}s", f"{folded(name)}es")
            return count, Mention(name, words[0].start(), words[count - 1].end(), "" if is_plural else piece)
    return 1, None


def _is_alike(part: str, word: str) -> bool:
    """
    >>> _is_alike("housing", "house"), _is_alike("house", "horse"), _is_alike("age", "ages"), _is_alike("id", "ids")
    (True, False, True, True)
    """
    if _digits(part) != _digits(word):
        return False
    shorter = min(len(part), len(word))
    same = next((at for at in range(shorter) if part[at] != word[at]), shorter)
    return part == word or part.rstrip("s") == word.rstrip("s") or same >= max(_ALIKE, max(len(part), len(word)) - 3)


def _numbers_them(name: str, word: str) -> bool:
    """Whether a column only numbers what the word is of: who asks about passengers does not mean their numbers.

    >>> _numbers_them("passengerid", "passengers"), _numbers_them("passenger class", "passengers")
    (True, False)
    """
    rest = name.removeprefix(word.rstrip("s")).strip()
    return rest != name and rest in _KEYS


def _stem(word: str) -> str:
    return word.rstrip("s")[:_ALIKE]


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def folded(name: str) -> str:
    """A name as it is compared: in any case, its words set apart in one way."""
    return re.sub(r"[\s_.-]+", " ", name).strip().casefold()
