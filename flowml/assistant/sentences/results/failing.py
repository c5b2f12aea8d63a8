"""Where the model fails: classes, ranges, parts of the table."""

from collections.abc import Iterator

from flowml.assistant.sentences.explanation import Facts, Sentence
from flowml.assistant.sentences.results.findings import Distances, Findings, Matrix
from flowml.assistant.sentences.results.judging import GUESSING, PERFECT
from flowml.assistant.sentences.saying import alike, amount, named, out_of, times
from flowml.domain.wording import number, plural

_MOST_PARTS = 2
_MUCH_WORSE = 1.5


def failing(findings: Findings, verdict: str, facts: Facts) -> Iterator[Sentence]:
    """Nothing of what is no better than a guess: it fails everywhere."""
    if verdict == GUESSING:
        return
    if findings.matrix is not None:
        if verdict == PERFECT and findings.matrix.right == findings.matrix.total:
            return
        if findings.matrix.right == findings.matrix.total:
            yield facts.say("In testing it made no mistake at all.", "right")
            return
        yield from _mixed_up(findings.matrix, facts)
    if findings.distances is not None:
        yield from _ranges(findings, findings.distances, facts)
    yield from _parts(findings, facts)


def _mixed_up(matrix: Matrix, facts: Facts) -> Iterator[Sentence]:
    mixed = sorted(
        ((count, i, j) for i, line in enumerate(matrix.counts) for j, count in enumerate(line) if i != j and count),
        reverse=True,
    )
    wrong = matrix.total - matrix.right
    count, i, j = mixed[0]
    actual, said = matrix.labels[i], matrix.labels[j]
    if len(matrix.labels) > 2:
        back = matrix.counts[j][i]
        if back >= 0.5 * count and back > 1:
            both = count + back
            yield facts.say(
                f"Most often it mixes up {named(actual)} and {named(said)}: that makes {_share_of(both, wrong)}.",
                f"mixed:{actual}:{said}",
                f"mixed:{said}:{actual}",
                "right",
            )
        else:
            yield facts.say(
                f"Its commonest mistake is to take {named(actual)} for {named(said)}:"
                f" {out_of(count, matrix.of(i), 'rows')} of {named(actual)}.",
                f"mixed:{actual}:{said}",
            )
        return
    if len(mixed) == 1:
        yield facts.say(
            f"{'Its only mistake is' if count == 1 else f'All {number(count)} mistakes are'} to take {named(actual)}"
            f" for {named(said)}.",
            f"mixed:{actual}:{said}",
        )
        return
    less = mixed[1][0]
    if count >= _MUCH_WORSE * less:
        yield facts.say(
            f"It errs more on one side: {plural(count, 'row')} of {named(actual)} {_were(count)} taken for"
            f" {named(said)}, and {number(less)} the other way round.",
            f"mixed:{actual}:{said}",
            f"mixed:{said}:{actual}",
        )


def _share_of(count: int, wrong: int) -> str:
    if count == wrong:
        return f"all of its {plural(wrong, 'mistake')}"
    return f"{number(count)} of its {plural(wrong, 'mistake')}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _ranges(findings: Findings, found: Distances, facts: Facts) -> Iterator[Sentence]:
    target = named(findings.target)
    if len(found.ranges) > 1:
        worst_at = max(range(len(found.ranges)), key=lambda at: found.ranges[at].half_within)
        worst = found.ranges[worst_at]
        if worst.half_within >= _MUCH_WORSE * found.half_within > 0:
            where = _where(target, worst.low, worst.high)
            side, of = "", f" (as {number(found.n_drawn or 0)} of the rows tell)" if found.is_drawn else ""
            if abs(worst.mean) >= 0.5 * worst.half_within:
                side = (
                    f", and it says {amount(abs(worst.mean))} too {'little' if worst.mean > 0 else 'much'} on average"
                )
            yield facts.say(
                f"It is furthest off {where}: there only half of its predictions are within"
                f" {amount(worst.half_within)}{side}{of}.",
                f"range:{worst_at}",
                "distances",
            )
    if abs(found.mean) > 2.5 * found.mean_error > 0 and abs(found.mean) > 0.2 * found.half_within:
        yield facts.say(
            f"Over all rows it says {amount(abs(found.mean))} too {'little' if found.mean > 0 else 'much'} on average.",
            "bias",
        )


def _where(target: str, low: float | None, high: float | None) -> str:
    if low is None:
        return f"at low values, where {target} is at most {number(high)}"
    if high is None:
        return f"at high values, where {target} is over {number(low)}"
    return f"where {target} is over {number(low)} and at most {number(high)}"


def _parts(findings: Findings, facts: Facts) -> Iterator[Sentence]:
    if findings.parts is None:
        why = findings.missing.get("parts")
        if why:
            yield Sentence(f"In which part of the table it fails most could not be found out: {why}")
        return
    for place, part in enumerate(findings.parts[:_MOST_PARTS]):
        also = "It also fails more" if place else "It fails most"
        if findings.is_regression:
            ratio = part.loss / part.elsewhere if part.elsewhere > 0 else 0.0
            how = f", {times(ratio)} as much" if ratio >= 1.75 else ""
            says = f"off by {amount(part.loss)} on average, elsewhere by {amount(part.elsewhere)}{how}"
        else:
            says = _wrong(part.loss, part.elsewhere)
        yield facts.say(f"{also} where {part.where} ({plural(part.n_rows, 'row')}): {says}.", f"part:{part.number}")
    if not findings.parts:
        if findings.parts_note.startswith("No part of the table stands out"):
            yield Sentence("It fails about equally often everywhere: no kind of row stands out clearly.")
        elif findings.parts_note and "No row was" not in findings.parts_note:
            yield Sentence(findings.parts_note)


def _wrong(inside: float, outside: float) -> str:
    if inside >= 0.995:
        inner = "every row" if inside == 1 else "nearly every row"
        return f"wrong in {inner}, elsewhere in {alike([outside])[0]}"
    if outside < 0.0005:
        return f"wrong in {alike([inside])[0]} rows, elsewhere in hardly any"
    inner, outer = alike([inside, outside])
    return f"wrong in {inner} rows, elsewhere in {outer.partition(' of ')[0]}"
