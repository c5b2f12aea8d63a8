"""What came of an idea for a column, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowml.domain.ideas import Difference, Learned, Measured, Try, TryStatus, Verdict, chance_of_a_lucky_one
from flowml.domain.wording import number, plural
from flowml.web.formatting import percent
from flowml.web.words import difference_text, metric_title, score_text


@dataclass(frozen=True)
class Said:
    """`verdict` and `headline` are of the family that comes furthest; `sentences` has one of each family, and what is
    to be said of rows and folds."""

    verdict: Verdict
    headline: str
    sentences: tuple[str, ...]


def said_of(measured: Measured) -> Said:
    """What is worth saying of a finished one."""
    best, others = measured.best, [one for one in measured.learners if one is not measured.best]
    helped = [one for one in others if one.difference.verdict is Verdict.HELPS]
    verdict = best.difference.verdict
    headline = _HEADLINES[verdict]
    if verdict in (Verdict.UNCLEAR, Verdict.SAME) and helped:
        who = helped[0].title.lower()
        headline = f"Helps the {who.removeprefix('the ')}, and not the better of the two."
    sentences = [family_words(one, measured) for one in (best, *others)]
    rows = plural(measured.rows, "row")
    if measured.rows < measured.rows_in_all:
        rows = f"{rows} of {measured.rows_in_all:,}, evenly drawn"
    sentences.append(f"By {metric_title(measured.metric)}, on {rows}. {measured.folds}")
    return Said(verdict, headline, (*sentences, *measured.notes))


_HEADLINES = {
    Verdict.HELPS: "It helps.",
    Verdict.HURTS: "It hurts.",
    Verdict.UNCLEAR: "No difference that can be told from chance.",
    Verdict.SAME: "It changes nothing.",
    Verdict.TOO_FEW: "Too few folds have a score to say anything.",
}


def family_words(one: Learned, measured: Measured) -> str:
    """One family in a sentence with its figures."""
    found, metric = one.difference, measured.metric
    if found.mean is None or one.without is None or one.beside is None:
        return f"{one.title}: no fold has a score."
    scores = f"{score_text(one.without, metric)} without, {score_text(one.beside, metric)} with it"
    if found.verdict is Verdict.SAME:
        return f"{one.title}: the same in {plural(found.n_folds, 'fold')} ({score_text(one.without, metric)})."
    better = f"better in {found.n_better} of {plural(found.n_folds, 'fold')}"
    if found.low is None or found.high is None or found.low == found.high:
        return f"{one.title}: {scores}; {better}. That is too little to tell it from chance."
    text = f"{one.title}: {scores}; {_gain(found, metric)}, {better}"
    if found.verdict is Verdict.UNCLEAR:
        return f"{text}: that may be chance."
    return f"{text}: {'a gain' if found.verdict is Verdict.HELPS else 'a loss'} that chance hardly makes."


def _gain(found: Difference, metric: str) -> str:
    assert found.mean is not None and found.low is not None and found.high is not None
    way = "better" if found.mean >= 0 else "worse"
    low, high = (_signed(value, metric) for value in (found.low, found.high))
    return f"{difference_text(abs(found.mean), metric)} {way} (95 % interval {low} to {high})"


def _signed(value: float, metric: str) -> str:
    text = difference_text(abs(value), metric).removesuffix(" percentage points")
    return f"{'−' if value < 0 else '+'}{text}"


def many_words(tried: Sequence[Try]) -> str:
    """A warning where several ideas were tried for the same target; empty for one."""
    finished = [one for one in tried if one.status is TryStatus.FINISHED and one.measured is not None]
    count = len(finished)
    if count < 2:
        return ""
    text = (
        f"{count} ideas were tried for this target. Of {count} that are of no use, at least one would look as if it"
        f" helped with a chance of about {percent(chance_of_a_lucky_one(count))}: the best of many is partly luck."
    )
    helps = [one for one in finished if _verdict(one) is Verdict.HELPS]
    if not helps:
        return text
    clear = [one for one in helps if (_p(one) or 0.0) * count < 0.05]
    if len(clear) == len(helps):
        return f"{text} {_these(len(helps))} out even so."
    if clear:
        stand = "stands" if len(clear) == 1 else "stand"
        return f"{text} Of {len(helps)} that helped, {number(len(clear))} {stand} out even so."
    return f"{text} None stands out once that is taken into account."


def _these(count: int) -> str:
    return "The one that helped stands" if count == 1 else f"The {count} that helped stand"


def _verdict(tried: Try) -> Verdict:
    assert tried.measured is not None
    return tried.measured.best.difference.verdict


def _p(tried: Try) -> float | None:
    assert tried.measured is not None
    return tried.measured.best.difference.p
