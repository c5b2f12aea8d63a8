"""Conversations: a question about a data set or a run, the answer as it comes, and what is kept of both.

An answer is stored while it grows, so that of one whose server is killed the part that was there is left. One question
of a conversation is answered at a time, whoever asks; who else looks at it is told that it has changed, by the room
`chat:ID` of the data set.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flowml.assistant.model import CutOff
from flowml.assistant.telling import Told
from flowml.domain.conversations import AnswerState, Said, Speaker
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError, InvalidInput, NotFound, WrongState
from flowml.domain.faults import fault_of, kept_if_there_is_room
from flowml.domain.jobs import Job
from flowml.services.assistant import answering
from flowml.services.assistant.answering import Answered, Progress, Stopped
from flowml.services.context import Context
from flowml.services.dispatch.answers_running import running_of
from flowml.store.rows import new_id
from flowml.store.store import Store

LONGEST_QUESTION = 2_000
_STORE_SECONDS = 0.5
_INTERRUPTED = "The server ended while this was answered."
_ASK_AGAIN = "Ask again."

Tell = Callable[[Mapping[str, Any]], object]
"""Hears what happens, each a JSON object with a `type`: `started` (with `question` and `answer`), `wait` (`text`: why
nothing comes yet), `text` (a piece of the answer), `anew` (what came is of no use; it begins again), `ended` (with
`answer` as it is kept)."""


@dataclass(frozen=True)
class Subject:
    """What a conversation is about: a run, or a data set. The data set of a run may be gone."""

    dataset: Dataset | None
    job: Job | None

    @property
    def key(self) -> tuple[str, str]:
        """Of the conversation."""
        if self.job is not None:
            return "job", self.job.id
        assert self.dataset is not None
        return "dataset", self.dataset.id

    @property
    def room(self) -> str:
        """Where changes of it are told."""
        return f"chat:{self.job.dataset_id if self.job is not None else self.key[1]}"


def subject_of(context: Context, dataset_id: str | None, job_id: str | None) -> Subject:
    """Raises InvalidInput unless one of the two is named, NotFound."""
    if (dataset_id is None) == (job_id is None):
        raise InvalidInput.of_field("dataset_id", "Name either a data set (dataset_id) or a run (job_id).")
    if job_id is None:
        return Subject(context.store.datasets.get(dataset_id or ""), None)
    job = context.store.jobs.get(job_id)
    try:
        return Subject(context.store.datasets.get(job.dataset_id), job)
    except NotFound:
        return Subject(None, job)


def history(
    context: Context, dataset_id: str | None, job_id: str | None, target: str | None = None
) -> tuple[list[Said], list[str]]:
    """What was said about a data set and the runs on it, or about a run, oldest first; and what can be asked with a
    click, by who wants to predict `target`. Raises as `subject_of`."""
    subject = subject_of(context, dataset_id, job_id)
    return _said(context, subject), answering.ready_questions(
        context, subject.dataset, subject.job, _known(subject, target)
    )


def forget(context: Context, dataset_id: str | None, job_id: str | None) -> None:
    """Delete a conversation; that of a data set with those of its runs. What is being answered in it is ended. Raises
    as `subject_of`."""
    subject = subject_of(context, dataset_id, job_id)
    running_of(context.store).stop(dataset_id=dataset_id, job_id=job_id)
    dataset_id = None if subject.dataset is None else subject.dataset.id
    job_id = None if subject.job is None else subject.job.id
    context.store.at_any_rate(lambda: context.store.conversations.remove(dataset_id, job_id))
    _tell_others(context, subject)


def question_to_come(
    context: Context, dataset_id: str | None, job_id: str | None, text: str, target: str | None, *, mark: str
) -> Told:
    """What a model would be told with this question, asked now. Raises as `subject_of`, and InvalidInput for what is no
    question."""
    subject = subject_of(context, dataset_id, job_id)
    asked = _asked(text)
    earlier = _earlier(context, subject)
    target = _known(subject, target)
    return answering.question_for(context, subject.dataset, subject.job, asked, earlier, target=target, mark=mark)


def stop(context: Context, dataset_id: str | None, job_id: str | None) -> None:
    """End the answer that is being written, if there is one, also where what it is about is gone by now: what there is
    of it is kept. Raises as `subject_of` where nothing is answered."""
    is_of_one = (dataset_id is None) != (job_id is None)
    key = ("dataset", dataset_id or "") if job_id is None else ("job", job_id)
    if not (is_of_one and running_of(context.store).stop_one(key)):
        subject_of(context, dataset_id, job_id)


def recover(store: Store) -> None:
    """At the start: nobody writes any more what the server before has not finished."""
    with kept_if_there_is_room("which answers were cut off"):
        store.conversations.cut_off_open(_INTERRUPTED, _ASK_AGAIN)


def ask(
    context: Context,
    dataset_id: str | None,
    job_id: str | None,
    text: str,
    tell: Tell,
    *,
    target: str | None = None,
    own: bool = False,
) -> None:
    """Answer a question, and keep both. `target` is the column that somebody wants to predict; `own`: by FlowML itself,
    even where there is a language model. Ends when `context.left` is set, or by `stop`; what there is by then is kept.

    What goes wrong before the answer has begun is raised: as `subject_of` does, InvalidInput for no question,
    WrongState while another one is answered, NoRoom. What goes wrong later is in the answer.
    """
    subject = subject_of(context, dataset_id, job_id)
    asked = _asked(text)
    target = _known(subject, target)
    context.store.room.check()
    with _answering(context, subject) as stopped:
        question, answer = _begin(context, subject, asked)
        tell({"type": "started", "question": question, "answer": answer})
        began = context.steady()
        writer = _Writer(context, answer, tell)
        earlier = [one for one in _earlier(context, subject) if one.number < question.number]
        try:
            found = answering.answer(
                context.until(stopped), subject.dataset, subject.job, asked, earlier, writer, target=target, own=own
            )
            ended = _complete(replace(answer, values_of=writer.values_of), found)
        except Stopped:
            ended = replace(answer, state=AnswerState.STOPPED, **writer.known())
        except Exception as error:
            problem = error if isinstance(error, FlowMLError) else fault_of(error)
            if stopped.is_set():
                ended = replace(answer, state=AnswerState.STOPPED, **writer.known())
            elif problem is None:
                ended = _failed(answer, writer, "This could not be answered, because of an error in FlowML.", None)
                _keep(context, subject, ended, context.steady() - began, tell)
                raise
            else:
                ended = _failed(answer, writer, problem.detail, problem.hint)
                if isinstance(problem, CutOff) and writer.text:
                    ended = replace(ended, state=AnswerState.CUT_OFF)
        _keep(context, subject, ended, context.steady() - began, tell)


def _asked(text: str) -> str:
    """The question as it is told and kept. Raises InvalidInput where there is none, or too much of it."""
    if not (asked := text.strip()):
        raise InvalidInput.of_field("text", "There is no question.")
    if len(asked) > LONGEST_QUESTION:
        raise InvalidInput.of_field(
            "text",
            f"The question has {len(asked):,} characters, and may have {LONGEST_QUESTION:,}.",
            hint="Shorten it: what stands in the table need not be told.",
        )
    return asked


class _Writer(Progress):
    """What comes of an answer: told at once, stored now and then."""

    def __init__(self, context: Context, answer: Said, tell: Tell):
        self.text = ""
        self.model: str | None = None
        self.where = ""
        self.values_of: tuple[str, ...] = ()
        self._context, self._answer, self._tell = context, answer, tell
        self._stored_at = context.steady()

    @property
    def is_empty(self) -> bool:
        return not self.text

    def by(self, model: str | None, where: str, values_of: Sequence[str] = ()) -> None:
        self.model, self.where, self.values_of = model, where, tuple(values_of)
        with kept_if_there_is_room("who answers"):
            self._context.store.conversations.by(self._answer.id, model, where, self.values_of)
        self._tell({"type": "by", "model": model, "where": where})

    def wait(self, text: str) -> None:
        self._tell({"type": "wait", "text": text})

    def so_far(self, text: str) -> None:
        if not text.startswith(self.text):
            self._tell({"type": "anew"})
            self.text = ""
        if piece := text[len(self.text) :]:
            self._tell({"type": "text", "text": piece})
        self.text = text
        now = self._context.steady()
        if now - self._stored_at >= _STORE_SECONDS:
            self._stored_at = now
            with kept_if_there_is_room("how far an answer is"):
                self._context.store.conversations.grow(self._answer.id, self.text)

    def known(self) -> dict[str, Any]:
        """What is known of an answer that ends here."""
        return {"text": self.text, "model": self.model, "where": self.where, "values_of": self.values_of}


def _known(subject: Subject, target: str | None) -> str | None:
    """The target, as far as the table has it."""
    is_there = target is not None and subject.dataset is not None and subject.dataset.column(target) is not None
    return target if is_there else None


def _begin(context: Context, subject: Subject, text: str) -> tuple[Said, Said]:
    question = Said(
        new_id(),
        0,
        None if subject.dataset is None else subject.dataset.id,
        None if subject.job is None else subject.job.id,
        context.caller.identifier,
        Speaker.USER,
        text,
        AnswerState.COMPLETE,
        context.clock(),
    )
    answer = replace(question, id=new_id(), speaker=Speaker.ASSISTANT, text="", state=AnswerState.RUNNING)
    context.store.conversations.add(question, answer)
    _tell_others(context, subject)
    return context.store.conversations.get(question.id), context.store.conversations.get(answer.id)


def _said(context: Context, subject: Subject) -> list[Said]:
    kept = context.store.conversations
    return kept.of_job(subject.key[1]) if subject.job is not None else kept.of_dataset(subject.key[1])


def _earlier(context: Context, subject: Subject) -> list[Said]:
    """Of a data set without what was said of its runs."""
    job_id = None if subject.job is None else subject.job.id
    return [one for one in _said(context, subject) if one.job_id == job_id]


def _complete(answer: Said, found: Answered) -> Said:
    return replace(
        answer,
        text=found.text,
        state=AnswerState.COMPLETE,
        reason=found.note,
        cited=found.cited,
        proposal=found.proposal,
        questions=found.questions,
        unfounded=found.unfounded,
        model=found.model,
        where=found.where,
    )


def _failed(answer: Said, writer: _Writer, reason: str, hint: str | None) -> Said:
    return replace(answer, state=AnswerState.FAILED, reason=reason, hint=hint or "", **writer.known())


def _keep(context: Context, subject: Subject, answer: Said, seconds: float, tell: Tell) -> None:
    answer = replace(answer, seconds=round(seconds, 3))
    if not context.store.is_closed:
        with kept_if_there_is_room("an answer"):
            context.store.conversations.end(answer)
            _tell_others(context, subject)
    tell({"type": "ended", "answer": answer})


def _tell_others(context: Context, subject: Subject) -> None:
    kind, identifier = subject.key
    context.store.events.append(subject.room, "chat", {"kind": kind, "id": identifier}, context.clock())


@contextmanager
def _answering(context: Context, subject: Subject) -> Iterator[threading.Event]:
    """Answer a question of this conversation, alone. Raises WrongState."""
    running, stopped = running_of(context.store), context.left or threading.Event()
    if not running.begin(subject.key, None if subject.dataset is None else subject.dataset.id, stopped):
        raise WrongState(
            "The question before is still being answered.", hint="Wait until it is, or stop it, and ask again."
        )
    try:
        yield stopped
    finally:
        running.end(subject.key)
