"""A model: what a finished trial, or an ensemble of them, left behind; and files that one answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from flowml.domain.jobs import ProblemType


@dataclass(frozen=True)
class EnsembleMember:
    """A part of an ensemble, and its share of the vote."""

    algorithm: str
    weight: float
    model_id: str | None = None


@dataclass(frozen=True)
class ConfusionMatrix:
    """Rows are the true classes, columns the predicted ones, from out-of-fold predictions: counts, and shares of each
    row, None where it has none."""

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    normalized: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class RangeOfRows:
    """Rows whose actual value is above `low` and at most `high` (None: no bound): half are off by at most
    `half_within`; `mean` is actual minus predicted."""

    low: float | None
    high: float | None
    n_rows: int
    half_within: float
    mean: float


@dataclass(frozen=True)
class OfAllRows:
    """What one answer for every row would do: half of the rows are within `guess_within` of the `middle` value, and on
    average they are `guess_mean` from it, of the predictions `mean_off`. `ranges` are the lowest fifth, the middle and
    the highest; of few rows there are none."""

    middle: float
    guess_within: float
    guess_mean: float
    mean_off: float
    ranges: tuple[RangeOfRows, ...] = ()

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "OfAllRows":
        """From JSON."""
        return cls(**{**record, "ranges": tuple(RangeOfRows(**one) for one in record["ranges"])})


@dataclass(frozen=True)
class Residuals:
    """How far off a model that predicts numbers is on rows that it has not seen: actual minus predicted, of `n_rows`.

    `actual` and `predicted` are of some of them, drawn at random; `shares` of all of them lie between the `edges`, and
    what is missing from 1 lies beyond. Half of the rows are off by at most `half_within`, nine in ten by at most
    `most_within`, none by more than `greatest`; `mean` with its standard error tells whether predictions are too low
    (above 0) or too high. `weighted`: rows count by their weights. `all_rows`: None of models of earlier versions.
    """

    n_rows: int
    weighted: bool
    actual: tuple[float, ...]
    predicted: tuple[float, ...]
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    half_within: float
    most_within: float
    greatest: float
    mean: float
    mean_error: float
    all_rows: OfAllRows | None = None

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Residuals":
        """From JSON."""
        lists = {name: tuple(record[name]) for name in ("actual", "predicted", "edges", "shares")}
        every = record.get("all_rows")
        return cls(**{**record, **lists, "all_rows": None if every is None else OfAllRows.of_record(every)})


@dataclass(frozen=True)
class ColumnImportance:
    """How much the score falls, in units of the metric, when a column is shuffled; `std` over several times. By `shap`
    how much it adds to answers or takes away, in units of explanations, and the standard error of that."""

    feature: str
    importance: float
    std: float | None


@dataclass(frozen=True)
class Importance:
    """What each column matters to a model, best first."""

    method: str
    items: tuple[ColumnImportance, ...]

    @classmethod
    def of_record(cls, record: Mapping[str, Any] | None) -> "Importance | None":
        """From JSON."""
        if record is None:
            return None
        return cls(record["method"], tuple(ColumnImportance(**item) for item in record["items"]))


@dataclass(frozen=True)
class RecipeInWords:
    """What was done to the table of a model: what is done to each row before it is predicted, and what is not."""

    applied: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class ModelDetails:
    """What was worked out about a model beside its scores; what does not apply or is not known yet is None or empty.

    `schema` describes the columns that it takes, for a form; `dropped` says why others of its table were left out.
    Predicted is the class whose probability times its number in `decision` is greatest; of two classes, `threshold` is
    the probability from which the last is predicted. A model that is the fast twin of another one, or of itself, is
    `twin_of` that, worse by `loss_of_quality`, and `made` as it says; `fast_model_id` is the twin of this one.
    """

    schema: tuple[Mapping[str, Any], ...] = ()
    score_std: float | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    recipe: RecipeInWords | None = None
    decision: tuple[float, ...] | None = None
    threshold: float | None = None
    calibrated: bool = False
    confusion_matrix: ConfusionMatrix | None = None
    residuals: Residuals | None = None
    members: tuple[EnsembleMember, ...] = ()
    twin_of: str | None = None
    loss_of_quality: float | None = None
    made: str | None = None
    fast_model_id: str | None = None
    permutation_importance: Importance | None = None
    shap_importance: Importance | None = None

    def record(self) -> dict[str, Any]:
        """What is known, for JSON."""
        unknown = asdict(ModelDetails())
        return {name: value for name, value in asdict(self).items() if value != unknown[name]}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "ModelDetails":
        """From JSON; what an earlier version has stored beside these is left out."""
        recipe, matrix = record.get("recipe"), record.get("confusion_matrix")
        decision = record.get("decision")
        return cls(
            schema=tuple(record.get("schema") or ()),
            score_std=record.get("score_std"),
            dropped=record.get("dropped") or {},
            recipe=None if recipe is None else RecipeInWords(tuple(recipe["applied"]), tuple(recipe["left_out"])),
            decision=None if decision is None else tuple(decision),
            threshold=record.get("threshold"),
            calibrated=bool(record.get("calibrated")),
            confusion_matrix=None
            if matrix is None
            else ConfusionMatrix(
                tuple(matrix["labels"]), tuple(map(tuple, matrix["matrix"])), tuple(map(tuple, matrix["normalized"]))
            ),
            residuals=None if record.get("residuals") is None else Residuals.of_record(record["residuals"]),
            members=tuple(EnsembleMember(**member) for member in record.get("members") or ()),
            twin_of=record.get("twin_of"),
            loss_of_quality=record.get("loss_of_quality"),
            made=record.get("made"),
            fast_model_id=record.get("fast_model_id"),
            permutation_importance=Importance.of_record(record.get("permutation_importance")),
            shap_importance=Importance.of_record(record.get("shap_importance")),
        )


@dataclass(frozen=True)
class Model:
    """A usable model. `file` is the hash of its `.flowml`; `details` holds what is computed once. `score`, `metrics`
    and `cv_scores` are by cross-validation; what to expect of the best model of a job on new rows is the job's
    `best_score`. `out_of_fold` is the hash of what it said of rows that it had not seen, where that is not what its
    trial has kept: of ensembles, calibrated models and those without a trial."""

    id: str
    job_id: str
    trial_id: str | None
    name: str
    algorithm: str
    problem_type: ProblemType
    target: str
    metric: str
    score: float
    metrics: Mapping[str, float | None]
    cv_scores: tuple[float, ...]
    params: Mapping[str, Any]
    feature_names: tuple[str, ...]
    classes: tuple[str, ...] | None
    fit_seconds: float
    predict_ms: float | None
    size_bytes: int
    file: str
    created_at: float
    details: ModelDetails
    out_of_fold: str | None = None

    @property
    def positive_class(self) -> str | None:
        """The one of two classes that precision, recall and F1 are about; None: they are means over the classes."""
        return self.classes[-1] if self.classes is not None and len(self.classes) == 2 else None


_EDITION_OF_FIGURES = 4
"""Of how curves, slices and comparisons are computed: what was found by an earlier one is found anew."""


def stand_of(model: Model) -> str:
    """What figures of a model are of: its file, what it said and how it decides, and the way they are computed."""
    return f"{_EDITION_OF_FIGURES}:{model.file}:{model.out_of_fold or ''}:{model.details.decision}"


def curves_of(model_id: str) -> str:
    """The name by which curves are kept."""
    return f"curves:{model_id}"


@dataclass(frozen=True)
class LeaderboardRow:
    """One model's place. `pareto`: no other model is both better and faster."""

    rank: int
    model_id: str
    name: str
    algorithm: str
    score: float
    score_std: float | None
    metrics: Mapping[str, float | None]
    fit_seconds: float
    predict_ms: float | None
    size_bytes: int
    pareto: bool


@dataclass(frozen=True)
class Leaderboard:
    """Models of one job, best first, with their scores by cross-validation. `metric` is None as long as nobody knows
    it; `positive_class` as of `Model`."""

    metric: str | None
    greater_is_better: bool
    positive_class: str | None
    items: tuple[LeaderboardRow, ...]


BASELINE = "baseline"
FIRST_LINEAR = "first_linear"
FIRST_TREE = "first_tree"
MADE_AT_ONCE = {
    BASELINE: "Baseline (one answer for every row)",
    FIRST_LINEAR: "First linear model",
    FIRST_TREE: "First small tree",
}
"""The models that a run makes at once, by their algorithm, with their titles: they belong to no trial."""


class ScoringStatus(StrEnum):
    """What became of it; `waiting` is for its turn."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (ScoringStatus.WAITING, ScoringStatus.RUNNING)


@dataclass(frozen=True)
class Scoring:
    """`rows` are those answered so far, of `n_rows`, None where that is not known yet. `notes`, `summary`
    and `first` (rows to look at) are there when it has finished, `problem` (detail, hint) says why it failed."""

    id: str
    owner: str
    model_id: str
    filename: str
    format: str
    status: ScoringStatus
    created_at: float
    ended_at: float | None = None
    rows: int = 0
    n_rows: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    summary: Mapping[str, Any] | None = None
    problem: Mapping[str, Any] | None = field(default=None)
    first: Mapping[str, Any] | None = None

    @property
    def rows_per_second(self) -> float | None:
        return self.rows / self.seconds if self.seconds > 0 else None
