"""What workers with language models send and hear."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from flowml.domain.names import shown
from flowml.services.assistant.exchange import Problem, Question
from flowml.services.assistant.hosts import Offer, offer_of
from flowml.web.schemas.base import Answer, Body

MOST_OFFERED = 500
LONGEST_PIECE = 65_536
_LONGEST_WAIT_SECONDS = 60.0


def _plain(name: str) -> str:
    if shown(name) != name or " " in name:
        raise ValueError("A name of a model has no blanks, control or other invisible characters.")
    return name


_Id = Annotated[str, Field(min_length=1, max_length=100)]
_Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
_Word = Annotated[str, Field(max_length=40), AfterValidator(lambda word: shown(word, 40))]
_Wait = Annotated[float, Field(ge=0, le=_LONGEST_WAIT_SECONDS, allow_inf_nan=False)]


class OfferedModel(Body):
    """A model that the worker's machine has."""

    name: _Name
    digest: str = Field("", max_length=100, pattern=r"^[0-9a-f:sha-]*$")
    size_bytes: int | None = Field(None, ge=0, lt=1 << 60)
    parameters: _Word | None = None
    quantization: _Word | None = None
    family: _Word | None = None
    capabilities: list[_Word] | None = Field(None, max_length=50, fail_fast=True)
    context_tokens: int | None = Field(None, ge=1, lt=1 << 31)
    is_remote: bool = False

    def offer(self) -> Offer:
        return offer_of(**self.model_dump())


class AskQuestion(Body):
    """A worker waits for a question to its language models."""

    worker_id: _Id
    version: _Word = Field("", description="of its Ollama")
    models: list[OfferedModel] = Field(max_length=MOST_OFFERED, fail_fast=True)
    wait_seconds: _Wait = 0.0


class ToldMessage(Answer):
    """A message for a model."""

    role: str
    content: str


class GivenQuestion(Answer):
    """A question: as Ollama is asked it. `num_ctx` is worked out by who asks."""

    id: str
    model: str
    messages: list[ToldMessage]
    think: bool | str | None
    context_tokens: int | None
    output_schema: dict[str, Any] | None
    seconds: float
    most_tokens: int
    seed: int

    @classmethod
    def of(cls, question: Question) -> "GivenQuestion":
        think = question.way.think if question.schema is None else question.way.think_with_schema
        return cls(
            id=question.id,
            model=question.model,
            messages=[ToldMessage(role=one.role, content=one.content) for one in question.messages],
            think=think,
            context_tokens=question.way.context_tokens,
            output_schema=None if question.schema is None else dict(question.schema),
            seconds=question.seconds,
            most_tokens=question.most_tokens,
            seed=question.seed,
        )


class Questioned(Answer):
    """A question, or null where there is none yet."""

    question: GivenQuestion | None


class FailedAnswer(Body):
    """Why there is no answer, or no more of it."""

    kind: str = Field(max_length=40)
    detail: str = Field(max_length=2_000)
    hint: str | None = Field(None, max_length=2_000)

    def problem(self) -> Problem:
        return Problem(self.kind, self.detail, self.hint)


class AnswerPiece(Body):
    """The next piece of an answer; `number` counts them from 0."""

    worker_id: _Id
    question_id: _Id
    number: int = Field(ge=0, lt=1 << 31)
    text: str = Field("", max_length=LONGEST_PIECE)
    told: str = Field("", max_length=1_000)
    failed: FailedAnswer | None = None
    has_ended: bool = False


class WatchQuestion(Body):
    """A worker waits to hear that nobody wants its answer any more."""

    worker_id: _Id
    question_id: _Id
    wait_seconds: _Wait = 0.0


class StopAnswer(Answer):
    """Whether nobody wants the answer any more."""

    stop: bool
