"""What the classifier and the regressor share: a search in `fit`, answers by the best model that it found."""

import inspect
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType
from flowml.library import forked
from flowml.library.estimator_base import Estimator
from flowml.library.parameters import check_parameters, processes_of, seed_of
from flowml.library.reporter import Reporter, say, say_nothing
from flowml.machine import forks

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from flowml.automl.model.model import FittedModel
    from flowml.library.run import Run

forks.watch()

_TARGET = "target"
_FITTED = ("n_features_in_", "feature_names_in_", "_columns", "_from_file")
"""What a fitted estimator knows of its columns."""


class AutoMLEstimator(Estimator):
    """What both estimators share."""

    _kind: ClassVar[str]
    _problem_type: ClassVar[ProblemType]

    best_model_: "FittedModel"
    fast_model_: "FittedModel | None"
    best_score_: float
    best_score_range_: tuple[float, float]
    baseline_score_: float
    metric_: str
    leaderboard_: list[dict[str, Any]]
    failures_: dict[str, str]

    def __init__(
        self,
        *,
        time_budget_seconds: float = 60.0,
        metric: str = "auto",
        algorithms: Sequence[str] | None = None,
        max_trials: int | None = None,
        cv_folds: int = 5,
        cv: str = "auto",
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.time_budget_seconds = time_budget_seconds
        self.metric = metric
        self.algorithms = algorithms
        self.max_trials = max_trials
        self.cv_folds = cv_folds
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search for the best model within the time budget.

        `X`: polars or pandas DataFrame, or array (rows, columns), with text, categories, dates and missing values as
        they are; `y`: one value a row; `sample_weight`: how much each row counts, (rows,). `cv` may name columns of X.
        Raises InvalidInput (a ValueError) for data or parameters that cannot be used, TrialFailed where the metric is
        not defined on them. However short the time, there is a model: at least a baseline. In a process that was forked
        from one that had used the engine, another process does the work.
        """
        self.__dict__.pop("_from_file", None)
        if forks.after_use():
            return self._fit_elsewhere(X, y, sample_weight)
        # What has to be imported counts.
        began = time.monotonic()
        from flowml.library.engine_process import start_engine_process

        # Its imports run beside those of this process.
        start_engine_process()
        from flowml.machine.facts import thread_settings

        # For what this program has not imported itself.
        os.environ.update(thread_settings())
        import polars as pl

        from flowml.data.profiling.roles import roles_of
        from flowml.library.inputs import table_of, target_of, weights_of
        from flowml.library.run import train

        check_parameters(type(self).__name__, vars(self))
        frame, names = table_of(X)
        target = target_of(y, classification=self._problem_type is ProblemType.CLASSIFICATION)
        if len(target) != frame.height:
            raise InvalidInput(f"X has {frame.height} rows and y has {len(target)}.")
        if frame.height == 1:
            raise InvalidInput("Found 1 sample, and a model has to be tested on other rows than it learns from.")
        weights = None if sample_weight is None else weights_of(sample_weight, frame.height)
        self._check_target(target if weights is None else target[weights > 0])
        target_name, weight_name = _free(_TARGET, frame), _free("weight", frame)
        table = frame.with_columns(pl.Series(target_name, target))
        if weights is not None:
            table = table.with_columns(pl.Series(weight_name, weights))
        run = train(
            table,
            roles_of(table),
            target=target_name,
            problem_type=str(self._problem_type),
            metric=self.metric,
            time_budget_seconds=self.time_budget_seconds,
            max_trials=self.max_trials,
            algorithm_names=self.algorithms,
            cv_folds=self.cv_folds,
            cv=self.cv,
            weight_column=None if weights is None else weight_name,
            seed=seed_of(self.random_state),
            n_jobs=processes_of(self.n_jobs),
            began=began,
            on_note=say if self.verbose else say_nothing,
            on_progress=Reporter() if self.verbose else say_nothing,
        )
        self._set_features(frame.width, names)
        self._columns = frame.columns
        # Of texts, those in NumPy's own type are given back in that type.
        self._take_over(_with_text_labels(run) if target.dtype.kind == "U" else run)
        return self

    def save(self, path: str | Path) -> None:
        """Write the best model as a `.flowml` file, for `flowml.load_model`, `flowml predict` and the server."""
        from flowml.automl.model import modelfile

        self._check_fitted()
        Path(path).write_bytes(modelfile.write(self.best_model_))

    def _fit_elsewhere(self, X: Any, y: Any, sample_weight: Any) -> Self:
        check_parameters(type(self).__name__, vars(self))
        parameters = {name: getattr(self, name) for name in inspect.signature(AutoMLEstimator).parameters}
        parameters["random_state"] = seed_of(self.random_state)
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(forked.fit(self._kind, parameters, X, y, sample_weight))
        return self

    def _take_over(self, run: "Run") -> None:
        self.best_model_ = run.model
        self.fast_model_ = None if run.twin is None else run.twin.model
        self.metric_ = run.task.metric
        expected, unknown = run.estimate, float("nan")
        self.best_score_ = unknown if expected is None else expected.score
        self.best_score_range_ = (unknown, unknown) if expected is None else (expected.low, expected.high)
        self.baseline_score_ = unknown if run.baseline_score is None else run.baseline_score
        self.failures_ = dict(run.failures)
        self.leaderboard_ = [
            {
                "rank": entry.rank,
                "algorithm": entry.algorithm,
                "title": entry.title,
                "score": entry.score,
                "score_std": entry.score_std,
                "fit_seconds": entry.fit_seconds,
                "predict_ms": entry.predict_ms,
                "params": dict(entry.params),
            }
            for entry in run.leaderboard
        ]

    def _of_file(self, model: "FittedModel") -> None:
        self.best_model_, self.fast_model_ = model, None
        self.metric_ = model.schema.metric
        self._from_file = True
        self._columns = [feature.name for feature in model.schema.inputs]
        self._set_features(len(self._columns), self._columns)

    def _check_target(self, target: "np.ndarray") -> None:
        """Raises InvalidInput for one that cannot be learned."""

    def _answers(self, X: Any) -> "np.ndarray":
        """What the best model says, (rows, outputs), for the columns of `fit`."""
        self._check_fitted()
        if forks.after_use():
            fitted = {name: value for name, value in vars(self).items() if name in _FITTED}
            found: np.ndarray = forked.answers(self._kind, fitted, self.best_model_, X)
            return found
        from flowml.library.inputs import table_of

        table, names = table_of(X)
        if self.__dict__.get("_from_file") and names is not None:
            if self.best_model_.schema.recipe is not None:
                # It takes the columns from before its recipe, and those from behind it.
                return self.best_model_.predict(table)
            # Which other columns there were in training is not in the file.
            names = [name for name in self._columns if name in names]
            table = table.select(names)
        self._check_features(table, names)
        # Of an array the columns are known by their places.
        return self.best_model_.predict(table.rename(dict(zip(table.columns, self._columns, strict=True))))


def _with_text_labels(run: "Run") -> "Run":
    from flowml.automl.schema.labels import TEXT

    def changed(model: "FittedModel") -> "FittedModel":
        return replace(model, schema=replace(model.schema, label_type=TEXT))

    twin = run.twin and replace(run.twin, model=changed(run.twin.model))
    return replace(run, model=changed(run.model), twin=twin)


def _free(name: str, frame: "pl.DataFrame") -> str:
    while name in frame.columns:
        name = f"{name}_"
    return name
