"""FlowML as a scikit-learn estimator.

>>> from flowml import AutoMLClassifier
>>> AutoMLClassifier(time_budget_seconds=10).get_params()["metric"]
'auto'
"""

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from flowml.automl.model import FittedModel
from flowml.automl.run import Run, train
from flowml.data.roles import roles_of
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType

_TARGET = "target"


class _AutoML(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    _problem_type: ClassVar[ProblemType]

    def __init__(
        self,
        *,
        time_budget_seconds: float = 60.0,
        metric: str = "auto",
        algorithms: Sequence[str] | None = None,
        max_trials: int | None = None,
        cv_folds: int = 5,
        cv: str = "auto",
        random_state: int = 0,
        n_jobs: int | None = None,
    ):
        self.time_budget_seconds = time_budget_seconds
        self.metric = metric
        self.algorithms = algorithms
        self.max_trials = max_trials
        self.cv_folds = cv_folds
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search for the best model within the time budget.

        `X`: polars or pandas DataFrame, or array (rows, columns); `y`: one value a row; `sample_weight`: how much each
        row counts, from 0 up, all alike without it.
        Raises InvalidInput for a target that cannot be learned.
        """
        frame = _as_frame(X)
        target = pl.Series(_TARGET, _as_list(y))
        if len(target) != frame.height:
            raise InvalidInput(f"X has {frame.height} rows and y has {len(target)}.")
        name, weight_name = _free(_TARGET, frame), _free("weight", frame)
        table = frame.with_columns(target.alias(name))
        if sample_weight is not None:
            weights = pl.Series(weight_name, _as_list(sample_weight), dtype=pl.Float64)
            if len(weights) != frame.height:
                raise InvalidInput(f"X has {frame.height} rows and sample_weight has {len(weights)}.")
            table = table.with_columns(weights)
        self.run_: Run = train(
            table,
            roles_of(table),
            target=name,
            problem_type=str(self._problem_type),
            metric=self.metric,
            time_budget_seconds=self.time_budget_seconds,
            max_trials=self.max_trials,
            algorithm_names=self.algorithms,
            cv_folds=self.cv_folds,
            cv=self.cv,
            weight_column=None if sample_weight is None else weight_name,
            seed=self.random_state,
            n_jobs=self.n_jobs or os.cpu_count() or 1,
        )
        self.best_model_: FittedModel = self.run_.model
        self.n_features_in_ = frame.width
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        return self

    @property
    def leaderboard_(self) -> list[dict[str, Any]]:
        """The models that were tried, best first."""
        check_is_fitted(self)
        return [
            {
                "rank": entry.rank,
                "algorithm": entry.algorithm,
                "score": entry.score,
                "score_std": entry.score_std,
                "fit_seconds": entry.fit_seconds,
                "predict_ms": entry.predict_ms,
                "params": dict(entry.params),
            }
            for entry in self.run_.leaderboard
        ]

    def _answers(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.best_model_.predict(_as_frame(X))


class AutoMLClassifier(ClassifierMixin, _AutoML):  # type: ignore[misc]
    """Finds the best classifier for a table within a time budget."""

    _problem_type = ProblemType.CLASSIFICATION

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """As `_AutoML.fit`; the classes are kept as they came."""
        values = _as_list(y)
        super().fit(X, y, sample_weight)
        by_label = {_label(value): value for value in values}
        self.classes_ = np.array([by_label.get(label, label) for label in self.run_.task.classes or ()])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, shape (rows, classes), in the order of `classes_`."""
        return self._answers(X)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row: the most likely one, or as the metric asks for (`FittedModel.decide`)."""
        chosen: np.ndarray = self.classes_[self.best_model_.decide(self._answers(X))]
        return chosen


class AutoMLRegressor(RegressorMixin, _AutoML):  # type: ignore[misc]
    """Finds the best regressor for a table within a time budget."""

    _problem_type = ProblemType.REGRESSION

    def predict(self, X: Any) -> np.ndarray:
        """One value a row, shape (rows,)."""
        return self._answers(X)[:, 0]


def _as_frame(X: Any) -> pl.DataFrame:
    if isinstance(X, pl.DataFrame):
        return X
    if hasattr(X, "iloc"):
        return pl.from_dicts([]) if len(X.columns) == 0 else pl.DataFrame({str(name): X[name].to_list() for name in X})
    array = np.asarray(X)
    if array.ndim != 2:
        raise InvalidInput(f"X must be a table of rows and columns, not an array of {array.ndim} dimensions.")
    return pl.DataFrame({f"x{index}": array[:, index] for index in range(array.shape[1])})


def _free(name: str, frame: pl.DataFrame) -> str:
    """The name, or one like it that no column has."""
    while name in frame.columns:
        name = f"{name}_"
    return name


def _as_list(y: Any) -> list[Any]:
    return list(y.tolist()) if hasattr(y, "tolist") else list(y)


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
