"""What a model suggests for a table: asked within a closed schema, checked as anything from outside, and tried on the
table before anybody sees it. Nothing is stored or changed: whoever wants a suggestion does it by its operations.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flowml.assistant.asking import ask
from flowml.assistant.code.checker import check as check_code
from flowml.assistant.code.source import Refused
from flowml.assistant.facts import Briefing, Fact, by_id
from flowml.assistant.model import LanguageModel
from flowml.assistant.numbers.checking import Mark, check
from flowml.assistant.proposals import Proposal, checked, proposals, schema_of
from flowml.assistant.telling import Told, new_mark, tell
from flowml.data.recipes.checking import title_of, type_of
from flowml.data.recipes.kinds import Kind
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError, InvalidInput, NotFound
from flowml.domain.recipes import Operation, TransformPreview
from flowml.domain.wording import plural, unquoted
from flowml.services.assistant.briefing import of_dataset
from flowml.services.assistant.choosing import language_model
from flowml.services.assistant.fitting import changes_target, tried
from flowml.services.assistant.keeping import fact_record, keep_about_table
from flowml.services.assistant.sharing import look_before_sending, shared_columns
from flowml.services.context import Context

SECONDS = 300.0
"""So long a model may take, a second try included."""
_MOST_CHARACTERS = 6_500
_MOST_REFUSALS = 3
# Which rows there are, and in which order, is no matter of a column's values.
_NO_CLEANING = frozenset({"sort", "sample"})
_NO_FEATURES = frozenset({"rename", "drop", "keep"})

_CLEANING = (
    "Suggest how to clean this table before a model is trained on it: up to six suggestions, the most important first. "
    "Each has a reason of one or two sentences for people without training, the ids of the facts that it rests on, and "
    "the operations that do it. Suggest only what the facts give a reason for. Prefer mending values to dropping "
    "columns or rows. An empty list is a good answer for a table that needs nothing."
)
_FEATURES = (
    "Suggest new columns that could help to predict the column {target}: up to six suggestions, the most promising "
    "first. Each has a reason of one or two sentences for people without training, the ids of the facts that it rests "
    "on, and the operations that make the columns. Operations never remove rows or columns, and never use the column "
    "to predict."
)


@dataclass(frozen=True)
class Effect:
    """How much a suggestion changes; `changes_target`: also answers, or what they are called."""

    rows_removed: int
    cells_changed: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    changes_target: bool = False

    @property
    def destroys(self) -> bool:
        """Whether something is gone afterwards."""
        return bool(self.rows_removed or self.columns_removed)


@dataclass(frozen=True)
class Suggestion:
    """`title` is FlowML's own, made of the operations; `reason` is the model's, for people, and rests on `facts`;
    `marks` are its numbers that are none of what the model was told. `elsewhere` are the ids of those facts that are
    about columns which it does not touch. `operations` were tried on the table; `effect` is what came of it. Where no
    operation can do it there is `code` instead, which may run and was not run."""

    title: str
    reason: str
    operations: tuple[Operation, ...]
    facts: tuple[Fact, ...]
    effect: Effect | None
    marks: tuple[Mark, ...] = ()
    code: str | None = None
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dropped:
    """What a model has suggested and cannot be done."""

    title: str
    why: str


@dataclass(frozen=True)
class Suggestions:
    """`model` has made them, on the machine that `where` names in words."""

    suggestions: tuple[Suggestion, ...]
    dropped: tuple[Dropped, ...]
    model: str
    where: str


@dataclass(frozen=True)
class Question:
    """What a model is asked: what it is told, and the schema of its answer."""

    told: Told
    schema: dict[str, Any]


def cleaning_question(context: Context, dataset_id: str, target: str | None = None, *, mark: str) -> Question:
    """What a model is asked about cleaning a table. Raises NotFound, InvalidInput."""
    briefing = of_dataset(context, dataset_id, target, shared=shared_columns(context, dataset_id))
    names = [name for name in OPERATIONS if name not in _NO_CLEANING]
    return _question(briefing, _CLEANING, "How would you clean this table?", names, mark, with_code=True)


def features_question(context: Context, dataset_id: str, target: str, *, mark: str) -> Question:
    """What a model is asked about new columns. Raises NotFound, InvalidInput."""
    briefing = of_dataset(context, dataset_id, target, shared=shared_columns(context, dataset_id))
    names = [name for name, kind in OPERATIONS.items() if kind.row_wise and name not in _NO_FEATURES]
    column_id = f"c{briefing.columns.index(target) + 1}"
    asked = f"Which new columns could help to predict {column_id}?"
    return _question(briefing, _FEATURES.format(target=column_id), asked, names, mark, without=(target,))


def _question(
    briefing: Briefing,
    instructions: str,
    asked: str,
    names: Iterable[str],
    mark: str,
    *,
    without: Sequence[str] = (),
    with_code: bool = False,
) -> Question:
    told = tell(instructions, briefing, asked, mark=mark, most_characters=_MOST_CHARACTERS)
    return Question(told, schema_of(told, names, without=without, with_code=with_code))


def suggest_cleaning(context: Context, dataset_id: str, target: str | None = None) -> Suggestions:
    """Operations that mend a table, each tried on it. Raises NotFound, InvalidInput for an unknown target, NoAssistant
    where there is no model, and what a model's answer may end with."""
    dataset = context.store.datasets.get(dataset_id)
    model = language_model(context)
    question = cleaning_question(context, dataset_id, target, mark=new_mark())
    found = _suggestions(context, dataset, model, question, target, lambda *_: None)
    keep_about_table(context, "cleaning", dataset, target, _record(found))
    return found


def suggest_features(context: Context, dataset_id: str, target: str) -> Suggestions:
    """Operations that make columns which may help to predict the target. Raises as `suggest_cleaning`."""
    dataset = context.store.datasets.get(dataset_id)
    model = language_model(context)
    question = features_question(context, dataset_id, target, mark=new_mark())
    columns = {column.name: Kind(column.dtype) for column in dataset.columns}

    def why_not(operations: Sequence[Operation], preview: TransformPreview) -> str | None:
        return _why_no_features(operations, preview, columns, target)

    found = _suggestions(context, dataset, model, question, target, why_not)
    keep_about_table(context, "features", dataset, target, _record(found))
    return found


def _record(found: Suggestions) -> dict[str, Any]:
    """As it is kept."""
    kept = [{**asdict(one), "facts": list(map(fact_record, one.facts))} for one in found.suggestions]
    return {**asdict(found), "suggestions": kept}


def _suggestions(
    context: Context,
    dataset: Dataset,
    model: LanguageModel,
    question: Question,
    target: str | None,
    why_not: Callable[[Sequence[Operation], TransformPreview], str | None],
) -> Suggestions:
    found = ask(
        model,
        question.told.messages,
        question.schema,
        lambda answer: proposals(answer, question.told),
        seconds=SECONDS,
        stopped=context.left,
        sending=look_before_sending(context, dataset.id, question.told.shared),
        problem_for=question.told.problem,
    )
    kept: list[Suggestion] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    for proposal in found:
        one = _tried(context, dataset, proposal, question.told, target, why_not)
        same = json.dumps([[dict(one) for one in proposal.operations], proposal.code], sort_keys=True)
        if same in seen:
            continue
        seen.add(same)
        if isinstance(one, Suggestion):
            kept.append(one)
        else:
            dropped.append(one)
    return Suggestions(tuple(kept), tuple(dropped), model.name, model.where)


def _tried(
    context: Context,
    dataset: Dataset,
    proposal: Proposal,
    told: Told,
    target: str | None,
    why_not: Callable[[Sequence[Operation], TransformPreview], str | None],
) -> Suggestion | Dropped:
    try:
        operations = checked(proposal)
    except InvalidInput as error:
        return Dropped("A suggestion that is none", error.detail)
    known = by_id(told.facts)
    facts = tuple(known[fact_id] for fact_id in proposal.facts)
    marks = check(proposal.reason, told.facts, told.said(), rests_on=proposal.facts).marks
    if not operations:
        return _checked_code(proposal, facts, marks, elsewhere(facts, _columns_in_code(proposal.code, dataset), target))
    title = titled(operations)
    try:
        preview = tried(context, dataset, operations, target)
    except FlowMLError as error:
        # One that is too much, or cannot be tried now, does not end the others. A table that is gone does.
        if isinstance(error, NotFound) or (context.left is not None and context.left.is_set()):
            raise
        return Dropped(title, error.detail)
    why = why_not(operations, preview)
    if why is not None:
        return Dropped(title, why)
    effect = Effect(
        preview.n_rows_before - preview.n_rows_after,
        sum(change.cells_changed for change in preview.columns_changed),
        preview.columns_added,
        preview.columns_removed,
        changes_target(preview, target),
    )
    others = elsewhere(facts, _touched(operations, dataset), target)
    return Suggestion(title, proposal.reason, operations, facts, effect, marks, elsewhere=others)


def elsewhere(facts: Iterable[Fact], touched: frozenset[str], target: str | None) -> tuple[str, ...]:
    """The ids of the facts that are about other columns than those. A fact that is of no column, of the target, or that
    names one of them, is not; nor is any where nothing says which columns are touched."""
    named = [f"“{unquoted(name)}”" for name in touched]
    about = [fact for fact in facts if touched and fact.column not in (None, target, *touched)]
    return tuple(fact.id for fact in about if not any(name in fact.sentence for name in named))


def _touched(operations: Sequence[Operation], dataset: Dataset) -> frozenset[str]:
    """The columns that operations read or change; none where they are of whole rows."""
    known: Any = {column.name: Kind(column.dtype) for column in dataset.columns}
    touched: set[str] = set()
    for operation in operations:
        step = type_of(operation).bind(operation, known)
        touched |= {*step.inputs, *step.outputs, *(known.keys() - step.columns.keys())}
        known = step.columns
    return frozenset(touched)


def _columns_in_code(code: str | None, dataset: Dataset) -> frozenset[str]:
    return frozenset(column.name for column in dataset.columns if code and column.name in code)


def _checked_code(
    proposal: Proposal, facts: tuple[Fact, ...], marks: tuple[Mark, ...], others: tuple[str, ...]
) -> Suggestion | Dropped:
    """Code that may run, which nobody has run; or where it may not, by its line."""
    if proposal.code is None:
        return Dropped("A suggestion without a step", "It names no operation.")
    title = f"Code of {plural(len(proposal.code.splitlines()), 'line')}"
    try:
        check_code(proposal.code)
    except Refused as refused:
        return Dropped(title, " ".join(refusal.sentence for refusal in refused.refusals[:_MOST_REFUSALS]))
    return Suggestion(title, proposal.reason, (), facts, None, marks, proposal.code, others)


def titled(operations: Sequence[Operation]) -> str:
    """What operations do together, in FlowML's words."""
    titles = [title_of(operation) for operation in operations]
    more = f", and {len(titles) - 2} more steps" if len(titles) > 3 else ""
    shown = titles[: 2 if more else 3]
    return ", then ".join([shown[0], *(title[:1].lower() + title[1:] for title in shown[1:])]) + more


def _why_no_features(
    operations: Sequence[Operation], preview: TransformPreview, columns: dict[str, Kind], target: str
) -> str | None:
    if preview.n_rows_after != preview.n_rows_before or preview.columns_removed or preview.columns_renamed:
        return "It would take rows or columns out of the table."
    known: Any = columns
    for operation in operations:
        step = type_of(operation).bind(operation, known)
        if target in (*step.inputs, *step.outputs):
            return f"It uses “{target}”, which is what is to be predicted."
        known = step.columns
    return None
