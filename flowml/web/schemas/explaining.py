"""Results in words."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from flowml.web.schemas.base import Answer, Body, Query, Timestamp
from flowml.web.schemas.suggesting import CitedFact, Suggestions


class ExplainResults(Body):
    """A run, or one model of it."""

    job_id: str | None = Field(None, description="the run that it is about; or model_id")
    model_id: str | None = Field(None, description="the model that it is about")


class ExplanationSentence(Answer):
    text: str
    facts: list[str] = Field(description="the ids of those that it stands on")


class ExplanationSection(Answer):
    key: str
    title: str
    sentences: list[ExplanationSentence]
    is_list: bool = Field(description="things to do, rather than a paragraph")


class OwnExplanation(Answer):
    """FlowML's own words, made without any language model."""

    verdict: Literal["none", "guessing", "perfect", "weak", "modest", "good", "excellent"]
    text: str
    sections: list[ExplanationSection]
    facts: list[CitedFact]


class NumberMark(Answer):
    """A place in the text, in characters, that the figures do not bear out."""

    start: int
    end: int
    kind: Literal["invented", "elsewhere", "uncited", "no_such_fact"] = Field(
        description="among no figures; among those of other facts than are cited; a number that cites no fact and could"
        " be one of many figures, so it was not checked; a fact that there is not"
    )
    note: str


class ModelExplanation(Answer):
    """What a language model says of results. `text` is plain text that cites facts as `[f1]`."""

    text: str
    marks: list[NumberMark]
    cited: list[CitedFact]
    numbers: int = Field(description="how many numbers of the text were held against the figures")
    model: str
    where: str = Field(description="which machine has answered")
    reason: str = Field(description="why it ended early, or empty")
    hint: str


class LastQuery(Query):
    """Which answer: of cleaning or of features for a data set (and a target), or of results of a run or a model."""

    purpose: Literal["cleaning", "features", "results"]
    dataset_id: str | None = None
    target: str | None = None
    job_id: str | None = None
    model_id: str | None = None


class Last(Answer):
    """What a model has answered, when, and in `stale` why it does not hold any more, or nothing."""

    made_at: Timestamp
    stale: str
    suggestions: Suggestions | None
    said: ModelExplanation | None


class LastAnswer(Answer):
    last: Last | None


class ExplanationBy(Answer):
    """Who answers."""

    type: Literal["by"]
    model: str
    where: str


class ExplanationPiece(Answer):
    """The next piece of the text, or (`wait`) why there is none yet."""

    type: Literal["text", "wait"]
    text: str


class ExplanationAnew(Answer):
    """What came of the text is not what it is: it begins again."""

    type: Literal["anew"]


class ExplanationEnded(Answer):
    """The last line: the whole, or why there is not more of it."""

    type: Literal["ended"]
    said: ModelExplanation


Line = Annotated[ExplanationBy | ExplanationPiece | ExplanationAnew | ExplanationEnded, Field(discriminator="type")]
LINE: TypeAdapter[ExplanationBy | ExplanationPiece | ExplanationAnew | ExplanationEnded] = TypeAdapter(Line)
