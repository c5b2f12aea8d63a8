"""Who answers a question, and how: a language model where there is one, else FlowML itself from what it has found."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flowml.assistant import chatting
from flowml.assistant.answers import results
from flowml.assistant.answers import table as tables
from flowml.assistant.answers.composing import OwnAnswer
from flowml.assistant.answers.naming import mentioned, unknown_names
from flowml.assistant.answers.proposing import destroys
from flowml.assistant.answers.subject import Table
from flowml.assistant.answers.understanding import Kind, needs_results, subject_and_target, understand
from flowml.assistant.asking import ask, ask_growing
from flowml.assistant.chatting import Reply
from flowml.assistant.facts import Briefing, Fact, numbered
from flowml.assistant.model import LanguageModel, NoAssistant, NoModel, NotRunning, Stopped
from flowml.assistant.numbers.checking import Kind as Mistake
from flowml.assistant.numbers.checking import check
from flowml.assistant.proposals import schema_of_steps, steps
from flowml.assistant.sentences.results.explain import explain
from flowml.assistant.sentences.results.facts import facts_of
from flowml.assistant.telling import Told, new_mark, tell
from flowml.data.recipes.checking import title_of
from flowml.domain.conversations import Chart, Cited, Proposal, Said
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError
from flowml.domain.jobs import Job
from flowml.domain.recipes import Operation, TransformPreview
from flowml.domain.wording import unquoted
from flowml.services import figures
from flowml.services.assistant.briefing import of_dataset
from flowml.services.assistant.choosing import is_set_up, language_model
from flowml.services.assistant.findings import findings_of_job
from flowml.services.assistant.fitting import changes_target, tried
from flowml.services.assistant.sharing import look_before_sending, shared_columns
from flowml.services.context import Context

__all__ = ["Answered", "Progress", "Stopped", "answer", "question_for", "ready_questions"]

SECONDS = 300.0
"""So long a model may take for the text, a second try included; and as long for steps."""
_TEMPORAL = ("Date", "Datetime")
_LATEST_RUNS = 20
_OF_TARGET = (Kind.DRIVERS, Kind.PAIR, Kind.GROUPS, Kind.LEAKAGE)
# What a model looks at and where it fails takes a while to find out, once; for other questions what is known will do.
_WORKED_OUT = (Kind.DRIVERS, Kind.FAILURES, Kind.PROBABILITIES)


class Progress(Protocol):
    """Hears how an answer comes."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it has come."""
        ...

    def by(self, model: str | None, where: str, values_of: Sequence[str] = ()) -> None:
        """Who answers, and of which columns values may be told for it."""
        ...

    def wait(self, text: str) -> None:
        """Why nothing (more) of it is there yet."""
        ...

    def so_far(self, text: str) -> None:
        """What there is of its text. It may be another one than before, where it is begun anew."""
        ...


@dataclass(frozen=True)
class Answered:
    """A whole answer; `note`: what else there is to say of it."""

    text: str
    cited: tuple[Cited, ...] = ()
    proposal: Proposal | None = None
    questions: tuple[str, ...] = ()
    unfounded: tuple[str, ...] = ()
    model: str | None = None
    where: str = ""
    note: str = ""


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
    """Raises Stopped when `context.left` is set, NoAnswer where a model has none, and as what has to be found out
    does."""
    model, why_not = (None, "") if own else _model(context)
    if model is None:
        return _by_itself(context, dataset, job, text, target, progress, why_not)
    shared = _shared(context, dataset)
    progress.by(model.name, model.where, sorted(shared))
    told = question_for(context, dataset, job, text, earlier, target=target, mark=new_mark(), shared=shared)
    try:
        reply = _reply(context, model, dataset, told, progress)
    except (NotRunning, NoModel) as error:
        # What was there a moment ago is gone: before a word of its answer has come nothing is lost.
        if not progress.is_empty:
            raise
        return _by_itself(context, dataset, job, text, target, progress, error.detail)
    target = target or (None if job is None else job.spec.target)
    proposal, note = _proposal(context, model, dataset, told, reply, target, progress)
    return Answered(
        reply.text,
        chatting.cited_by(reply, told),
        proposal,
        unfounded=unfounded(reply.text, told.facts, told.said()),
        model=model.name,
        where=model.where,
        note=note,
    )


def question_for(
    context: Context,
    dataset: Dataset | None,
    job: Job | None,
    text: str,
    earlier: Sequence[Said],
    *,
    target: str | None,
    mark: str,
    shared: frozenset[str] | None = None,
) -> Told:
    """What a model is told with a question: the facts, those first that are of columns which it names. `shared` are
    those of which values may be told; None: look."""
    shared = _shared(context, dataset) if shared is None else shared
    names = [] if dataset is None else [column.name for column in dataset.columns]
    question = understand(text, names, about_results=job is not None)
    if question is not None and question.kind in _OF_TARGET:
        # How columns go with it is what is asked.
        target = subject_and_target(question, target or (None if job is None else job.spec.target))[1]
    waits = question is not None and question.kind in _WORKED_OUT
    wanted = target or (None if job is None else job.spec.target)
    briefing = _briefing(context, dataset, job, wanted, shared, waits=waits)
    named = set(mentioned(text, names))
    # What a run is about stands first, and what the table is.
    ordered = sorted(briefing.facts[1:], key=lambda fact: fact.column not in named) if named else briefing.facts[1:]
    facts = numbered((*briefing.facts[:1], *ordered))
    return tell(
        chatting.INSTRUCTIONS,
        replace(briefing, facts=facts),
        text,
        mark=mark,
        history=chatting.earlier_messages(earlier, frozenset(map(unquoted, names)), shared),
        most_characters=chatting.MOST_CHARACTERS,
    )


def ready_questions(context: Context, dataset: Dataset | None, job: Job | None, target: str | None = None) -> list[str]:
    """What can be asked with a click."""
    if job is not None:
        return list(results.QUESTIONS)
    return [] if dataset is None else tables.ready_questions(_table(context, dataset, target))[:4]


def cited(facts: Sequence[Fact]) -> tuple[Cited, ...]:
    """The facts as they are kept with a text."""
    return tuple(Cited(fact.id, fact.sentence, fact.column, fact.link) for fact in facts)


def unfounded(text: str, facts: Sequence[Fact], names: Iterable[str]) -> tuple[str, ...]:
    """The numbers of a text that are in no fact and follow from none, each once."""
    marks = check(text, facts, names).marks
    return tuple(dict.fromkeys(text[mark.start : mark.end] for mark in marks if mark.kind is Mistake.INVENTED))


def _model(context: Context) -> tuple[LanguageModel | None, str]:
    """The model, or where one was set up and does not answer, why."""
    try:
        return language_model(context), ""
    except NoAssistant as error:
        return None, error.detail if is_set_up(context) else ""


def _by_itself(
    context: Context,
    dataset: Dataset | None,
    job: Job | None,
    text: str,
    target: str | None,
    progress: Progress,
    why: str,
) -> Answered:
    """FlowML's own answer; `why` no model gives one, where somebody would expect it."""
    progress.by(None, "")
    found = _own(context, dataset, job, text, target, progress)
    progress.so_far(found.text)
    note = f"{why} So FlowML answered from what it has found itself." if why else ""
    return Answered(found.text, cited(found.facts), found.proposal, found.questions, note=note)


def _shared(context: Context, dataset: Dataset | None) -> frozenset[str]:
    """Of a table that is gone nobody can say any more what may be told."""
    return frozenset() if dataset is None else shared_columns(context, dataset.id)


def _briefing(
    context: Context,
    dataset: Dataset | None,
    job: Job | None,
    target: str | None,
    shared: frozenset[str],
    *,
    waits: bool,
) -> Briefing:
    run = None if job is None else findings_of_job(context, job.id, waits=waits)
    found, classes = ((), ()) if run is None else (facts_of(run).all(), run.classes)
    if dataset is None:
        # Nobody can be asked any more what may be told of the table.
        guarded = frozenset(name for fact in found for name in fact.values_of)
        return Briefing(found, guarded=guarded, values=classes)
    known = target if target is not None and dataset.column(target) is not None else None
    about_table = of_dataset(context, dataset.id, known, shared=shared)
    return replace(about_table, facts=(*found, *about_table.facts), values=classes)


def _sending(context: Context, dataset: Dataset | None, told: Told) -> Callable[[], None] | None:
    return None if dataset is None else look_before_sending(context, dataset.id, told.shared)


def _reply(context: Context, model: LanguageModel, dataset: Dataset | None, told: Told, progress: Progress) -> Reply:
    growing = ask_growing(
        model,
        told.messages,
        chatting.schema_of_reply(told),
        lambda answered: chatting.reply_of(answered, told),
        "text",
        seconds=SECONDS,
        stopped=context.left,
        told=progress.wait,
        sending=_sending(context, dataset, told),
        problem_for=told.problem,
    )
    so_far = chatting.SoFar(told)
    while True:
        try:
            text = next(growing)
        except StopIteration as end:
            reply: Reply = end.value
            progress.so_far(reply.text)
            return reply
        progress.so_far(so_far.of(text))


def _proposal(
    context: Context,
    model: LanguageModel,
    dataset: Dataset | None,
    told: Told,
    reply: Reply,
    target: str | None,
    progress: Progress,
) -> tuple[Proposal | None, str]:
    """What a reply proposes, tried on the table, and what else to say of it or where it came to nothing."""
    if dataset is None:
        return None, ""
    if reply.chart is not None:
        return Proposal(chart=_drawable(reply.chart, dataset)), ""
    if reply.code:
        return Proposal(code=reply.code), ""
    if not reply.kinds:
        return None, ""
    progress.wait("The steps are being written.")

    def fitting(answered: Mapping[str, Any]) -> tuple[tuple[Operation, ...], TransformPreview]:
        operations = steps(answered, told)
        progress.wait("The steps are tried on the table.")
        return operations, tried(context, dataset, operations, target)

    try:
        operations, preview = ask(
            model,
            chatting.asked_for_steps(told, reply.coded),
            schema_of_steps(told, reply.kinds),
            fitting,
            seconds=SECONDS,
            stopped=context.left,
            told=progress.wait,
            sending=_sending(context, dataset, told),
            problem_for=told.problem,
        )
    except Stopped:
        raise
    except FlowMLError as error:
        return None, f"The steps that it speaks of did not come: {error.detail}"
    note = (
        f"These steps change “{target}”, which is what is to be predicted." if changes_target(preview, target) else ""
    )
    return Proposal(operations, tuple(map(title_of, operations)), destroys(operations)), note


def _drawable(chart: Chart, dataset: Dataset) -> Chart:
    """Dates are drawn along, never against."""
    by = None if chart.by is None else dataset.column(chart.by)
    if by is None or by.dtype not in _TEMPORAL:
        return chart
    column = dataset.column(chart.column)
    return Chart(by.name, chart.column) if column is not None and column.dtype not in _TEMPORAL else Chart(chart.column)


def _own(
    context: Context, dataset: Dataset | None, job: Job | None, text: str, target: str | None, progress: Progress
) -> OwnAnswer:
    names = [] if dataset is None else [column.name for column in dataset.columns]
    question = understand(text, names, about_results=job is not None)
    run = job or (_latest_run(context, dataset) if question is not None and needs_results(question) else None)
    if question is not None and run is not None and results.is_about_results(question, run.spec.target):
        progress.wait("FlowML looks at the results.")
        known = findings_of_job(context, run.id, waits=question.kind in _WORKED_OUT)
        found = results.answer_about_results(question, explain(known))
        return found if job is not None else replace(found, text=f"Of the latest run, “{run.name}”: {found.text}")
    table = None if dataset is None else _table(context, dataset, target or (None if job is None else job.spec.target))
    if question is None or table is None:
        ready = ready_questions(context, dataset, job, target)
        unknown = unknown_names(text, names)
        return tables.not_understood(ready, about_results=job is not None, has_table=table is not None, unknown=unknown)
    progress.wait("FlowML looks through the table.")
    return tables.answer_about_table(question, table)


def _latest_run(context: Context, dataset: Dataset | None) -> Job | None:
    """The latest one on this table that has a model."""
    jobs, _ = context.store.jobs.page(_LATEST_RUNS, 0, dataset.id) if dataset is not None else ([], 0)
    return next((job for job in jobs if job.best_model_id), None)


def _table(context: Context, dataset: Dataset, target: str | None) -> Table:
    return Table(
        dataset,
        figures.stats(context, dataset.id),
        lambda wanted: figures.quality(context, dataset.id, wanted),
        lambda wanted: figures.relations(context, dataset.id, wanted),
        lambda column, wanted: figures.relation(context, dataset.id, column, wanted),
        lambda: figures.correlation(context, dataset.id, "association"),
        target,
    )
