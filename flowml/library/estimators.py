"""FlowML as a scikit-learn estimator.

>>> from flowml import AutoMLClassifier
>>> AutoMLClassifier(time_budget_seconds=10).get_params()["metric"]
'auto'
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType
from flowml.library.automl_estimator import AutoMLEstimator

if TYPE_CHECKING:
    import numpy as np

    from flowml.automl.model.model import FittedModel
    from flowml.library.run import Run


class AutoMLClassifier(AutoMLEstimator):
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


class AutoMLRegressor(AutoMLEstimator):
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
    from flowml.automl.model.foreign import read_foreign

    model = read_foreign(Path(path))
    estimator = AutoMLClassifier() if model.schema.classes else AutoMLRegressor()
    estimator._of_file(model)
    return estimator
