"""The results of a run, or of one model, in words: FlowML's own, and a language model's, held to the figures."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from flowml.assistant.chatting import SoFar
from flowml.assistant.facts import Briefing, Fact
from flowml.assistant.model import CutOff, LanguageModel, NoAnswer, ReachedItsLength
from flowml.assistant.numbers.checking import Mark, check
from flowml.assistant.sentences.explanation import Explanation, Section
from flowml.assistant.sentences.results.explain import explain
from flowml.assistant.sentences.results.findings import Findings
from flowml.assistant.spoken import cleaned
from flowml.assistant.telling import Told, new_mark, tell
from flowml.domain.errors import FlowMLError, InvalidInput, NotFound
from flowml.domain.faults import fault_of
from flowml.domain.wording import shortened, unquoted
from flowml.services.assistant.briefing import guarded_columns
from flowml.services.assistant.choosing import ASK_AGAIN, SAID_NOTHING, language_model
from flowml.services.assistant.findings import findings_of_job, findings_of_model
from flowml.services.assistant.keeping import fact_record, job_of, keep_about_results, standing_of_results
from flowml.services.assistant.sharing import look_before_sending, shared_columns
from flowml.services.context import Context

__all__ = [
    "SaidByModel",
    "Section",
    "explain_results",
    "explain_results_in_pieces",
    "job_has_ended",
    "own_explanation",
    "results_question",
]

SECONDS = 300.0
_BROKEN = "This could not be explained, because of an error in FlowML."
MOST_TOKENS = 900
"""Some 600 words: the explanation is to be short."""
_LONGEST_TEXT = 12_000

_INSTRUCTIONS = (
    "Explain the results of a training run to a person without any training in machine learning. Say first how good "
    "the model is: if it is no better than guessing, or too good to be true, say that before all else. Then say where "
    "it fails, what it looks at, how far it can be trusted, and what to try next. Use concrete terms, such as “of 100 "
    "rows that … it finds 62”, and explain every technical word that you cannot avoid. Write four or five short "
    "paragraphs, at most 250 words in all, in plain text without Markdown, headings or tables. Behind each claim name "
    "the facts that it stands on, in square brackets, like [f3] or [f3, f7]. Say nothing that the facts do not say."
)
_QUESTION = "What did this run bring, in plain words?"

Tell = Callable[[Mapping[str, Any]], object]
"""Hears what happens, each a JSON object with a `type`: `by` (who answers), `wait` (why nothing comes yet), `text` (a
piece of the text), `anew` (what came is not what it is; it begins again), `ended` (with `said`)."""

# Pieces that come faster go together.
_TOGETHER_SECONDS = 0.1


@dataclass(frozen=True)
class SaidByModel:
    """What a model says of results, with names in the places of their ids. `marks` are places that no figure bears out;
    `cited` the facts that it names. Where it ended early, `reason` says why."""

    text: str
    marks: tuple[Mark, ...]
    cited: tuple[Fact, ...]
    numbers: int
    model: str
    where: str
    reason: str = ""
    hint: str = ""


def own_explanation(
    context: Context, *, job_id: str | None = None, model_id: str | None = None, waits: bool = True
) -> Explanation:
    """FlowML's own words on a run or a model; what is not known yet is worked out where it `waits`. Raises NotFound,
    InvalidInput unless one of both is named."""
    return explain(_findings(context, job_id, model_id, waits))


def job_has_ended(context: Context, *, job_id: str | None = None, model_id: str | None = None) -> bool:
    """Whether the run, or that of the model, is over. Raises NotFound."""
    if job_id is None:
        job_id = context.store.models.get(str(model_id)).job_id
    return context.store.jobs.get(job_id).status.ended


def results_question(
    context: Context, *, job_id: str | None = None, model_id: str | None = None, mark: str, waits: bool = True
) -> Told:
    """What a model is told and asked. Raises as `own_explanation`."""
    found = _findings(context, job_id, model_id, waits)
    return tell(_INSTRUCTIONS, _briefing(context, found, explain(found)), _QUESTION, mark=mark)


def explain_results(context: Context, *, job_id: str | None = None, model_id: str | None = None) -> SaidByModel:
    """What a model says, checked. Raises as `own_explanation`, NoAssistant where there is none, and what a model's
    answer may end with."""
    begun = _begin(context, job_id, model_id)
    *_, text = ("", *_growing(context, begun, None))
    said = _said(begun.model, begun.told, text)
    _keep(context, job_id, model_id, said, begun.standing)
    return said


def explain_results_in_pieces(
    context: Context, tell_of: Tell, *, job_id: str | None = None, model_id: str | None = None
) -> None:
    """The same while it comes: `tell_of` hears each step. What goes wrong once it is told who answers is in the last
    one, with what the model had said until then. Raises as `explain_results` before that."""
    begun = _begin(context, job_id, model_id)
    model, told = begun.model, begun.told
    tell_of({"type": "by", "model": model.name, "where": model.where})
    pieces, so_far = _Pieces(context, tell_of), SoFar(told)
    text = ""

    def wait(words: str) -> None:
        tell_of({"type": "wait", "text": words})

    try:
        try:
            for text in _growing(context, begun, wait):
                if pieces.is_time:
                    pieces.so_far(so_far.of(text))
            said = _said(model, told, text)
        except NoAnswer as error:
            text = text or (cleaned(error.text[:_LONGEST_TEXT]) if isinstance(error, CutOff) else "")
            said = replace(_said(model, told, text), reason=error.detail, hint=error.hint or "")
    except Exception as error:
        problem = error if isinstance(error, FlowMLError) else fault_of(error)
        reason = _BROKEN if problem is None else problem.detail
        hint = "" if problem is None else problem.hint or ""
        tell_of({"type": "ended", "said": SaidByModel("", (), (), 0, model.name, model.where, reason, hint)})
        raise
    _keep(context, job_id, model_id, said, begun.standing)
    tell_of({"type": "ended", "said": said})


def _keep(context: Context, job_id: str | None, model_id: str | None, said: SaidByModel, standing: str) -> None:
    """What has come to its end, and not in the place of that what has not."""
    if said.text and not said.reason:
        record = {**asdict(said), "cited": list(map(fact_record, said.cited))}
        keep_about_results(context, "results", job_id, model_id, record, standing)


class _Pieces:
    """Tells a text that grows in pieces, and not each of them for itself."""

    def __init__(self, context: Context, tell_of: Tell):
        self._steady, self._tell = context.steady, tell_of
        self._text, self._told_at = "", -_TOGETHER_SECONDS

    @property
    def is_time(self) -> bool:
        return self._steady() - self._told_at >= _TOGETHER_SECONDS

    def so_far(self, text: str) -> None:
        """This is the whole of it so far."""
        self._told_at = self._steady()
        if not text.startswith(self._text):
            self._tell({"type": "anew"})
            self._text = ""
        if piece := text[len(self._text) :]:
            self._tell({"type": "text", "text": piece})
        self._text = text


@dataclass(frozen=True)
class _Begun:
    """Who is asked, and what; `standing`: how the results stood before the question was made."""

    model: LanguageModel
    told: Told
    dataset_id: str
    standing: str


def _begin(context: Context, job_id: str | None, model_id: str | None) -> _Begun:
    # Whether anybody is there to answer is known before anything is worked out.
    _named(job_id, model_id)
    job = job_of(context, job_id, model_id)
    model, standing = language_model(context), standing_of_results(context, job, model_id)
    told = results_question(context, job_id=job_id, model_id=model_id, mark=new_mark())
    return _Begun(model, told, job.dataset_id, standing)


def _growing(context: Context, begun: _Begun, wait: Callable[[str], None] | None) -> Iterator[str]:
    text = ""
    for piece in begun.model.chat(
        begun.told.messages,
        seconds=SECONDS,
        stopped=context.left,
        most_tokens=MOST_TOKENS,
        told=wait,
        sending=look_before_sending(context, begun.dataset_id, begun.told.shared),
    ):
        text += cleaned(piece)
        yield text[:_LONGEST_TEXT]
        if len(text) > _LONGEST_TEXT:
            raise ReachedItsLength(
                "The model says more than an explanation may have, and was stopped.",
                text,
                hint="Ask again, or choose another model.",
            )


def _said(model: LanguageModel, told: Told, text: str) -> SaidByModel:
    named = told.named(text.strip())
    found = check(named, told.facts, told.said())
    by_id = {fact.id: fact for fact in told.facts}
    cited = tuple(by_id[one] for one in found.cited)
    reason, hint = ("", "") if named else (SAID_NOTHING, ASK_AGAIN)
    return SaidByModel(named, found.marks, cited, found.numbers, model.name, model.where, reason, hint)


def _named(job_id: str | None, model_id: str | None) -> None:
    if (job_id is None) == (model_id is None):
        raise InvalidInput.of_field("job_id", "Name either a run (job_id) or a model (model_id).")


def _findings(context: Context, job_id: str | None, model_id: str | None, waits: bool) -> Findings:
    _named(job_id, model_id)
    if job_id is not None:
        return findings_of_job(context, job_id, waits=waits)
    return findings_of_model(context, str(model_id), waits=waits)


def _briefing(context: Context, found: Findings, own: Explanation) -> Briefing:
    """The facts, with values of the data only where the owner of the table lets a model have them."""
    try:
        dataset = context.store.datasets.get(found.dataset_id)
        names = [column.name for column in dataset.columns]
        shared = shared_columns(context, found.dataset_id)
        guarded = guarded_columns(context, found.dataset_id, shared)
    except NotFound:
        # Nobody can be asked any more.
        names = list(dict.fromkeys([found.target, *found.dropped, *(use.column for use in found.uses or ())]))
        shared = frozenset()
        guarded = frozenset({*names, *(name for fact in own.facts for name in fact.values_of)})
    labels = frozenset(unquoted(shortened(" ".join(label.split()))) for label in found.classes)
    facts = tuple(replace(fact, texts=_tellable(fact, labels, found.target, shared)) for fact in own.facts)
    return Briefing(facts, tuple(names), guarded=guarded, values=found.classes, shared=shared)


def _tellable(fact: Fact, labels: frozenset[str], target: str, shared: frozenset[str]) -> tuple[str, ...]:
    """The values in a fact that a model may be told: those of columns which are all shared, or else those of classes
    where the target's are."""
    quoted = [part.partition("”")[0] for part in fact.sentence.split("“")[1:]]
    columns = frozenset(fact.values_of) - {target}
    if columns:
        return tuple(quoted) if columns <= shared else ()
    return tuple(one for one in quoted if one in labels and target in shared)
