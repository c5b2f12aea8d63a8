"""What a language model suggests for a table, and what it would be sent."""

from typing import Annotated, Any, Literal

from pydantic import Field

from flowml.web.schemas.base import Answer, Body, Query
from flowml.web.schemas.recipes import Operation


class SuggestCleaning(Body):
    """A table to clean."""

    dataset_id: str
    target: str | None = Field(None, description="the column to predict, where there is one")


class SuggestFeatures(Body):
    """A table, and what is to be predicted from it."""

    dataset_id: str
    target: str = Field(description="the column to predict")


class CitedFact(Answer):
    """What FlowML has found, and where it is shown."""

    id: str
    sentence: str
    column: str | None
    link: str


class Effect(Answer):
    rows_removed: int
    cells_changed: int
    columns_added: list[str]
    columns_removed: list[str]
    destroys: Annotated[bool, Field(description="rows or columns are gone afterwards")]
    changes_target: Annotated[bool, Field(description="answers of the column to predict are others, or it is renamed")]


class DoubtfulNumber(Answer):
    """From `start` to `end`, in characters, stands a number that is none of FlowML's figures."""

    start: int
    end: int
    kind: str
    note: str


class Suggestion(Answer):
    """`title` is made of the operations; `reason` is the model's own words, plain text. Nothing was done yet: transform
    the data set by the operations."""

    title: str
    reason: str
    code: Annotated[str | None, Field(description="Polars code, where operations cannot say it; never run by itself")]
    operations: list[Operation]
    facts: Annotated[list[CitedFact], Field(description="what the reason rests on")]
    marks: list[DoubtfulNumber]
    effect: Annotated[
        Effect | None, Field(description="what the operations changed when they were tried on the table; null for code")
    ]
    elsewhere: Annotated[
        list[str], Field(description="the ids of facts that are about columns which the suggestion does not touch")
    ]


class Dropped(Answer):
    """A suggestion of the model that cannot be done, and why."""

    title: str
    why: str


class Suggestions(Answer):
    suggestions: list[Suggestion]
    dropped: list[Dropped]
    model: str
    where: Annotated[str, Field(description="which machine has answered")]


class SentQuery(Query):
    """What the assistant would be asked about."""

    purpose: str = Field(description="cleaning, features, …", max_length=60)
    dataset_id: str | None = None
    target: str | None = None
    job_id: str | None = None
    model_id: str | None = None
    question: str | None = Field(None, max_length=4_000)


class SentMessage(Answer):
    role: Literal["system", "user", "assistant"]
    content: str


class Sent(Answer):
    """Word for word what would be sent. Only `mark` is another one in each request."""

    purpose: str
    messages: list[SentMessage]
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema", validation_alias="schema")]
    mark: str
    characters: int
    model: Annotated[str | None, Field(description="null where there is none now")]
    where: str | None
    url: Annotated[str | None, Field(description="where it would be sent to")]
    is_local: Annotated[bool, Field(description="nothing leaves this machine")]
    afterwards: Annotated[list[str], Field(description="what may be sent behind these messages, in sentences")]
