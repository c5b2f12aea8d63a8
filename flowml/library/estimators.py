"""FlowML as a scikit-learn estimator.

>>> from flowml import AutoMLClassifier
>>> AutoMLClassifier(time_budget_seconds=10).get_params()["metric"]
'auto'
"""

import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType
from flowml.library import forked
from flowml.library.estimator_base import Estimator
from flowml.machine import forks

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from flowml.automl.model.model import FittedModel
    from flowml.library.run import Progress, Run

forks.watch()

_TARGET = "target"
_LARGEST_SEED = 2**31 - 1
_FITTED = ("n_features_in_", "feature_names_in_", "_columns", "_from_file")
"""What a fitted estimator knows of its columns."""


class _AutoML(Estimator):
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

        self._check_parameters()
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
            seed=_seed(self.random_state),
            n_jobs=_cores(self.n_jobs),
            began=began,
            on_note=_print if self.verbose else _say_nothing,
            on_progress=_Reporter() if self.verbose else _say_nothing,
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
        self._check_parameters()
        parameters = {name: getattr(self, name) for name in inspect.signature(_AutoML).parameters}
        parameters["random_state"] = _seed(self.random_state)
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

    def _check_parameters(self) -> None:
        for name, fine, wanted in (
            ("time_budget_seconds", _is_number(self.time_budget_seconds, 0), "a number of seconds above 0"),
            (
                "max_trials",
                self.max_trials is None or _is_whole(self.max_trials, 1),
                "None or a whole number from 1 up",
            ),
            ("cv_folds", _is_whole(self.cv_folds, 2), "a whole number from 2 up"),
            ("n_jobs", self.n_jobs is None or (_is_whole(self.n_jobs) and self.n_jobs != 0), "None, -1 or a number"),
            (
                "cv",
                isinstance(self.cv, str),
                "auto, stratified, together, group:COLUMN or time:COLUMN (cv_folds is how many)",
            ),
            ("algorithms", not isinstance(self.algorithms, str), "None or a list of names"),
        ):
            if not fine:
                raise InvalidInput(
                    f"The {name!r} parameter of {type(self).__name__} must be {wanted}. Got {getattr(self, name)!r}."
                )

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


class AutoMLClassifier(_AutoML):
    """Finds the best classifier for a table within a time budget.

    Parameters
    ----------
    time_budget_seconds : seconds that `fit` may take, everything included.
    metric : accuracy, balanced_accuracy, f1, roc_auc or log_loss; auto is accuracy.
    algorithms : names of the families to try; None for all.
    max_trials : end after so many trials. With it, the same `random_state` gives the same result.
    cv_folds, cv : how models are tested; `cv` is auto, stratified, together, group:COLUMN or time:COLUMN.
    random_state : a whole number, a numpy RandomState or Generator, or None for another result every time.
    n_jobs : processes that evaluate trials at once; None or -1 for one a core.
    verbose : 1 to say on standard error how far it is.

    Attributes
    ----------
    classes_ : the labels, in the order of `predict_proba`'s columns.
    best_model_, fast_model_ : the best model, and a quicker one that is nearly as good (or None).
    leaderboard_ : a dictionary a model, best first; `pandas.DataFrame(model.leaderboard_)` makes a table of it.
    best_score_, metric_ : what to expect of the best model on new rows, in its metric's own direction; the leaderboard
        has the scores by cross-validation, of which the best is a little lucky.
    best_score_range_, baseline_score_ : where it lies with 90 % confidence, and what a constant guess reaches.
    failures_ : the families that failed, with the reason.
    n_features_in_, feature_names_in_ : the columns that it was fitted with.
    """

    _kind = "AutoMLClassifier"
    _problem_type = ProblemType.CLASSIFICATION

    classes_: "np.ndarray"

    def predict_proba(self, X: Any) -> "np.ndarray":
        """Probabilities, shape (rows, classes), in the order of `classes_`."""
        return self._answers(X)

    def predict(self, X: Any) -> "np.ndarray":
        """The class of each row: the most likely one, or as the metric asks for (`FittedModel.decide`)."""
        answers = self._answers(X)
        chosen: np.ndarray = self.classes_[self.best_model_.decide(answers)]
        return chosen

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose class is predicted, whatever metric was searched by."""
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        return tags

    def _check_target(self, target: "np.ndarray") -> None:
        import numpy as np

        if len(np.unique(target)) < 2:
            raise InvalidInput("y has only one class, and a classifier needs two to tell apart.")

    def _take_over(self, run: "Run") -> None:
        super()._take_over(run)
        self.classes_ = self.best_model_.schema.class_values

    def _of_file(self, model: "FittedModel") -> None:
        super()._of_file(model)
        self.classes_ = model.schema.class_values


class AutoMLRegressor(_AutoML):
    """Finds the best regressor for a table within a time budget.

    Parameters and attributes are those of `AutoMLClassifier`, without `classes_`; `metric` is r2, rmse, mae or mape,
    and auto is r2.
    """

    _kind = "AutoMLRegressor"
    _problem_type = ProblemType.REGRESSION

    def predict(self, X: Any) -> "np.ndarray":
        """One value a row, shape (rows,)."""
        return self._answers(X)[:, 0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions, whatever metric was searched by."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        return tags


def load_model(path: str | Path) -> AutoMLClassifier | AutoMLRegressor:
    """A fitted estimator from a `.flowml` file, wherever it was trained.

    It predicts, classes in the type that they had in training; there is no leaderboard. Columns that training left out
    are not asked for. Raises InvalidInput for anything that is not a whole model file.
    """
    from flowml.automl.model import modelfile

    model = modelfile.read(Path(path))
    estimator = AutoMLClassifier() if model.schema.classes else AutoMLRegressor()
    estimator._of_file(model)
    return estimator


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


def _seed(random_state: Any) -> int:
    import numpy as np

    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED))
    if not _is_whole(random_state, 0):
        raise InvalidInput(f"{random_state!r} cannot be used to seed: random_state is a whole number from 0 up.")
    return int(random_state)


def _cores(n_jobs: int | None) -> int:
    from flowml.machine.facts import usable_cores

    if n_jobs is None:
        return usable_cores()
    return n_jobs if n_jobs > 0 else max(1, usable_cores() + 1 + n_jobs)


def _is_number(value: Any, above: float) -> bool:
    try:
        return not isinstance(value, bool) and float(value) > above
    except (TypeError, ValueError):
        return False


def _is_whole(value: Any, least: int | None = None) -> bool:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return False
    return least is None or value.__index__() >= least


def _say_nothing(_: object) -> None:
    return None


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Reporter:
    """Says whenever a better model has been found."""

    def __init__(self, say: Callable[[str], None] = _print):
        self._say = say
        self._best: tuple[float, str] | None = None

    def __call__(self, progress: "Progress") -> None:
        if progress.best_score is None or progress.best_algorithm is None:
            return
        best = (progress.best_score, progress.best_algorithm)
        if best != self._best:
            self._best = best
            self._say(
                f"{progress.elapsed_seconds:5.1f} of {progress.budget_seconds:g} s, {progress.trials_finished} models, "
                f"best {best[0]:.4g} ({best[1]})"
            )
