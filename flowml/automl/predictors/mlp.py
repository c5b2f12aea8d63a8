"""A multilayer perceptron in numpy: dense layers with ReLU between them."""

from collections.abc import Sequence

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.links import mean_of_row, softmax

MAX_LAYERS = 32


class MultilayerPerceptronPredictor(Predictor):
    """`weights[i]`: float32 (inputs, units), `biases[i]`: float32 (units,).

    The last layer gives class scores, or one value in units of `target_scale` around `target_mean`. Inputs are
    clipped to ±`input_limit`, which keeps one extreme value from taking the answer out of all bounds.
    """

    kind = "mlp"
    input_limit = 10.0

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        classification: bool,
        target_mean: float = 0.0,
        target_scale: float = 1.0,
    ):
        self.weights = [np.ascontiguousarray(one, dtype=np.float32) for one in weights]
        self.biases = [np.ascontiguousarray(one, dtype=np.float32) for one in biases]
        self.classification = classification
        self.target_mean = float(target_mean)
        self.target_scale = float(target_scale)

    def predict(self, values: np.ndarray) -> np.ndarray:
        hidden = np.clip(values, -self.input_limit, self.input_limit).astype(np.float32, copy=False)
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = hidden @ weight + bias
            if index < last:
                np.maximum(hidden, 0.0, out=hidden)
        scores = hidden.astype(np.float64)
        if self.classification:
            return softmax(scores)
        return np.asarray(scores * self.target_scale + self.target_mean)

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        hidden = np.minimum(np.maximum(values, np.float32(-self.input_limit)), np.float32(self.input_limit))
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = hidden @ weight
            hidden += bias
            if index < last:
                np.maximum(hidden, 0.0, out=hidden)
        scores = hidden.astype(np.float64)
        if self.classification:
            return softmax(scores)
        return np.asarray(scores * self.target_scale + self.target_mean)

    def to_state(self) -> PredictorState:
        arrays = {f"weight_{index}": one for index, one in enumerate(self.weights)}
        arrays |= {f"bias_{index}": one for index, one in enumerate(self.biases)}
        settings = {
            "layers": len(self.weights),
            "classification": self.classification,
            "target_mean": self.target_mean,
            "target_scale": self.target_scale,
        }
        return PredictorState(self.kind, settings, arrays)

    @classmethod
    def from_state(cls, state: PredictorState) -> "MultilayerPerceptronPredictor":
        layers = checking.integer(state, "layers", 1, MAX_LAYERS)
        weights: list[np.ndarray] = []
        biases: list[np.ndarray] = []
        width: int | None = None
        for index in range(layers):
            weight = checking.array(state, f"weight_{index}", (width, None), single=True)
            width = weight.shape[1]
            weights.append(weight)
            biases.append(checking.array(state, f"bias_{index}", (width,), single=True))
        classification = state.settings.get("classification") is True
        if not classification and width != 1:
            raise checking.damaged("a neural network with more than one value to give")
        mean, scale = checking.number(state, "target_mean"), checking.number(state, "target_scale")
        return cls(weights, biases, classification, mean, scale)


class RowPerceptrons:
    """The mean of the answers of several networks of one shape for one row, float32 (features,) → (outputs,): a call of
    numpy costs more than what it computes here, so all of them go through each layer together.

    `features[i]` says where network i finds its inputs in that row. Raises ValueError for networks that differ.
    """

    def __init__(self, networks: Sequence[MultilayerPerceptronPredictor], features: Sequence[np.ndarray]):
        first = networks[0]
        shapes = {(one.classification, *(len(bias) for bias in one.biases)) for one in networks}
        if len(shapes) > 1:
            raise ValueError("networks of several shapes")
        self._classification = first.classification
        self._limits = np.float32(-first.input_limit), np.float32(first.input_limit)
        # Folds differ in the categories that they know: what one network lacks has no weight in it.
        most = max(map(len, features))
        self._inputs = np.array([np.resize(where, most) for where in features], dtype=np.intp)[:, None]
        layers = list(zip(*(one.weights for one in networks), strict=True))
        layers[0] = tuple(np.pad(weight, ((0, most - len(weight)), (0, 0))) for weight in layers[0])
        biases = zip(*(one.biases for one in networks), strict=True)
        self._layers = [(np.array(w), np.array(b)[:, None]) for w, b in zip(layers, biases, strict=True)]
        self._scales = np.array([one.target_scale for one in networks]).reshape(-1, 1)
        self._means = np.array([one.target_mean for one in networks]).reshape(-1, 1)

    def __call__(self, row: np.ndarray) -> np.ndarray:
        least, most = self._limits
        hidden = np.minimum(np.maximum(row, least), most).take(self._inputs)
        last = len(self._layers) - 1
        for index, (weight, bias) in enumerate(self._layers):
            hidden = hidden @ weight
            hidden += bias
            if index < last:
                np.maximum(hidden, 0.0, out=hidden)
        scores = hidden[:, 0].astype(np.float64)
        if not self._classification:
            return mean_of_row("identity", scores * self._scales + self._means)
        return mean_of_row("softmax", scores)


register(MultilayerPerceptronPredictor.kind, lambda: MultilayerPerceptronPredictor)
