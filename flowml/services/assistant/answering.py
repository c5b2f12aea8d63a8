"""Who answers a question, and how: a language model where there is one, else FlowML itself from what it has found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowml.assistant.answers import table as tables
from flowml.assistant.answers.composing import OwnAnswer
from flowml.assistant.answers.table import Table
from flowml.assistant.answers.understanding import understand
from flowml.assistant.facts import Fact
from flowml.assistant.model import Stopped
from flowml.domain.conversations import Cited, Proposal, Said
from flowml.domain.datasets import Dataset
from flowml.domain.jobs import Job
from flowml.services import figures
from flowml.services.context import Context

__all__ = ["Answered", "Progress", "Stopped", "answer", "ready_questions"]


class Progress(Protocol):
    """Hears how an answer comes."""

    def by(self, model: str | None, where: str) -> None:
        """Who answers."""
        ...

    def wait(self, text: str) -> None:
        """Why nothing of it is there yet."""
        ...

    def add(self, piece: str) -> None:
        """So much more of its text."""
        ...


@dataclass(frozen=True)
class Answered:
    """A whole answer, or one that ended early (`is_whole`, with the reason)."""

    text: str
    cited: tuple[Cited, ...] = ()
    proposal: Proposal | None = None
    questions: tuple[str, ...] = ()
    unfounded: tuple[str, ...] = ()
    model: str | None = None
    where: str = ""
    is_whole: bool = True
    reason: str = ""
    hint: str = ""


def answer(
    context: Context,
    dataset: Dataset | None,
    job: Job | None,
    text: str,
    earlier: Sequence[Said],
    progress: Progress,
    *,
    target: str | None,
    own: bool,
) -> Answered:
    """Raises Stopped when `context.left` is set, and as what has to be found out does."""
    progress.by(None, "")
    found = _own(context, dataset, job, text, target)
    progress.add(found.text)
    return Answered(found.text, cited(found.facts), found.proposal, found.questions)


def ready_questions(context: Context, dataset: Dataset | None, job: Job | None, target: str | None = None) -> list[str]:
    """What can be asked with a click."""
    return [] if dataset is None else tables.ready_questions(_table(context, dataset, target))[:4]


def cited(facts: Sequence[Fact]) -> tuple[Cited, ...]:
    """The facts as they are kept with a text."""
    return tuple(Cited(fact.id, fact.sentence, fact.column, fact.link) for fact in facts)


def _own(context: Context, dataset: Dataset | None, job: Job | None, text: str, target: str | None) -> OwnAnswer:
    names = [] if dataset is None else [column.name for column in dataset.columns]
    question = understand(text, names, about_results=job is not None)
    table = None if dataset is None else _table(context, dataset, target or (None if job is None else job.spec.target))
    if question is None or table is None:
        return tables.not_understood(table, ready_questions(context, dataset, job))
    return tables.answer_about_table(question, table)


def _table(context: Context, dataset: Dataset, target: str | None) -> Table:
    return Table(
        dataset,
        figures.stats(context, dataset.id),
        lambda wanted: figures.quality(context, dataset.id, wanted),
        lambda wanted: figures.relations(context, dataset.id, wanted),
        lambda column, wanted: figures.relation(context, dataset.id, column, wanted),
        target,
    )
