"""What a question is about: its kind, by the words that people use for it, and the columns that it names."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be asked without a language model."""

    OVERVIEW = "overview"
    PROBLEMS = "problems"
    COLUMN = "column"
    DRIVERS = "drivers"
    PAIR = "pair"
    LEAKAGE = "leakage"
    MISSING = "missing"
    DUPLICATES = "duplicates"
    OUTLIERS = "outliers"
    QUALITY_OF_MODEL = "quality_of_model"
    FAILURES = "failures"
    NEXT = "next"


@dataclass(frozen=True)
class Question:
    """`columns` in the order in which they are named; `drawn`: somebody wants to see it."""

    kind: Kind
    columns: tuple[str, ...] = ()
    drawn: bool = False


# The first kind whose words stand in a question has it.
_WORDS: dict[Kind, str] = {
    Kind.LEAKAGE: r"leak\w*|give[sn]?|giveaways?|cheat\w*|too good|known (only )?afterwards?",
    Kind.DUPLICATES: r"duplicat\w*|repeated rows?|same rows?|identical|twice|doubles?",
    Kind.OUTLIERS: r"outliers?|extremes?|anomal\w*|unusual|implausibl\w*|impossible values?|strange values?",
    Kind.MISSING: r"missing|gaps?|empty|nulls?|nans?|blanks?|incomplete|not filled",
    Kind.FAILURES: r"fails?|failing|mistakes?|wrong predictions?|errs?|worst|confus\w*|struggl\w*|weak(ness\w*)?",
    Kind.QUALITY_OF_MODEL: r"how (good|well|accurate|reliable|sure)|accura\w*|performance|trust|reliab\w*|good model"
    r"|is the model|scores?|explain the results?|results?",
    Kind.NEXT: r"next|improve\w*|better|should i|what (can|could|do) i|advice|recommend\w*|suggest\w*",
    Kind.PROBLEMS: r"wrong|problems?|issues?|quality|clean\w*|dirty|mend|fix\w*|errors?|bad|check",
    Kind.DRIVERS: r"matters?|important|importance|influenc\w*|drives?|drivers?|affects?|predict\w*|explains?"
    r"|determin\w*|depends? on|decid\w*|useful|strongest",
    Kind.PAIR: r"relat\w*|correlat\w*|connect\w*|go(es)? together|depend\w*|versus|vs|against|compar\w*|associat\w*",
    Kind.OVERVIEW: r"what('s| is) (in|this)|overview|summar\w*|describe|about (this|the) (table|data)"
    r"|(what|which|how many) (columns|rows)"
    r"|how (big|large)|table|data ?set|data",
}
_KINDS = tuple((kind, re.compile(rf"\b(?:{words})\b")) for kind, words in _WORDS.items())
_DRAWN = re.compile(
    r"\b(?:draw\w*|plot\w*|charts?|histograms?|graphs?|pictures?|scatter\w*|distribut\w*|spread|show me)\b"
)
_OF_RESULTS = frozenset({Kind.QUALITY_OF_MODEL, Kind.FAILURES})
_QUOTED = re.compile(r"“([^”]+)”|\"([^\"]+)\"|`([^`]+)`|‘([^’]+)’|(?<!\w)'([^']+)'(?!\w)")
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
_MOST_WORDS, _MOST_GUESSED = 6, 500
_SHORTEST_GUESS, _LONGEST = 4, 80
_SURE, _RATHER_SURE = 0.82, 0.74


def understand(text: str, columns: Sequence[str], *, about_results: bool = False) -> Question | None:
    """The question in a text, of a table with these columns; None where it is not recognised.

    >>> understand("Tell me about Age", ["Age", "Fare"])
    Question(kind=<Kind.COLUMN: 'column'>, columns=('Age',), drawn=False)
    >>> understand("how are age and fair related?", ["Age", "Fare"]).columns
    ('Age', 'Fare')
    >>> understand("Tell me about tenure", ["tenure_months", "charge a", "charge b"]).columns
    ('tenure_months',)
    >>> understand("What is the capital of France?", ["Age"]) is None
    True
    """
    named = mentioned(text, columns)
    plain = _without(text, named).casefold()
    drawn = _DRAWN.search(plain) is not None
    kinds = [kind for kind, words in _KINDS if words.search(plain)]
    if not about_results and Kind.PROBLEMS in kinds and kinds[0] is Kind.FAILURES:
        kinds.remove(Kind.FAILURES)
    if about_results and Kind.PROBLEMS in kinds and Kind.FAILURES not in kinds and not named:
        kinds.insert(0, Kind.FAILURES)
    kind = kinds[0] if kinds else None
    if len(named) >= 2 and kind in (None, Kind.PAIR, Kind.DRIVERS, Kind.OVERVIEW):
        return Question(Kind.PAIR, named[:2], drawn)
    if named and kind in (None, Kind.OVERVIEW, Kind.PAIR):
        # “How is it related to the others?”
        return Question(Kind.DRIVERS if kind is Kind.PAIR else Kind.COLUMN, named[:1], drawn)
    return None if kind is None else Question(kind, named, drawn)


def mentioned(text: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a text names, in its order: as they are written, in any case, or nearly so.

    >>> mentioned("Does the passenger class say more than 'a'?", ["a", "Passenger_Class", "b"])
    ('Passenger_Class', 'a')
    """
    known = {_folded(name): name for name in reversed(columns)}
    found: dict[str, int] = {}
    quoted: list[range] = []
    for match in _QUOTED.finditer(text):
        inner = next(group for group in match.groups() if group is not None)
        name = known.get(_folded(inner)) or _near(inner, known)
        if name is not None:
            found.setdefault(name, match.start())
            quoted.append(range(match.start(), match.end()))
    words = [word for word in _WORD.finditer(text) if not any(word.start() in place for place in quoted)]
    at = 0
    while at < len(words):
        at += _take(text, words, at, known, found)
    return tuple(sorted(found, key=found.__getitem__))


def _take(text: str, words: Sequence[re.Match[str]], at: int, known: dict[str, str], found: dict[str, int]) -> int:
    """Take the longest name that begins with this word; how many words it has."""
    for count in range(min(_MOST_WORDS, len(words) - at), 0, -1):
        piece = text[words[at].start() : words[at + count - 1].end()].strip(".-")
        name = known.get(_folded(piece))
        if name is not None and (count > 1 or piece.casefold() not in _COMMON):
            found.setdefault(name, words[at].start())
            return count
    word = words[at].group().strip(".-")
    if word.casefold() in _COMMON or len(word) < _SHORTEST_GUESS:
        return 1
    near = _near(word, known) or _with_part(word, known)
    if near is not None and not any(words.search(word.casefold()) for _, words in _KINDS):
        found.setdefault(near, words[at].start())
    return 1


def _near(word: str, known: Mapping[str, str]) -> str | None:
    """Where letters have changed places or one is another, a name as long as the word may be a little further away."""
    names, folded = list(known)[:_MOST_GUESSED], _folded(word)[:_LONGEST]
    near = difflib.get_close_matches(folded, names, n=1, cutoff=_SURE)
    if not near and len(folded) >= _SHORTEST_GUESS:
        alike = [name for name in names if len(name) == len(folded) and name[0] == folded[0]]
        near = difflib.get_close_matches(folded, alike, n=1, cutoff=_RATHER_SURE)
    return known[near[0]] if near else None


def _with_part(word: str, known: Mapping[str, str]) -> str | None:
    """The one name that has this word among several, such as “tenure” in “tenure_months”."""
    wanted = word.casefold()
    having = [name for folded, name in known.items() if wanted in folded and wanted in folded.split(" ")]
    return having[0] if len(having) == 1 else None


def _folded(name: str) -> str:
    return re.sub(r"[\s_.-]+", " ", name).strip().casefold()


def _without(text: str, named: Sequence[str]) -> str:
    """The text without the names in it: they are no words of a question."""
    for name in named:
        pattern = r"[\s_.-]+".join(map(re.escape, _folded(name).split()))
        text = re.sub(rf"(?<!\w){pattern}(?!\w)", "¤", text, flags=re.IGNORECASE)
    return text


def needs_results(question: Question) -> bool:
    """Whether it is about a model, and not about the table."""
    return question.kind in _OF_RESULTS
