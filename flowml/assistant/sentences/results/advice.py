"""What to try next: concrete, the most telling first."""

from collections.abc import Iterator

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.findings import Findings
from flowml.assistant.sentences.results.judging import EXCELLENT, GUESSING, NONE, PERFECT, is_lopsided, is_small
from flowml.assistant.sentences.results.metric_words import TITLES
from flowml.assistant.sentences.saying import named, of_hundred, percent, seconds, seconds_of
from flowml.domain.jobs import JobStatus
from flowml.domain.wording import columns, fixed, plural

_MOST = 5
_LATE = 0.75
_FEW_ROWS, _FEW_OF_CLASS, _FEW_FOR_MEANS = 1_000, 50, 100
_LEAST_RIGHT = 0.1
_CLEAR, _SLOW_MS = 1.25, 1.0
_WELL = 0.9
_SHORT, _FEW_TRIALS = 15.0, 5


def advice(findings: Findings, verdict: str, facts: Facts) -> list[Sentence]:
    """At most five."""
    found = _after_nothing(findings, facts) if verdict == NONE else _after_a_model(findings, verdict, facts)
    return list(found)[:_MOST]


def _after_nothing(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    if not findings.status.ended:
        return
    if findings.status is JobStatus.CANCELLED:
        yield facts.say("Let the run go on: “Extend” on its page takes it up where it was stopped.", "run")
    elif findings.status is JobStatus.FAILED or findings.error:
        yield facts.say("Put right what is said above, and train again.", "run")
    else:
        yield facts.say(f"Give it more time than {seconds(findings.budget_seconds)}.", "run")


def _after_a_model(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    target = named(findings.target)
    if findings.leaks:
        them = "it" if len(findings.leaks) == 1 else "them"
        is_known = "is" if len(findings.leaks) == 1 else "are"
        yield facts.say(
            f"Train again without {columns(findings.leaks, 3)}, unless {'it' if them == 'it' else 'they'} {is_known}"
            f" known at the moment when you want to predict.",
            "leak",
        )
    elif verdict == PERFECT and findings.uses:
        yield facts.say(
            f"Ask where {named(findings.uses[0].column)} comes from. If it is not known before {target} is, train again"
            " without it.",
            f"use:{findings.uses[0].column}",
        )
    untried = findings.learning is not None and not findings.learning.finished
    if findings.is_guess and untried:
        yield from _time(findings, verdict, facts)
        if findings.learning is not None and findings.learning.at_once:
            text = f"If that does not help, add columns that have to do with {target}: those that are there may"
            yield facts.say(f"{text} not tell it.", "learning", "guess")
        return
    if findings.is_guess and not findings.is_best:
        yield _of_a_guess(findings, facts)
        return
    if verdict == GUESSING:
        yield _of_a_guess(findings, facts)
    yield from _rows(findings, verdict, facts)
    yield from _classes(findings, verdict, facts)
    yield from _time(findings, verdict, facts)
    yield from _weak_part(findings, verdict, facts)
    if not findings.is_best and verdict != GUESSING:
        yield Sentence("Compare it with the best model of its run before you use it.")
    if findings.twin is not None and verdict not in (GUESSING, PERFECT):
        twin = findings.twin
        if twin.ms and twin.instead_of_ms and twin.instead_of_ms > max(3 * twin.ms, _SLOW_MS):
            yield facts.say(
                f"Where answers must be quick, use its fast twin: nearly as good, and"
                f" {fixed(twin.instead_of_ms / twin.ms)} times as fast.",
                "twin",
            )
    if verdict == EXCELLENT and not findings.leaks:
        yield Sentence("Try it with a few rows of your own in the Playground, and see whether you believe the answers.")


def _of_a_guess(findings: Findings, facts: Facts) -> Sentence:
    """What to do about a model that does not beat guessing: that depends on whether the others do, and on whether it
    has learned what its score does not show."""
    target, distances = named(findings.target), findings.distances
    if not findings.is_best:
        return facts.say("Use the best model of its run instead, if that is any better than guessing.", "guess")
    if findings.is_guess and not findings.status.ended:
        return facts.say("Wait for the run to end: this is only its first answer.", "run")
    if findings.surely_ranks and findings.metric != "roc_auc":
        other = "ROC AUC" if findings.metric == "balanced_accuracy" else "balanced accuracy or ROC AUC"
        title = TITLES.get(findings.metric, findings.metric)
        return facts.say(
            f"Train again for {other}: it ranks rows better than chance, which its {title} does not show.", "ranking"
        )
    if (
        findings.metric in ("r2", "rmse")
        and not findings.is_guess
        and distances is not None
        and distances.n_rows >= _FEW_FOR_MEANS
        and distances.guess_mean > _CLEAR * distances.mean_off
    ):
        return facts.say(
            f"Train again for MAE: on average it is closer to {target} than the middle value is, and a few large misses"
            f" decide its {TITLES[findings.metric]}.",
            "guess_mean",
        )
    return facts.say(
        f"Add columns that have to do with {target}: what came of those that are there does not surely beat guessing.",
        "guess",
        "task",
    )


def _rows(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    matrix = findings.matrix
    if matrix is not None and findings.n_rows >= 100:
        rare = [at for at in range(len(matrix.labels)) if matrix.of(at) < _FEW_OF_CLASS]
        poor = [at for at in rare if matrix.counts[at][at] < _WELL * matrix.of(at)]
        if poor:
            rarest = min(poor, key=matrix.of)
            yield facts.say(
                f"Collect more rows with {named(matrix.labels[rarest])}: {plural(matrix.of(rarest), 'row')}"
                f" {'is' if matrix.of(rarest) == 1 else 'are'} too few to learn it from.",
                f"class:{matrix.labels[rarest]}",
            )
            return
    if findings.n_rows and (is_small(findings) or findings.n_rows < _FEW_ROWS and verdict not in (EXCELLENT, PERFECT)):
        if findings.n_rows < 100:
            rarest, above = matrix.rarest if matrix is not None else 0, ""
            if matrix is not None and is_lopsided(findings):
                above = f", above all with {named(matrix.labels[rarest])}"
            yield facts.say(
                f"Collect more rows{above}: {findings.n_rows} {'is' if findings.n_rows == 1 else 'are'} very few. More"
                " would show how good it really is.",
                "task",
            )
        else:
            yield facts.say(
                f"Collect more rows if you can: {findings.n_rows:,} are not many, and more would probably help.", "task"
            )


def _classes(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    """Another threshold, where misses cost more than false alarms."""
    matrix, positive = findings.matrix, findings.positive
    if verdict == PERFECT or verdict == GUESSING and (findings.is_guess or not findings.surely_ranks):
        return
    if matrix is not None and len(matrix.labels) == 2 and positive in matrix.labels:
        unsaid = [at for at in (0, 1) if matrix.of(at) and not matrix.said(at)]
        if unsaid and not (findings.thresholds and matrix.labels[unsaid[0]] == positive):
            label = matrix.labels[unsaid[0]]
            let = "do so from a lower probability"
            if label != positive:
                let = f"say {named(positive)} only from a higher probability"
            yield facts.say(
                f"To have it say {named(label)} at all, let it {let}: set your costs under “Curves and costs”.",
                f"class:{label}",
                "threshold",
            )
            return
    if not findings.thresholds or positive is None:
        return
    one, label = findings.thresholds[0], named(positive)
    if one.right < _LEAST_RIGHT or findings.threshold is None:
        return
    side = "a missed" if one.at < findings.threshold else "a false alarm for"
    than = "a false alarm" if one.at < findings.threshold else "missing one"
    sooner = "already" if one.at < findings.threshold else "only"
    yield facts.say(
        f"If {side} {label} costs you more than {than}, set your costs under “Curves and costs”: if it said {label}"
        f" {sooner} from a probability of {percent(one.at)} on, it would find {of_hundred(one.found)} and be right in"
        f" {of_hundred(one.right)} of those that it names.",
        "threshold:0",
        "threshold",
    )


def _time(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    learning = findings.learning
    if learning is None or verdict == PERFECT:
        return
    if findings.status is JobStatus.CANCELLED:
        yield facts.say(
            "Give it the time that it was stopped from using: it ran for"
            f" {seconds_of(findings.elapsed_seconds, findings.budget_seconds)}. “Extend” goes on from what it has.",
            "run",
            "learning",
        )
        return
    if not findings.status.ended:
        return
    if not learning.finished:
        yield facts.say(
            f"Give it more time: in {seconds(findings.budget_seconds)} only the simplest models were finished.",
            "run",
            "learning",
        )
        return
    if learning.was_cut_short and verdict == EXCELLENT:
        return
    if learning.was_cut_short:
        was = "was" if learning.finished == 1 else "were"
        yield facts.say(
            f"Give it more time: only {learning.finished} of the {learning.begun} models that it began {was} finished.",
            "learning",
        )
        return
    if learning.had_enough:
        yield facts.say(
            "More time is not worth it: on so few rows a longer search would find luck, not skill.", "learning"
        )
        return
    if findings.budget_seconds <= _SHORT and verdict != EXCELLENT:
        yield facts.say(
            f"Give it more time than {seconds(findings.budget_seconds)}: a longer run tries more kinds of model.",
            "run",
        )
        return
    last, spent = learning.last_gain_seconds, findings.elapsed_seconds
    if last is None or spent <= 0:
        return
    if last >= _LATE * spent and learning.late_gain > 0 and verdict != EXCELLENT:
        yield facts.say(
            f"Give it more time: it was still getting better after {seconds_of(last, spent)}.",
            "learning",
            "run",
        )
    elif last < 0.5 * spent and learning.finished >= _FEW_TRIALS and not learning.untried:
        little = "More time may bring little: nothing clearly better came after the first"
        yield facts.say(f"{little} {seconds_of(last, spent) if last else 'models'}.", "learning", "run")


def _weak_part(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    # Of a table that is deleted there are no rows to look at.
    if verdict in (GUESSING, PERFECT) or not findings.parts or not findings.has_table:
        return
    part = findings.parts[0]
    yield facts.say(
        f"Look at its mistakes where {part.where}: what else is known of these rows, and is not in the table yet, is"
        " what would help most.",
        f"part:{part.number}",
    )
