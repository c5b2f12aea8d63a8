"""What the model does and how well, beside simply guessing."""

from collections.abc import Iterator

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.findings import Distances, Findings, Matrix
from flowml.assistant.sentences.results.judging import (
    EXCELLENT,
    GOOD,
    GUESSING,
    MODEST,
    NONE,
    PERFECT,
    WEAK,
    is_lopsided,
    is_small,
)
from flowml.assistant.sentences.results.metric_words import MEANINGS, TITLES, score_words
from flowml.assistant.sentences.saying import alike, amount, named, of_hundred, out_of, part, percent, seconds, times
from flowml.domain.jobs import JobStatus, ValidationKind
from flowml.domain.wording import fixed, number, plural

_COUNTED, _HARDLY = 40, 0.02
_RANKS = 0.6
_CLEAR = 1.25


def opening(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    """The first paragraph: the verdict, then what it rests on."""
    if verdict == NONE:
        yield from _nothing(findings, facts)
        return
    yield facts.say(_headline(findings, verdict), "score", "guess", "task")
    if findings.matrix is not None:
        yield from _classes(findings, findings.matrix, verdict, facts)
    elif findings.distances is not None:
        yield from _numbers(findings, findings.distances, verdict, facts)
    else:
        yield from _score_alone(findings, facts)


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
    but = "but leaves much unexplained" if findings.is_regression else "but still often wrong"
    if is_lopsided(findings):
        but = "but misses much"
    known = {
        WEAK: f"This model is only a little better than guessing at {target}",
        MODEST: f"This model is clearly better than guessing at {target}, {but}",
        GOOD: f"This model predicts {target} well",
        EXCELLENT: f"This model predicts {target} very well",
    }[verdict]
    if is_small(findings):
        return f"{known}, as far as {plural(findings.n_rows, 'row')} can tell."
    return f"{known}."


def _useless(findings: Findings, target: str) -> str:
    if findings.is_guess and findings.learning is not None and not findings.learning.finished:
        return "This is only a guess, which says the same for every row: there was no time for a model that learns."
    if findings.is_guess:
        return f"This model is a guess: it says the same for every row, because nothing better for {target} was found."
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
    common = named(matrix.labels[matrix.commonest])
    if findings.is_guess:
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
    if verdict == GUESSING and findings.metric != "roc_auc" and (findings.ranks_right or 0.0) >= _RANKS:
        yield facts.say(
            f"Still, it has learned something: of one row with {named(findings.positive or '')} and one without, it"
            f" puts the right one first in {of_hundred(findings.ranks_right or 0.0)} cases; guessing does in 50.",
            "ranking",
        )


def _right(findings: Findings, matrix: Matrix, common: str, facts: Facts) -> Iterator[Sentence]:
    """How many it gets right, and how many the commonest class would: expected of the best model, else in testing."""
    share, rows, topic = matrix.right / max(matrix.total, 1), "rows in testing", "right"
    expected = findings.score if findings.metric == "accuracy" and findings.is_expected else None
    if matrix.total <= _COUNTED or share >= 1:
        guess = out_of(matrix.of(matrix.commonest), matrix.total)
        text = f"In testing it got {out_of(matrix.right, matrix.total, 'rows')} right; always answering {common}, the"
        yield facts.say(f"{text} commonest, would get {guess} right.", "right", "commonest")
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
            f"It gets {right} {rows} right, but that says little: always answering {common}, the commonest, would"
            f" {as_well}.",
            topic,
            "commonest",
        )
        return
    base = 1_000 if right.endswith("1,000") else 100
    between = _between(findings, base) if topic == "score" else ""
    yield facts.say(
        f"It gets {right} {rows} right{between}; always answering {common}, the commonest, would get {guess} right.",
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
    at = matrix.labels.index(findings.positive) if findings.positive in matrix.labels else 1
    label, other = matrix.labels[at], matrix.labels[1 - at]
    rows, said, right = matrix.of(at), matrix.said(at), matrix.counts[at][at]
    topic, opposite = f"class:{label}", f"class:{other}"
    if rows:
        if not said:
            which = (
                "does not find the only row that is" if rows == 1 else f"finds none of the {number(rows)} rows that are"
            )
            yield facts.say(f"It never says {named(label)}, so it {which}.", topic)
        else:
            yield facts.say(
                f"{_found(right, rows, findings.target, label)}; and when it says {named(label)}, it is right"
                f" {_times_right(right, said)}.",
                topic,
            )
    theirs, found = matrix.of(1 - at), matrix.counts[1 - at][1 - at]
    if theirs and matrix.said(1 - at):
        yield facts.say(f"{_recognised(found, theirs, other)}.", opposite)


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
            f" the right one first in {of_hundred(findings.score)} cases; guessing does in 50.",
            "score",
            "ranking",
        )
        return
    yield from _score_alone(findings, facts)


def _score_alone(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    if findings.score is None:
        return
    title, meaning = TITLES.get(findings.metric, findings.metric), MEANINGS.get(findings.metric, "")
    score = score_words(findings.metric, findings.score)
    text = f"Its {title}{f' ({meaning})' if meaning else ''} is {score}"
    text += " on new rows" if findings.is_expected else " in testing"
    if findings.guess is not None:
        guess = score_words(findings.metric, findings.guess)
        text += ", the same as guessing" if guess == score else f"; guessing has {guess}"
    yield facts.say(f"{text}.", "score", "guess")


def _numbers(findings: Findings, found: Distances, verdict: str, facts: Facts) -> Iterator[Sentence]:
    target = named(findings.target)
    if findings.is_guess:
        yield facts.say(
            f"It says about {amount(found.middle)} for every row; half of the rows are within"
            f" {amount(found.guess_within)} of that.",
            "guess_within",
        )
        return
    tail = f"one in ten is off by more than {amount(found.most_within)}"
    if found.n_rows < 30:
        tail = f"the worst is off by {amount(found.greatest)}"
    if found.half_within <= 0:
        yield facts.say(f"At least half of its predictions hit {target} exactly; {tail}.", "distances")
    else:
        yield facts.say(
            f"Half of its predictions are within {amount(found.half_within)} of the real {target}; {tail}.", "distances"
        )
    if found.guess_within > 0 and found.half_within > 0 and not _in_time(findings):
        ratio = found.guess_within / found.half_within
        if ratio < _CLEAR and findings.metric == "mae":
            yield from _explained(findings, verdict, facts)
            return
        if ratio < _CLEAR and found.guess_mean > _CLEAR * found.mean_off:
            # Of whole numbers many are equally far off: the average tells more.
            yield facts.say(
                f"On average it is off by {amount(found.mean_off)}; saying the middle value, {amount(found.middle)},"
                f" for every row would be off by {amount(found.guess_mean)}.",
                "guess_mean",
                "guess_within",
            )
            yield from _explained(findings, verdict, facts)
            return
        if ratio < 1.05:
            says = "just as far off" if ratio > 0.95 else "even closer"
            yield facts.say(
                f"Saying the middle value, {amount(found.middle)}, for every row would be {says}: half of the rows are"
                f" within {amount(found.guess_within)} of it.",
                "guess_within",
                "distances",
            )
        else:
            how = f", {times(ratio)} as far" if ratio >= 1.25 else ""
            yield facts.say(
                f"Saying the middle value, {amount(found.middle)}, for every row would be within"
                f" {amount(found.guess_within)} half of the time{how}.",
                "guess_within",
                "distances",
            )
    yield from _explained(findings, verdict, facts)


def _explained(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    if findings.metric == "r2" and findings.score is not None:
        if findings.score <= 0.005:
            yield facts.say(
                f"It explains nothing of why {named(findings.target)} differs from row to row.", "score", "guess"
            )
            return
        text = f"It explains {_about(findings.score)} of why {named(findings.target)} differs from row to row"
        if _in_time(findings):
            yield facts.say(f"{text} among the later rows that tested it.", "score", "validation")
            return
        if findings.low is not None and findings.high is not None and findings.is_expected:
            low, high = percent(max(0.0, findings.low)), percent(max(0.0, findings.high))
            if low != high:
                text += f" (probably {low.removesuffix(' %')} to {high} in new rows)"
        yield facts.say(f"{text}; guessing explains nothing.", "score", "guess")
        return
    if findings.metric == "mae" and findings.score is not None and findings.guess is not None:
        where = "on new rows" if findings.is_expected else "in testing"
        yield facts.say(
            f"On average it is off by {amount(findings.score)} {where}; always giving the same answer would be off by"
            f" {amount(findings.guess)}.",
            "score",
            "guess",
        )
        return
    if findings.metric == "mape" and findings.score is not None:
        text = f"On average it is off by {percent(findings.score)} of the real value"
        if findings.guess is not None:
            text += f"; one answer for every row by {percent(findings.guess)}"
        yield facts.say(f"{text}.", "score", "guess")
        return
    yield from _score_alone(findings, facts)


def _in_time(findings: Findings) -> bool:
    """Whether it was tested on later rows: the middle of all values is nobody's guess there."""
    return findings.validation is not None and findings.validation.kind is ValidationKind.TIME


def _about(share: float) -> str:
    word = part(share)
    return f"about {word}" if word[0] in "0123456789ath" and word != "all" else word
