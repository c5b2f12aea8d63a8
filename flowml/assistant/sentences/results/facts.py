"""Findings as facts: one sentence each, with all its figures and the place that shows it."""

from urllib.parse import quote, urlencode

from flowml.assistant.sentences.explanation import Facts
from flowml.assistant.sentences.results.findings import Distances, Findings, Matrix
from flowml.assistant.sentences.results.metric_words import MEANINGS, TITLES
from flowml.assistant.sentences.saying import named, points
from flowml.domain.jobs import ValidationKind
from flowml.domain.wording import columns, fixed, listed, number, percent, plural

_MOST_CLASSES = 12
_MOST_MIXED = 6
_MOST_USES = 8
_MOST_WARNINGS = 6
_MEANS_NOTHING = 100.0
_SMALLEST = 5e-5


def facts_of(findings: Findings) -> Facts:
    """All that can be told; the topics are named by what they are about."""
    facts = Facts()
    _of_the_run(findings, facts)
    if findings.model_id is None:
        return facts
    page = f"/models/{findings.model_id}"
    _of_the_score(findings, facts, page)
    if findings.matrix is not None:
        _of_classes(findings, findings.matrix, facts, page)
    if findings.distances is not None:
        _of_distances(findings, findings.distances, facts, page)
    _of_the_rest(findings, facts, page)
    return facts


def _written(score: float) -> str:
    """What is next to nothing in a score is written as nothing.

    >>> _written(0.81), _written(-8.24e-5), _written(-1e-6), _written(40.5)
    ('0.81', '-0.0001', '0', '40.5')
    """
    if abs(score) < _SMALLEST:
        return "0"
    return number(score) if abs(score) >= 2 * _SMALLEST else f"{score:.4f}"


def _of_the_run(findings: Findings, facts: Facts) -> None:
    run = f"/jobs/{findings.job_id}"
    target = named(findings.target)
    kind = (
        "" if findings.problem_type is None else " as a number" if findings.is_regression else " as one of its classes"
    )
    rows = f" from {plural(findings.n_columns, 'column')}; {plural(findings.n_rows, 'row')} tested it"
    facts.add(
        "task",
        f"Predicted is the column {target}{kind}{rows if findings.n_rows else ''}.",
        (findings.n_columns, findings.n_rows),
        column=findings.target,
        link=f"/datasets/{findings.dataset_id}" if findings.dataset_id else run,
    )
    status = f"The run is {findings.status}" + (f": {findings.error}" if findings.error else ".")
    took, given = fixed(findings.elapsed_seconds, 1), number(findings.budget_seconds)
    time = f" It took {took} of {given} seconds."
    if findings.elapsed_seconds > findings.budget_seconds:
        time = f" It took {took} seconds; for its search it had {given} seconds."
    facts.add(
        "run",
        status + time,
        (findings.elapsed_seconds, findings.budget_seconds),
        link=run,
        # What a library says of a failure may quote any value.
        told=f"The run is {findings.status}, with an error.{time}" if findings.error else None,
    )
    validation = findings.validation
    if validation is not None:
        # Of a part that is held out once there is one fold.
        figures = (validation.n_folds,) if validation.kind is not ValidationKind.HOLDOUT else ()
        facts.add("validation", f"How it was tested: {validation.reason}", figures, link=f"{run}/results")
    learning = findings.learning
    if learning is not None:
        said = f"Of {plural(learning.begun, 'trial')} {number(learning.finished)} finished"
        said += f", {number(learning.failed)} failed, {number(learning.unfinished)} did not finish in time"
        counted: list[float] = [learning.finished, learning.failed, learning.unfinished, learning.begun]
        if learning.best_seconds is not None:
            said += "; the best model was there "
            said += f"after {fixed(learning.best_seconds, 1)} seconds" if learning.best_seconds else "at once"
            counted += [learning.best_seconds] if learning.best_seconds else []
        if learning.last_gain_seconds:
            said += f"; nothing clearly better came after {fixed(learning.last_gain_seconds, 1)} seconds"
            counted.append(learning.last_gain_seconds)
        if learning.at_once:
            said += f"; models that learn and were made before the first trial: {learning.at_once}"
            counted.append(learning.at_once)
        if learning.had_enough:
            said += "; the search ended early, since more trials would only find luck"
        facts.add("learning", f"{said}.", counted, link=run)
    for at, warning in enumerate(findings.warnings[:_MOST_WARNINGS]):
        facts.add(f"warning:{at}", warning, link=run)
    if findings.leaks:
        facts.add(
            "leak",
            f"May know the answer before it is known: {columns(findings.leaks)}.",
            column=findings.leaks[0],
            link=f"/train?dataset={findings.dataset_id}&target={quote(findings.target)}",
        )


def _of_the_score(findings: Findings, facts: Facts, page: str) -> None:
    metric = TITLES.get(findings.metric, findings.metric)
    if findings.score is not None:
        figures: list[float] = [findings.score]
        how = "expected on new rows" if findings.is_expected else "in testing"
        text = f"{findings.model_name} reaches {metric} {_written(findings.score)} {how}"
        if findings.low is not None and findings.high is not None:
            text += f", nine times in ten from {_written(findings.low)} to {_written(findings.high)}"
            figures += [findings.low, findings.high, 0.9]
        meaning = MEANINGS.get(findings.metric)
        facts.add("score", f"{text}{f' ({meaning})' if meaning else ''}.", figures, link=f"{page}#metrics")
    if findings.guess is not None:
        text = f"The same answer for every row, known from the rows learned from, reaches {metric}"
        text += f" {_written(findings.guess)}."
        facts.add("guess", text, (findings.guess,), link=f"{page}#metrics")
    if findings.score_std is not None:
        text = f"From fold to fold its {metric} varies by {number(findings.score_std)} (standard deviation)."
        facts.add("spread", text, (findings.score_std,), link=f"{page}#metrics")
    if findings.ranks_right is not None and findings.positive is not None:
        text = (
            f"Of a row of {named(findings.positive)} and another one, it gives the first the higher probability in"
            f" {percent(findings.ranks_right)} of cases; guessing does in half."
        )
        facts.add("ranking", text, (findings.ranks_right, 0.5), link=f"{page}#curves-place")
    if findings.ranks_right is None and findings.ranks_classes is not None:
        text = f"ROC AUC in testing, the mean over all classes, is {_written(findings.ranks_classes)}; chance is 0.5."
        facts.add("ranking", text, (findings.ranks_classes, 0.5), link=f"{page}#curves-place")
    if findings.explained is not None:
        text = (
            f"It explains {percent(max(0.0, findings.explained))} of how {named(findings.target)} differs among rows."
        )
        facts.add("explained", text, (max(0.0, findings.explained),), link=f"{page}#metrics")
    if findings.percent_off is not None and findings.percent_off < _MEANS_NOTHING:
        off = f"{findings.percent_off:,.0%}" if findings.percent_off > 1 else percent(findings.percent_off)
        text = f"On average its predictions are off by {off} of the real value."
        facts.add("percent_off", text, (findings.percent_off,), link=f"{page}#metrics")
    if findings.runner_up is not None:
        other = findings.runner_up
        difference = abs(other.difference)
        which = "runner-up" if findings.is_best else "best of the other kinds of model"
        how = "behind" if other.difference > 0 and findings.is_best else "apart"
        text = f"The {which} is {other.name}, {how} by {_written(difference)} in {metric}"
        text += ", which may be chance: a tie." if other.tie else ", more than chance."
        facts.add("runner_up", text, (difference,), link=f"/models/{other.model_id}")


def _of_classes(findings: Findings, matrix: Matrix, facts: Facts, page: str) -> None:
    total, common = matrix.total, matrix.commonest
    facts.add(
        "right",
        f"In testing {number(matrix.right)} of {number(total)} rows were right"
        f" ({percent(matrix.right / max(total, 1))}).",
        (matrix.right, total, matrix.right / max(total, 1)),
        link=f"{page}#confusion",
    )
    share = f"{number(matrix.of(common))} of {number(total)} rows ({percent(matrix.guess_share)})"
    equals = matrix.most_frequent
    facts.add(
        "commonest",
        f"The commonest class is {named(matrix.labels[common])}, with {share}."
        if len(equals) == 1
        else f"{plural(len(equals), 'class', 'classes')} are equally frequent, and none more: each has {share}.",
        (matrix.of(common), total, matrix.guess_share),
        link=f"{page}#confusion",
    )
    order = sorted(range(len(matrix.labels)), key=lambda at: -matrix.of(at))
    if len(matrix.labels) > _MOST_CLASSES:
        # Those that go best and worst are what is talked about.
        order.sort(key=lambda at: matrix.counts[at][at] / max(matrix.of(at), 1))
        order = order[: _MOST_CLASSES // 2] + order[-_MOST_CLASSES // 2 :]
        facts.add(
            "classes", f"There are {len(matrix.labels)} classes.", (len(matrix.labels),), link=f"{page}#confusion"
        )
    for at in order:
        label, rows, said, right = matrix.labels[at], matrix.of(at), matrix.said(at), matrix.counts[at][at]
        found = f"finds {number(right)} of {plural(rows, 'row')}"
        found += f" ({percent(right / rows)})" if rows else ""
        named_right = f"; of the {plural(said, 'row')} that it names, {number(right)} are right"
        named_right += f" ({percent(right / said)})" if said else ""
        facts.add(
            f"class:{label}",
            f"Of {named(label)} it {found}{named_right if said else '; it never says it'}.",
            (right, rows, said, *((right / rows,) if rows else ()), *((right / said,) if said else ())),
            link=f"{page}#confusion",
        )
    mixed = sorted(
        ((count, i, j) for i, line in enumerate(matrix.counts) for j, count in enumerate(line) if i != j and count),
        reverse=True,
    )
    for count, i, j in mixed[:_MOST_MIXED]:
        facts.add(
            f"mixed:{matrix.labels[i]}:{matrix.labels[j]}",
            f"{plural(count, 'row')} of {named(matrix.labels[i])} {'was' if count == 1 else 'were'} taken for"
            f" {named(matrix.labels[j])} ({percent(count / matrix.of(i))} of them).",
            (count, count / matrix.of(i)),
            link=f"{page}/mistakes?{urlencode({'actual': matrix.labels[i], 'predicted': matrix.labels[j]})}",
        )


def _of_distances(findings: Findings, found: Distances, facts: Facts, page: str) -> None:
    facts.add(
        "distances",
        f"Half of {plural(found.n_rows, 'row')} are off by at most {number(found.half_within)} (in units of"
        f" {named(findings.target)}), nine in ten by at most {number(found.most_within)}, one in ten by more; the"
        f" greatest error is {number(found.greatest)}.",
        (0.5, found.n_rows, found.half_within, 0.9, 0.1, found.most_within, found.greatest),
        link=f"{page}#residuals",
    )
    drawn = f" (as {number(found.n_drawn or 0)} of the rows tell)" if found.is_drawn else ""
    of_drawn = (found.n_drawn or 0,) if found.is_drawn else ()
    if found.said is not None:
        facts.add(
            "says",
            f"It says {number(found.said)} for every row.",
            (found.said,),
            link=f"{page}#residuals",
            values_of=(findings.target,),
        )
    facts.add(
        "guess_within",
        f"Saying the middle value, {number(found.middle)}, for every row would be off by at most"
        f" {number(found.guess_within)} in half of them{drawn}.",
        (found.middle, found.guess_within, 0.5, *of_drawn),
        link=f"{page}#residuals",
        values_of=(findings.target,),
    )
    facts.add(
        "guess_mean",
        f"On average the predictions are off by {number(found.mean_off)}, and the middle value by"
        f" {number(found.guess_mean)}{drawn}.",
        (found.mean_off, found.guess_mean, *of_drawn),
        link=f"{page}#residuals",
    )
    # What is left by rounding alone is nothing.
    mean = found.mean if abs(found.mean) > 1e-9 * max(found.greatest, found.mean_error) else 0.0
    facts.add(
        "bias",
        f"Actual minus predicted is {number(mean)} on average, give or take {number(found.mean_error)}.",
        (mean, found.mean_error),
        link=f"{page}#residuals",
    )
    for at, one in enumerate(found.ranges):
        bounds = [f"over {number(one.low)}"] if one.low is not None else []
        bounds += [f"at most {number(one.high)}"] if one.high is not None else []
        facts.add(
            f"range:{at}",
            f"Where {named(findings.target)} is {listed(bounds)}, half of the rows are off by at most"
            f" {number(one.half_within)}; on average it predicts {number(abs(one.mean))} too"
            f" {'little' if one.mean > 0 else 'much'}{drawn}.",
            tuple(
                value
                for value in (one.low, one.high, 0.5, one.half_within, abs(one.mean), *of_drawn)
                if value is not None
            ),
            link=f"{page}#residuals",
            values_of=(findings.target,),
        )


def _of_the_rest(findings: Findings, facts: Facts, page: str) -> None:
    for part in findings.parts or ():
        if findings.is_regression:
            says = f"off by {number(part.loss)} on average, elsewhere by {number(part.elsewhere)}"
        else:
            says = f"{percent(part.loss)} wrong, elsewhere {percent(part.elsewhere)}"
        facts.add(
            f"part:{part.number}",
            f"Where {part.where}: {says}; {plural(part.n_rows, 'row')}.",
            (part.loss, part.elsewhere, part.n_rows),
            link=f"{page}/mistakes?slice={part.number}",
            values_of=part.columns,
        )
    for use in (findings.uses or ())[:_MOST_USES]:
        spread = "" if use.std is None else f", give or take {_written(use.std)}"
        loss = _written(max(0.0, use.importance))
        worse = f"worse by {loss}" if loss != "0" else "no worse"
        facts.add(
            f"use:{use.column}",
            f"When {named(use.column)} is shuffled, {TITLES.get(findings.metric, findings.metric)} is {worse}{spread}.",
            (max(0.0, use.importance), *(() if use.std is None else (use.std,))),
            column=use.column,
            link=f"{page}#importance",
        )
        if use.direction is not None:
            way = use.direction
            of = f"of {named(findings.positive)} " if findings.positive and not findings.is_regression else ""
            what = f"the mean probability {of}" if of else "the mean prediction "
            over = f"; over {plural(way.n_rows, 'row')}" if way.n_rows else ""
            facts.add(
                f"direction:{use.column}",
                f"With {named(use.column)} at {way.low_at} {what}is {number(way.low)}; at {way.high_at}"
                f" it is {number(way.high)}{over}.",
                (way.low, way.high, *((way.n_rows,) if way.n_rows else ())),
                column=use.column,
                link=f"{page}/playground",
                values_of=(use.column, findings.target) if findings.is_regression else (use.column,),
            )
    if findings.calibration is not None:
        found = findings.calibration
        facts.add(
            "calibration",
            f"Its probabilities are off by {points(found.error)} on average; chance alone would make it"
            f" {points(found.chance_error)}. Of {plural(found.n_rows, 'row')} that got {percent(found.said)} on"
            f" average, {percent(found.came_true)} turned out so.",
            (found.error, found.chance_error, found.n_rows, found.said, found.came_true),
            link=f"{page}#curves-place",
        )
    if findings.positive is not None and findings.threshold is not None:
        facts.add(
            "threshold",
            f"It says {named(findings.positive)} from a probability of {percent(findings.threshold)} on.",
            (findings.threshold,),
            link=f"{page}#curves-place",
        )
        for at, one in enumerate(findings.thresholds):
            facts.add(
                f"threshold:{at}",
                f"From {percent(one.at)} on it would find {percent(one.found)} of {named(findings.positive)}, and"
                f" {percent(one.right)} of those that it names would be right.",
                (one.at, one.found, one.right),
                link=f"{page}#curves-place",
            )
    if findings.has_ranges:
        facts.add(
            "ranges",
            "With each prediction comes a range that is made to hold the real value in 90 % of cases, from how far off"
            " the model was on rows that it had not seen.",
            (0.9,),
            link=f"{page}/playground",
        )
    if findings.twin is not None:
        twin = findings.twin
        speed = "" if twin.ms is None else f", {number(twin.ms)} milliseconds a prediction"
        speed += "" if twin.instead_of_ms is None or not speed else f" instead of {number(twin.instead_of_ms)}"
        facts.add(
            "twin",
            f"Its fast twin is one small model, worse by {number(max(0.0, twin.loss))}{speed}.",
            tuple(value for value in (max(0.0, twin.loss), twin.ms, twin.instead_of_ms) if value is not None),
            link=f"/models/{twin.model_id}",
        )
    if findings.dropped:
        left = listed([named(name) for name in findings.dropped])
        facts.add("dropped", f"Not learned from: {left}.", (len(findings.dropped),), link=page)
