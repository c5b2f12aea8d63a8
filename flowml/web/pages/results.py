"""Results of a run: which model, how good, how fast."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.jobs import Job
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import MADE_AT_ONCE, Leaderboard, LeaderboardRow, Model
from flowml.services import jobs, results
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.web.caller import context_of
from flowml.web.formatting import milliseconds, percent
from flowml.web.headline import Headline, headline
from flowml.web.pages.charts import Chart
from flowml.web.pages.frame import build_frame
from flowml.web.pages.insight.explanation import ExplanationText, explanation_of
from flowml.web.pages.jobs import dataset_name
from flowml.web.templating import Page, respond
from flowml.web.words import METRICS, MetricWords, difference_text, metric_of, metric_title, metric_words, score_text


@dataclass(frozen=True, kw_only=True)
class ResultsPage(Page):
    """`metrics` are the leaderboard's further metrics; `remark` says why there is no more than what is made at once."""

    template: ClassVar[str] = "results.html"

    job: Job
    dataset_name: str | None
    leaderboard: Leaderboard | None
    champion: Model | None
    metrics: list[MetricWords]
    chart: Chart | None
    sentence: str
    metric_title: str
    expected: Headline
    twin: "TwinWords | None"
    remark: str
    explanation: ExplanationText | None


@dataclass(frozen=True)
class TwinWords:
    """The fast twin in words. `same`: the best model is as small itself."""

    model: Model
    same: bool
    sentence: str


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    job = jobs.get_job(context, request.path_params["job_id"])
    leaderboard = results.leaderboard(context, job.id) if job.best_model_id else None
    champion = results.get_model(context, job.best_model_id) if job.best_model_id else None
    if champion is not None:
        # Trying it is what comes next.
        predicting.warm_soon(context, champion.id)
    return respond(
        request,
        ResultsPage(
            title=f"Results of {job.name}",
            frame=frame,
            job=job,
            dataset_name=dataset_name(context, job.dataset_id),
            leaderboard=leaderboard,
            champion=champion,
            metrics=_metrics(leaderboard),
            chart=_latency_chart(leaderboard) if leaderboard else None,
            sentence=champion_sentence(champion, job) if champion else "",
            metric_title=_title(leaderboard) if leaderboard else "",
            expected=headline(job),
            twin=_twin(context, champion) if champion else None,
            remark=_remark(job, champion),
            explanation=explanation_of(context, job_id=job.id) if champion or job.status.ended else None,
        ),
    )


def _remark(job: Job, champion: Model | None) -> str:
    if not job.status.ended or champion is None:
        return ""
    only_at_once = champion.algorithm in MADE_AT_ONCE and not job.trials_finished
    return job.error or (job.message if only_at_once else "")


def decision_sentence(model: Model) -> str:
    """How a class is decided, where it is not the more likely one; else empty."""
    at = model.details.threshold
    if at is None or model.classes is None or abs(at - 0.5) < 0.005:
        return ""
    return f"It predicts “{model.classes[-1]}” from a probability of {percent(at, 0)} on."


def _twin(context: Context, champion: Model) -> TwinWords | None:
    identifier = champion.details.fast_model_id
    if identifier is None:
        return None
    if identifier == champion.id:
        return TwinWords(champion, True, "The best model is one small model already: it is its own fast twin.")
    model = results.get_model(context, identifier)
    loss = difference_text(max(0.0, model.details.loss_of_quality or 0.0), model.metric)
    quality = f"{loss if any(digit in loss for digit in '123456789') else 'no'} worse in {metric_title(model.metric)}"
    speed = ""
    if model.predict_ms and champion.predict_ms:
        speed = f" instead of {milliseconds(champion.predict_ms)}"
    return TwinWords(
        model,
        False,
        f"One small model: one prediction takes {milliseconds(model.predict_ms)}{speed}, and it is {quality}, measured"
        " on rows that it had not seen.",
    )


def champion_sentence(model: Model, job: Job) -> str:
    """What the headline of a run means, of its best model, for somebody who does not know the metric."""
    words = metric_of(model.metric, model.positive_class)
    expected = headline(job)
    if model.metric == "accuracy":
        text = f"It is expected to predict {model.target} right in {expected.value} of new rows."
    elif model.metric == "r2":
        text = f"It is expected to explain {expected.value} of how {model.target} varies in new rows; 1 is all of it."
    elif model.metric in ("rmse", "mae"):
        text = f"Its predictions of {model.target} are expected to be typically off by {expected.value} in new rows."
    else:
        text = f"{words.title} {expected.value} is expected on new rows: {words.meaning}."
    if not expected.guess:
        return text
    return f"{text} The same answer for every row would reach {expected.guess}.{_doubt(model, job)}"


def _doubt(model: Model, job: Job) -> str:
    """Where it is not sure that a model is better than the same answer for every row."""
    greater = greater_is_better(model.metric)
    worst, guess = job.best_score_low if greater else job.best_score_high, job.baseline_score
    if worst is None or guess is None or (worst > guess if greater else worst < guess):
        return ""
    return f" So it is not sure that the other columns say anything about {model.target}."


def tested_sentence(model: Model) -> str:
    """What a model reached that is not the best of its run: nobody has worked out what to expect of it."""
    words = metric_of(model.metric, model.positive_class)
    score = score_text(model.score, model.metric)
    return f"{words.title} {score} in testing, on rows left out of learning: {words.meaning}."


def _metrics(leaderboard: Leaderboard | None) -> list[MetricWords]:
    if leaderboard is None:
        return []
    present = {name for row in leaderboard.items for name, value in row.metrics.items() if value is not None}
    return [
        metric_of(name, leaderboard.positive_class)
        for name in METRICS
        if name in present and name != leaderboard.metric
    ]


def _title(leaderboard: Leaderboard) -> str:
    return metric_of(leaderboard.metric or "", leaderboard.positive_class).title


def _latency_chart(leaderboard: Leaderboard) -> Chart | None:
    timed = [row for row in leaderboard.items if row.predict_ms is not None]
    if len(timed) < 2:
        return None
    best = leaderboard.items[0]
    return Chart(
        kind="pareto",
        title="Score against speed",
        caption=_latency_caption(best, timed, leaderboard),
        spec={
            "metric": f"{_title(leaderboard)} in testing",
            "format": metric_words(leaderboard.metric or "").format,
            "greater": leaderboard.greater_is_better,
            "models": [
                {
                    "id": row.model_id,
                    "title": row.name,
                    "rank": row.rank,
                    "score": row.score,
                    "ms": row.predict_ms,
                    "pareto": row.pareto,
                }
                for row in timed
            ],
        },
        columns=("Place", "Model", f"{_title(leaderboard)} in testing", "One prediction", "None is better and faster"),
        rows=[
            (
                row.rank,
                row.name,
                score_text(row.score, leaderboard.metric),
                milliseconds(row.predict_ms),
                "yes" if row.pareto else "no",
            )
            for row in timed
        ],
    )


def _latency_caption(best: LeaderboardRow, timed: list[LeaderboardRow], leaderboard: Leaderboard) -> str:
    fastest = min((row for row in timed if row.pareto), key=lambda row: row.predict_ms or 0.0, default=best)
    text = "Models on the line are worth having: no other is both better and faster."
    if fastest.model_id == best.model_id:
        return text + " Here the best model is also the fastest of them."
    return (
        f"{text} The best needs {milliseconds(best.predict_ms)} for one prediction; the fastest on the line,"
        f" {fastest.name}, needs {milliseconds(fastest.predict_ms)}"
        f" and reaches {score_text(fastest.score, leaderboard.metric)} in testing."
    )
