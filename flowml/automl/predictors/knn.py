"""k nearest neighbours by brute force: one matrix product for all distances."""

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register

BLOCK_CELLS = 4_000_000


class NearestNeighboursPredictor(Predictor):
    """The weighted mean of the targets of the nearest stored rows, by Euclidean distance.

    `points`: float32 (stored, features); `answers`: float32 (stored,) class codes or values; `n_classes` is 0 for
    regression; `weighted`: by the inverse distance, otherwise alike. `votes`: float64 (stored,), how much each row
    counts; None: all alike.
    """

    kind = "knn"

    def __init__(
        self,
        points: np.ndarray,
        answers: np.ndarray,
        n_neighbors: int,
        weighted: bool,
        n_classes: int,
        votes: np.ndarray | None = None,
    ):
        self.points = np.ascontiguousarray(points, dtype=np.float32)
        self.answers: np.ndarray = np.ascontiguousarray(answers, dtype=np.float32 if n_classes else np.float64)
        self.n_neighbors = min(int(n_neighbors), len(self.points))
        self.weighted = weighted
        self.votes = None if votes is None else np.ascontiguousarray(votes, dtype=np.float64)
        self.n_classes = n_classes
        self._halved_norms = 0.5 * np.einsum("ij,ij->i", self.points, self.points)

    def predict(self, values: np.ndarray) -> np.ndarray:
        block = max(1, BLOCK_CELLS // max(len(self.points), self.n_classes))
        parts = [self._block(values[start : start + block]) for start in range(0, len(values), block)]
        return np.concatenate(parts) if parts else np.empty((0, max(self.n_classes, 1)))

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        halved = self._halved_norms - self.points @ values.astype(np.float32)
        nearest = np.argpartition(halved, self.n_neighbors - 1)[: self.n_neighbors]
        answer: np.ndarray = self._mean(values.reshape(1, -1), nearest.reshape(1, -1))[0]
        return answer

    def _block(self, values: np.ndarray) -> np.ndarray:
        halved = self._halved_norms - values.astype(np.float32) @ self.points.T
        nearest = np.argpartition(halved, self.n_neighbors - 1, axis=1)[:, : self.n_neighbors]
        return self._mean(values, nearest)

    def _mean(self, values: np.ndarray, nearest: np.ndarray) -> np.ndarray:
        shown: np.ndarray = self.answers[nearest]
        if self.votes is None and not self.weighted and not self.n_classes:
            return np.asarray(shown.mean(axis=1, keepdims=True))
        weights = np.ones(nearest.shape) if self.votes is None else self.votes[nearest]
        if self.weighted:
            # The distances of the few winners are computed again, exactly: the matrix product loses the small ones.
            apart = self.points[nearest].astype(np.float64) - values[:, None, :]
            weights = weights / (np.sqrt(np.einsum("ijk,ijk->ij", apart, apart)) + 1e-6)
        total = weights.sum(axis=1, keepdims=True)
        if not self.n_classes:
            return np.asarray((shown * weights).sum(axis=1, keepdims=True) / total)
        # Counted, not compared: a table of neighbours by classes may be as large as memory.
        places = shown.astype(np.intp) + self.n_classes * np.arange(len(shown))[:, None]
        counted = np.bincount(places.ravel(), weights.ravel(), minlength=len(shown) * self.n_classes)
        return np.asarray(counted.reshape(len(shown), self.n_classes) / total)

    def to_state(self) -> PredictorState:
        settings = {"n_neighbors": self.n_neighbors, "weighted": self.weighted, "n_classes": self.n_classes}
        arrays = {"points": self.points, "answers": self.answers}
        if self.votes is not None:
            arrays["votes"] = self.votes
        return PredictorState(self.kind, settings, arrays)

    @classmethod
    def from_state(cls, state: PredictorState) -> "NearestNeighboursPredictor":
        points = checking.array(state, "points", (None, None), single=True)
        answers = checking.array(state, "answers", (points.shape[0],))
        n_classes = checking.integer(state, "n_classes", 0, checking.MAX_OUTPUTS)
        n_neighbors = checking.integer(state, "n_neighbors", 1, max(len(points), 1))
        if not len(points) or n_classes and not (answers.min() >= 0 and answers.max() < n_classes):
            raise checking.damaged("a nearest neighbours model with answers that are no classes")
        votes = checking.array(state, "votes", (points.shape[0],)) if "votes" in state.arrays else None
        if votes is not None and not votes.min() > 0:
            raise checking.damaged("a nearest neighbours model with rows that do not count")
        with np.errstate(over="ignore"):
            found = cls(points, answers, n_neighbors, state.settings.get("weighted") is True, n_classes, votes)
        if not bool(np.isfinite(found._halved_norms).all()):
            raise checking.damaged("a nearest neighbours model with rows that are too far for a distance")
        return found


register(NearestNeighboursPredictor.kind, lambda: NearestNeighboursPredictor)
