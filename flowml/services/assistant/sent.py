"""What would be sent to a model, word for word, before anything is: for whoever wants to see it first.

Each thing that the assistant does is a purpose here, which makes its messages in the same way as when it asks. Only the
mark around the data is another one each time (`telling.new_mark`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.assistant.asking import with_schema
from flowml.assistant.chatting import schema_of_reply
from flowml.assistant.model import Message
from flowml.assistant.shape import for_grammar
from flowml.domain.errors import InvalidInput
from flowml.services.assistant import choosing
from flowml.services.assistant.conversation import question_to_come
from flowml.services.assistant.explaining import results_question
from flowml.services.assistant.suggesting import cleaning_question, features_question
from flowml.services.context import Context

MARK = "·" * 16
"""Stands where the mark of a request will be."""
_QUESTION = "(your question)"
_AGAIN = (
    "Where the answer cannot be used, the model is asked once more: the same messages, its own answer, and what is"
    " wrong with it, in ids as here."
)
_STEPS = (
    "Where it proposes steps, it is asked for them: the same messages, its own answer, and “Now give the operations”,"
    " with the form of these operations."
)
_AFTERWARDS = {"cleaning": (_AGAIN,), "features": (_AGAIN,), "chat": (_AGAIN, _STEPS)}


@dataclass(frozen=True)
class Wish:
    """What it would be asked about."""

    purpose: str
    dataset_id: str | None = None
    target: str | None = None
    job_id: str | None = None
    model_id: str | None = None
    question: str | None = None


@dataclass(frozen=True)
class Asked:
    """What goes out, and the schema of the answer where it has one."""

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Sent:
    """`messages` as they would be sent to `model` on the machine that `where` names, at `url`; None where there is no
    model now. `is_local`: nothing leaves this machine. `afterwards`: what may be sent behind them, in sentences."""

    purpose: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    mark: str
    characters: int
    model: str | None
    where: str | None
    url: str | None
    is_local: bool
    afterwards: tuple[str, ...] = ()


def sent(context: Context, wish: Wish) -> Sent:
    """What would be sent. Raises InvalidInput for a purpose that there is not or that wants something else to be named,
    and NotFound."""
    make = PURPOSES.get(wish.purpose)
    if make is None:
        raise InvalidInput.of_field(
            "purpose", f"The assistant has no purpose “{wish.purpose[:40]}”.", hint=f"Use one of {', '.join(PURPOSES)}."
        )
    asked = make(context, wish)
    messages = tuple(asked.messages) if asked.schema is None else with_schema(asked.messages, asked.schema)
    found = choosing.status(context)
    return Sent(
        wish.purpose,
        messages,
        None if asked.schema is None else for_grammar(asked.schema),
        MARK,
        sum(len(message.content) for message in messages),
        found.model,
        found.where,
        found.url,
        found.is_local,
        _AFTERWARDS.get(wish.purpose, ()),
    )


def needed(wish: Wish, field: str) -> str:
    """A field of the wish that its purpose takes. Raises InvalidInput where it was left out."""
    value: str | None = getattr(wish, field)
    if not value:
        raise InvalidInput.of_field(field, f"“{field}” is missing: the purpose “{wish.purpose}” takes it.")
    return value


def _cleaning(context: Context, wish: Wish) -> Asked:
    question = cleaning_question(context, needed(wish, "dataset_id"), wish.target, mark=MARK)
    return Asked(question.told.messages, question.schema)


def _features(context: Context, wish: Wish) -> Asked:
    question = features_question(context, needed(wish, "dataset_id"), needed(wish, "target"), mark=MARK)
    return Asked(question.told.messages, question.schema)


def _chat(context: Context, wish: Wish) -> Asked:
    question = (wish.question or "").strip() or _QUESTION
    told = question_to_come(context, wish.dataset_id, wish.job_id, question, wish.target, mark=MARK)
    return Asked(told.messages, schema_of_reply(told))


def _results(context: Context, wish: Wish) -> Asked:
    if wish.job_id is None and wish.model_id is None:
        needed(wish, "job_id")
    return Asked(results_question(context, job_id=wish.job_id, model_id=wish.model_id, mark=MARK).messages)


PURPOSES: dict[str, Callable[[Context, Wish], Asked]] = {
    "cleaning": _cleaning,
    "features": _features,
    "chat": _chat,
    "results": _results,
}
"""What the assistant asks a model about, by name."""
