"""Training a small network in numpy: float32 matrix products are all that it needs."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import FitContext
from flowml.automl.algorithms.fitting.held_out import HeldOut
from flowml.automl.algorithms.support import TargetScale, absolute_errors, is_classification, row_losses
from flowml.automl.predictors.links import softmax
from flowml.automl.predictors.mlp import MultilayerPerceptronPredictor

MAX_EPOCHS = 300
PATIENCE = 12
LOOK_AT_CLOCK_EVERY = 32
# In units of the target's spread: what is less is as good as nothing.
SMALL_ERROR = np.float32(0.1)


@dataclass
class Network:
    """Weights (inputs, units) and biases (units,) of each layer, float32, in one list: w0, b0, w1, b1, …"""

    parameters: list[np.ndarray]

    @classmethod
    def initial(cls, widths: list[int], generator: np.random.Generator) -> "Network":
        """Normal weights with variance 2 / inputs (He et al. 2015); a last layer that starts near zero."""
        parameters: list[np.ndarray] = []
        for index, (inputs, units) in enumerate(itertools.pairwise(widths)):
            gain = 0.1 if index == len(widths) - 2 else 1.0
            spread = gain * np.sqrt(2.0 / max(inputs, 1))
            parameters.append((generator.standard_normal((inputs, units)) * spread).astype(np.float32))
            parameters.append(np.zeros(units, dtype=np.float32))
        return cls(parameters)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Float32 (rows, outputs)."""
        hidden = values
        for index in range(0, len(self.parameters), 2):
            hidden = hidden @ self.parameters[index] + self.parameters[index + 1]
            if index + 2 < len(self.parameters):
                np.maximum(hidden, 0.0, out=hidden)
        return hidden

    def gradients(
        self,
        values: np.ndarray,
        target: np.ndarray,
        dropout: float,
        generator: np.random.Generator | None,
        weights: np.ndarray | None = None,
        absolute: bool = False,
    ) -> list[np.ndarray]:
        """Of the mean loss (cross entropy for class codes; half the squared error, or where `absolute` that of Huber,
        otherwise), by back-propagation.

        `weights`: float32 (rows,), about 1 on average; a row's loss counts so much.
        """
        keep = np.float32(1.0 - dropout)
        inputs = [values]
        for index in range(0, len(self.parameters), 2):
            hidden = inputs[-1] @ self.parameters[index] + self.parameters[index + 1]
            if index + 2 < len(self.parameters):
                np.maximum(hidden, 0.0, out=hidden)
                if dropout > 0 and generator is not None:
                    hidden *= (generator.random(hidden.shape, dtype=np.float32) < keep) / keep
            inputs.append(hidden)
        scores = inputs.pop()
        if target.dtype.kind == "i":
            slope = softmax(scores)
            slope[np.arange(len(target)), target] -= 1.0
        else:
            slope = scores - target[:, None]
            if absolute:
                # Squared where it is small, so that the last steps become short ones (Huber 1964).
                np.clip(slope / SMALL_ERROR, -1.0, 1.0, out=slope)
        if weights is not None:
            slope *= weights[:, None]
        slope /= np.float32(len(target))
        found: list[np.ndarray] = [np.empty(0)] * len(self.parameters)
        for index in range(len(self.parameters) - 2, -1, -2):
            hidden = inputs[index // 2]
            found[index] = hidden.T @ slope
            found[index + 1] = slope.sum(axis=0)
            if index:
                slope = slope @ self.parameters[index].T
                # What ReLU or dropout silenced passes nothing back; what dropout kept was scaled up.
                slope *= hidden > 0
                if dropout > 0 and generator is not None:
                    slope /= keep
        return found


@dataclass
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    network: Network
    weight_decay: float

    def __post_init__(self) -> None:
        self._steps = 0
        self._first = [np.zeros_like(one) for one in self.network.parameters]
        self._second = [np.zeros_like(one) for one in self.network.parameters]

    def step(self, gradients: list[np.ndarray], rate: float) -> None:
        self._steps += 1
        correction = rate * np.sqrt(1.0 - 0.999**self._steps) / (1.0 - 0.9**self._steps)
        for parameter, gradient, first, second in zip(
            self.network.parameters, gradients, self._first, self._second, strict=True
        ):
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient * gradient - second)
            if parameter.ndim == 2:
                parameter *= np.float32(1.0 - rate * self.weight_decay)
            parameter -= np.float32(correction) * first / (np.sqrt(second) + 1e-8)


def batch_size(n_rows: int) -> int:
    """About a hundred steps an epoch, within what a matrix product uses well."""
    return int(2 ** np.clip(np.round(np.log2(max(n_rows, 1) / 100)), 4, 8))


def train_network(
    params: Mapping[str, Any],
    values: np.ndarray,
    target: np.ndarray,
    valid_values: np.ndarray,
    valid_target: np.ndarray,
    context: FitContext,
) -> MultilayerPerceptronPredictor:
    """Epochs until the validation loss has not improved for a while, then a smaller rate, then the end."""
    classification, absolute = is_classification(context), absolute_errors(context)
    scale = TargetScale(0.0, 1.0) if classification else TargetScale.of(target, context.weights)
    weights = None if context.weights is None else (context.weights / context.weights.mean()).astype(np.float32)
    if not classification:
        target, valid_target = (scale.apply(one).astype(np.float32) for one in (target, valid_target))
    limit = MultilayerPerceptronPredictor.input_limit
    values, valid_values = np.clip(values, -limit, limit), np.clip(valid_values, -limit, limit)

    generator = np.random.default_rng(context.seed)
    widths = [values.shape[1], *[int(params["units"])] * int(params["layers"]), context.n_outputs]
    network = Network.initial(widths, generator)
    optimizer = AdamW(network, float(params["weight_decay"]))
    best, best_loss = [one.copy() for one in network.parameters], np.inf
    rate, dropout = float(params["learning_rate"]), float(params["dropout"])
    since_best, drops = 0, 0
    held = HeldOut(valid_target, context.valid_weights, context.seed, classes=classification)
    answers = np.zeros((len(valid_target), context.n_outputs))
    size = batch_size(len(values))
    for epoch in range(MAX_EPOCHS):
        order = generator.permutation(len(values))
        out_of_time = False
        for step, start in enumerate(range(0, len(order), size)):
            rows = order[start : start + size]
            counted = None if weights is None else weights[rows]
            optimizer.step(network.gradients(values[rows], target[rows], dropout, generator, counted, absolute), rate)
            if step % LOOK_AT_CLOCK_EVERY == 0 and context.time_left() <= 0:
                out_of_time = True
                break
        scores = network.scores(valid_values)
        losses = held.losses(row_losses(scores, valid_target, absolute=absolute))
        for part in held.improved(losses, epoch):
            answers[held.rows(part)] = scores[held.rows(part)]
        loss = held.whole(losses)
        if loss < best_loss:
            best, best_loss, since_best = [one.copy() for one in network.parameters], loss, 0
        else:
            since_best += 1
        if out_of_time or context.time_left() <= 0:
            break
        if since_best >= PATIENCE:
            if drops == 2:
                break
            # On from the best point with a smaller rate: the last step of most schedules is worth the most.
            drops, since_best, rate = drops + 1, PATIENCE // 2, rate * 0.3
            for parameter, kept in zip(network.parameters, best, strict=True):
                parameter[...] = kept
    context.held_out(softmax(answers) if classification else answers * scale.scale + scale.mean)
    return MultilayerPerceptronPredictor(best[0::2], best[1::2], classification, scale.mean, scale.scale)
