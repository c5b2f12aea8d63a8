"""What a person should know of a model before using it, in Markdown, by the model file alone; where a server has the
model, it says more (`services/serving/cards.py`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowml.domain.datasets import Role
from flowml.domain.metrics import greater_is_better
from flowml.domain.wording import plural

if TYPE_CHECKING:
    from flowml.automl.export.parity import Parity
    from flowml.automl.model.model import FittedModel

_MOST_COLUMNS = 200
_MOST_CLASSES = 30
_BOOSTERS = ("lightgbm", "xgboost", "catboost")


def card_file(model: "FittedModel") -> tuple[bytes, "Parity"]:
    """The card; it answers no rows, so that there is nothing to try."""
    from flowml.automl.export.parity import Parity

    return card_text(model).encode(), Parity(0, 0.0)


def card_text(model: "FittedModel") -> str:
    schema = model.schema
    parts = [
        f"# Predicts {plain(schema.target)}",
        *purpose(schema.target, schema.classes),
        "## How good it is",
        *_quality(model),
        "## What it takes",
        *columns(schema.describe()),
        "## Limits",
        *limits(model),
        "## Made",
        table(("", ""), made(model)),
    ]
    return "\n\n".join(parts) + "\n"


def purpose(target: str, classes: Sequence[str] | None) -> Iterator[str]:
    what = "a number" if classes is None else f"one of {plural(len(classes), 'class', 'classes')}"
    yield f"It predicts “{plain(target)}”, {what}, from the other columns of a row."
    if classes is not None:
        shown = ", ".join(f"“{plain(label)}”" for label in classes[:_MOST_CLASSES])
        more = len(classes) - _MOST_CLASSES
        yield f"Classes: {shown}{f' and {more} more' if more > 0 else ''}."


def _quality(model: "FittedModel") -> Iterator[str]:
    schema = model.schema
    direction = "more is better" if greater_is_better(schema.metric) else "less is better"
    yield f"It was chosen by {plain(schema.metric)} ({direction})."
    known = [(name, f"{value:.4g}") for name, value in schema.metrics.items() if value is not None]
    if known:
        yield table(("metric", "by cross-validation"), known)


def columns(features: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """`features` as `ModelSchema.describe` gives them."""
    lines = [(str(one["name"]), str(one["role"]), _seen(one)) for one in features[:_MOST_COLUMNS]]
    yield table(("column", "kind", "in training"), lines)
    if len(features) > _MOST_COLUMNS:
        yield f"And {len(features) - _MOST_COLUMNS:,} columns more."


def _seen(feature: Mapping[str, Any]) -> str:
    if feature["role"] == Role.BOOLEAN:
        return "true, false"
    if feature.get("categories") is not None:
        return ", ".join(map(str, feature["categories"][:8])) + (" …" if len(feature["categories"]) > 8 else "")
    if feature.get("min") is not None and feature.get("max") is not None:
        return f"{feature['min']} to {feature['max']}"
    return ""


def limits(model: "FittedModel") -> Iterator[str]:
    schema = model.schema
    yield (
        f"- It has learned from {plural(schema.n_rows, 'row')}. Values beyond the ranges above, and categories that "
        "are not in them, it has not seen; answers say so in their warnings."
    )
    coverage = f"{schema.interval_coverage:.0%}"
    if schema.classes is None:
        if schema.conformal is not None or schema.interval_half_width is not None:
            yield (
                f"- An answer is a mean, not a promise: its interval had the true value in {coverage} of rows that "
                "were held out, and another coverage can be asked for."
            )
    else:
        if model.threshold is not None:
            yield f"- “{plain(schema.classes[-1])}” is predicted from a probability of {model.threshold:.4g} on."
        elif model.decision is not None:
            yield "- Classes are predicted by probabilities weighed for the metric, not always the most likely one."
        yield f"- Its probabilities are {'as the model gives them' if model.temperature is None else 'calibrated'}."
    yield "- That a column helps to predict does not say that it is a cause."


def made(model: "FittedModel") -> list[tuple[str, str]]:
    """What it consists of, what it was trained on, and by which versions of what it takes to answer."""
    schema = model.schema
    members = ", ".join(f"{member.algorithm} {member.weight:.0%}" for member in model.members)
    kinds = {part.predictor.kind for member in model.members for part in member.parts}
    # A distilled model consists of LightGBM's regressions, and others may have a booster within.
    kinds |= {"lightgbm"} if "distilled" in kinds else set()
    kinds |= set(_BOOSTERS) if "exponential" in kinds else set()
    rows = f"{schema.n_rows:,}, of the hash {schema.data_hash}" if schema.data_hash else f"{schema.n_rows:,}"
    versions = [
        (f"version of {name}", str(version))
        for name, version in schema.versions.items()
        if name not in _BOOSTERS or name in kinds
    ]
    return [("consists of", members), ("rows", rows), *versions]


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *([plain(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plain(text: str) -> str:
    """Of a name from outside, so that it is a text and nothing else in Markdown."""
    shown = " ".join(str(text).split())[:200]
    return "".join(f"\\{one}" if one in "\\`*_[]|<>#" else one for one in shown)
