"""Ideas for columns, FlowML's own and those that were tried."""

from typing import Any, Literal

from pydantic import Field

from flowml.domain.ideas import TryStatus, Verdict
from flowml.web.schemas.base import Answer, Body, Query, Timestamp
from flowml.web.schemas.recipes import Operation


class StartTry(Body):
    """An idea to try: models with and without its columns, over the same folds."""

    dataset_id: str
    operations: list[Operation] = Field(min_length=1, max_length=20)
    target: str | None = Field(None, description="what is to be predicted; a run says so itself")
    job_id: str | None = Field(
        None, description="a training run whose settings are taken: metric, folds, weights, columns left out"
    )


class TriesQuery(Query):
    dataset_id: str
    target: str | None = None


class StopTry(Query):
    only: Literal["open"] | None = Field(None, description="open: what has ended meanwhile is kept")


class IdeasQuery(Query):
    dataset_id: str
    target: str


class Point(Answer):
    """One fold: the scores without the idea and with it, and by how much it is better; null where it has no score."""

    repeat: int
    fold: int
    without: float | None
    beside: float | None = Field(description="with the idea")
    gain: float | None


class Family(Answer):
    """What came of it for one family of models."""

    name: str
    title: str
    verdict: Verdict
    sentence: str
    without: float | None
    beside: float | None
    mean: float | None = Field(description="the mean gain, more is better whatever the metric")
    low: float | None = Field(description="where the interval of 95 % begins (Nadeau and Bengio's corrected t)")
    high: float | None
    p: float | None
    n_folds: int
    n_better: int
    points: list[Point]


class Outcome(Answer):
    """What came of it."""

    verdict: Verdict
    headline: str
    sentences: list[str]
    metric: str
    metric_title: str
    format: str = Field(description="how its scores are written: percent, share or number")
    titles: list[str]
    columns: list[str]
    rows: int
    rows_in_all: int
    families: list[Family]


class TryProblem(Answer):
    detail: str
    hint: str | None = None


class Try(Answer):
    """An idea that is tried, or was; `titles` are its operations in words."""

    id: str
    dataset_id: str
    target: str
    operations: list[dict[str, Any]]
    titles: list[str]
    status: TryStatus
    created_at: Timestamp
    ended_at: Timestamp | None
    folds_done: int
    folds: int | None
    problem: TryProblem | None
    outcome: Outcome | None


class TryList(Answer):
    """All that were tried, the first first; `many` warns where several were."""

    items: list[Try]
    many: str


class OwnIdea(Answer):
    """An idea of FlowML's own; `for_whom` says whom it may help, where not all."""

    kind: str
    title: str
    reason: str
    columns: list[str]
    operations: list[dict[str, Any]]
    for_whom: str


class OwnIdeas(Answer):
    """The most promising first; `by_itself` says what FlowML does with such columns anyway."""

    ideas: list[OwnIdea]
    by_itself: list[str]
    note: str | None
