"""What a person should know of a model before using it, in Markdown: what is stored of it, and nothing else."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from flowml.domain.errors import NotFound
from flowml.domain.jobs import Job
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import ConfusionMatrix, Model
from flowml.domain.wording import plural
from flowml.services.context import Context
from flowml.services.serving import predicting

_MOST_COLUMNS = 200
_MOST_CLASSES = 30


def model_card(context: Context, model_id: str) -> str:
    """Raises NotFound, Damaged."""
    model = context.store.models.get(model_id)
    job = context.store.jobs.get(model.job_id)
    schema = predicting.load(context, model_id).fitted.schema
    parts = [
        f"# {_plain(model.name)}: predicts {_plain(model.target)}",
        *_purpose(context, model, job),
        "## How good it is",
        *_quality(model, job),
        "## What it takes",
        *_columns(model),
        "## Limits",
        *_limits(model, schema.n_rows),
        "## Made",
        *_made(model, schema.n_rows, schema.data_hash, schema.versions),
        "## How to use it",
        f'    POST /api/results/predict\n    {{"model_id": "{model.id}", "features": {{…}}}}',
        f"Programs to paste: `/api/results/model/{model.id}/code?language=python` (also `curl` and `javascript`).",
        f"As a file: `/api/results/model/{model.id}/download?format=flowml` (also `joblib`, `onnx`, `python`, `sql`).",
    ]
    return "\n\n".join(parts) + "\n"


def _purpose(context: Context, model: Model, job: Job) -> Iterator[str]:
    try:
        dataset = context.store.datasets.get(job.dataset_id)
        source = f"“{_plain(dataset.name)}”: {dataset.n_rows:,} rows and {dataset.n_columns:,} columns"
    except NotFound:
        source = "a data set that was deleted since"
    classes = model.classes
    what = "a number" if classes is None else f"one of {plural(len(classes), 'class', 'classes')}"
    yield f"It predicts “{_plain(model.target)}”, {what}, from the other columns of a row. It was trained on {source}."
    if classes is not None:
        shown = ", ".join(f"“{_plain(label)}”" for label in classes[:_MOST_CLASSES])
        more = len(classes) - _MOST_CLASSES
        yield f"Classes: {shown}{f' and {more} more' if more > 0 else ''}."


def _quality(model: Model, job: Job) -> Iterator[str]:
    direction = "more is better" if greater_is_better(model.metric) else "less is better"
    yield (
        f"By cross-validation, {_plain(model.metric)} ({direction}): **{model.score:.4g}**"
        + (f", in {len(model.cv_scores)} folds {_listed(model.cv_scores)}." if model.cv_scores else ".")
    )
    if job.best_model_id == model.id and job.best_score is not None:
        low, high = job.best_score_low, job.best_score_high
        between = "" if low is None or high is None else f", between {low:.4g} and {high:.4g}"
        yield f"To be expected on new rows: **{job.best_score:.4g}**{between}, without the luck of having been chosen."
    if job.baseline_score is not None:
        yield f"A constant guess reaches {job.baseline_score:.4g}."
    known = [(name, f"{value:.4g}") for name, value in model.metrics.items() if value is not None]
    yield _table(("metric", "by cross-validation"), known)
    if model.details.confusion_matrix is not None:
        yield "By class, of rows that it had not seen:"
        yield _table(("class", "rows", "found (recall)", "right when predicted (precision)"), _by_class(model))


def _by_class(model: Model) -> Iterator[tuple[str, ...]]:
    found = model.details.confusion_matrix
    assert isinstance(found, ConfusionMatrix)
    for index, label in enumerate(found.labels[:_MOST_CLASSES]):
        right, rows = found.matrix[index][index], sum(found.matrix[index])
        predicted = sum(line[index] for line in found.matrix)
        yield label, f"{rows:,}", _share(right, rows), _share(right, predicted)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _columns(model: Model) -> Iterator[str]:
    schema = model.details.schema
    lines = [(str(one["name"]), str(one["role"]), _seen(one)) for one in schema[:_MOST_COLUMNS]]
    yield _table(("column", "kind", "in training"), lines)
    if len(schema) > _MOST_COLUMNS:
        yield f"And {len(schema) - _MOST_COLUMNS:,} columns more."
    if model.details.dropped:
        yield "Left out of the table:"
        yield _table(("column", "why"), model.details.dropped.items())
    if model.details.recipe is not None and model.details.recipe.applied:
        yield "Done to each row first: " + "; ".join(map(_plain, model.details.recipe.applied)) + "."


def _seen(feature: Any) -> str:
    if feature.get("categories") is not None:
        return ", ".join(map(str, feature["categories"][:8])) + (" …" if len(feature["categories"]) > 8 else "")
    if feature.get("min") is not None and feature.get("max") is not None:
        return f"{feature['min']} to {feature['max']}"
    return ""


def _limits(model: Model, n_rows: int) -> Iterator[str]:
    details = model.details
    yield (
        f"- It has learned from {plural(n_rows, 'row')}. Values beyond the ranges above, and categories that are not "
        "in them, it has not seen; answers say so in their warnings."
    )
    if model.classes is None:
        yield "- An answer is a mean, not a promise: use its interval, and ask for the coverage that you need."
    elif details.threshold is not None:
        yield f"- “{_plain(model.classes[-1])}” is predicted from a probability of {details.threshold:.4g} on."
    elif details.decision is not None:
        yield "- Classes are predicted by probabilities weighed for the metric, not always the most likely one."
    if model.classes is not None:
        yield f"- Its probabilities are {'calibrated' if details.calibrated else 'as the model gives them'}."
    if details.twin_of is not None and details.loss_of_quality is not None:
        yield f"- It is the fast twin of {details.twin_of}, worse by {details.loss_of_quality:.3g}."
    yield "- That a column helps to predict does not say that it is a cause."


def _made(model: Model, n_rows: int, data_hash: str, versions: Any) -> Iterator[str]:
    members = ", ".join(f"{member.algorithm} {member.weight:.0%}" for member in model.details.members)
    when = datetime.fromtimestamp(model.created_at, UTC)
    facts = [
        ("algorithm", model.algorithm + (f": {members}" if members else "")),
        ("on", f"{when:%Y-%m-%d %H:%M} UTC"),
        ("fitting took", f"{model.fit_seconds:.1f} s"),
        ("one row takes", "" if model.predict_ms is None else f"{model.predict_ms:.2f} ms where it was made"),
        ("model file", f"{model.size_bytes:,} bytes, SHA-256 {model.file}"),
        ("rows", f"{n_rows:,}, of the hash {data_hash}" if data_hash else f"{n_rows:,}"),
        *((f"version of {name}", str(version)) for name, version in versions.items()),
    ]
    yield _table(("", ""), [(name, value) for name, value in facts if value])


def _listed(values: Sequence[float | None]) -> str:
    return ", ".join("–" if value is None else f"{value:.4g}" for value in values)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *([_plain(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _plain(text: str) -> str:
    """Of a name from outside, so that it is a text and nothing else in Markdown."""
    shown = " ".join(str(text).split())[:200]
    return "".join(f"\\{one}" if one in "\\`*_[]|<>#" else one for one in shown)
