"""Fitted models of least squares, as fast as models come."""

from flowml.automl.algorithms.base import Final
from flowml.automl.features.encoded import View
from flowml.automl.model.model import FittedModel
from flowml.automl.task.task import Task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from tests.automl.tables import LeastSquares


def fit(task: Task, final: Final = Final.BAG, view: View = View.DENSE, penalty: float = 1.0) -> FittedModel:
    algorithm = LeastSquares(final, view)
    return evaluate(
        task, EncodedFolds(task), algorithm, {"penalty": penalty}, seed=0, threads=1, time_left=lambda: 60.0
    ).model
