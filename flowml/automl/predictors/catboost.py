"""CatBoost's own binary model, answered by CatBoost on one thread."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, register
from flowml.automl.predictors.catboost_blob import compact
from flowml.automl.predictors.links import sigmoid, softmax, two_columns
from flowml.machine import forks

if TYPE_CHECKING:
    from catboost import CatBoost


_MANY = 1_000_000
_UNLIKELY = 1e12


def category_words(codes: np.ndarray) -> np.ndarray:
    """Float category codes → the words that CatBoost hashes, as bytes; missing is a word of its own."""
    whole = np.clip(np.where(np.isnan(codes), -1, codes), -1, _UNLIKELY).astype(np.int64)
    highest = int(whole.max(initial=-1))
    if highest > _MANY:
        # Not from an encoder: such a table of words would fill the memory.
        levels, places = np.unique(whole, return_inverse=True)
        words = np.array([b"missing" if level < 0 else str(level).encode() for level in levels], dtype=object)
        return np.asarray(words[places.reshape(whole.shape)])
    words = np.array([b"missing", *(str(code).encode() for code in range(highest + 1))], dtype=object)
    return np.asarray(words[whole + 1])


def pool(
    values: np.ndarray,
    categorical: Sequence[int],
    target: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    n_threads: int = -1,
) -> Any:
    """Encoded rows as CatBoost's Pool, made by so many threads (-1: one a core)."""
    import catboost

    if not categorical:
        return catboost.Pool(np.ascontiguousarray(values), label=target, weight=weights, thread_count=n_threads)
    numeric = [index for index in range(values.shape[1]) if index not in set(categorical)]
    features = catboost.FeaturesData(
        num_feature_data=np.ascontiguousarray(values[:, numeric], dtype=np.float32) if numeric else None,
        cat_feature_data=category_words(values[:, list(categorical)]),
    )
    return catboost.Pool(features, label=target, weight=weights, thread_count=n_threads)


def finish(raw: np.ndarray, n_outputs: int) -> np.ndarray:
    """Raw values (rows, raw) → predictions (rows, outputs)."""
    if n_outputs == 1:
        return raw
    return two_columns(sigmoid(raw)) if n_outputs == 2 else softmax(raw)


class CatBoostPredictor(Predictor):
    """`model` is CatBoost's `cbm` as `catboost_blob.compact` leaves it; `categorical` the columns of codes; `n_outputs`
    classes, 1 for regression."""

    kind = "catboost"
    library = "catboost"

    def __init__(self, model: bytes, n_outputs: int, n_features: int, categorical: Sequence[int]):
        self.model = model
        self.n_outputs = n_outputs
        self.n_features = n_features
        self.categorical = tuple(categorical)

    @cached_property
    def _booster(self) -> "CatBoost":
        forks.refuse()
        import catboost

        booster = catboost.CatBoost()
        booster.load_model(blob=self.model)
        return booster

    def predict(self, values: np.ndarray) -> np.ndarray:
        if values.shape[1] != self.n_features:
            raise ValueError(f"expected {self.n_features} features, not {values.shape[1]}")
        rows = pool(values, self.categorical)
        raw = self._booster.predict(rows, prediction_type="RawFormulaVal", thread_count=1)
        return finish(np.asarray(raw, dtype=np.float64).reshape(len(values), -1), self.n_outputs)

    def predict_row(self, values: np.ndarray) -> np.ndarray:
        if len(values) != self.n_features:
            raise ValueError(f"expected {self.n_features} features, not {len(values)}")
        if not self.categorical:
            row: Any = values
        else:
            # CatBoost has numbers first, as in the pools that it was fitted on.
            chosen = set(self.categorical)
            row = [float(value) for index, value in enumerate(values) if index not in chosen]
            row += [word.decode() for word in category_words(values[list(self.categorical)])]
        raw = self._booster.predict(row, prediction_type="RawFormulaVal", thread_count=1)
        answer: np.ndarray = finish(np.asarray(raw, dtype=np.float64).reshape(1, -1), self.n_outputs)[0]
        return answer

    def takes(self, n_features: int) -> bool:
        return n_features == self.n_features

    def to_state(self) -> PredictorState:
        settings = {
            "n_outputs": self.n_outputs,
            "n_features": self.n_features,
            "categorical": list(self.categorical),
        }
        return PredictorState(self.kind, settings, blobs={"model": self.model})

    @classmethod
    def from_state(cls, state: PredictorState) -> "CatBoostPredictor":
        n_outputs = checking.integer(state, "n_outputs", 1, checking.MAX_OUTPUTS)
        n_features = checking.integer(state, "n_features", 1, 10_000_000)
        categorical = state.settings.get("categorical")
        if not isinstance(categorical, list) or not all(
            isinstance(one, int) and 0 <= one < n_features for one in categorical
        ):
            raise checking.damaged("its CatBoost part has categories that do not exist")
        columns = sorted(set(categorical))
        if state.is_own:
            return cls(checking.blob(state, "model"), n_outputs, n_features, columns)
        model = checking.rebuilt(
            "CatBoost", lambda: compact(checking.blob(state, "model"), n_features, columns, n_outputs)
        )
        return cls(model, n_outputs, n_features, columns)


register(CatBoostPredictor.kind, lambda: CatBoostPredictor)
