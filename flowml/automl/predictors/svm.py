"""A support vector machine: kernels to the support vectors, then a small linear model on the decision values."""

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.links import LINKS, apply_link

BLOCK_CELLS = 4_000_000


class SupportVectorPredictor(Predictor):
    """exp(-gamma · |x - v|²) · dual + intercept, then link(decisions · coefficients + offsets).

    `vectors`: float32 (support vectors, features); `dual`: (support vectors, decisions) with one decision a pair
    of classes, or one for regression; `coefficients` (decisions, raw) and `offsets` (raw,) turn decisions into
    probabilities (Platt 1999), and put a regression's answer back into the target's units.
    """

    kind = "svm"

    def __init__(
        self,
        vectors: np.ndarray,
        dual: np.ndarray,
        intercept: np.ndarray,
        gamma: float,
        coefficients: np.ndarray,
        offsets: np.ndarray,
        link: str,
    ):
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self.dual = np.ascontiguousarray(dual, dtype=np.float64)
        self.intercept = np.ascontiguousarray(intercept, dtype=np.float64)
        self.gamma = float(gamma)
        self.coefficients = np.ascontiguousarray(coefficients, dtype=np.float64)
        self.offsets = np.ascontiguousarray(offsets, dtype=np.float64)
        self.link = link
        self._norms = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)

    def decisions(self, values: np.ndarray) -> np.ndarray:
        """Float64 (rows, decisions)."""
        block = max(1, BLOCK_CELLS // max(len(self.vectors), 1))
        parts = [self._block(values[start : start + block]) for start in range(0, len(values), block)]
        return np.concatenate(parts) if parts else np.empty((0, self.dual.shape[1]))

    def predict(self, values: np.ndarray) -> np.ndarray:
        return apply_link(self.link, self.decisions(values) @ self.coefficients + self.offsets)

    def _block(self, values: np.ndarray) -> np.ndarray:
        rows = values.astype(np.float32, copy=False)
        norms = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        apart = norms[:, None] + self._norms - 2.0 * (rows @ self.vectors.T)
        return np.asarray(np.exp(-self.gamma * np.maximum(apart, 0.0)) @ self.dual + self.intercept)

    def to_state(self) -> PredictorState:
        arrays: dict[str, np.ndarray] = {
            "vectors": self.vectors,
            "dual": self.dual,
            "intercept": self.intercept,
            "coefficients": self.coefficients,
            "offsets": self.offsets,
        }
        return PredictorState(self.kind, {"gamma": self.gamma, "link": self.link}, arrays)

    @classmethod
    def from_state(cls, state: PredictorState) -> "SupportVectorPredictor":
        vectors = checking.array(state, "vectors", (None, None), single=True)
        dual = checking.array(state, "dual", (len(vectors), None))
        intercept = checking.array(state, "intercept", (dual.shape[1],))
        coefficients = checking.array(state, "coefficients", (dual.shape[1], None))
        offsets = checking.array(state, "offsets", (coefficients.shape[1],))
        gamma = checking.number(state, "gamma")
        link = checking.choice(state, "link", LINKS)
        if gamma < 0 or link == "sigmoid" and coefficients.shape[1] != 1:
            raise checking.damaged("a support vector machine whose parts do not fit")
        return cls(vectors, dual, intercept, gamma, coefficients, offsets, link)


register(SupportVectorPredictor.kind, lambda: SupportVectorPredictor)
