"""What came of an idea for a column, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowml.domain.ideas import Difference, Learned, Measured, Try, TryStatus, Verdict, chance_of_a_lucky_one
from flowml.domain.wording import columns, number, plural
from flowml.web.formatting import percent
from flowml.web.words import difference_text, metric_title, score_text


@dataclass(frozen=True)
class Said:
    """`verdict` and `headline` are of the best family without the idea against the best with it; `sentences` has one of
    each family, and what is to be said of rows and folds."""

    verdict: Verdict
    headline: str
    sentences: tuple[str, ...]


def said_of(measured: Measured) -> Said:
    """What is worth saying of a finished one."""
    verdict, headline = _headline(measured)
    sentences = [family_words(one, measured) for one in measured.learners]
    overall = measured.overall
    if overall is not None and overall.without_by != overall.beside_by:
        titles = {one.name: one.title.lower() for one in measured.learners}
        who = f"The better of the two ({titles[overall.without_by]} without, {titles[overall.beside_by]} with it)"
        sentences.insert(0, _words(who, overall.without, overall.beside, overall.difference, measured.metric))
    drawn = measured.rows if measured.drawn is None else measured.drawn
    rows = plural(drawn, "row")
    if drawn < measured.rows_in_all:
        rows = f"{rows} of {measured.rows_in_all:,}, drawn at random"
    if measured.rows < drawn:
        rows += f", of which {measured.rows:,} have a value to predict"
    sentences.append(f"By {metric_title(measured.metric)}, on {rows}. {measured.folds}")
    sentences.append("A fold is a part of the rows: models learn from the others and are tested on these.")
    return Said(verdict, headline, (*sentences, *measured.notes))


def _headline(measured: Measured) -> tuple[Verdict, str]:
    found, target = measured.difference, measured.target
    if measured.backwards:
        name = measured.backwards[0]
        return Verdict.BACKWARDS, f"“{name}” is “{target}” itself, computed backwards: is it known when you predict?"
    if measured.too_good:
        name = columns(measured.columns, 2)
        return Verdict.BACKWARDS, f"Almost too good: is {name} known when you predict, or made of “{target}”?"
    if found.verdict is Verdict.TOO_FEW:
        return found.verdict, f"Only {plural(found.n_folds, 'test')} with a score: too few to say anything."
    if found.verdict in (Verdict.HELPS, Verdict.HURTS):
        if _is_nothing(found.mean, measured.metric):
            return Verdict.SAME, "So little that it makes no difference."
        return found.verdict, _HEADLINES[found.verdict]
    helped = [one for one in measured.learners if one.difference.verdict is Verdict.HELPS]
    if helped and not _is_nothing(helped[0].difference.mean, measured.metric):
        who = helped[0].title.lower()
        return found.verdict, f"Only the {who} gains, and is not better than the best without it."
    return found.verdict, _HEADLINES[found.verdict]


_HEADLINES = {
    Verdict.HELPS: "It helps.",
    Verdict.HURTS: "It hurts.",
    Verdict.UNCLEAR: "No difference that can be told from chance.",
    Verdict.SAME: "It changes nothing.",
}


def family_words(one: Learned, measured: Measured) -> str:
    """One family in a sentence with its figures."""
    if one.difference.mean is None or one.without is None or one.beside is None:
        return f"{one.title}: no fold has a score."
    return _words(one.title, one.without, one.beside, one.difference, measured.metric)


def _words(who: str, without: float, beside: float, found: Difference, metric: str) -> str:
    if found.verdict is Verdict.SAME:
        return f"{who}: the same in {plural(found.n_folds, 'fold')} ({score_text(without, metric)})."
    scores = f"{score_text(without, metric)} without, {score_text(beside, metric)} with it"
    better = f"better in {found.n_better} of {plural(found.n_folds, 'fold')}"
    if found.verdict is Verdict.TOO_FEW or found.low is None or found.high is None:
        return f"{who}: {scores}; {better}. That is too little to tell it from chance."
    text = f"{who}: {scores}; {_gain(found, metric)}, {better}"
    if found.verdict is Verdict.UNCLEAR:
        return f"{text}: that may be chance."
    return f"{text}: {'a gain' if found.verdict is Verdict.HELPS else 'a loss'} that chance hardly makes."


def _gain(found: Difference, metric: str) -> str:
    assert found.mean is not None and found.low is not None and found.high is not None
    way = "better" if found.mean >= 0 else "worse"
    low, high = (_signed(value, metric) for value in (found.low, found.high))
    interval = "in each" if found.low == found.high else f"95 % interval {low} to {high}"
    return f"{_size(found.mean, metric)} {way} ({interval})"


def _size(value: float, metric: str) -> str:
    """How large a difference is, with as many digits as it takes to see that there is one."""
    if value == 0 or not _is_nothing(value, metric):
        return difference_text(abs(value), metric)
    if difference_text(1, metric).endswith(" percentage points"):
        return f"{abs(value) * 100:.1g} percentage points"
    return f"{abs(value):.1g}"


def _is_nothing(value: float | None, metric: str) -> bool:
    """Whether a difference is not seen in scores as they are written."""
    return value is None or not any(digit in "123456789" for digit in difference_text(abs(value), metric))


def _signed(value: float, metric: str) -> str:
    text = _size(value, metric).removesuffix(" percentage points")
    return f"{'−' if value < 0 else '+'}{text}"


def many_words(tried: Sequence[Try], count: int = 0) -> str:
    """A warning where several ideas were tried for the same target; empty for one. `count`: of how many in all, where
    some are not among these."""
    finished = [one for one in tried if one.status is TryStatus.FINISHED and one.measured is not None]
    others = max(0, count - len(finished))
    count = len(finished) + others
    if count < 2 or not finished:
        return ""
    beside = f", {number(others)} of them on other versions of this table or forgotten since" if others else ""
    chance = percent(chance_of_a_lucky_one(count))
    text = (
        f"{count} ideas were tried for this target{beside}. Of {count} that are of no use, at least one would look as"
        f" if it helped with a chance of about {chance}: the best of many is partly luck."
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
    return _headline(tried.measured)[0]


def _p(tried: Try) -> float | None:
    assert tried.measured is not None
    return tried.measured.difference.p
