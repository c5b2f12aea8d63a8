"""Which language models there are, and which one answers."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from flowml.web.schemas.base import Answer, Body, Timestamp


class Probe(Answer):
    """What was found out about a model when it was asked for something that nobody says unless held to it: whether it
    keeps to a form (`format`) when it answers at once, and when it thinks first; null where that is not known."""

    plain: bool | None
    thinking: bool | None
    probed_at: Timestamp


class LanguageModel(Answer):
    """A model on a machine: `machine` is “server” for the model server that is set, or a worker's id."""

    name: str
    machine: str
    where: str = Field(description="which machine that is, in words")
    size_bytes: int | None
    parameters: str | None
    quantization: str | None
    thinks: bool
    context_tokens: int | None
    refusal: str | None = Field(description="why it is not asked; null where it can be")
    is_remote: bool = Field(description="its makers' machines answer for it, not the one that has its name")
    probe: Probe | None = Field(description="null where it has not been tried yet")
    is_tried: bool = Field(description="whether that is being done now")


class Choice(Answer):
    """What an admin has chosen."""

    model: str
    machine: str


class AssistantStatus(Answer):
    """Whether there is a language model to ask, and which. Where there is none, `reason` says why, and `hint` what to
    do."""

    available: bool
    url: str | None = Field(description="the address that is set, without a password")
    model: str | None = Field(description="the model that answers")
    models: Annotated[list[str], Field(description="the models that can be chosen")]
    machine: str | None = Field(description="“server” for the address that is set, or the worker's id")
    where: str | None = Field(description="which machine answers, in words")
    is_local: bool = Field(description="whether what is told stays on the machine of this server")
    known: list[LanguageModel] = Field(description="all models of all machines, those that are not asked as well")
    choice: Choice | None = Field(description="null where nobody has chosen, and whichever fits answers")
    waiting: int = Field(description="questions that are answered or wait")
    version: str | None = Field(description="of Ollama")
    reason: str | None
    hint: str | None


class ChooseModel(Body):
    """Which model answers from now on; null for whichever fits by itself."""

    model: str | None = Field(max_length=200, description="its name, as `known` has it")
    machine: str | None = Field(None, max_length=100, description="where several machines have it")


class TriedText(Answer):
    """Why there is nothing yet, or a piece of what the model says."""

    type: Literal["wait", "text"]
    text: str


class TriedEnd(Answer):
    """Who has said it, and how long that took."""

    type: Literal["ended"]
    seconds: float
    model: str
    where: str


class TriedProblem(Answer):
    """Why it said nothing, or no more."""

    type: Literal["failed"]
    detail: str
    hint: str


Line = Annotated[TriedText | TriedEnd | TriedProblem, Field(discriminator="type")]
TRIED: TypeAdapter[TriedText | TriedEnd | TriedProblem] = TypeAdapter(Line)
