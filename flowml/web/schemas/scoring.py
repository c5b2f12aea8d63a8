"""Files that are answered by a model."""

from typing import Literal

from pydantic import Field

from flowml.domain.models import ScoringStatus
from flowml.web.schemas.base import Answer, Query, Timestamp

Format = Literal["csv", "parquet", "arrow", "jsonl", "xlsx"]


class PredictFileQuery(Query):
    format: Format | None = Field(
        None, description="what to answer with; as Accept says where it is not given, else csv"
    )
    wait: bool = Field(True, description="false: answer 202 at once, with where to ask how far it is")


class ColumnSummary(Answer):
    """Of one column of the model. `psi`: the population stability index against the training rows, `psi_by_chance` how
    large it is without any change 19 of 20 times; null where the training rows are gone, and of texts and identifiers.
    """

    name: str
    role: str
    missing: int
    unseen: int = Field(description="rows whose text did not occur in training")
    beyond: int = Field(description="rows whose number or date is beyond all of training")
    missing_in_training: float | None = Field(None, description="the share of the training rows without a value")
    psi: float | None
    psi_by_chance: float | None
    drift: Literal["none", "some", "large"] | None


class ClassSummary(Answer):
    """How often a class is predicted."""

    label: str
    rows: int
    mean_probability: float
    share_in_training: float | None


class Histogram(Answer):
    """The shares of the rows between the edges."""

    edges: list[float]
    shares: list[float]


class NumberSummary(Answer):
    """What numbers are predicted; of a large file, quantiles and histogram are those of every k-th row."""

    mean: float
    min: float
    max: float
    quantiles: dict[str, float]
    histogram: Histogram


class PredictionSummary(Answer):
    """The answers of a file; `psi` and `drift` are against what was to be predicted in the training rows."""

    classes: list[ClassSummary] | None
    numbers: NumberSummary | None
    psi: float | None
    drift: Literal["none", "some", "large"] | None


class Truth(Answer):
    """How good the answers are, for the rows of which the file has the true value."""

    rows: int
    right: int | None = Field(description="so many are predicted rightly; null of numbers")
    mean_absolute_error: float | None = Field(description="null of classes")


class Summary(Answer):
    """What the rows of a file and the answers for them are like."""

    rows: int
    predictions: PredictionSummary
    truth: Truth | None = Field(None, description="null where the file does not have what is to be predicted")
    columns: list[ColumnSummary]


class FirstRows(Answer):
    """The first ten rows: `rows` has the values of `answers` and `columns`, of very many columns the first."""

    answers: list[str] = Field(description="what was added")
    columns: list[str] = Field(description="what the file has")
    rows: list[list[str | bool | int | float | None]]


class Problem(Answer):
    """Why it failed."""

    detail: str
    hint: str | None


class Scoring(Answer):
    """A file that is answered. `rows` are those answered so far, of `n_rows`, null where that is not known yet."""

    id: str
    model_id: str
    filename: str
    format: Format
    status: ScoringStatus
    created_at: Timestamp
    ended_at: Timestamp | None
    rows: int
    n_rows: int | None
    seconds: float
    rows_per_second: float | None
    notes: list[str]
    summary: Summary | None
    first: FirstRows | None
    problem: Problem | None
