"""How far it can be trusted: how it was tested, warnings, ties, probabilities."""

import re
from collections.abc import Iterator

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.findings import Findings
from flowml.assistant.sentences.results.judging import GUESSING, PERFECT, is_small
from flowml.assistant.sentences.results.metric_words import TITLES, score_words
from flowml.assistant.sentences.saying import count_word, named, points
from flowml.domain.jobs import JobStatus, ValidationKind
from flowml.domain.wording import columns, plural

_WELL, _ROUGHLY, _TELLING = 0.03, 0.1, 0.06
_MOST_WARNINGS = 2
_FEW_COPIES = 0.05
_RARE = re.compile(r"Only [\d,]+ of [\d,]+ rows are “")
_COPIES = re.compile(r"([\d,]+) of ([\d,]+) rows are equal to another one")


def trusting(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    """What speaks for it and against it."""
    yield from _tested(findings, facts)
    if findings.leaks:
        known = "One column may know" if len(findings.leaks) == 1 else "Some columns may know"
        yield facts.say(
            f"{known} the answer before you do: {columns(findings.leaks, 3)}. If"
            f" {'it is' if len(findings.leaks) == 1 else 'they are'} filled in only once {named(findings.target)} is"
            " known, real results will be much worse.",
            "leak",
            *(f"warning:{at}" for at in range(len(findings.warnings))),
        )
    elif verdict == PERFECT:
        yield facts.say(
            f"Real tables hardly ever allow that. Usually a column says in other words what {named(findings.target)}"
            " is, or is filled in only afterwards: look at the column that it looks at most.",
            "score",
            *(f"use:{use.column}" for use in (findings.uses or ())[:1]),
        )
    if is_small(findings) and verdict not in (PERFECT, GUESSING):
        yield from _few(findings, facts)
    yield from _warned(findings, facts)
    if findings.weighted:
        yield Sentence("Rows count by their weights; the counts of rows above do not.")
    if verdict not in (GUESSING, PERFECT):
        yield from _rivals(findings, facts)
        yield from _probabilities(findings, facts)
        if findings.has_ranges:
            yield facts.say(
                "With each prediction it gives a range that is made to hold the real value nine times out of ten: look"
                " at that, too.",
                "ranges",
            )
    if findings.status is JobStatus.CANCELLED:
        yield facts.say("The run was stopped before its time was up, so a longer one may find a better model.", "run")
    elif not findings.status.ended:
        yield facts.say("The run still goes on: all this may change.", "run")


def _tested(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    validation = findings.validation
    if validation is None or not findings.n_rows:
        return
    rows = plural(findings.n_rows, "row")
    if validation.kind is ValidationKind.TIME:
        text = f"It was tested on {rows} that came later by {named(validation.column or '')} than all it learned from"
    elif validation.kind is ValidationKind.GROUP:
        whom = named(validation.column or "")
        text = f"It was tested on {rows}, always on such a {whom} as it had learned nothing about"
    elif validation.kind is ValidationKind.HOLDOUT:
        text = f"It was tested on {rows} that were held back from learning"
    elif validation.kind is ValidationKind.TOGETHER:
        text = f"It was tested on all {rows}, equal ones kept together, each time on rows unlike those it learned from"
    else:
        text = f"It was tested on all {rows}, in {count_word(validation.n_folds)} turns"
        text += ", each time on those that it had not learned from"
    yield facts.say(f"{text}.", "validation", "task")
    low, high = findings.low, findings.high
    if not findings.is_expected or low is None or high is None or findings.metric in ("accuracy", "r2"):
        return
    least, most = (score_words(findings.metric, value) for value in (low, high))
    title = TITLES.get(findings.metric, "score")
    if least != most:
        yield facts.say(
            f"In nine of ten cases its {title} on new rows of the same kind lies between {least} and {most}.", "score"
        )


def _warned(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    """What the run has told and is not said yet: few rows of a class are, and columns that know the answer."""
    said = 0
    for at, warning in enumerate(findings.warnings):
        topic = f"warning:{at}"
        if any(f"“{name}”" in warning for name in findings.leaks):
            continue
        if _RARE.match(warning) and findings.metric != "accuracy":
            continue
        copies = _COPIES.match(warning)
        if copies is not None:
            equal, total = (int(count.replace(",", "")) for count in copies.groups())
            if equal < _FEW_COPIES * total:
                continue
            warning = (
                f"{copies[1]} of {copies[2]} rows are copies of another one, which makes testing too easy. If your new"
                " rows will not be copies, train again with equal rows kept together."
            )
        if said < _MOST_WARNINGS:
            said += 1
            yield facts.say(warning, topic)


def _few(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    if findings.n_rows < 100:
        yield facts.say(f"With only {plural(findings.n_rows, 'row')} all these figures are rough.", "task")
        return
    matrix = findings.matrix
    if matrix is not None:
        rarest = matrix.rarest
        rows = matrix.of(rarest)
        yield facts.say(
            f"Only {plural(rows, 'row')} {'is' if rows == 1 else 'are'} {named(matrix.labels[rarest])}, so what is said"
            " of that class is rough.",
            f"class:{matrix.labels[rarest]}",
        )


def _rivals(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    other = findings.runner_up
    if other is None:
        return
    if not findings.is_best:
        if other.tie:
            yield facts.say(
                f"Another model of its run, {other.name}, is as good as far as these rows can tell.", "runner_up"
            )
        return
    if other.tie:
        quick = " It is faster, so it may be the better choice." if other.is_faster else ""
        yield facts.say(
            f"The next best, {other.name}, is as good as far as these rows can tell: which of the two is ahead may be"
            f" chance.{quick}",
            "runner_up",
        )
    else:
        yield facts.say(f"It is ahead of the next best, {other.name}, by more than chance.", "runner_up")


def _probabilities(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    found = findings.calibration
    if found is None:
        return
    beyond = found.error - found.chance_error if found.error > found.chance_limit else 0.0
    if found.error <= found.chance_limit and found.chance_limit > _TELLING:
        yield facts.say("There are too few rows to say whether its probabilities can be believed.", "calibration")
    elif beyond <= _WELL:
        yield facts.say(
            f"Its probabilities can be taken at their word: on average they are off by {points(found.error)}"
            f"{', about what chance alone makes of so few rows' if found.error > _WELL else ''}.",
            "calibration",
        )
    elif beyond <= _ROUGHLY:
        yield facts.say(
            f"Its probabilities can be taken roughly: on average they are off by {points(found.error)}.",
            "calibration",
        )
    else:
        yield facts.say(
            f"Its probabilities cannot be taken at their word, being off by {points(found.error)} on average: only"
            " their order counts.",
            "calibration",
        )
