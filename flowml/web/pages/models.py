"""One model: how good, where it errs, what it looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import FlowMLError
from flowml.domain.jobs import Job
from flowml.domain.models import Importance, Model
from flowml.domain.wording import number
from flowml.services import jobs, results
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.web.caller import context_of
from flowml.web.headline import Headline, headline
from flowml.web.pages.charts import Chart
from flowml.web.pages.frame import build_frame
from flowml.web.pages.insight.explanation import ExplanationText, explanation_of
from flowml.web.pages.jobs import algorithm_titles
from flowml.web.pages.residuals import residual_charts
from flowml.web.pages.results import champion_sentence, decision_sentence, tested_sentence
from flowml.web.templating import Page, respond
from flowml.web.words import METRICS, MetricWords, difference_text, metric_of, metric_title, metric_words, score_text


@dataclass(frozen=True)
class MetricValue:
    words: MetricWords
    text: str
    main: bool
    detail: str = ""


@dataclass(frozen=True)
class ConfusionCell:
    """`heat` is 0 to 10, from the share of its row; `actual` and `predicted` are the labels."""

    actual: str
    predicted: str
    count: int
    share: float
    heat: int
    right: bool


@dataclass(frozen=True)
class Confusion:
    """Rows are the true classes, columns the predicted ones."""

    labels: list[str]
    rows: list[list[ConfusionCell]]
    caption: str


@dataclass(frozen=True)
class Member:
    """A part of an ensemble and its share of the vote."""

    title: str
    weight: float
    model_id: str | None


@dataclass(frozen=True, kw_only=True)
class ModelPage(Page):
    """`importance` is None where it is not computed yet: the page's script asks for it."""

    template: ClassVar[str] = "model.html"

    job: Job
    model: Model
    heading: str
    is_best: bool
    rank: int
    n_models: int
    sentence: str
    notes: list[str]
    values: list[MetricValue]
    folds: Chart | None
    confusion: Confusion | None
    residuals: list[Chart]
    importance: Chart | None
    members: list[Member]
    params: list[tuple[str, str]]
    explanation: ExplanationText


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "jobs")
    model = results.get_model(context, request.path_params["model_id"])
    job = jobs.get_job(context, model.job_id)
    predicting.warm_soon(context, model.id)
    board = results.leaderboard(context, job.id)
    titles = algorithm_titles(jobs.list_algorithms(None))
    rank = next((row.rank for row in board.items if row.model_id == model.id), len(board.items))
    heading = model.name
    is_best = model.id == job.best_model_id
    return respond(
        request,
        ModelPage(
            title=f"{heading} for {model.target}",
            frame=frame,
            job=job,
            model=model,
            heading=heading,
            is_best=is_best,
            rank=rank,
            n_models=len(board.items),
            sentence=champion_sentence(model, job) if is_best else tested_sentence(model),
            notes=_notes(model, titles),
            values=_values(model, headline(job) if is_best else None),
            folds=_fold_chart(model),
            confusion=_confusion(context, model),
            residuals=residual_charts(model.target, model.details.residuals, f"/models/{model.id}/mistakes"),
            importance=importance_chart(model.details.permutation_importance, model),
            members=[
                Member(titles.get(part.algorithm, part.algorithm), part.weight, part.model_id)
                for part in sorted(model.details.members, key=lambda part: -part.weight)
            ],
            explanation=explanation_of(context, model_id=model.id),
            params=[(name, _parameter(value)) for name, value in sorted(model.params.items())],
        ),
    )


def _notes(model: Model, titles: Mapping[str, str]) -> list[str]:
    """What is good to know of how it came about and how it answers."""
    notes = [decision_sentence(model)]
    if model.details.calibrated:
        notes.append("Its probabilities are calibrated: of rows that get 70 %, about 70 % turn out so.")
    if model.details.twin_of == model.id:
        notes.append("It is one small model, so it is its own fast twin.")
    elif model.details.twin_of:
        loss = model.details.loss_of_quality or 0.0
        worse = (
            f"{difference_text(loss, model.metric)} worse in {metric_title(model.metric)}" if loss > 0 else "no worse"
        )
        family = titles.get(model.algorithm, model.algorithm)
        notes.append(f"The fast twin of the best model: one {family}, {worse}; {model.details.made}.")
    return [note for note in notes if note]


def _values(model: Model, expected: Headline | None) -> list[MetricValue]:
    """First the metric that models are compared by: what to expect of the best model; of others the mean over the
    folds, as on the leaderboard."""
    words = metric_of(model.metric, model.positive_class)
    if expected is None:
        main = MetricValue(words, score_text(model.score, model.metric), True, "in testing")
    else:
        main = MetricValue(words, expected.value, True, expected.detail)
    return [main] + [
        MetricValue(metric_of(name, model.positive_class), score_text(model.metrics[name], name), False, "in testing")
        for name in METRICS
        if name != model.metric and model.metrics.get(name) is not None
    ]


def _fold_chart(model: Model) -> Chart | None:
    scores = list(model.cv_scores)
    if len(scores) < 2:
        return None
    title = metric_of(model.metric, model.positive_class).title
    return Chart(
        kind="folds",
        title=f"{title} in each fold",
        caption=f"Trained {len(scores)} times, each time tested on rows that were left out: from"
        f" {score_text(min(scores), model.metric)} to {score_text(max(scores), model.metric)}. The closer together,"
        " the more the score can be relied on.",
        spec={
            "metric": title,
            "format": metric_words(model.metric).format,
            "scores": scores,
            "mean": sum(scores) / len(scores),
        },
        columns=("Fold", title),
        rows=[(at + 1, score_text(score, model.metric)) for at, score in enumerate(scores)],
    )


def _confusion(context: Context, model: Model) -> Confusion | None:
    if model.classes is None:
        return None
    try:
        found = results.confusion_matrix(context, model.id)
    except FlowMLError:
        return None
    labels = [str(label) for label in found.labels]
    rows = []
    worst = (0, "", "")
    for at, counts in enumerate(found.matrix):
        total = sum(counts) or 1
        rows.append(
            [
                ConfusionCell(labels[at], labels[other], count, count / total, round(10 * count / total), at == other)
                for other, count in enumerate(counts)
            ]
        )
        for other, count in enumerate(counts):
            if at != other and count > worst[0]:
                worst = (count, labels[at], labels[other])
    caption = "No row was predicted wrong."
    if worst[0]:
        caption = (
            f"The most frequent mistake: {number(worst[0])} times the truth was {worst[1]} and the prediction"
            f" {worst[2]}."
        )
    return Confusion(labels, rows, caption)


def importance_chart(found: Importance | None, model: Model) -> Chart | None:
    """Bars from what `services.results.feature_importance` answers; at most the 20 first columns are drawn."""
    if not found or not found.items:
        return None
    items = found.items
    useful = [item for item in items if item.importance > 0]
    title = metric_title(model.metric)
    in_points = metric_words(model.metric).format == "percent"
    if useful:
        names = ", ".join(item.feature for item in useful[:3])
        caption = f"How much worse {title} gets when a column is shuffled. What counts most: {names}."
    else:
        caption = "Shuffling any one column changes nothing: no single column matters by itself."
    return Chart(
        kind="importance",
        title="What the model looks at",
        caption=caption,
        spec={
            "metric": title,
            "percent": in_points,
            "items": [
                {"feature": item.feature, "importance": item.importance, "std": item.std or 0.0} for item in items[:20]
            ],
        },
        columns=("Column", f"Loss of {title}{' (percentage points)' if in_points else ''}", "±"),
        rows=[
            (
                item.feature,
                _loss(item.importance, model.metric),
                "shuffled once" if item.std is None else _loss(item.std, model.metric),
            )
            for item in items
        ],
    )


def _loss(value: float, metric: str) -> str:
    return number(100 * value) if metric_words(metric).format == "percent" else number(value)


def _parameter(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
