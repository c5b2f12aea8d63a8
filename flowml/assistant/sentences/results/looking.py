"""What the model looks at, and in which direction."""

from collections.abc import Iterator, Sequence

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.findings import Direction, Findings, Use
from flowml.assistant.sentences.results.judging import GUESSING
from flowml.assistant.sentences.results.metric_words import TITLES
from flowml.assistant.sentences.saying import amount, named, of_hundred, percent
from flowml.domain.wording import fixed, listed, plural

_MOST_NAMED = 3
_MOST_DIRECTIONS = 2
_ALONE = 0.8
_TELLING = 0.03


def looking(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    """Nothing of what is no better than a guess: what it looks at is of no use."""
    if verdict == GUESSING:
        return
    if findings.uses is None:
        why = findings.missing.get("uses")
        if why:
            yield Sentence(f"Which columns it looks at could not be found out: {why}")
        return
    used = [use for use in findings.uses if use.importance > 2 * (use.std or 0.0) and use.importance > 0]
    if not used and any(use.std is None for use in findings.uses):
        yield Sentence("Each column was mixed up only once, which is too few to say which of them matter.")
        return
    if not used:
        yield facts.say(
            "No single column matters to it: whichever one is mixed up, it does about as well as before.",
            *(f"use:{use.column}" for use in findings.uses[:_MOST_NAMED]),
        )
        return
    yield _most(findings, used, facts)
    for use in used[:_MOST_DIRECTIONS]:
        if use.direction is not None:
            text = _direction(findings, use.column, use.direction)
            if text:
                yield facts.say(text, f"direction:{use.column}")
    # What was shuffled once may have lost nothing by chance.
    idle = [use for use in findings.uses if use.std is not None and use.importance <= max(use.std, 1e-9)]
    if idle and len(findings.uses) > 2:
        names = [named(use.column) for use in idle[:_MOST_NAMED]]
        if len(idle) > _MOST_NAMED:
            names.append(plural(len(idle) - _MOST_NAMED, "other column"))
        yield facts.say(
            f"Its {TITLES.get(findings.metric, 'score')} hardly depends on {listed(names)}: with the values of one of"
            " them mixed up it stays about the same.",
            *(f"use:{use.column}" for use in idle[:_MOST_NAMED]),
        )


def _most(findings: Findings, used: Sequence[Use], facts: Facts) -> Sentence:
    first = used[0]
    total = sum(use.importance for use in used)
    topics = [f"use:{use.column}" for use in used[:_MOST_NAMED]]
    cost = _cost(findings, first)
    if len(used) == 1:
        text = f"It looks at one column above all: {named(first.column)}; {cost}."
    elif first.importance >= _ALONE * total:
        others = listed([named(use.column) for use in used[1:_MOST_NAMED]])
        text = f"It leans mostly on {named(first.column)}: {cost}. By that measure {others} {_matters(used)} much less."
    else:
        names = listed([named(use.column) for use in used[1:_MOST_NAMED]])
        text = f"It looks most at {named(first.column)}: {cost}. Next {_comes(used)} {names}."
    return facts.say(text, *topics)


def _comes(used: Sequence[Use]) -> str:
    return "comes" if len(used) == 2 else "come"


def _matters(used: Sequence[Use]) -> str:
    return "matters" if len(used) == 2 else "matter"


def _cost(findings: Findings, use: Use) -> str:
    """What it would lose were this column's values mixed up."""
    loss, metric = use.importance, findings.metric
    known = None
    if findings.score is not None and findings.guess is not None:
        known = abs(findings.score - (max(findings.guess, 0.0) if metric == "r2" else findings.guess))
    mixed = "with its values mixed up"
    if known is not None and loss >= 0.95 * known:
        return f"{mixed} it would know nothing more than a guess does"
    if metric == "accuracy":
        return f"{mixed}, {of_hundred(loss)} rows more would be wrong"
    if metric == "r2":
        return f"{mixed} it would explain {fixed(100 * loss)} percentage points less"
    if metric in ("rmse", "mae"):
        return f"{mixed}, its error would be greater by {amount(loss)}"
    if metric in ("mape", "balanced_accuracy"):
        return f"{mixed}, its {TITLES[metric]} would be worse by {fixed(100 * loss)} percentage points"
    return f"{mixed}, its {TITLES.get(metric, metric)} would be worse by {fixed(loss, 2)}"


def _direction(findings: Findings, column: str, found: Direction) -> str:
    name = named(column)
    if findings.is_regression:
        if findings.distances is not None and abs(found.high - found.low) < 0.1 * findings.distances.half_within:
            return ""
        low, high = amount(found.low), amount(found.high)
        if low == high:
            return ""
        what = f"the higher the {named(findings.target)} that it predicts"
        between = f"from about {low} at {found.low_at} to {high} at {found.high_at}"
    else:
        if abs(found.high - found.low) < _TELLING or findings.positive is None:
            return ""
        low, high = (percent(value) for value in (found.low, found.high))
        what = f"the likelier {named(findings.positive)}"
        between = f"from {low} at {found.low_at} to {high} at {found.high_at}"
    if found.kind == "category":
        most, least = (f"highest where {name} is {found.high_at}", f"lowest where it is {found.low_at}")
        values = f"{high} and {low} on average"
        if findings.is_regression:
            return f"Its predictions are {most}, and {least} (about {values})."
        return f"Its probability of {named(findings.positive or '')} is {most}, and {least} ({values})."
    if not found.is_steady:
        subject = "its prediction" if findings.is_regression else f"the probability of {named(findings.positive or '')}"
        return (
            f"With {name} {subject} goes up and down: lowest, {low}, around {found.low_at}, and highest, {high}, around"
            f" {found.high_at}."
        )
    return f"The {found.kind} {name}, {what}: {between} on average."
