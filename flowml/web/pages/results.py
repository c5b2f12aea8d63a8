"""Results of a run: which model, how good, how fast."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.jobs import Job
from flowml.domain.models import Leaderboard, LeaderboardRow, Model
from flowml.services import jobs, results
from flowml.web.pages.charts import Chart
from flowml.web.pages.frame import build_frame, context_of
from flowml.web.pages.jobs import algorithm_titles, dataset_name
from flowml.web.templating import Page, milliseconds, respond
from flowml.web.words import METRICS, MetricWords, metric_title, metric_words, score_text


@dataclass(frozen=True, kw_only=True)
class ResultsPage(Page):
    """`metrics` are the leaderboard's further metrics; `shown` the ones shown until somebody chooses others."""

    template: ClassVar[str] = "results.html"

    job: Job
    dataset_name: str | None
    leaderboard: Leaderboard | None
    champion: Model | None
    titles: dict[str, str]
    metrics: list[MetricWords]
    chart: Chart | None
    sentence: str


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    job = jobs.get_job(context, request.path_params["job_id"])
    leaderboard = results.leaderboard(context, job.id) if job.best_model_id else None
    champion = results.get_model(context, job.best_model_id) if job.best_model_id else None
    titles = algorithm_titles(jobs.list_algorithms(None))
    return respond(
        request,
        ResultsPage(
            title=f"Results of {job.name}",
            frame=frame,
            job=job,
            dataset_name=dataset_name(context, job.dataset_id),
            leaderboard=leaderboard,
            champion=champion,
            titles=titles,
            metrics=_metrics(leaderboard),
            chart=_latency_chart(leaderboard, titles) if leaderboard else None,
            sentence=champion_sentence(champion) if champion else "",
        ),
    )


def champion_sentence(model: Model) -> str:
    """What the score means for somebody who does not know the metric."""
    words = metric_words(model.metric)
    score = score_text(model.score, model.metric)
    if model.metric == "accuracy":
        return f"It predicts {model.target} right in {score} of rows that it has not seen."
    if model.metric == "r2":
        return f"It explains {model.score * 100:.1f} % of how {model.target} varies, on rows that it has not seen."
    if model.metric in ("rmse", "mae"):
        return f"Its predictions of {model.target} are typically off by {score}, on rows that it has not seen."
    return f"{words.title} {score} on rows that it has not seen: {words.meaning}."


def _metrics(leaderboard: Leaderboard | None) -> list[MetricWords]:
    if leaderboard is None:
        return []
    present = {name for row in leaderboard.items for name, value in row.metrics.items() if value is not None}
    return [words for name, words in METRICS.items() if name in present and name != leaderboard.metric]


def _latency_chart(leaderboard: Leaderboard, titles: dict[str, str]) -> Chart | None:
    timed = [row for row in leaderboard.items if row.predict_ms is not None]
    if len(timed) < 2:
        return None
    best = leaderboard.items[0]
    return Chart(
        kind="pareto",
        title="Score against speed",
        caption=_latency_caption(best, timed, titles, leaderboard),
        spec={
            "metric": metric_title(leaderboard.metric),
            "format": metric_words(leaderboard.metric or "").format,
            "greater": leaderboard.greater_is_better,
            "models": [
                {
                    "id": row.model_id,
                    "title": titles.get(row.algorithm, row.algorithm),
                    "rank": row.rank,
                    "score": row.score,
                    "ms": row.predict_ms,
                    "pareto": row.pareto,
                }
                for row in timed
            ],
        },
        columns=("Place", "Model", metric_title(leaderboard.metric), "One prediction", "On the front"),
        rows=[
            (
                row.rank,
                titles.get(row.algorithm, row.algorithm),
                score_text(row.score, leaderboard.metric),
                milliseconds(row.predict_ms),
                "yes" if row.pareto else "no",
            )
            for row in timed
        ],
    )


def _latency_caption(
    best: LeaderboardRow, timed: list[LeaderboardRow], titles: dict[str, str], leaderboard: Leaderboard
) -> str:
    fastest = min((row for row in timed if row.pareto), key=lambda row: row.predict_ms or 0.0, default=best)
    text = "Models on the line are worth having: no other is both better and faster."
    if fastest.model_id == best.model_id:
        return text + " Here the best model is also the fastest of them."
    return (
        f"{text} The best needs {milliseconds(best.predict_ms)} for one prediction; the fastest on the line,"
        f" {titles.get(fastest.algorithm, fastest.algorithm)}, needs {milliseconds(fastest.predict_ms)}"
        f" and reaches {score_text(fastest.score, leaderboard.metric)}."
    )
