"""A model: what a finished trial, or an ensemble of them, left behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowml.domain.jobs import ProblemType


@dataclass(frozen=True)
class Model:
    """A usable model. `file` is the hash of its `.flowml`; `details` holds figures computed once, such as the
    confusion matrix and the permutation importance. `score`, `metrics` and `cv_scores` are by cross-validation; what to
    expect of the best model of a job on new rows is the job's `best_score`."""

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
    details: Mapping[str, Any]

    @property
    def positive_class(self) -> str | None:
        """The one of two classes that precision, recall and F1 are about; None: they are means over the classes."""
        return self.classes[-1] if self.classes is not None and len(self.classes) == 2 else None


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
