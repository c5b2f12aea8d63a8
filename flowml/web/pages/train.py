"""Train: from a table and a target to a running job."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.datasets import ColumnStats, Dataset, Finding, Role, Severity
from flowml.domain.errors import FlowMLError
from flowml.domain.jobs import ValidationKind
from flowml.domain.metrics import CLASSIFICATION_GOALS, REGRESSION_METRICS
from flowml.domain.wording import plural
from flowml.services import datasets, figures, jobs
from flowml.services.context import Context
from flowml.services.jobs import AlgorithmInfo, TaskPreview, usual_folds
from flowml.services.outlook import Basis, Outlook, look_ahead
from flowml.web.caller import context_of
from flowml.web.formatting import duration
from flowml.web.pages.charts import Chart
from flowml.web.pages.distribution import distribution_chart
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond
from flowml.web.words import METRICS, MetricWords

BUDGETS = (10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600)
DEFAULT_BUDGET = 60
MOST_FOLDS = 20
# Of the tables to choose from: the newest, and the one that is open.
LISTED = 100
_GROUPING = (Role.CATEGORICAL, Role.TEXT, Role.NUMERIC, Role.BOOLEAN)
_ORDERING = (Role.DATETIME, Role.NUMERIC, Role.IDENTIFIER)
SHOWN_FINDINGS = 6
_GOING_BY = {
    Basis.TABLE: "going by what they took on this table before",
    Basis.KIND: "going by what they took on tables like this one",
    Basis.MACHINE: "going by what they took on other tables here",
    Basis.USUAL: "going by what such a table usually takes: after the first run here this is known better",
}
TELLING = frozenset(
    {
        "target",
        "label",
        "class",
        "survived",
        "churn",
        "churned",
        "price",
        "outcome",
        "default",
        "y",
        "income",
        "quality",
    }
)


@dataclass(frozen=True)
class AlgorithmFamily:
    """Algorithms of one category, as the form groups them."""

    category: str
    algorithms: list[AlgorithmInfo]


@dataclass(frozen=True)
class Findings:
    """What is wrong with the table or may be. `issues` is None as long as nobody has looked: the page's script asks;
    `is_big`: looking takes a while, so it waits until somebody wants it."""

    issues: list[Finding] | None
    more: int
    is_big: bool


@dataclass(frozen=True, kw_only=True)
class TrainPage(Page):
    """Without `dataset` the page asks for one; without `task` for a target. `likely` are the columns offered first;
    `form` (JSON) is what the page's script starts from; the columns are those that can group, order or weigh rows."""

    template: ClassVar[str] = "train.html"

    datasets: list[Dataset]
    dataset: Dataset | None
    target: str | None
    likely: list[str]
    task: TaskPreview | None
    chart: Chart | None
    families: list[AlgorithmFamily]
    metrics: list[MetricWords]
    budgets: list[dict[str, Any]]
    default_step: int
    features: list[str]
    used: list[str]
    findings: "Findings | None"
    group_columns: list[str]
    time_columns: list[str]
    weight_columns: list[str]
    automatic_test: str
    form: dict[str, Any]


def page(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "train")
    recent, _ = datasets.list_datasets(context, LISTED, 0)
    wanted = request.query_params.get("dataset")
    dataset = datasets.get_dataset(context, wanted) if wanted else None
    target = request.query_params.get("target") if dataset else None
    stats = {column.name: column for column in figures.stats(context, dataset.id)} if dataset else {}
    task = chart = None
    if dataset and target and dataset.column(target):
        context.trainers.warm_up()
        task = jobs.detect_task(context, dataset.id, target)
        chart = None if task.problem else _target_chart(context, dataset, stats[target])
    problem_type = task.problem_type if task else None
    metrics = [METRICS[name] for name in _metric_names(problem_type)]
    features = [column.name for column in dataset.columns if column.name != target] if dataset else []
    used = [name for name in features if task is None or name not in task.unused]
    budgets = offered_budgets(context.settings.max_time_budget_seconds)
    outlook = None
    if dataset and task and task.problem_type:
        outlook = look_ahead(context, dataset, task.problem_type, len(task.classes or ()))
    steps = [
        {"seconds": seconds, "text": duration(seconds), "forecast": forecast(outlook, seconds)} for seconds in budgets
    ]
    default_step = max(at for at, seconds in enumerate(budgets) if seconds <= max(DEFAULT_BUDGET, budgets[0]))
    return respond(
        request,
        TrainPage(
            title=f"Train on {dataset.name}" if dataset else "Train",
            frame=frame,
            datasets=recent if dataset is None or dataset in recent else [dataset, *recent],
            dataset=dataset,
            target=target,
            likely=likely_targets(dataset) if dataset else [],
            task=task,
            chart=chart,
            families=_families(context, jobs.list_algorithms(str(problem_type))) if problem_type else [],
            metrics=metrics,
            budgets=steps,
            default_step=default_step,
            features=features,
            used=used,
            findings=_findings(context, dataset, task) if dataset and task and not task.problem else None,
            group_columns=_columns(dataset, target, _GROUPING),
            time_columns=_columns(dataset, target, _ORDERING),
            weight_columns=_columns(dataset, target, (Role.NUMERIC, Role.BOOLEAN)),
            automatic_test=_automatic_test(task),
            form={
                "dataset": dataset.id if dataset else None,
                "target": target,
                "metric": task.metric if task else None,
                "budgets": steps,
                "step": default_step,
                "used": used,
                "groups": [name for name, column in stats.items() if jobs.keeps_rows_apart(column)],
                "most_folds": usual_folds(dataset.n_rows, dataset.n_columns - 1, MOST_FOLDS) if dataset else MOST_FOLDS,
                "validation": None
                if task is None or task.validation is None
                else {"kind": task.validation.kind, "column": task.validation.column},
                "titles": {words.name: words.title for words in metrics},
            },
        ),
    )


def forecast(outlook: Outlook | None, seconds: float) -> str:
    """How many trials fit into so much time, and what that goes by.

    >>> forecast(Outlook([1.0, 2.0, 40.0], 2.0, None, 2, Basis.TABLE, 1.0), 20)
    'A simple model is there at once. About 17 trials fit, going by what they took on this table before.'
    >>> "About 9 trials fit" in forecast(Outlook([1.0], 2.0, 40, 1, Basis.TABLE, 1.0), 20)
    True
    >>> forecast(Outlook([1.0], 1.0, 5, 1, Basis.TABLE, 1.0), 60).split(". ")[1:]  # doctest: +NORMALIZE_WHITESPACE
    ['There is time for all 5 models worth trying, going by what they took on this table before',
    'It stops sooner when nothing gets better.']
    """
    if outlook is None or not outlook.slots:
        return "A simple model is there at once; how many trials there is time for depends on who trains."
    found = outlook.trials(seconds)
    tried = f"About {plural(_rounded(found), 'trial')} fit{'s' if found == 1 else ''}"
    if found == 0:
        tried = "There is hardly time for anything more"
    elif found == outlook.limit:
        tried = f"There is time for all {found} models worth trying"
    stops = " It stops sooner when nothing gets better." if found and outlook.limit is not None else ""
    busy = " Other work that runs here now is counted in." if outlook.busy >= 1.5 else ""
    return f"A simple model is there at once. {tried}, {_GOING_BY[outlook.basis]}.{stops}{busy}"


def _rounded(count: int) -> int:
    """To two digits: more would be pretended."""
    return round(count, 2 - len(str(count))) if count >= 100 else count


def _findings(context: Context, dataset: Dataset, task: TaskPreview) -> Findings:
    found = figures.known_quality(context, dataset.id, task.target)
    if found is None:
        return Findings(None, 0, not figures.is_judged_at_once(dataset))

    def is_told(issue: Finding) -> bool:
        """What gives the answer away stands among the warnings already."""
        named = [warning for warning in task.warnings for name in issue.columns if f"“{name}”" in warning]
        return issue.code == "leakage" and bool(named)

    issues = [issue for issue in found.issues if issue.severity is not Severity.INFO and not is_told(issue)]
    return Findings(issues[:SHOWN_FINDINGS], max(0, len(issues) - SHOWN_FINDINGS), False)


def offered_budgets(longest: float) -> list[float]:
    """The steps of the slider up to what this server allows, which is the last one where it is more than all of them.

    >>> offered_budgets(20), offered_budgets(7200)[-2:], offered_budgets(5)
    ([10, 15, 20], [3600, 7200], [5])
    """
    steps: list[float] = [seconds for seconds in BUDGETS if seconds <= longest]
    return [*steps, longest] if not steps or longest > BUDGETS[-1] else steps


def _columns(dataset: Dataset | None, target: str | None, roles: tuple[Role, ...]) -> list[str]:
    """The columns of such roles that are not the target."""
    if dataset is None:
        return []
    return [column.name for column in dataset.columns if column.role in roles and column.name != target]


def _automatic_test(task: TaskPreview | None) -> str:
    if task is None or task.validation is None:
        return "at random"
    by_time = task.validation.kind is ValidationKind.TIME
    return f"{'later by' if by_time else 'others by'} {task.validation.column}"


def likely_targets(dataset: Dataset) -> list[str]:
    """Columns that people would want to predict, the likeliest first: a telling name, then the place in the table,
    where the answer usually stands last."""
    usable = [
        column.name
        for column in reversed(dataset.columns)
        if column.role in (Role.NUMERIC, Role.CATEGORICAL, Role.BOOLEAN)
    ]

    def unlikely(name: str) -> int:
        words = name.lower().replace("-", "_").split("_")
        return 0 if name.lower() in TELLING else 1 if TELLING & set(words) else 2

    return sorted(usable, key=unlikely)[:4]


def _target_chart(context: Context, dataset: Dataset, column: ColumnStats) -> Chart | None:
    try:
        found = figures.distribution(context, dataset.id, column.name)
    except FlowMLError:
        if context.nobody_waits:
            raise
        # A picture that cannot be drawn keeps nobody from training.
        return None
    return distribution_chart(column, found)


def _metric_names(problem_type: str | None) -> tuple[str, ...]:
    if problem_type == "classification":
        return CLASSIFICATION_GOALS
    return REGRESSION_METRICS if problem_type == "regression" else CLASSIFICATION_GOALS + REGRESSION_METRICS


def _families(context: Context, algorithms: list[AlgorithmInfo]) -> list[AlgorithmFamily]:
    families: dict[str, list[AlgorithmInfo]] = {}
    for algorithm in algorithms:
        # What could be trained on a GPU is of interest where there is one.
        shown = replace(algorithm, gpu=algorithm.gpu and jobs.trains_on_gpu(context, algorithm.name))
        families.setdefault(algorithm.category, []).append(shown)
    return [AlgorithmFamily(category, members) for category, members in families.items()]
