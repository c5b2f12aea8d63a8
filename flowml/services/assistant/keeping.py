"""What a model has answered is kept with what it is about: it took minutes, and the next page is opened in a second."""

from collections.abc import Mapping
from typing import Any

from flowml.assistant.facts import Fact
from flowml.domain.assistant.last_answers import LastAnswer
from flowml.domain.datasets import Dataset
from flowml.domain.errors import NotFound
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.jobs import Job
from flowml.domain.models import stand_of
from flowml.services.context import Context

_WENT_ON = "The run went on since, and this knows nothing of what came of it."
_SINCE = ("The run has another best model since.", _WENT_ON, _WENT_ON, "The model was changed since.")


def keep_about_table(
    context: Context, purpose: str, dataset: Dataset, target: str | None, answer: Mapping[str, Any]
) -> None:
    """The last answer about a table, for whoever wants to predict `target`."""
    standing = standing_of_table(dataset)
    _keep(context, LastAnswer(purpose, dataset.id, None, None, target, answer, standing, context.clock()))


def keep_about_results(
    context: Context, purpose: str, job_id: str | None, model_id: str | None, answer: Mapping[str, Any], standing: str
) -> None:
    """The last answer about a run, or about one of its models; `standing` from before the question was made."""
    try:
        job = job_of(context, job_id, model_id)
    except NotFound:
        return
    try:
        dataset_id = context.store.datasets.get(job.dataset_id).id
    except NotFound:
        dataset_id = None
    _keep(context, LastAnswer(purpose, dataset_id, job_id, model_id, None, answer, standing, context.clock()))


def job_of(context: Context, job_id: str | None, model_id: str | None) -> Job:
    """The run that results are of. Raises NotFound."""
    return context.store.jobs.get(job_id or context.store.models.get(str(model_id)).job_id)


def standing_of_table(dataset: Dataset) -> str:
    """What an answer about a table is true of."""
    return dataset.table


def standing_of_results(context: Context, job: Job, model_id: str | None) -> str:
    """What an answer about results is true of: the best model, how far the run is, and the model that it is about.
    Raises NotFound."""
    about = model_id or job.best_model_id
    stand = "" if about is None else stand_of(context.store.models.get(about))
    return "|".join((job.best_model_id or "", job.status, str(job.trials_finished), stand))


def results_since(before: str, now: str) -> str:
    """Why an answer about results does not hold any more, by how these stood then and stand now; empty where it does.

    >>> results_since("a|running|3|x", "a|completed|3|x")
    'The run went on since, and this knows nothing of what came of it.'
    >>> results_since("a|running|3|x", "a|running|4|x") == _WENT_ON
    True
    >>> results_since("a|completed|3|x", "a|completed|3|x"), results_since("a", "a|completed|3|x")
    ('', '')
    """
    # An earlier release has kept the best model alone.
    for then, is_now, words in zip(before.split("|", 3), now.split("|", 3), _SINCE, strict=False):
        if then != is_now:
            return words
    return ""


def fact_record(fact: Fact) -> dict[str, Any]:
    """Of a fact what people see."""
    return {"id": fact.id, "sentence": fact.sentence, "column": fact.column, "link": fact.link}


def _keep(context: Context, answer: LastAnswer) -> None:
    if not context.store.is_closed:
        with kept_if_there_is_room("what a model has answered"):
            context.store.last_answers.put(answer)
