"""The last answer of a model about a table or about results, as it was made, and whether it still holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowml.assistant.facts import Fact
from flowml.assistant.numbers.checking import Kind, Mark
from flowml.domain.assistant.last_answers import LastAnswer
from flowml.domain.datasets import Dataset
from flowml.domain.errors import InvalidInput, NotFound
from flowml.services.assistant.explaining import SaidByModel
from flowml.services.assistant.keeping import job_of, results_since, standing_of_results, standing_of_table
from flowml.services.assistant.suggesting import Dropped, Effect, Suggestion, Suggestions
from flowml.services.context import Context

_ABOUT_TABLES = ("cleaning", "features")
_RESULTS = "results"
_MOST_VERSIONS = 100
_OTHER_TABLE = "It is of a version before this one, and knows nothing of what was changed since."


@dataclass(frozen=True)
class Last:
    """`suggestions` for a table, or what was `said` of results. `stale`: why it does not hold any more, or empty."""

    made_at: float
    stale: str
    suggestions: Suggestions | None = None
    said: SaidByModel | None = None


def last_answer(
    context: Context,
    purpose: str,
    *,
    dataset_id: str | None = None,
    target: str | None = None,
    job_id: str | None = None,
    model_id: str | None = None,
) -> Last | None:
    """What a model has said last; of a table also what it said of a version before. Raises NotFound, and InvalidInput
    unless what the purpose is about is named."""
    if purpose in _ABOUT_TABLES:
        if dataset_id is None:
            raise InvalidInput.of_field("dataset_id", f"“dataset_id” is missing: the purpose “{purpose}” takes it.")
        return _about_table(context, purpose, context.store.datasets.get(dataset_id), target)
    if purpose != _RESULTS:
        known = ", ".join((*_ABOUT_TABLES, _RESULTS))
        raise InvalidInput.of_field(
            "purpose", f"No answer is kept for the purpose “{purpose[:40]}”.", hint=f"Use one of {known}."
        )
    if (job_id is None) == (model_id is None):
        raise InvalidInput.of_field("job_id", "Name either a run (job_id) or a model (model_id).")
    standing = standing_of_results(context, job_of(context, job_id, model_id), model_id)
    found = context.store.last_answers.get(purpose, job_id=job_id, model_id=model_id)
    return None if found is None else _read(found, results_since(found.standing, standing))


def _about_table(context: Context, purpose: str, dataset: Dataset, target: str | None) -> Last | None:
    standing, version = standing_of_table(dataset), dataset
    for _ in range(_MOST_VERSIONS):
        found = context.store.last_answers.get(purpose, dataset_id=version.id, target=target)
        if found is not None:
            return _read(found, "" if found.standing == standing else _OTHER_TABLE)
        if version.parent_id is None:
            return None
        try:
            version = context.store.datasets.get(version.parent_id)
        except NotFound:
            return None
    return None


def _read(kept: LastAnswer, stale: str) -> Last | None:
    """None where another release has kept it in another form."""
    try:
        if kept.purpose == _RESULTS:
            return Last(kept.made_at, stale, said=_said(kept.answer))
        return Last(kept.made_at, stale, suggestions=_suggestions(kept.answer))
    except (KeyError, TypeError, ValueError):
        return None


def _said(record: Mapping[str, Any]) -> SaidByModel:
    cited = tuple(Fact(**fact) for fact in record["cited"])
    return SaidByModel(**{**record, "cited": cited, "marks": tuple(map(_mark, record["marks"]))})


def _suggestions(record: Mapping[str, Any]) -> Suggestions:
    kept = tuple(map(_suggestion, record["suggestions"]))
    dropped = tuple(Dropped(**one) for one in record["dropped"])
    return Suggestions(kept, dropped, record["model"], record["where"])


def _suggestion(record: Mapping[str, Any]) -> Suggestion:
    effect = record["effect"]
    changed: dict[str, Any] = {
        "operations": tuple(record["operations"]),
        "facts": tuple(Fact(**fact) for fact in record["facts"]),
        "marks": tuple(map(_mark, record["marks"])),
        "elsewhere": tuple(record["elsewhere"]),
    }
    if effect is not None:
        added, removed = tuple(effect["columns_added"]), tuple(effect["columns_removed"])
        effect = Effect(**{**effect, "columns_added": added, "columns_removed": removed})
    return Suggestion(**{**record, **changed, "effect": effect})


def _mark(record: Mapping[str, Any]) -> Mark:
    return Mark(**{**record, "kind": Kind(record["kind"])})
