"""What there is to say of a run and of one of its models, gathered from what is stored and kept; what is missing is
worked out by the usual figures where the caller can wait, and left out with its reason where it cannot be had."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from flowml.assistant.sentences.results.findings import (
    Calibration,
    Direction,
    Distances,
    Findings,
    Learning,
    Matrix,
    Part,
    RangeOfTarget,
    RunnerUp,
    Threshold,
    Twin,
    Use,
)
from flowml.assistant.sentences.saying import named
from flowml.domain.errors import FlowMLError, NotFound
from flowml.domain.jobs import Job
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import BASELINE, MADE_AT_ONCE, Importance, Model, Residuals, curves_of, stand_of
from flowml.domain.trials import Trial, TrialStatus
from flowml.services import results
from flowml.services.assistant import directions
from flowml.services.context import Context
from flowml.services.insight import figures
from flowml.services.serving import predicting

_EVER = 1 << 62
_ENOUGH_ROWS = 60
_DIRECTIONS = 2
_WANTED, _ENOUGH, _SURE = 0.8, 0.75, 0.9
_LEAST_GAIN = 0.01
_SAME = 0.1
_FEW_TRIALS = 500
_EXAMPLE = 0.7
_LUCK = "more trials would find luck"
_GIVES_AWAY = "the answer away: it"
Found = TypeVar("Found")


def findings_of_job(context: Context, job_id: str, *, waits: bool) -> Findings:
    """Of a run and its best model; `waits`: also what somebody has to wait for. Raises NotFound."""
    job = context.store.jobs.get(job_id)
    return _findings(context, job, context.store.models.get(job.best_model_id) if job.best_model_id else None, waits)


def findings_of_model(context: Context, model_id: str, *, waits: bool) -> Findings:
    """Of one model of a run. Raises NotFound."""
    model = context.store.models.get(model_id)
    return _findings(context, context.store.jobs.get(model.job_id), model, waits)


def _findings(context: Context, job: Job, model: Model | None, waits: bool) -> Findings:
    # Of very many trials it takes a while to read them: whoever waits for more waits for that, too.
    few = waits or job.trials_finished <= _FEW_TRIALS
    trials = [trial.shown for trial in context.store.trials.of_job(job.id)] if few else None
    told = [
        event.data["message"]
        for event in context.store.history.of_job(job.id, _EVER)
        if event.type == "log" and event.data["level"] == "warning"
    ]
    base = Findings(
        job_id=job.id,
        status=job.status,
        target=job.target,
        error=job.error or "",
        dataset_id=job.dataset_id,
        has_table=_is_there(context, job.dataset_id),
        budget_seconds=job.time_budget_seconds,
        elapsed_seconds=job.elapsed_seconds,
        problem_type=job.problem_type,
        metric=job.metric or "",
        validation=job.validation,
        learning=None if trials is None else learning_of(job, trials, context.store.models.of_job(job.id)),
        warnings=tuple(dict.fromkeys(told)),
    )
    return base if model is None else _with_model(context, base, job, model, waits)


def _is_there(context: Context, dataset_id: str) -> bool:
    try:
        context.store.datasets.get(dataset_id)
    except NotFound:
        return False
    return True


def _with_model(context: Context, base: Findings, job: Job, model: Model, waits: bool) -> Findings:
    details, is_best = model.details, model.id == job.best_model_id
    names = [str(column["name"]) for column in details.schema]
    away = [warning for warning in base.warnings if _GIVES_AWAY in warning]
    known = replace(
        base,
        model_id=model.id,
        model_name=model.name,
        is_best=is_best,
        is_guess=model.algorithm == BASELINE,
        problem_type=model.problem_type,
        metric=model.metric,
        score=job.best_score if is_best and job.best_score is not None else model.score,
        low=job.best_score_low if is_best else None,
        high=job.best_score_high if is_best else None,
        is_expected=is_best and job.estimate is not None,
        guess=job.baseline_score,
        score_std=details.score_std,
        n_columns=len(names),
        weighted=job.spec.weight_column is not None,
        ranks_right=model.metrics.get("roc_auc") if model.positive_class else None,
        ranks_classes=None if model.positive_class else model.metrics.get("roc_auc"),
        explained=model.metrics.get("r2"),
        percent_off=model.metrics.get("mape"),
        classes=model.classes or (),
        positive=model.positive_class,
        threshold=_threshold(model),
        leaks=tuple(name for name in names if any(one.startswith(f"“{name}” ") for one in away)),
        dropped=details.dropped,
        twin=_twin(context, model),
    )
    if details.confusion_matrix is not None:
        matrix = Matrix(details.confusion_matrix.labels, details.confusion_matrix.matrix)
        known = replace(known, matrix=matrix, n_rows=matrix.total)
    return _with_figures(_Wanted(context, model, waits), known)


class _Wanted:
    """The figures of one model: those that are kept, and those that are worked out where somebody waits for it."""

    def __init__(self, context: Context, model: Model, waits: bool):
        self.context = context
        self.model = model
        self.waits = waits
        self.missing: dict[str, str] = {}

    def get(self, part: str, kept: Callable[[], Found | None], find: Callable[[], Found]) -> Found | None:
        found = kept()
        if found is not None or not self.waits:
            return found
        try:
            return find()
        except FlowMLError as error:
            if self.context.nobody_waits:
                raise
            self.missing[part] = f"{error.detail} {error.hint or ''}".strip()
            return None

    def figure(self, name: str) -> Any:
        return self.context.store.models.figure(self.model.job_id, name, stand_of(self.model))


def _with_figures(wanted: _Wanted, known: Findings) -> Findings:
    context, model = wanted.context, wanted.model
    residuals = model.details.residuals
    curves = None
    if residuals is None:
        curves = wanted.get(
            "curves", lambda: wanted.figure(curves_of(model.id)), lambda: figures.curves(context, model.id)
        )
    if curves is not None and "residuals" in curves:
        residuals = Residuals.of_record(curves["residuals"])
    if residuals is not None:
        known = replace(
            known,
            distances=distances_of(residuals, is_guess=known.is_guess),
            n_rows=residuals.n_rows,
            has_ranges=bool(wanted.get("ranges", lambda: None, lambda: _has_ranges(context, model))),
        )
    elif curves is not None:
        known = replace(
            known,
            calibration=_calibration(curves["calibration"]),
            thresholds=_thresholds(curves["threshold"]),
            n_rows=known.n_rows or curves["n_rows"],
        )
    if known.is_guess:
        return replace(known, missing=wanted.missing)
    parts = wanted.get("parts", lambda: wanted.figure(f"slices:{model.id}"), lambda: figures.slices(context, model.id))
    if parts is not None:
        known = replace(known, parts=_parts(parts), parts_note=parts["note"])
    importance = wanted.get(
        "uses",
        lambda: model.details.permutation_importance,
        lambda: results.feature_importance(context, model.id, "permutation"),
    )
    if importance is not None:
        known = replace(known, uses=_uses(wanted, importance))
    return replace(known, runner_up=_runner_up(wanted), missing=wanted.missing)


def _has_ranges(context: Context, model: Model) -> bool:
    return predicting.load(context, model.id).fitted.schema.conformal is not None


def _threshold(model: Model) -> float | None:
    if model.positive_class is None:
        return None
    return 0.5 if model.details.threshold is None else model.details.threshold


def _twin(context: Context, model: Model) -> Twin | None:
    identifier = model.details.fast_model_id
    if identifier is None or identifier == model.id:
        return None
    try:
        twin = context.store.models.get(identifier)
    except FlowMLError:
        return None
    return Twin(twin.id, twin.details.loss_of_quality or 0.0, twin.predict_ms, model.predict_ms)


def distances_of(found: Residuals, *, is_guess: bool) -> Distances:
    """With what guessing would do, and how it goes at low and at high values. Of a model of an earlier version these
    are known of the rows that are drawn alone, which of many are some."""
    said = _said(found) if is_guess else None
    if found.all_rows is not None:
        every = found.all_rows
        ranges = tuple(RangeOfTarget(one.low, one.high, one.n_rows, one.half_within, one.mean) for one in every.ranges)
        return Distances(
            found.n_rows, found.half_within, found.most_within, found.greatest, found.mean, found.mean_error,
            every.middle, every.guess_within, every.mean_off, every.guess_mean, ranges, None, said,
        )  # fmt: skip
    actual = sorted(found.actual)
    pairs = list(zip(found.actual, found.predicted, strict=True))
    middle = statistics.median(actual) if actual else 0.0
    return Distances(
        n_rows=found.n_rows,
        half_within=found.half_within,
        most_within=found.most_within,
        greatest=found.greatest,
        mean=found.mean,
        mean_error=found.mean_error,
        middle=middle,
        guess_within=statistics.median(abs(one - middle) for one in actual) if actual else 0.0,
        mean_off=statistics.fmean(abs(one - said) for one, said in pairs) if pairs else 0.0,
        guess_mean=statistics.fmean(abs(one - middle) for one in actual) if actual else 0.0,
        ranges=_ranges(found, actual),
        n_drawn=len(actual),
        said=said,
    )


def _said(found: Residuals) -> float | None:
    """The one value that a baseline says: in each turn of testing nearly the same, else there is none."""
    if not found.predicted:
        return None
    least, most = min(found.predicted), max(found.predicted)
    middle = statistics.median(found.predicted)
    return middle if most - least <= _SAME * max(abs(middle), found.half_within) else None


def _ranges(found: Residuals, actual: Sequence[float]) -> tuple[RangeOfTarget, ...]:
    """The lowest fifth, the middle, and the highest."""
    if len(actual) < _ENOUGH_ROWS:
        return ()
    low, high = actual[len(actual) // 5], actual[len(actual) - 1 - len(actual) // 5]
    if not actual[0] < low < high < actual[-1]:
        return ()
    pairs = list(zip(found.actual, found.predicted, strict=True))
    share = found.n_rows / len(pairs)
    ranges = []
    for least, most in ((None, low), (low, high), (high, None)):
        off = [one - said for one, said in pairs if (least is None or one > least) and (most is None or one <= most)]
        if not off:
            return ()
        half = statistics.median(map(abs, off))
        ranges.append(RangeOfTarget(least, most, round(len(off) * share), half, statistics.fmean(off)))
    return tuple(ranges)


def _calibration(found: Mapping[str, Any]) -> Calibration:
    example = min(found["bins"], key=lambda one: abs(one["predicted"] - _EXAMPLE))
    return Calibration(
        error=found["error"],
        chance_error=found["chance_error"],
        chance_limit=found["chance_limit"],
        said=example["predicted"],
        came_true=example["actual"],
        n_rows=example["n_rows"],
    )


def _thresholds(found: Mapping[str, Any] | None) -> tuple[Threshold, ...]:
    """One other threshold that is worth knowing: where most of the class are found; where they are already, where
    hardly any that it names is wrong."""
    if found is None:
        return ()
    steps = [
        Threshold(at, recall, precision)
        for at, recall, precision in zip(found["at"], found["recall"], found["precision"], strict=True)
    ]
    now = min(steps, key=lambda one: abs(one.at - found["current"]))
    if now.found < _ENOUGH:
        lower = [one for one in steps if one.at < now.at and one.found >= _WANTED and one.at > 0]
        return (lower[-1],) if lower else ()
    if now.right < _ENOUGH + 0.1:
        higher = [one for one in steps if one.at > now.at and one.right >= _SURE and one.found >= 0.25]
        return (higher[0],) if higher else ()
    return ()


def _condition(state: Mapping[str, Any]) -> str:
    """With the column in quotation marks, as all names are."""
    return f"{named(state['column'])}{str(state['text']).removeprefix(str(state['column']))}"


def _parts(found: Mapping[str, Any]) -> tuple[Part, ...]:
    return tuple(
        Part(
            " and ".join(map(_condition, item["conditions"])),
            item["n_rows"],
            item["loss"],
            item["elsewhere"],
            at,
            tuple(str(state["column"]) for state in item["conditions"]),
        )
        for at, item in enumerate(found["items"])
    )


def _uses(wanted: _Wanted, importance: Importance) -> tuple[Use, ...]:
    uses = [Use(item.feature, item.importance, item.std) for item in importance.items]
    if wanted.model.problem_type == "classification" and wanted.model.positive_class is None:
        return tuple(uses)
    telling = [use.column for use in uses if use.importance > 2 * (use.std or 0.0)][:_DIRECTIONS]
    known = wanted.get(
        "directions",
        lambda: directions.kept_directions(wanted.context, wanted.model),
        lambda: directions.directions(wanted.context, wanted.model, telling),
    )
    ways = {name: Direction(**way) for name, way in (known or {}).items() if way is not None}
    return tuple(replace(use, direction=ways.get(use.column)) for use in uses)


def _runner_up(wanted: _Wanted) -> RunnerUp | None:
    """The best model of another family, which is worth comparing with; none where the first is compared with itself."""
    context, model = wanted.context, wanted.model
    others = [
        other
        for other in context.store.models.of_job(model.job_id)
        if other.algorithm not in (model.algorithm, *MADE_AT_ONCE)
        and other.details.twin_of is None
        and other.id != model.id
    ]
    if not others or model.algorithm in MADE_AT_ONCE:
        return None
    other = others[0]
    name = "compare:" + ",".join(sorted((model.id, other.id)))
    stand = "|".join(stand_of(one) for one in sorted((model, other), key=lambda one: one.id))
    found = wanted.get(
        "runner_up",
        lambda: context.store.models.figure(model.job_id, name, stand),
        lambda: figures.compare(context, [model.id, other.id])[1],
    )
    if not found or not found["pairs"] or found["pairs"][0]["p_value"] is None:
        return None
    pair = found["pairs"][0]
    if pair["better"] != model.id and not pair["tie"]:
        return None
    faster = bool(other.predict_ms and model.predict_ms and model.predict_ms > 2 * other.predict_ms)
    return RunnerUp(other.name, other.id, pair["difference"], pair["tie"], faster)


def learning_of(job: Job, trials: Sequence[Trial], models: Sequence[Model]) -> Learning:
    """How a run's search went: every model counts when it could be made, an ensemble when its last member was there."""
    sign = 1.0 if job.metric is None or greater_is_better(job.metric) else -1.0
    ended = {trial.id: trial.elapsed_seconds for trial in trials if trial.status is TrialStatus.FINISHED}
    done = [
        (seconds, sign * trial.score)
        for trial in trials
        if trial.score is not None and (seconds := ended.get(trial.id)) is not None
    ]
    own = {model.id: model for model in models if model.details.twin_of is None}
    made = {model.id: _made_after(model, own, ended) for model in own.values()}
    done += [
        (seconds, sign * model.score)
        for model in own.values()
        if model.trial_id is None and (seconds := made[model.id]) is not None
    ]
    done.sort()
    last, late = None, 0.0
    if done:
        best = max(gain for _, gain in done)
        start = sign * job.baseline_score if job.baseline_score is not None else min(gain for _, gain in done)
        # What is less than this is not worth waiting for.
        step = _LEAST_GAIN * max(best - start, 0.0)
        reached = start
        for seconds, gain in done:
            if gain > reached + step or last is None:
                if last is not None:
                    late = gain - reached
                last, reached = seconds, max(gain, reached)
    failed = [trial for trial in trials if trial.status is TrialStatus.FAILED]
    unfinished = [trial for trial in trials if trial.status is TrialStatus.CANCELLED]
    finished = {trial.algorithm for trial in trials if trial.status is TrialStatus.FINISHED}
    return Learning(
        last_gain_seconds=last,
        late_gain=late,
        finished=sum(trial.status is TrialStatus.FINISHED for trial in trials),
        failed=len(failed),
        unfinished=len(unfinished),
        had_enough=_LUCK in job.message,
        why_failed=(failed[0].error or "")[:300] if failed else "",
        best_seconds=made.get(job.best_model_id or ""),
        at_once=sum(model.algorithm in MADE_AT_ONCE and model.algorithm != BASELINE for model in own.values()),
        untried=any(trial.algorithm not in finished for trial in unfinished),
    )


def _made_after(model: Model, own: Mapping[str, Model], ended: Mapping[str, float | None]) -> float | None:
    """When all that it is made of was there, in seconds of its run; None where that is not known."""
    if model.algorithm in MADE_AT_ONCE:
        return 0.0
    if model.trial_id is not None:
        return ended.get(model.trial_id)
    parts = [own.get(one.model_id or "") for one in model.details.members]
    times = [None if one is None or one.details.members else _made_after(one, own, ended) for one in parts]
    known = [seconds for seconds in times if seconds is not None]
    return max(known) if known and len(known) == len(times) else None
