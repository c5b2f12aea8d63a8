"""Conversations about a table or a run: what was asked, what was answered, and what that stands on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Speaker(StrEnum):
    """Whose words a message is."""

    USER = "user"
    ASSISTANT = "assistant"


class AnswerState(StrEnum):
    """What became of an answer. One that is `cut_off` ended with its server, or its model did in the middle of it."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    CUT_OFF = "cut_off"
    FAILED = "failed"


@dataclass(frozen=True)
class Cited:
    """A fact that a text stands on, as it was when the text was written: `id` is what stands in the text, `[f12]`."""

    id: str
    sentence: str
    column: str | None = None
    link: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing that is proposed: of one column how it is spread, of two how they go together (`by` is the target of
    the drawing). What it shows is read from the table, and never from the proposal."""

    column: str
    by: str | None = None


@dataclass(frozen=True)
class Proposal:
    """One thing to do: operations on the table, with what they do in words, a drawing, or code to look at. Nothing of
    it is done before somebody asks for it."""

    operations: tuple[Mapping[str, Any], ...] = ()
    titles: tuple[str, ...] = ()
    destroys: bool = False
    chart: Chart | None = None
    code: str = ""


@dataclass(frozen=True)
class Said:
    """One message. Of a run's conversation both ids are set, as long as its data set is there. `model` wrote an answer,
    and `where` is the machine that it ran on; None: the answer is FlowML's own. `unfounded` are numbers in it that are
    in no fact that the model was told. `values_of` are the columns of which it might be told values; None: nobody
    knows. `reason` says why an answer is not whole."""

    id: str
    number: int
    dataset_id: str | None
    job_id: str | None
    owner: str
    speaker: Speaker
    text: str
    state: AnswerState
    created_at: float
    reason: str = ""
    hint: str = ""
    cited: tuple[Cited, ...] = ()
    proposal: Proposal | None = None
    questions: tuple[str, ...] = ()
    unfounded: tuple[str, ...] = ()
    model: str | None = None
    where: str = ""
    seconds: float | None = None
    values_of: tuple[str, ...] | None = None
