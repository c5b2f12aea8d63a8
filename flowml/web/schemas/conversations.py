"""Conversations about a data set or a run."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from flowml.services.assistant.conversation import LONGEST_QUESTION
from flowml.web.schemas.base import Answer, Body, Query, Timestamp

_DATASET = "the data set that it is about; or job_id"
_JOB = "the run that it is about"


class Ask(Body):
    """A question."""

    dataset_id: str | None = Field(None, description=_DATASET)
    job_id: str | None = Field(None, description=_JOB)
    text: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    target: str | None = Field(None, description="the column that somebody wants to predict")
    own: bool = Field(False, description="answered by FlowML itself, even where there is a language model")


class WhichChat(Query):
    """Which conversation."""

    dataset_id: str | None = Field(None, description=_DATASET)
    job_id: str | None = Field(None, description=_JOB)
    target: str | None = Field(None, description="the column that somebody wants to predict: what can be asked then")


class StopChat(Body):
    """Which conversation."""

    dataset_id: str | None = Field(None, description=_DATASET)
    job_id: str | None = Field(None, description=_JOB)


class Cited(Answer):
    """A fact that stands in a text as `[id]`."""

    id: str
    sentence: str
    column: str | None = None
    link: str = Field(description="the page that shows it, or empty")


class Chart(Answer):
    """A drawing of the table's own values: of one column how it is spread, of two how they go together."""

    column: str
    by: str | None = None


class Proposal(Answer):
    """What may be done, once somebody wants it: operations (`titles` say what each does), a drawing, or code."""

    operations: list[dict[str, Any]]
    titles: list[str]
    destroys: bool = Field(description="rows or columns would go")
    chart: Chart | None = None
    code: str


class Said(Answer):
    """A message. `model` is null where FlowML has answered itself."""

    id: str
    number: int
    dataset_id: str | None = None
    job_id: str | None = None
    speaker: Literal["user", "assistant"]
    text: str
    state: Literal["running", "complete", "stopped", "cut_off", "failed"]
    created_at: Timestamp
    reason: str = Field(description="why it is not whole, or empty")
    hint: str
    cited: list[Cited]
    proposal: Proposal | None = None
    questions: list[str] = Field(description="what may be asked next")
    unfounded: list[str] = Field(description="numbers in it that are in nothing that the model was told")
    model: str | None = None
    where: str = Field(description="the machine on which the model ran")
    seconds: float | None = None


class Chat(Answer):
    """A conversation, the oldest message first, and what can be asked with a click."""

    items: list[Said]
    questions: list[str]


class Started(Answer):
    """The first line of an answer: both messages as they are kept."""

    type: Literal["started"]
    question: Said
    answer: Said


class By(Answer):
    """Who answers."""

    type: Literal["by"]
    model: str | None = None
    where: str


class Piece(Answer):
    """The next piece of the text, or (`wait`) why there is none yet."""

    type: Literal["text", "wait"]
    text: str


class Anew(Answer):
    """What came of the text is of no use: it begins again."""

    type: Literal["anew"]


class Ended(Answer):
    """The last line: the answer as it is kept."""

    type: Literal["ended"]
    answer: Said


Line = Annotated[Started | By | Piece | Anew | Ended, Field(discriminator="type")]
LINE: TypeAdapter[Started | By | Piece | Anew | Ended] = TypeAdapter(Line)
