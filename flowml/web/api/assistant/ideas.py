"""Ideas for columns over HTTP: FlowML's own, and those that are tried."""

from dataclasses import asdict
from typing import Any

from flowml.domain.ideas import Learned, Measured, Pair, Try
from flowml.services import figures, versions
from flowml.services.assistant import trying
from flowml.services.context import Context
from flowml.web.api.assistant.tried import family_words, many_words, said_of
from flowml.web.schemas.ideas import IdeasQuery, StartTry, StopTry, TriesQuery
from flowml.web.words import metric_title, metric_words


def own(context: Context, query: IdeasQuery) -> dict[str, Any]:
    """FlowML's own ideas for columns to predict a target by."""
    return figures.ideas(context, query.dataset_id, query.target)


def start(context: Context, body: StartTry) -> dict[str, Any]:
    """Try an idea: models learn with and without its columns, on the same rows, and are tested on the same others.

    The same idea with the same settings is tried once: asked for again, the answer is what came of it. One that was
    stopped or has failed begins anew. An idea may not use the target, leave out or move rows, or take values from other
    rows; what it learns it learns in the part that models learn from.
    """
    tried = trying.begin(context, body.dataset_id, body.operations, target=body.target, job_id=body.job_id)
    return shown(tried)


def index(context: Context, query: TriesQuery) -> dict[str, Any]:
    """The ideas that were tried on a data set, and what came of them."""
    found = trying.tried_on(context, query.dataset_id, query.target)
    many = ""
    if query.target:
        many = many_words(found, trying.how_many(context, query.dataset_id, query.target))
    return {"items": [shown(one) for one in found], "many": many}


def show(context: Context, try_id: str) -> dict[str, Any]:
    """How far an idea is, and in the end what came of it."""
    return shown(trying.show(context, try_id))


def stop(context: Context, try_id: str, query: StopTry) -> None:
    """Stop trying an idea; forget one that is no longer tried, unless it is `only` to be stopped while it is open."""
    trying.stop(context, try_id, only_open=query.only == "open")


def shown(tried: Try) -> dict[str, Any]:
    """A try as its schema has it."""
    outcome = None if tried.measured is None else _outcome(tried.measured)
    titles = [step.title for step in versions.steps_of(tried.operations)]
    known = {name: value for name, value in vars(tried).items() if name != "measured"}
    return {**known, "titles": titles, "outcome": outcome}


def _outcome(measured: Measured) -> dict[str, Any]:
    said = said_of(measured)
    return {
        **vars(measured),
        **vars(said),
        "metric_title": metric_title(measured.metric),
        "format": metric_words(measured.metric).format,
        "families": [_family(one, measured) for one in measured.learners],
    }


def _family(one: Learned, measured: Measured) -> dict[str, Any]:
    return {
        **asdict(one.difference),
        "name": one.name,
        "title": one.title,
        "sentence": family_words(one, measured),
        "without": one.without,
        "beside": one.beside,
        "points": [{**vars(pair), "gain": _gain(pair, measured)} for pair in one.pairs],
    }


def _gain(pair: Pair, measured: Measured) -> float | None:
    if pair.without is None or pair.beside is None:
        return None
    return (pair.beside - pair.without) * (1 if measured.greater_is_better else -1)
