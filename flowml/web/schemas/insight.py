"""Results in depth: curves, comparisons, slices, mistakes, and what mattered in a search."""

from typing import Any

from pydantic import Field

from flowml.web.schemas.base import Answer, Body, Query


class CurvesQuery(Query):
    """What the outcomes of two classes cost a row, in any unit; below 0 is a gain. Without any there is no cost;
    with any, a mistake of which none is given costs 1."""

    cost_fp: float | None = Field(None, ge=-1e12, le=1e12, description="a false alarm")
    cost_fn: float | None = Field(None, ge=-1e12, le=1e12, description="a miss")
    gain_tp: float | None = Field(None, ge=-1e12, le=1e12, description="what a hit brings")
    gain_tn: float | None = Field(None, ge=-1e12, le=1e12, description="what a rightly left out row brings")


class PredictedVsActual(Answer):
    """Some of the rows, drawn at random where there are many."""

    actual: list[float]
    predicted: list[float]


class Residuals(Answer):
    """Actual minus predicted: the share of the rows between the edges, and how far off they are."""

    edges: list[float]
    shares: list[float] = Field(description="one fewer than edges; what is missing from 1 lies beyond them")
    half_within: float = Field(description="half of the rows are off by at most so much")
    most_within: float = Field(description="nine in ten of the rows are off by at most so much")
    greatest: float
    mean: float = Field(description="above 0: predictions are too low")
    mean_error: float = Field(description="the standard error of the mean")


class NumberCurves(Answer):
    """Of a model that predicts numbers, from out-of-fold predictions."""

    n_rows: int
    weighted: bool = Field(description="rows count by their weights")
    predicted_vs_actual: PredictedVsActual
    residuals: Residuals


class Roc(Answer):
    """One class against all others; `auc` is null where no row, or every row, is of it."""

    label: str
    auc: float | None
    false_positive_rate: list[float]
    true_positive_rate: list[float]


class PrecisionRecall(Answer):
    label: str
    average_precision: float | None
    share: float = Field(description="of the rows that are of the class: the precision of guessing")
    recall: list[float]
    precision: list[float]


class CalibrationBin(Answer):
    low: float
    high: float
    predicted: float = Field(description="the mean of what was said")
    actual: float = Field(description="how often it came true")
    n_rows: int


class Calibration(Answer):
    label: str | None = Field(description="of two classes the last; null: the most likely one of more")
    error: float = Field(description="expected calibration error over the bins")
    chance_error: float = Field(description="what that would be on average if the probabilities were right")
    chance_limit: float = Field(description="what it would be at most then, in 95 % of cases")
    bins: list[CalibrationBin]


class CostAt(Answer):
    at: float
    cost_per_1000: float


class Threshold(Answer):
    """Of two classes: what comes of predicting `label` from each probability `at` on; at 1 of never predicting it.
    At `current` it is what the model does, which leaves a row that lies on it to `other`. Counts are of weights."""

    label: str
    other: str
    current: float = Field(description="the threshold that the model has")
    at: list[float]
    tp: list[float]
    fp: list[float]
    fn: list[float]
    tn: list[float]
    precision: list[float]
    recall: list[float]
    f1: list[float]
    cost_per_1000: list[float] | None = Field(None, description="per 1,000 rows, at the costs that were asked for")
    best: CostAt | None = Field(None, description="where that is least")
    now: CostAt | None = Field(None, description="at the model's own threshold")


class ClassCurves(Answer):
    """Of a model that predicts classes, from out-of-fold predictions."""

    n_rows: int
    weighted: bool = Field(description="rows count by their weights")
    roc: list[Roc]
    precision_recall: list[PrecisionRecall]
    calibration: Calibration
    threshold: Threshold | None = Field(description="of two classes")


class Compare(Body):
    """Two to four models of one run."""

    model_ids: list[str] = Field(min_length=2, max_length=4)


class ComparedModel(Answer):
    model_id: str
    name: str
    algorithm: str
    score: float | None = Field(description="in the run's metric, on the rows that all of them have answered")
    metrics: dict[str, float | None]
    cv_scores: list[float | None]
    fit_seconds: float
    predict_ms: float | None
    size_bytes: int


class ComparedPair(Answer):
    better: str = Field(description="a model id")
    worse: str
    difference: float = Field(description="by how much, above 0 whatever the metric's direction")
    low: float | None = Field(description="the range in which it lies with 95 % confidence, after the correction")
    high: float | None
    p_value: float | None
    adjusted: float | None = Field(description="the p value after Holm's correction for several pairs")
    tie: bool = Field(description="the lead may be chance: adjusted above 0.05, or nothing to test")
    disagree: float | None = Field(description="the share of rows of which they predict different classes")
    words: str


class Comparison(Answer):
    """Models side by side, and a paired test of all pairs on the rows that tested them."""

    metric: str
    greater_is_better: bool
    method: str
    n_rows: int
    models: list[ComparedModel]
    pairs: list[ComparedPair] = Field(description="clear leads first")
    words: str


class SliceCondition(Answer):
    column: str
    kind: str = Field(description="range (above low, at most high), is (the value), missing")
    low: Any = None
    high: Any = None
    value: Any = None
    text: str


class Slice(Answer):
    sentence: str
    conditions: list[SliceCondition]
    n_rows: int
    loss: float
    elsewhere: float
    effect: float = Field(description="the difference in standard deviations")
    p_value: float
    q_value: float = Field(description="after Benjamini and Hochberg's correction for all slices that were tested")


class Slices(Answer):
    """Where a model fails most, the most telling first."""

    n_rows: int
    loss: float = Field(description="of all rows")
    of: str = Field(description="loss is the share of rows that are wrong, or the mean distance of numbers")
    tested: int
    note: str
    items: list[Slice]


class MistakesQuery(Query):
    """Of classes `actual` and `predicted`, of numbers `low` and `high` of actual minus predicted."""

    actual: str | None = None
    predicted: str | None = None
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)
    slice: int | None = Field(None, ge=0, le=1000, description="one of the model's slices, from 0")
    limit: int = Field(50, ge=1, le=200, description="how many")
    offset: int = Field(0, ge=0, le=10**12, description="how many to leave out first")


class Mistake(Answer):
    row: int = Field(description="its number in the table, from 1")
    values: list[Any] = Field(description="in the order of the columns")
    actual: str | float
    predicted: str | float
    confidence: float | None = Field(description="the probability of the predicted class")
    probability_of_actual: float | None
    residual: float | None = Field(description="actual minus predicted")


class Mistakes(Answer):
    """Rows as they stand in the table, the surest of the wrong answers first; of numbers those that are off most."""

    columns: list[str]
    items: list[Mistake]
    total: int
    n_rows: int = Field(description="how many rows tested the model")
    slice: str | None = None


class ParameterImportance(Answer):
    parameter: str
    importance: float = Field(
        description="its share of the variance of the scores, by functional ANOVA, of what is not chance"
    )
    std: float = Field(description="over resamples of the trials")
    best: Any = Field(None, description="its value in the best trial")


class FamilyImportance(Answer):
    algorithm: str
    title: str
    n_trials: int
    best: float = Field(description="in the run's metric, turned so that greater is better")
    median: float
    items: list[ParameterImportance]
    note: str = Field(description="why there are no items")


class SearchImportance(Answer):
    """Which families and parameters mattered in a search."""

    n_trials: int
    families: list[FamilyImportance]
    share_of_family: float | None = Field(
        description="how much of the variance of the scores is between families (omega squared)"
    )
    note: str
