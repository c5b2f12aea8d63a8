"""What a person should know of a model before using it, in Markdown: what is stored of it, and nothing else."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowml.automl.export.card_file import card_text, columns, limits, made, plain, purpose, table
from flowml.automl.export.exporting import KINDS
from flowml.domain.errors import NotFound
from flowml.domain.jobs import Job
from flowml.domain.metrics import greater_is_better
from flowml.domain.models import ConfusionMatrix, Model
from flowml.services.context import Context
from flowml.services.serving import predicting

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel

_MOST_CLASSES = 30
_FORMS = ", ".join(f"`{name}`" for name in KINDS)


def model_card(context: Context, model_id: str) -> str:
    """Raises NotFound, Damaged."""
    model = context.store.models.get(model_id)
    job = context.store.jobs.get(model.job_id)
    fitted = predicting.load(context, model_id).fitted
    parts = [
        f"# {plain(model.name)}: predicts {plain(model.target)}",
        *_purpose(context, model, job),
        "## How good it is",
        *_quality(model, job),
        "## What it takes",
        *_columns(model),
        "## Limits",
        *_twin(model),
        *limits(fitted),
        "## Made",
        *_made(model, fitted),
        "## How to use it",
        f'    POST /api/results/predict\n    {{"model_id": "{model.id}", "features": {{…}}}}',
        f"Programs to paste: `/api/results/model/{model.id}/code?language=python` (also `curl` and `javascript`).",
        f"As a file: `/api/results/model/{model.id}/download?format=flowml` (also {_FORMS}).",
    ]
    return "\n\n".join(parts) + "\n"


def card_of_file(fitted: "FittedModel") -> str:
    """The same of a model that nothing is stored of."""
    return card_text(fitted)


def _purpose(context: Context, model: Model, job: Job) -> Iterator[str]:
    try:
        dataset = context.store.datasets.get(job.dataset_id)
        source = f"“{plain(dataset.name)}”: {dataset.n_rows:,} rows and {dataset.n_columns:,} columns"
    except NotFound:
        source = "a data set that was deleted since"
    yield from purpose(model.target, model.classes)
    yield f"It was trained on {source}."


def _quality(model: Model, job: Job) -> Iterator[str]:
    direction = "more is better" if greater_is_better(model.metric) else "less is better"
    yield (
        f"By cross-validation, {plain(model.metric)} ({direction}): **{model.score:.4g}**"
        + (f", in {len(model.cv_scores)} folds {_listed(model.cv_scores)}." if model.cv_scores else ".")
    )
    if job.best_model_id == model.id and job.best_score is not None:
        low, high = job.best_score_low, job.best_score_high
        between = "" if low is None or high is None else f", between {low:.4g} and {high:.4g}"
        yield f"To be expected on new rows: **{job.best_score:.4g}**{between}, without the luck of having been chosen."
    if job.baseline_score is not None:
        yield f"A constant guess reaches {_figure(job.baseline_score)}."
    known = [(name, f"{value:.4g}") for name, value in model.metrics.items() if value is not None]
    yield table(("metric", "by cross-validation"), known)
    if model.details.confusion_matrix is not None:
        yield "By class, of rows that it had not seen:"
        yield table(("class", "rows", "found (recall)", "right when predicted (precision)"), _by_class(model))


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
    yield from columns(model.details.schema)
    if model.details.dropped:
        yield "Left out of the table:"
        yield table(("column", "why"), model.details.dropped.items())
    if model.details.recipe is not None and model.details.recipe.applied:
        yield "Done to each row first: " + "; ".join(map(plain, model.details.recipe.applied)) + "."


def _twin(model: Model) -> Iterator[str]:
    details = model.details
    if details.twin_of == model.id:
        yield "- It is one small model, so it is its own fast twin."
    elif details.twin_of is not None and details.loss_of_quality is not None:
        yield f"- It is the fast twin of {plain(details.twin_of)}, worse by {details.loss_of_quality:.3g}."


def _made(model: Model, fitted: "FittedModel") -> Iterator[str]:
    members = ", ".join(f"{member.algorithm} {member.weight:.0%}" for member in model.details.members)
    when = datetime.fromtimestamp(model.created_at, UTC)
    facts = [
        ("algorithm", model.algorithm + (f": {members}" if members else "")),
        ("on", f"{when:%Y-%m-%d %H:%M} UTC"),
        ("fitting took", f"{model.fit_seconds:.1f} s"),
        ("one row takes", "" if model.predict_ms is None else f"{_duration(model.predict_ms)} where it was made"),
        ("model file", f"{model.size_bytes:,} bytes, SHA-256 {model.file}"),
        *made(fitted)[1:],
    ]
    yield table(("", ""), [(name, value) for name, value in facts if value])


def _duration(milliseconds: float) -> str:
    return "less than 0.01 ms" if milliseconds < 0.01 else f"{milliseconds:.2f} ms"


def _figure(value: float) -> str:
    # What is left of a difference that is none.
    return "0" if abs(value) < 1e-5 else f"{value:.4g}"


def _listed(values: Sequence[float | None]) -> str:
    return ", ".join("–" if value is None else f"{value:.4g}" for value in values)
