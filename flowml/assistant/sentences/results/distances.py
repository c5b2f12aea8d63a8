"""How far off numbers are, in units of the target, beside what guessing would do."""

from collections.abc import Iterator

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.findings import Distances, Findings
from flowml.assistant.sentences.results.metric_words import MEANINGS, TITLES, score_words
from flowml.assistant.sentences.saying import amount, named, part, percent, times
from flowml.domain.jobs import ValidationKind
from flowml.domain.wording import number

_CLEAR = 1.25
_MEANS_NOTHING = 100.0


def of_numbers(findings: Findings, found: Distances, facts: Facts) -> Iterator[Sentence]:
    target = named(findings.target)
    if findings.is_guess:
        says = "It says the same for every row" if found.said is None else f"It says {amount(found.said)} for every row"
        yield facts.say(
            f"{says}; half of the rows are within {amount(found.half_within)} of that.", "says", "distances"
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
    if not _in_time(findings):
        yield from _beside_guessing(findings, found, facts)
    yield from _explained(findings, facts)


def _beside_guessing(findings: Findings, found: Distances, facts: Facts) -> Iterator[Sentence]:
    """What the middle value would do."""
    if found.guess_within <= 0 or found.half_within <= 0:
        return
    ratio = found.guess_within / found.half_within
    middle = f"Saying the middle value, {amount(found.middle)}, for every row"
    of = f" (as {number(found.n_drawn or 0)} of the rows tell)" if found.is_drawn else ""
    if ratio < _CLEAR and findings.metric == "mae":
        return
    if ratio < _CLEAR and found.guess_mean > _CLEAR * found.mean_off:
        # Of whole numbers many are equally far off: the average tells more.
        yield facts.say(
            f"On average it is off by {amount(found.mean_off)}; {middle[0].lower()}{middle[1:]} would be off by"
            f" {amount(found.guess_mean)}{of}.",
            "guess_mean",
            "guess_within",
        )
        return
    # Of rows that are drawn it is not known more exactly.
    room = _CLEAR if found.is_drawn else 1.05
    if ratio >= room:
        how = f", {times(ratio)} as far" if ratio >= _CLEAR else ""
        yield facts.say(
            f"{middle} would be within {amount(found.guess_within)} half of the time{how}{of}.",
            "guess_within",
            "distances",
        )
        return
    says = "about as far off" if ratio > 1 / room else "even closer"
    yield facts.say(
        f"{middle} would be {says}: half of the rows are within {amount(found.guess_within)} of it{of}.",
        "guess_within",
        "distances",
    )


def _explained(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    target = named(findings.target)
    if findings.metric == "r2" and findings.score is not None:
        if findings.score <= 0.005:
            yield facts.say(f"It explains nothing of why {target} differs from row to row.", "score", "guess")
            return
        text = f"It explains {_about(findings.score)} of why {target} differs from row to row"
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
        if max(findings.score, findings.guess or 0.0) >= _MEANS_NOTHING:
            yield facts.say(
                f"As a share of the real {target} its error says nothing, since some real values are 0 or close to it.",
                "score",
                "guess",
            )
            return
        text = f"On average it is off by {percent(findings.score)} of the real value"
        if findings.guess is not None:
            text += f"; one answer for every row by {percent(findings.guess)}"
        yield facts.say(f"{text}.", "score", "guess")
        return
    yield from score_alone(findings, facts)


def _in_time(findings: Findings) -> bool:
    """Whether it was tested on later rows: the middle of all values is nobody's guess there."""
    return findings.validation is not None and findings.validation.kind is ValidationKind.TIME


def _about(share: float) -> str:
    word = part(share)
    return f"about {word}" if word[0] in "0123456789ath" and word != "all" else word


def score_alone(findings: Findings, facts: Facts) -> Iterator[Sentence]:
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
