"""What the model does and how well, beside simply guessing."""

from collections.abc import Iterator

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.distances import of_numbers, score_alone
from flowml.assistant.sentences.results.findings import Findings, Matrix
from flowml.assistant.sentences.results.judging import (
    EXCELLENT,
    GOOD,
    GUESSING,
    MODEST,
    NONE,
    PERFECT,
    WEAK,
    finds_few,
    is_lopsided,
    is_small,
    ranks_only,
)
from flowml.assistant.sentences.saying import (
    alike,
    base_of,
    named,
    of_hundred,
    out_of,
    seconds,
)
from flowml.domain.jobs import JobStatus
from flowml.domain.wording import fixed, number, plural

_COUNTED, _HARDLY = 40, 0.02
_CLEAR = 1.25
_OFTEN = 0.1
_MEANS_NOTHING = 100.0
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "ja", "oui", "si", "sí", "да", "positive", "pos"})


def opening(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    """The first paragraph: the verdict, then what it rests on."""
    if verdict == NONE:
        yield from _nothing(findings, facts)
        return
    rare = (
        [f"class:{findings.matrix.labels[findings.matrix.rarest]}"]
        if findings.matrix and _is_ranking(findings, verdict)
        else []
    )
    # How many models were tried is said of a guess alone.
    tried = ["learning"] if findings.is_guess else []
    yield facts.say(_headline(findings, verdict), "score", "guess", "task", *rare, *tried)
    if findings.matrix is not None:
        yield from _classes(findings, findings.matrix, verdict, facts)
    elif findings.distances is not None:
        yield from of_numbers(findings, findings.distances, facts)
    else:
        yield from score_alone(findings, facts)


def _nothing(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    target, time = named(findings.target), seconds(findings.elapsed_seconds)
    if not findings.status.ended:
        yield facts.say(f"There is no model for {target} yet: the first one comes within seconds of the start.", "run")
        return
    if findings.status is JobStatus.CANCELLED:
        yield facts.say(
            f"There is no model for {target}: the run was stopped before its first one was finished.", "run"
        )
    elif findings.error:
        yield facts.say(f"There is no model for {target}: {_lower(findings.error)}", "run")
    else:
        yield facts.say(f"There is no model for {target}, although the run went on for {time}.", "run")
    if findings.learning is not None and findings.learning.why_failed:
        yield facts.say(f"What went wrong first: {findings.learning.why_failed}", "learning")


def _lower(text: str) -> str:
    """To go on in the middle of a sentence, unless it begins with a name in capitals."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _headline(findings: Findings, verdict: str) -> str:
    target = named(findings.target)
    if verdict == GUESSING:
        return _useless(findings, target)
    if verdict == PERFECT:
        return _too_good(findings, target)
    if _is_ranking(findings, verdict):
        return _ranking(findings, verdict, target)
    known = {
        WEAK: f"This model is only a little better than guessing at {target}",
        MODEST: f"This model is clearly better than guessing at {target}, {_but(findings)}",
        GOOD: f"This model predicts {target} well",
        EXCELLENT: f"This model predicts {target} very well",
    }[verdict]
    if is_small(findings):
        return f"{known}, as far as {plural(findings.n_rows, 'row')} can tell."
    return f"{known}."


def _is_ranking(findings: Findings, verdict: str) -> bool:
    return verdict in (MODEST, GOOD, EXCELLENT) and ranks_only(findings)


def _but(findings: Findings) -> str:
    matrix = findings.matrix
    if findings.is_regression or matrix is None:
        return "but leaves much unexplained" if findings.is_regression else "but still often wrong"
    if is_lopsided(findings) and finds_few(findings):
        return "but misses much"
    return "but still often wrong" if matrix.right < (1 - _OFTEN) * matrix.total else "but still makes mistakes"


def _ranking(findings: Findings, verdict: str, target: str) -> str:
    """Of what puts rows in order and hardly ever says the rarest class."""
    matrix = findings.matrix
    assert matrix is not None
    rare, how = (
        matrix.rarest,
        {MODEST: "clearly better than by guessing", GOOD: "well", EXCELLENT: "very well"}[verdict],
    )
    label, found, rows = named(matrix.labels[rare]), matrix.counts[rare][rare], matrix.of(rare)
    does = "ranks rows" if findings.metric == "roc_auc" else "gives rows their probabilities"
    text = f"This model {does} {how} by {target}, but"
    if not found:
        which = "not find the only row that is" if rows == 1 else f"not find any of the {number(rows)} rows that are"
        return f"{text} as it decides now it does {which} {label}."
    return f"{text} as it decides now it finds few of those that are {label}: {out_of(found, rows, 'rows')}."


def _useless(findings: Findings, target: str) -> str:
    same = "it says the same for every row"
    if findings.is_guess and not findings.is_best:
        return f"This model is the guess that the others of its run are held against: {same}."
    if findings.is_guess and not findings.status.ended:
        return f"This is only a guess so far: {same}. The run goes on, and better models may still come."
    learning = findings.learning
    if findings.is_guess and learning is not None and not learning.finished:
        if not learning.at_once:
            return "This is only a guess, which says the same for every row: there was no time for a model that learns."
        tried = plural(learning.at_once, "simple model")
        were = "that learns was tried, and it was" if learning.at_once == 1 else "that learn were tried, and none was"
        return f"This is only a guess: {same}. {tried} {were} any better at {target}."
    if findings.is_guess:
        until = "" if findings.status is JobStatus.COMPLETED else " before the run ended"
        return f"This model is a guess: {same}, because nothing better for {target} was found{until}."
    if findings.skill is not None and findings.skill <= 0:
        return f"Do not use this model: it predicts {target} no better than always giving the same answer."
    return f"Do not rely on this model: it is not sure that it predicts {target} any better than guessing."


def _too_good(findings: Findings, target: str) -> str:
    matrix = findings.matrix
    how = "perfectly" if matrix is not None and matrix.right == matrix.total else "nearly perfectly"
    if is_small(findings):
        return (
            f"This model predicts {target} {how}, but only on {plural(findings.n_rows, 'row')}: that may be luck, or a"
            " column that knows the answer."
        )
    return f"This is too good to be true: the model predicts {target} {how}. Find out why before you use it."


def _classes(findings: Findings, matrix: Matrix, verdict: str, facts: Facts) -> Iterator[Sentence]:
    common = _same_answer(matrix)
    if findings.is_guess and matrix.said(matrix.commonest) < matrix.total:
        # Which class that is differs from turn to turn of testing where some are nearly as frequent.
        yield facts.say(
            "It says the class that is commonest where it learned, which in testing was right for"
            f" {of_hundred(matrix.right / max(matrix.total, 1))} rows.",
            "right",
        )
        return
    if findings.is_guess:
        common = named(matrix.labels[matrix.commonest])
        yield facts.say(
            f"It always says {common}, which is right for {of_hundred(matrix.guess_share)} rows, because so many are.",
            "commonest",
        )
        return
    yield from _right(findings, matrix, common, facts)
    if verdict == PERFECT:
        return
    if len(matrix.labels) == 2:
        yield from _of_two(findings, matrix, facts)
    else:
        yield from _of_many(matrix, facts)
    if findings.metric != "accuracy":
        yield from _own_metric(findings, facts)
    if verdict == GUESSING and findings.metric != "roc_auc" and findings.ranks_right and findings.surely_ranks:
        yield facts.say(
            f"Still, it has learned something: of one row with {named(findings.positive or '')} and one without, it"
            f" puts the right one first in {of_hundred(findings.ranks_right)} cases; guessing does in half.",
            "ranking",
        )


def _same_answer(matrix: Matrix) -> str:
    """What guessing says."""
    if len(matrix.most_frequent) > 1:
        return "giving the same answer"
    return f"answering {named(matrix.labels[matrix.commonest])}, the commonest,"


def _right(findings: Findings, matrix: Matrix, common: str, facts: Facts) -> Iterator[Sentence]:
    """How many it gets right, and how many the commonest class would: expected of the best model, else in testing."""
    share, rows, topic = matrix.right / max(matrix.total, 1), "rows in testing", "right"
    expected = findings.score if findings.metric == "accuracy" and findings.is_expected else None
    if matrix.total <= _COUNTED or share >= 1:
        guess = out_of(matrix.of(matrix.commonest), matrix.total)
        text = f"In testing it got {out_of(matrix.right, matrix.total, 'rows')} right; always"
        yield facts.say(f"{text} {common} would get {guess} right.", "right", "commonest")
        if expected is not None and expected < 1:
            between = _between(findings)
            yield facts.say(f"Of 100 new rows expect it to get about {_whole(expected)} right{between}.", "score")
        return
    if expected is not None:
        share, rows, topic = expected, "new rows", "score"
    right, guess = alike([share, matrix.guess_share])
    if is_lopsided(findings) and share - matrix.guess_share < _HARDLY:
        as_well = "do as well" if abs(share - matrix.guess_share) < 0.005 else f"get {guess} right"
        yield facts.say(
            f"It gets {right} {rows} right, but that says little: always {common} would {as_well}.",
            topic,
            "commonest",
        )
        return
    base = base_of(right)
    between = _between(findings, base) if topic == "score" else ""
    yield facts.say(
        f"It gets {right} {rows} right{between}; always {common} would get {guess} right.",
        topic,
        "commonest",
    )


def _between(findings: Findings, base: int = 100) -> str:
    if findings.low is None or findings.high is None:
        return ""
    low, high = (fixed(base * share) for share in (findings.low, findings.high))
    return f" (probably {low} to {high})" if low != high else ""


def _whole(share: float) -> str:
    return fixed(100 * share)


def _of_two(findings: Findings, matrix: Matrix, facts: Facts) -> Iterator[Sentence]:
    """Each of both classes: how many are found, and what its name is worth."""
    at = _first_said(findings, matrix)
    label, other = matrix.labels[at], matrix.labels[1 - at]
    rows, said, right = matrix.of(at), matrix.said(at), matrix.counts[at][at]
    topic, opposite = f"class:{label}", f"class:{other}"
    if rows:
        if not said:
            yield facts.say(_never(label, rows), topic)
        else:
            yield facts.say(
                f"{_found(right, rows, findings.target, label)}; and when it says {named(label)}, it is right"
                f" {_times_right(right, said)}.",
                topic,
            )
    theirs, found = matrix.of(1 - at), matrix.counts[1 - at][1 - at]
    if theirs and matrix.said(1 - at):
        yield facts.say(f"{_recognised(found, theirs, other)}.", opposite)
    elif theirs:
        yield facts.say(_never(other, theirs), opposite)


def _first_said(findings: Findings, matrix: Matrix) -> int:
    """Which of two classes comes first: what says yes, else the rarer one, which is what most ask about. Training takes
    the last of their order as the one that is looked for, and of words that order says nothing."""
    at = matrix.labels.index(findings.positive) if findings.positive in matrix.labels else 1
    if matrix.labels[at].casefold() in _YES or not matrix.of(1 - at) or matrix.of(at) <= matrix.of(1 - at):
        return at
    return 1 - at


def _never(label: str, rows: int) -> str:
    which = "does not find the only row that is" if rows == 1 else f"finds none of the {number(rows)} rows that are"
    return f"It never says {named(label)}, so it {which}."


def _found(right: int, rows: int, target: str, label: str) -> str:
    """Of so many rows of a class it finds so many."""
    which = f"where {named(target)} is really {named(label)}"
    if rows > _COUNTED:
        text = of_hundred(right / rows)
        count, _, base = text.partition(" of ")
        return f"Of {base} rows {which} it finds {count}" if base else f"Of the rows {which} it finds {text}"
    if rows == 1:
        return f"The only row {which} it {'finds' if right else 'does not find'}"
    return f"Of the {rows} rows {which} it finds {'all' if right == rows else right or 'none'}"


def _recognised(right: int, rows: int, label: str) -> str:
    if rows > _COUNTED:
        return f"Of {named(label)} it recognises {out_of(right, rows, 'rows')}"
    return f"Of {named(label)} it recognises {out_of(right, rows)}"


def _times_right(right: int, said: int) -> str:
    if said > _COUNTED:
        text = of_hundred(right / said)
        count, _, base = text.partition(" of ")
        if right in (0, said) or not base:
            return "every time" if right == said else "never" if not right else text
        return f"{count} times out of {base}"
    if said == 1:
        return "the one time that it does" if right else "not even the one time that it does"
    return f"all {said} times" if right == said else f"{right or 'none'} of {said} times"


def _of_many(matrix: Matrix, facts: Facts) -> Iterator[Sentence]:
    shown = [at for at in range(len(matrix.labels)) if matrix.of(at)]

    def share(at: int) -> float:
        return matrix.counts[at][at] / matrix.of(at)

    shown.sort(key=share)
    worst, best = shown[0], shown[-1]
    if share(best) - share(worst) < 0.03:
        yield facts.say(
            f"All {len(matrix.labels)} classes go about equally well: it finds"
            f" {out_of(matrix.counts[worst][worst], matrix.of(worst), 'rows')} of {named(matrix.labels[worst])}, the"
            " hardest.",
            f"class:{matrix.labels[worst]}",
        )
        return
    yield facts.say(
        f"It is best at {named(matrix.labels[best])}, where it finds"
        f" {out_of(matrix.counts[best][best], matrix.of(best), 'rows')}, and worst at {named(matrix.labels[worst])},"
        f" where it finds {out_of(matrix.counts[worst][worst], matrix.of(worst))}.",
        f"class:{matrix.labels[best]}",
        f"class:{matrix.labels[worst]}",
    )


def _own_metric(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    if findings.metric == "roc_auc" and findings.positive is not None and findings.score is not None:
        yield facts.say(
            f"It was chosen for how well it ranks: of one row with {named(findings.positive)} and one without, it puts"
            f" the right one first in {of_hundred(findings.score)} cases; guessing does in half.",
            "score",
            "ranking",
        )
        return
    yield from score_alone(findings, facts)
