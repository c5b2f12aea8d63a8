"""Runs: the list of them, and the live monitor of one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import NotFound
from flowml.domain.events import Event
from flowml.domain.jobs import Job, JobStatus
from flowml.domain.models import MADE_AT_ONCE, Leaderboard
from flowml.domain.trials import Trial, TrialStatus
from flowml.domain.wording import NONE, plural
from flowml.services import datasets, jobs, results
from flowml.services.context import Context
from flowml.services.jobs import AlgorithmInfo
from flowml.web.caller import context_of
from flowml.web.formatting import duration
from flowml.web.headline import Headline, headline
from flowml.web.pages.charts import Chart
from flowml.web.pages.frame import build_frame
from flowml.web.pages.listing import offset_of, to_the_last_page
from flowml.web.pages.placement import placement_chart
from flowml.web.templating import Page, respond
from flowml.web.words import METRICS, metric_words, score_text

LISTED = 50
MOST_TRIALS = 5000
LOG_LINES = 1000
FIRST_LINES = 100


@dataclass(frozen=True, kw_only=True)
class JobsPage(Page):
    template: ClassVar[str] = "jobs.html"

    jobs: list[Job]
    total: int
    offset: int
    limit: int
    dataset_names: dict[str, str]


@dataclass(frozen=True)
class LogLine:
    """One line of what happened; `level` is info, warning, error, or good, bad, quiet (not finished in time) and best
    for trials and champions. `left_out`: the line stands for so many."""

    at: float
    clock: str
    level: str
    text: str
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class LeaderboardPart(Page):
    """The leaderboard alone, which the live monitor swaps in when it changes."""

    template: ClassVar[str] = "partials/leaderboard.html"

    leaderboard: Leaderboard | None
    ended: bool


@dataclass(frozen=True, kw_only=True)
class JobPage(Page):
    """`working` are the trials that somebody trains right now, with their numbers from 1; `dataset_name` is None when
    the table is gone. `monitor` (JSON) is what the page's script starts from; the live updates go on from there."""

    template: ClassVar[str] = "job.html"

    job: Job
    dataset_name: str | None
    leaderboard: Leaderboard | None
    working: list[tuple[int, Trial]]
    failed: list[Trial]
    titles: dict[str, str]
    log: list[LogLine]
    chart: Chart
    placement: Chart
    expected: Headline
    monitor: dict[str, Any]
    ended: bool
    most_extra_seconds: float


def index(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    offset = offset_of(request)
    found, total = jobs.list_jobs(context, LISTED, offset)
    if total and not found:
        return to_the_last_page(request, total, LISTED)
    names = datasets.dataset_names(context, {job.dataset_id for job in found})
    return respond(
        request,
        JobsPage(title="Runs", frame=frame, jobs=found, total=total, offset=offset, limit=LISTED, dataset_names=names),
    )


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    job = jobs.get_job(context, request.path_params["job_id"])
    algorithms = jobs.list_algorithms(None)
    titles = algorithm_titles(algorithms)
    leaderboard = results.leaderboard(context, job.id) if job.best_model_id else None
    if request.query_params.get("part") == "leaderboard":
        part = LeaderboardPart(title=job.name, frame=frame, leaderboard=leaderboard, ended=job.status.ended)
        return respond(request, part)
    trials, _ = jobs.list_trials(context, job.id, MOST_TRIALS, 0)
    attempts, _ = jobs.list_earlier_attempts(context, job.id, MOST_TRIALS, 0)
    told = jobs.told(context, job.id, frame.last_event_id)
    metric = _metric_point(job.metric)
    return respond(
        request,
        JobPage(
            title=job.name,
            frame=frame,
            job=job,
            dataset_name=dataset_name(context, job.dataset_id),
            leaderboard=leaderboard,
            working=[item for item in enumerate(trials, start=1) if item[1].status is TrialStatus.LEASED],
            failed=[trial for trial in trials if trial.status is TrialStatus.FAILED],
            titles=titles,
            log=log_lines(job, trials, titles, told),
            chart=_progress_chart(job, trials, titles, metric),
            placement=placement_chart(job, trials, attempts, titles),
            expected=headline(job),
            monitor={
                "job": _job_point(job),
                "trials": [_trial_point(trial, number) for number, trial in enumerate(trials, start=1)],
                "attempts": [asdict(attempt) for attempt in attempts],
                "families": {algorithm.name: algorithm.category for algorithm in algorithms},
                "titles": titles,
                "metric": metric,
                "metrics": {name: _metric_point(name) for name in METRICS},
                "best_name": _best_name(leaderboard, job, titles),
                "champions": [_champion_point(event.data) for event in told if event.type == "champion"],
                "log": {"most": LOG_LINES, "first": FIRST_LINES},
            },
            ended=job.status.ended,
            most_extra_seconds=max(0.0, context.settings.max_time_budget_seconds - math.ceil(job.elapsed_seconds)),
        ),
    )


def algorithm_titles(algorithms: Sequence[AlgorithmInfo]) -> dict[str, str]:
    """What algorithms are called where people read them."""
    return {algorithm.name: algorithm.title for algorithm in algorithms} | {"ensemble": "Ensemble"} | MADE_AT_ONCE


def _metric_point(name: str | None) -> dict[str, Any]:
    """What the script needs to write and compare scores of a metric, or of one that is not known yet."""
    words = metric_words(name or "")
    title = words.title if name else "score"
    return {"name": name, "title": title, "format": words.format, "greater": words.greater_is_better}


def _champion_point(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told.get(name) for name in ("model_id", "algorithm", "score", "elapsed_seconds")}


def _best_name(leaderboard: Leaderboard | None, job: Job, titles: Mapping[str, str]) -> str:
    rows = [] if leaderboard is None else leaderboard.items
    return next((titles.get(row.algorithm, row.algorithm) for row in rows if row.model_id == job.best_model_id), NONE)


def log_lines(job: Job, trials: Sequence[Trial], titles: Mapping[str, str], told: Sequence[Event]) -> list[LogLine]:
    """What the trials tell, and what watchers were told beside: the first lines and the last, of very many."""
    lines = []
    for event in told:
        if event.type == "log":
            lines.append(_line(event.at, event.data["level"], event.data["message"]))
        else:
            title, score = event.data["algorithm"], score_text(event.data["score"], job.metric)
            lines.append(_line(event.at, "best", f"New best: {titles.get(title, title)}, {score} in testing"))
    for trial in trials:
        title = titles.get(trial.algorithm, trial.algorithm)
        at = trial.finished_at or 0.0
        if trial.status is TrialStatus.FINISHED:
            text = f"{title} finished: {score_text(trial.score, job.metric)} in {duration(trial.fit_seconds)}"
            lines.append(_line(at, "good", text))
        elif trial.status is TrialStatus.FAILED:
            lines.append(_line(at, "bad", f"{title} failed: {trial.error}"))
        elif trial.status is TrialStatus.CANCELLED and trial.error:
            lines.append(_line(at, "quiet", f"{title}: {trial.error[0].lower()}{trial.error[1:]}"))
    if job.finished_at and job.status is JobStatus.COMPLETED:
        lines.append(_line(job.finished_at, "best", job.message))
    lines.sort(key=lambda line: line.at)
    left_out = len(lines) - LOG_LINES
    if left_out <= 0:
        return lines
    gap = lines[FIRST_LINES]
    text = f"… {plural(left_out, 'line')} left out"
    return [
        *lines[:FIRST_LINES],
        LogLine(gap.at, gap.clock, "quiet", text, left_out),
        *lines[FIRST_LINES + left_out :],
    ]


def _line(at: float, level: str, text: str) -> LogLine:
    return LogLine(at, datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S"), level, text)


def dataset_name(context: Context, dataset_id: str) -> str | None:
    """A data set's name, or None when it has been deleted."""
    try:
        return datasets.get_dataset(context, dataset_id).name
    except NotFound:
        return None


def _progress_chart(job: Job, trials: list[Trial], titles: Mapping[str, str], metric: Mapping[str, Any]) -> Chart:
    return Chart(
        kind="trials",
        title="Scores in testing over time",
        caption="Each mark is one finished trial, its shape and colour the family of models; a ring is a model without"
        " a trial, such as the ensemble, and an arrow a score below the chart. The line is the best so far, which is a"
        " little lucky: on new rows expect what stands above."
        f" {'Higher is better' if metric['greater'] else 'Lower is better, and stands higher up'}.",
        spec={"live": True},
        columns=("Trial", "Model", f"{metric['title']} in testing", "Trained in", "Finished after"),
        rows=[
            (
                number,
                titles.get(trial.algorithm, trial.algorithm),
                score_text(trial.score, job.metric),
                duration(trial.fit_seconds),
                duration(trial.elapsed_seconds),
            )
            for number, trial in enumerate(trials, start=1)
            if trial.status is TrialStatus.FINISHED
        ],
    )


def _job_point(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "status": str(job.status),
        "stage": job.stage,
        "message": job.message,
        "progress": job.progress,
        "elapsed_seconds": job.elapsed_seconds,
        "time_budget_seconds": job.time_budget_seconds,
        "trials_finished": job.trials_finished,
        **{name: getattr(job, name) for name in ("best_score", "best_score_low", "best_score_high", "baseline_score")},
        "positive_class": job.positive_class,
        "best_model_id": job.best_model_id,
        "metric": job.metric,
        "error": job.error,
        "started_at": job.started_at,
        "cancel_requested": job.cancel_requested,
    }


def _trial_point(trial: Trial, number: int) -> dict[str, Any]:
    return {
        "id": trial.id,
        "number": number,
        "algorithm": trial.algorithm,
        "params": dict(trial.params),
        "status": str(trial.status),
        "score": trial.score,
        "fold_scores": list(trial.fold_scores),
        "fit_seconds": trial.fit_seconds,
        "worker_id": trial.worker_id,
        "worker_name": trial.worker_name,
        "attempt": trial.attempt,
        "started_seconds": trial.started_seconds,
        "elapsed_seconds": trial.elapsed_seconds,
        "error": trial.error,
    }
