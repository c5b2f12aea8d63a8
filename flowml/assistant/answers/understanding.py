"""What a question is about: its kind, by the words that people use for it, and the columns that it names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from flowml.assistant.answers.naming import Mention, mentioned, mentions


class Kind(StrEnum):
    """What can be asked without a language model."""

    OVERVIEW = "overview"
    PROBLEMS = "problems"
    COLUMN = "column"
    DRIVERS = "drivers"
    PAIR = "pair"
    GROUPS = "groups"
    LEAKAGE = "leakage"
    MISSING = "missing"
    DUPLICATES = "duplicates"
    OUTLIERS = "outliers"
    SKEW = "skew"
    BALANCE = "balance"
    TARGETS = "targets"
    CHANGE = "change"
    QUALITY_OF_MODEL = "quality_of_model"
    FAILURES = "failures"
    PROBABILITIES = "probabilities"
    METRIC = "metric"
    NEXT = "next"


@dataclass(frozen=True)
class Question:
    """`columns` in the order in which they are named; `target` is the one among them that is to be predicted, by the
    words around it. `drawn`: somebody wants to see it. `taken`: words that were taken to mean a column. `metric`: whose
    meaning is asked for."""

    kind: Kind
    columns: tuple[str, ...] = ()
    target: str | None = None
    drawn: bool = False
    taken: tuple[tuple[str, str], ...] = ()
    metric: str = field(default="", repr=False)


# In the words below, as in a question where its names were.
_NAME = "¤"
# The first kind whose words stand in a question has it.
_WORDS: dict[Kind, str] = {
    Kind.CHANGE: r"^\W*(please |can you |could you |would you |just )*(delete|drop|remove|get rid of|throw away)\b.*",
    Kind.PROBLEMS: r"(anything|something|what) (is |speaks )?against|(trust|reli\w*|believe)\b.*\b(data|table|values?)"
    r"|(data|table|values?)\b.*\b(reliab\w*|trustworthy|any good|good enough)|weird|strange|odd",
    Kind.LEAKAGE: r"leak\w*|giv(e|es|en|ing)\b[^.?!]*\baway|giveaways?|cheat\w*|too good|known (only )?afterwards?",
    Kind.DUPLICATES: r"duplicat\w*|repeated rows?|same rows?|identical|twice|doubles?",
    Kind.OUTLIERS: r"outliers?|extremes?|anomal\w*|unusual|implausibl\w*|impossible values?|strange values?",
    Kind.MISSING: r"missing|gaps|(a|any|some|the|no) gap|gap in|empty|nulls?|nans?|blanks?|incomplete|not filled",
    Kind.SKEW: r"skew\w*|long tails?|asymmetr\w*|normally distributed",
    Kind.BALANCE: r"(un|im)?balanced?|imbalances?|how many of each|class(es)? distribution",
    Kind.TARGETS: r"(what|which( columns?)?) (can|could|should|might|would) (i|we|one|be) predict\w*|what to predict"
    r"|worth predicting|(possible|good) targets?",
    Kind.FAILURES: r"fails?|failing|mistakes?|wrong predictions?|errs?|worst|confus\w*|struggl\w*|weak(ness\w*)?"
    r"|(false|true) (positives?|negatives?|alarms?)|misses|misclassif\w*",
    Kind.PROBABILITIES: r"(trust|reli\w*|believe|calibrat\w*|(right|correct|true)\b)[^.?!]*\bprobabilit\w*"
    r"|probabilit\w*\b[^.?!]*\b(trust\w*|reli\w*|believ\w*|calibrat\w*|right|correct|true|mean)|calibrat\w*",
    Kind.QUALITY_OF_MODEL: r"how (good|well|accurate|reliable|sure)|accura\w*|performance|trust|reliab\w*|good model"
    r"|is the model|best model|scores?|explain the results?|results?|r2|rmse|mae|auc|roc|f1|precision|recall|log ?loss"
    r"|metrics?|(which|what) (model|algorithm)( has)? (won|wins|is best|was best|is used|was used|came first)"
    r"|winn(er|ing)|(cross.?)?validat\w*|(was|is|were) (it|this|the model|they) (tested|evaluated)|tested|held.?out"
    r"|overfit\w*|should (i|we|one) (use|deploy|rely on|ship|take) (it|this|that|the|my|our)\b(?! columns?\b)",
    Kind.NEXT: r"next|improve\w*|better|should i|what (can|could|do) i|advice|recommend\w*|suggest\w*|(do|start) first",
    Kind.DRIVERS: r"matters?|important|importance|influenc\w*|drives?|drivers?|affects?|predict\w*|explains?"
    r"|determin\w*|depends? (up)?on(?! each| one)|decid\w*|useful|useless|of (any )?use|helpful|relevant|strongest",
    Kind.PAIR: r"relat\w*|correlat\w*|connect\w*|go(es)? (together|with)|depend\w*|versus|vs|compar\w*|associat\w*",
    Kind.GROUPS: r"against|bias\w*|discriminat\w*|unfair\w*|fairness|is (it|this|that) fair"
    r"|differ|differences?|pay gap|(more|less) often",
    Kind.OVERVIEW: r"what('s| is) (in|this)|overview|summar\w*|describe|about (this|the) (table|data)"
    r"|(what|which|how many) (columns|rows)"
    r"|how (big|large)|table|data ?set|data",
}
_MORE_PROBLEMS = r"wrong|problems?|issues?|quality|clean\w*|dirty|mend|fix\w*|errors?|bad|check"


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b")


_KINDS = tuple(
    one
    for kind, words in _WORDS.items()
    for one in (
        (kind, re.compile(words) if words.startswith("^") else _pattern(words)),
        *([(Kind.PROBLEMS, _pattern(_MORE_PROBLEMS))] if kind is Kind.NEXT else []),
    )
)
_DRAWN = re.compile(
    r"\b(?:draw\w*|plot\w*|charts?|histograms?|graphs?|pictures?|scatter\w*|distribut\w*|spread|show me)\b"
)
_REMOVED = (Kind.DUPLICATES, Kind.MISSING, Kind.OUTLIERS)
_OF_RESULTS = frozenset({Kind.QUALITY_OF_MODEL, Kind.FAILURES, Kind.PROBABILITIES, Kind.METRIC})
_MEANING = re.compile(
    r"^\W*(?:what(?: is|s|'s|’s| are| does)|explain|define|meaning of)(?: an?)?"
    r" (?P<metric>balanced accuracy|accuracy|f1(?:[- ]score)?|roc[ _-]?auc|auc|log[ _-]?loss|r2|r²|rmse|mae|mape)"
    r"(?: mean| stand for)?\W*$"
)
_METRICS = {"auc": "roc_auc", "rocauc": "roc_auc", "logloss": "log_loss", "balancedaccuracy": "balanced_accuracy",
            "f1score": "f1", "r²": "r2"}  # fmt: skip
# The name that comes is of what is to be predicted.
_OF_TARGET = re.compile(
    r"(?:\b(?:for|predict\w*|affects?|influenc\w*|drives?|(?:drivers?|causes?) (?:of|behind)|determin\w*|decid\w*"
    r"|explains?|giv(?:e|es|en|ing)|say about|tells? (?:about|of)?)"
    r"(?: (?:the|a|my|our|target|column|value|of|whether|if|somebody|someone))*|\bwhat (?:does|do) (?:the )?)\s*$"
)
_DEPENDS = re.compile(r"^\s*depends? (?:up)?on|^[^.?!]*\bdepends? (?:up)?on\W*$")


def understand(text: str, columns: Sequence[str], *, about_results: bool = False) -> Question | None:
    """The question in a text, of a table with these columns; None where it is not recognised.

    >>> understand("Tell me about Age", ["Age", "Fare"])
    Question(kind=<Kind.COLUMN: 'column'>, columns=('Age',), target=None, drawn=False, taken=())
    >>> understand("how are age and fair related?", ["Age", "Fare"]).columns
    ('Age', 'Fare')
    >>> understand("Tell me about tenure", ["tenure_months", "charge a", "charge b"]).taken
    (('tenure', 'tenure_months'),)
    >>> understand("What predicts Age?", ["Age", "Fare"]).target, understand("Is Age of use?", ["Age", "Fare"]).target
    ('Age', None)
    >>> understand("What is the capital of France?", ["Age"]) is None
    True
    """
    meaning = _MEANING.match(text.casefold())
    if meaning is not None and not mentioned(meaning["metric"], columns):
        name = re.sub(r"[ _-]", "", meaning["metric"])
        return Question(Kind.METRIC, metric=_METRICS.get(name, name))
    found = [one for one in mentions(text, columns) if not one.said or not _is_of_a_kind(one.said)]
    named = tuple(dict.fromkeys(one.column for one in found))
    plain = _without(text, found).casefold()
    kind = _kind(plain, named, about_results=about_results)
    if kind is None and not named:
        return None
    if len(named) >= 2 and kind in (None, Kind.PAIR, Kind.GROUPS, Kind.DRIVERS, Kind.OVERVIEW):
        kind, named = Kind.PAIR, named[:2]
    elif named and kind in (None, Kind.OVERVIEW):
        kind, named = Kind.COLUMN, named[:1]
    assert kind is not None
    target = next(
        (one.column for one, name in zip(found, re.finditer(_NAME, plain), strict=True) if _aims(plain, name)), None
    )
    taken = dict.fromkeys((one.said, one.column) for one in found if one.said and one.column in named)
    return Question(kind, named, target if target in named else None, _DRAWN.search(plain) is not None, tuple(taken))


def subject_and_target(question: Question, known: str | None) -> tuple[tuple[str, ...], str | None]:
    """The columns that are asked about, and what is to be predicted by them: what the question says it is, or else what
    is `known` to be.

    >>> subject_and_target(understand("Is Fare important?", ["Age", "Fare"]), "Age")
    (('Fare',), 'Age')
    >>> subject_and_target(understand("What affects Fare?", ["Age", "Fare"]), "Age")
    ((), 'Fare')
    """
    target = question.target or known
    return tuple(column for column in question.columns if column != question.target), target


def _kind(plain: str, named: Sequence[str], *, about_results: bool) -> Kind | None:
    kinds = list(dict.fromkeys(kind for kind, words in _KINDS if words.search(plain)))
    if about_results and kinds[:1] == [Kind.PROBLEMS] and Kind.QUALITY_OF_MODEL in kinds and "data" not in plain:
        kinds.remove(Kind.PROBLEMS)
    if not about_results and Kind.PROBLEMS in kinds and kinds[0] is Kind.FAILURES:
        kinds.remove(Kind.FAILURES)
    if about_results and Kind.PROBLEMS in kinds and Kind.FAILURES not in kinds and not named:
        kinds.insert(0, Kind.FAILURES)
    if about_results and kinds[:1] == [Kind.PAIR] and "model" in plain and not named:
        return Kind.QUALITY_OF_MODEL
    if kinds[:1] == [Kind.CHANGE]:
        # What is asked to be removed is something that was looked for.
        return next((kind for kind in kinds if kind in _REMOVED), Kind.CHANGE)
    return kinds[0] if kinds else None


def _aims(plain: str, name: re.Match[str]) -> bool:
    """Whether the name that stands here is of what is to be predicted."""
    before, after = plain[: name.start()], plain[name.end() :]
    if re.search(r"\bwhat (?:does|do) (?:the )?$", before):
        return _DEPENDS.search(after) is not None
    return _OF_TARGET.search(before) is not None


def _is_of_a_kind(word: str) -> bool:
    return any(words.search(word.casefold()) for kind, words in _KINDS if kind is not Kind.CHANGE)


def _without(text: str, found: Sequence[Mention]) -> str:
    """The text with a mark for each name in it: they are no words of a question."""
    parts, at = [], 0
    for one in found:
        parts += [text[at : one.start].replace(_NAME, " "), _NAME]
        at = one.end
    return "".join([*parts, text[at:].replace(_NAME, " ")])


def needs_results(question: Question) -> bool:
    """Whether it is about a model, and not about the table."""
    return question.kind in _OF_RESULTS
