"""What the linear regressions share: they are fitted to a standardised target and give back a LinearPredictor."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from flowml.automl.algorithms.base import Algorithm, Category, Final, FitContext, Logarithms
from flowml.automl.algorithms.support import TargetScale, absolute_errors, library_errors, mean_of, require_time
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.domain.jobs import ProblemType

REWEIGHTINGS = 10
# Errors below this quantile count as if they were of its size, or one row that is met exactly would be all that counts.
SMALL_ERRORS, LEAST_ERROR = 0.1, 1e-3


def mean_weight(context: FitContext) -> float:
    """What a penalty on the mean error is to be multiplied by where it stands beside a sum over weighted rows."""
    return 1.0 if context.weights is None else float(context.weights.mean())


def coordinate_descent(shape: tuple[int, int]) -> dict[str, Any]:
    """Settings of scikit-learn's coordinate descent for so many (rows, features)."""
    # With the Gram matrix a sweep costs features², whatever the rows.
    return {"precompute": shape[1] < shape[0], "copy_X": False, "max_iter": 500, "tol": 1e-3}


class LinearRegression(Algorithm):
    """A linear regression under a penalty, whose weight applies to a target of unit spread."""

    category: ClassVar[Category] = Category.LINEAR
    view: ClassVar[View] = View.DENSE
    final: ClassVar[Final] = Final.REFIT
    logarithms: ClassVar[Logarithms] = Logarithms.IF_BETTER
    problem_types: ClassVar[tuple[ProblemType, ...]] = (ProblemType.REGRESSION,)

    @abstractmethod
    def estimator(self, params: Mapping[str, Any], shape: tuple[int, int], context: FitContext) -> Any:
        """scikit-learn's, without an intercept. It is given the centred features, (rows, features) as `shape` says, and
        the standardised target, both times the roots of the weights where rows do not count alike."""

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        """For a metric of absolute errors the estimator is asked again and again, with weights that make squared errors
        absolute ones: each row's over the size of its error before (Schlossmacher 1973)."""
        require_time(self.title, context)
        with library_errors(self.title):
            scale = TargetScale.of(target, context.weights)
            values, wanted = train.values.astype(np.float64), scale.apply(target)
            model = self.estimator(params, values.shape, context)
            coefficients, intercept = _least_squares(values, wanted, context.weights, model)
            for _ in range(REWEIGHTINGS if absolute_errors(context) else 0):
                if context.time_left() <= 0:
                    break
                errors = np.abs(wanted - values @ coefficients - intercept)
                weights = 1.0 / np.maximum(errors, max(float(np.quantile(errors, SMALL_ERRORS)), LEAST_ERROR))
                if context.weights is not None:
                    weights *= context.weights
                weights = weights / weights.mean() * mean_weight(context)
                coefficients, intercept = _least_squares(values, wanted, weights, model)
            return LinearPredictor(
                coefficients.reshape(-1, 1) * scale.scale, np.array([scale.mean + intercept * scale.scale]), "identity"
            )


def _least_squares(
    values: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None, model: Any
) -> tuple[np.ndarray, float]:
    """Coefficients (features,) and the intercept."""
    centre, middle = mean_of(values, weights), float(mean_of(wanted, weights))
    centred, rest = values - centre, wanted - middle
    if weights is not None:
        # Each row times the root of its weight: the squared errors are then weighted, whatever solves for them.
        roots = np.sqrt(weights)
        centred *= roots[:, None]
        rest *= roots
    coefficients = np.asarray(model.fit(centred, rest).coef_, dtype=np.float64).reshape(-1)
    return coefficients, middle - float(centre @ coefficients)
