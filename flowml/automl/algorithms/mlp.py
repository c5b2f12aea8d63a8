"""A multilayer perceptron."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import (
    Algorithm,
    Category,
    Final,
    FitContext,
    FloatParameter,
    IntParameter,
    Logarithms,
    Parameter,
)
from flowml.automl.algorithms.fitting.mlp_training import train_network
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import is_classification, library_errors, require_time, with_validation
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.task.shape import TaskShape


@register
class MultilayerPerceptron(Algorithm):
    """Dense layers with ReLU and dropout, trained by Adam with decoupled weight decay; the best epoch is kept."""

    name = "mlp"
    title = "Neural network"
    category = Category.NEURAL
    view = View.DENSE
    final = Final.BAG
    logarithms = Logarithms.ALWAYS

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            IntParameter("layers", 1, 3),
            IntParameter("units", 16, 192, log=True),
            FloatParameter("learning_rate", 3e-4, 2e-2, log=True),
            FloatParameter("weight_decay", 1e-5, 0.3, log=True),
            FloatParameter("dropout", 0.0, 0.5),
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        def one(layers: int, units: int, rate: float, decay: float, dropout: float) -> Any:
            return {
                "layers": layers,
                "units": units,
                "learning_rate": rate,
                "weight_decay": decay,
                "dropout": dropout,
            }

        if shape.n_rows < 2_000 and is_classification(shape):
            return (one(1, 40, 5e-4, 0.05, 0.1), one(1, 128, 1.5e-3, 0.2, 0.3), one(1, 24, 4e-3, 1e-5, 0.02))
        if shape.n_rows < 8_000:
            return (one(1, 24, 4e-3, 1e-5, 0.02), one(2, 32, 1e-2, 0.01, 0.07), one(1, 128, 2e-3, 0.003, 0.15))
        return (one(2, 128, 2e-3, 0.01, 0.1), one(3, 128, 1e-3, 0.03, 0.2), one(2, 64, 4e-3, 0.003, 0.0))

    def seconds_per_fit(self, shape: TaskShape) -> float:
        return 0.15 + shape.n_rows * (150 + shape.n_features) * 8e-7

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        # What a layer says of the validation rows is there all at once.
        hidden = int(params["units"]) * 2 * 4
        return memory.of_double_copies(shape, 0.6) + shape.n_rows // 4 * hidden

    def fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded | None,
        valid_target: np.ndarray | None,
        context: FitContext,
    ) -> Predictor:
        require_time(self.title, context)
        train, target, valid, valid_target, context = with_validation(train, target, valid, valid_target, context)
        with library_errors(self.title):
            return train_network(params, train.values, target, valid.values, valid_target, context)
