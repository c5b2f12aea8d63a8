"""Models, what they are worth, and what they predict."""

from typing import Any, Literal

from pydantic import Field, model_validator

from flowml.domain.jobs import ProblemType
from flowml.web.schemas.base import Answer, Body, Listing, Object, Query, Timestamp


class Model(Answer):
    """A usable model."""

    id: str
    job_id: str
    name: str
    algorithm: str
    problem_type: ProblemType
    target: str
    metrics: dict[str, float | None]
    cv_scores: list[float | None]
    params: dict[str, Any]
    feature_names: list[str]
    classes: list[str] | None
    positive_class: str | None = Field(
        description="the one of two classes that precision, recall and f1 are about; null: means over the classes"
    )
    fit_seconds: float
    size_bytes: int
    created_at: Timestamp


class ModelList(Listing[Model]):
    """A part of a list, and how many there are in all."""


class Feature(Answer):
    """One input of a model in the table's own columns: what it may be, and an example."""

    name: str
    role: str
    dtype: str
    example: Any = None
    min: Any = None
    max: Any = None
    categories: list[Any] | None = None


class Member(Answer):
    """A part of an ensemble."""

    algorithm: str
    weight: float
    model_id: str | None = None


class ExampleRow(Answer):
    """The row of the training data whose values the features have as examples."""

    dataset_id: str | None = Field(description="the table before any recipe; null where it was deleted")
    row: int = Field(description="from 1")
    truth: Any = Field(None, description="what the target was; null where the table does not say")


class ModelDetail(Model):
    """A model with its inputs and, for an ensemble, its parts."""

    metric: str
    score: float = Field(description="by cross-validation, as on the leaderboard")
    best_score: float | None = Field(
        None, description="of a run's best model, as of the run: what to expect on new rows"
    )
    best_score_low: float | None = Field(None, description="the range in which it lies with 90 % confidence")
    best_score_high: float | None = None
    baseline_score: float | None = Field(None, description="what a constant guess reaches in the same metric")
    score_std: float | None
    predict_ms: float | None
    features: list[Feature]
    example: ExampleRow | None = Field(
        None, description="null where its table is gone or damaged: then examples are typical of each column by itself"
    )
    members: list[Member]
    decision: list[float] | None = Field(
        None, description="predicted is the class whose probability times its number here is greatest"
    )
    threshold: float | None = Field(None, description="of two classes, from which probability the last is predicted")
    calibrated: bool = False
    twin_of: str | None = Field(None, description="the model whose fast twin this is")
    loss_of_quality: float | None = Field(None, description="by how much its score is worse than that model's")


class LeaderboardRow(Answer):
    rank: int
    model_id: str
    algorithm: str
    score: float | None
    score_std: float | None
    metrics: dict[str, float | None]
    fit_seconds: float
    predict_ms: float | None
    size_bytes: int
    pareto: bool = Field(description="no other model is both better and faster")


class Leaderboard(Answer):
    """The models of one job, best first, with their scores by cross-validation; the metric is null until it is
    known. What to expect of the best one on new rows is the run's `best_score`."""

    metric: str | None
    greater_is_better: bool
    positive_class: str | None = Field(None, description="which of two classes precision, recall and f1 are about")
    items: list[LeaderboardRow]


class ExampleQuery(Query):
    row: int | None = Field(None, ge=1, le=10**12, description="which row of the table, from 1; default: a full one")


class ConfusionMatrix(Answer):
    """Rows are the true classes, columns the predicted ones, from out-of-fold predictions."""

    labels: list[str]
    matrix: list[list[int]]
    normalized: list[list[float | None]]


class ImportanceQuery(Query):
    method: Literal["permutation", "shap"] = "permutation"


class ImportanceItem(Answer):
    feature: str
    importance: float | None
    std: float | None


class Importance(Answer):
    """How much each column matters, best first."""

    method: str
    items: list[ImportanceItem]


class PredictQuery(Query):
    """What is said beside the body where that is a table."""

    model_id: str | None = Field(None, description="of a table: a model, or a training run; as in a body of JSON")
    coverage: float | None = Field(
        None, ge=0.5, le=0.99, description="of a table: how often the interval holds the truth (0.9)"
    )


class Predict(Body):
    """One row as `features`, or several as `rows`."""

    model_id: str | None = Field(
        None, description="a model, or a training run: then its best model; a server of one model needs none"
    )
    features: Object | None = None
    rows: list[Object] | None = Field(None, min_length=1, max_length=100_000, fail_fast=True)
    coverage: float = Field(0.9, ge=0.5, le=0.99, description="how often interval and set hold the truth")

    @model_validator(mode="after")
    def one_of_both(self) -> "Predict":
        if (self.features is None) == (self.rows is None):
            raise ValueError("Send either “features” with one row, or “rows” with a list of them.")
        return self


class Interval(Answer):
    """Where the true value lies as often as `coverage` says; a model of an earlier version knows one coverage alone."""

    low: float
    high: float
    coverage: float


class RowPrediction(Answer):
    """What does not apply is null. `probability` is that of the predicted class."""

    prediction: str | float | None
    confidence: float | None
    probability: float | None
    probabilities: dict[str, float] | None
    interval: Interval | None
    set: list[str] | None = Field(
        None,
        description="classes of which one is true as often as was asked, the most likely first; the predicted one is"
        " among them",
    )
    threshold: float | None = Field(
        None, description="of two classes, from which probability on the last is predicted; it was applied here"
    )
    model_name: str
    warnings: list[str]


class Prediction(RowPrediction):
    latency_ms: float


class Predictions(Answer):
    predictions: list[RowPrediction]
    latency_ms: float
