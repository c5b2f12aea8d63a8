"""What a report says of a run: collected from the services, each part with a sentence where it has nothing to show."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from flowml import __version__
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError, NotFound
from flowml.domain.jobs import Job
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import Importance, Leaderboard, LeaderboardRow, Model
from flowml.domain.wording import number
from flowml.services import jobs, results
from flowml.services.assistant.explaining import Section, own_explanation
from flowml.services.context import Context
from flowml.services.datasets import get_dataset
from flowml.services.insight import figures
from flowml.web.formatting import cell, percent
from flowml.web.headline import Headline, headline
from flowml.web.pages.insight.search import parameter_text, search_sentence
from flowml.web.pages.jobs import algorithm_titles
from flowml.web.pages.results import champion_sentence, decision_sentence
from flowml.web.report import drawings
from flowml.web.templating import Page, render
from flowml.web.verdicts import pair_words, verdict
from flowml.web.words import METRICS, MetricWords, metric_of, score_text

_MOST_MODELS = 30
_MOST_COLUMNS = 100
_MOST_CLASSES = 20
_MOST_BARS = 20
Found = TypeVar("Found")


@dataclass(frozen=True)
class Figure:
    """A drawing with its title, and what there is to see in words."""

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Family:
    title: str
    n_trials: int
    best: str
    note: str
    items: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, kw_only=True)
class ReportPage(Page):
    """`missing` says, part by part, why it is not there."""

    template: ClassVar[str] = "report/report.html"

    job: Job
    dataset: Dataset | None
    made_at: str
    version: str
    versions: str
    board: Leaderboard | None
    rows: Sequence[LeaderboardRow]
    champion: Model | None
    sentence: str
    decision: str
    expected: Headline
    metrics: Sequence[tuple[MetricWords, str]]
    folds: str
    members: str
    speed: Figure | None
    figures: Sequence[Figure]
    confusion: Sequence[Sequence[str]]
    too_many_classes: int
    slices: Sequence[str]
    comparison: Sequence[str]
    search: str
    families: Sequence[Family]
    columns: Sequence[tuple[str, str, str]]
    hidden_columns: int
    settings: Sequence[tuple[str, str]]
    missing: Mapping[str, str]
    words: Sequence[Section]


class _Parts:
    """Parts of a report, of which some cannot be had."""

    def __init__(self, context: Context) -> None:
        self.missing: dict[str, str] = {}
        self._context = context

    def get(self, name: str, find: Callable[[], Found]) -> Found | None:
        try:
            return find()
        except FlowMLError as error:
            if self._context.nobody_waits:
                raise
            self.missing[name] = f"{error.detail} {error.hint or ''}".strip()
            return None


def report(context: Context, job_id: str) -> Response:
    """The report of a run as one HTML file, which needs no network; also while it runs."""
    job = jobs.get_job(context, job_id)
    page = report_of(context, job)
    name = f"report-{''.join(one if one.isalnum() else '-' for one in job.name)[:60]}.html"
    return Response(
        render(page),
        media_type="text/html; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename=\"report.html\"; filename*=UTF-8''{quote(name)}"},
    )


def report_of(context: Context, job: Job) -> ReportPage:
    """All that it says; what was not asked for before is worked out now."""
    parts = _Parts(context)
    board = results.leaderboard(context, job.id)
    champion = results.get_model(context, job.best_model_id) if job.best_model_id else None
    shown: list[Figure] = []
    slices, comparison, confusion = list[str](), list[str](), list[Sequence[str]]()
    if champion is not None:
        shown = _figures(context, champion, parts)
        confusion = _confusion(champion)
        found = parts.get("slices", lambda: figures.slices(context, champion.id))
        slices = [item["sentence"] for item in found["items"]] if found else []
        if found and not slices:
            parts.missing["slices"] = found["note"]
        comparison = parts.get("comparison", lambda: _comparison(context, champion, board)) or []
    search = parts.get("search", lambda: figures.parameter_importance(context, job.id))
    schema = champion.details.schema if champion else ()
    return ReportPage(
        title=f"Report: {job.name}",
        frame=None,
        job=job,
        dataset=_dataset(context, job),
        made_at=datetime.fromtimestamp(context.clock(), UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        versions=f"FlowML {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        board=board if board.items else None,
        rows=board.items[:_MOST_MODELS],
        champion=champion,
        sentence=champion_sentence(champion, job) if champion else "",
        decision=decision_sentence(champion) if champion else "",
        expected=headline(job),
        metrics=_metrics(champion),
        folds=_folds(champion),
        members=_members(champion),
        speed=_speed(board, job),
        figures=shown,
        confusion=confusion,
        too_many_classes=0 if confusion or champion is None else len(champion.classes or ()),
        slices=slices,
        comparison=comparison,
        search=search_sentence(search) if search else "",
        families=[_family(one, job.metric or "") for one in search["families"]] if search else [],
        columns=[_column(feature) for feature in schema[:_MOST_COLUMNS]],
        hidden_columns=max(0, len(schema) - _MOST_COLUMNS),
        settings=_settings(job),
        missing=parts.missing,
        words=own_explanation(context, job_id=job.id).sections,
    )


def _dataset(context: Context, job: Job) -> Dataset | None:
    try:
        return get_dataset(context, job.dataset_id)
    except NotFound:
        return None


def _figures(context: Context, champion: Model, parts: _Parts) -> list[Figure]:
    shown: list[Figure] = []
    found = parts.get("curves", lambda: figures.curves(context, champion.id))
    if found is not None:
        shown += [Figure(*one) for one in drawings.of_curves(found, champion.target)]
    importance: Importance | None = parts.get(
        "importance", lambda: results.feature_importance(context, champion.id, "permutation")
    )
    if importance is not None and importance.items:
        shown.insert(0, Figure(*drawings.of_importance(importance.items[:_MOST_BARS], champion.metric)))
    return shown


def _speed(board: Leaderboard, job: Job) -> Figure | None:
    timed = [row for row in board.items if row.predict_ms]
    return Figure(*drawings.of_speed(timed, board, job.positive_class)) if len(timed) > 1 else None


def _comparison(context: Context, champion: Model, board: Leaderboard) -> list[str]:
    others = [row.model_id for row in board.items if row.model_id != champion.id][: figures.MOST_COMPARED - 1]
    if not others:
        return []
    models, found = figures.compare(context, [champion.id, *others])
    names = results.names_apart(context, models)
    words = [pair_words(pair, names, champion.metric) for pair in found["pairs"]]
    return [verdict(found["pairs"], names, champion.metric), *words, f"Method: {found['method']}."]


def _confusion(champion: Model) -> list[Sequence[str]]:
    matrix = champion.details.confusion_matrix
    if matrix is None or len(matrix.labels) > _MOST_CLASSES:
        return []
    heading = ["true \\ predicted", *matrix.labels]
    return [
        heading,
        *([label, *map(number, counts)] for label, counts in zip(matrix.labels, matrix.matrix, strict=True)),
    ]


def _metrics(champion: Model | None) -> list[tuple[MetricWords, str]]:
    if champion is None:
        return []
    return [
        (metric_of(name, champion.positive_class), score_text(champion.metrics[name], name))
        for name in METRICS
        if champion.metrics.get(name) is not None
    ]


def _folds(champion: Model | None) -> str:
    if champion is None or len(champion.cv_scores) < 2:
        return ""
    return ", ".join(score_text(score, champion.metric) for score in champion.cv_scores)


def _members(champion: Model | None) -> str:
    if champion is None or not champion.details.members:
        return ""
    titles = algorithm_titles(jobs.list_algorithms(None))
    in_order = sorted(champion.details.members, key=lambda member: -member.weight)
    return ", ".join(f"{titles.get(one.algorithm, one.algorithm)} ({percent(one.weight, 0)})" for one in in_order)


def _family(found: Mapping[str, Any], metric: str) -> Family:
    sign = 1 if greater_is_better(metric) else -1
    items = [
        (item["parameter"], f"{percent(item['importance'])} ± {percent(item['std'])}", parameter_text(item["best"]))
        for item in found["items"]
        if item["importance"] > 0
    ]
    return Family(found["title"], found["n_trials"], score_text(sign * found["best"], metric), found["note"], items)


def _column(feature: Mapping[str, Any]) -> tuple[str, str, str]:
    values = ""
    if feature.get("categories"):
        values = ", ".join(cell(value) for value in feature["categories"][:8])
        values += " …" if len(feature["categories"]) > 8 else ""
    elif feature.get("min") is not None:
        values = f"{cell(feature['min'])} to {cell(feature['max'])}"
    return str(feature["name"]), str(feature["role"]), values


def _settings(job: Job) -> list[tuple[str, str]]:
    shown = {"run": job.id, **asdict(job.spec), "metric used": job.metric}
    return [(name.replace("_", " "), _setting(value)) for name, value in shown.items() if name != "name"]


def _setting(value: Any) -> str:
    if value is None or value == ():
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
