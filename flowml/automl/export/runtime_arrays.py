"""The model inside a joblib file, which carries a copy of everything below behind that of `runtime_rows.py`: it needs
NumPy, and the libraries of the boosters that it consists of, and nothing of FlowML."""

import warnings
from typing import Any

import numpy as np

from flowml.automl.export.runtime_rows import encode, usable_row

_REBUILD = "(exec(source, scope := {}), scope['ExportedModel'](source, state))[1]"


def links(link: str, scores: Any) -> Any:
    if link == "identity":
        return scores
    if link == "sigmoid":
        second = 0.5 * (1.0 + np.tanh(0.5 * scores[:, 0]))
    elif link == "softmax":
        return shares(scores)
    elif scores.shape[1] > 1:
        return scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)
    else:
        second = np.clip(scores[:, 0], 0.0, 1.0)
    return np.stack([1.0 - second, second], axis=1)


def shares(scores: Any) -> Any:
    exponent = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def two_or_more(found: Any, n_outputs: int) -> Any:
    found = np.asarray(found, dtype=np.float64)
    if n_outputs == 2:
        found = found.reshape(-1)
        return np.stack([1.0 - found, found], axis=1)
    found = found.reshape(-1, n_outputs)
    return found / found.sum(axis=1, keepdims=True) if n_outputs > 1 else found


def of_trees(of: dict[str, Any], values: Any, _: Any) -> Any:
    every = []
    for start in range(0, len(values), 2_000):
        block = values[start : start + 2_000]
        node = np.tile(of["roots"], (len(block), 1))
        rows = np.arange(len(block))[:, None]
        for _level in range(of["depth"]):
            node = of["child"][node] + (block[rows, of["feature"][node]] > of["threshold"][node])
        leaves = of["values"][of["leaf"][node]]
        if of["combine"] == "median":
            found, weights = leaves[:, :, 0], of["tree_weights"]
            order = np.argsort(found, axis=1, kind="stable")
            upto = np.cumsum((np.ones(found.shape[1]) if weights is None else weights)[order], axis=1)
            middle = (upto >= 0.5 * upto[:, -1:]).argmax(axis=1)
            lines = np.arange(len(found))
            every.append(found[lines, order[lines, middle]].astype(np.float64).reshape(-1, 1))
            continue
        raw = leaves.reshape(len(block), -1, of["groups"], leaves.shape[2]).sum(axis=1, dtype=np.float64)
        unit = of["unit"] * of["scale"] / (len(of["roots"]) if of["combine"] == "mean" else 1)
        every.append(links(of["link"], raw.reshape(len(block), -1) * unit + of["offset"]))
    return np.concatenate(every)


def of_linear(of: dict[str, Any], values: Any, _: Any) -> Any:
    return links(of["link"], values.astype(np.float64) @ of["coefficients"] + of["intercept"])


def of_constant(of: dict[str, Any], values: Any, _: Any) -> Any:
    return np.tile(of["answer"], (len(values), 1))


def of_network(of: dict[str, Any], values: Any, _: Any) -> Any:
    hidden = np.clip(values, -10.0, 10.0).astype(np.float32)
    for index, (weight, bias) in enumerate(zip(of["weights"], of["biases"], strict=True)):
        hidden = (np.maximum(hidden, 0.0) if index else hidden) @ weight + bias
    scores = hidden.astype(np.float64)
    return shares(scores) if of["classification"] else scores * of["target_scale"] + of["target_mean"]


def of_bayes(of: dict[str, Any], values: Any, _: Any) -> Any:
    wide = values.astype(np.float64)[:, None, :] - of["mean"]
    likelihood = -0.5 * (np.log(2 * np.pi * of["variance"]) + wide * wide / of["variance"]).sum(axis=2)
    return shares((of["log_prior"] + likelihood) / of["temperature"])


def of_vectors(of: dict[str, Any], values: Any, _: Any) -> Any:
    found = []
    for row in values.astype(np.float64):
        apart = ((row - of["vectors"]) ** 2).sum(axis=1)
        found.append(np.exp(-of["gamma"] * apart) @ of["dual"] + of["intercept"])
    return links(of["link"], np.array(found) @ of["coefficients"] + of["offsets"])


def of_neighbours(of: dict[str, Any], values: Any, _: Any) -> Any:
    answers = []
    halved = 0.5 * np.einsum("ij,ij->i", of["points"], of["points"])
    for row in values:
        nearest = np.argpartition(halved - of["points"] @ row, of["n_neighbors"] - 1)[: of["n_neighbors"]]
        weights = np.ones(len(nearest)) if of["votes"] is None else of["votes"][nearest]
        if of["weighted"]:
            apart = of["points"][nearest].astype(np.float64) - row
            weights = weights / (np.sqrt((apart * apart).sum(axis=1)) + 1e-6)
        shown = of["answers"][nearest]
        if of["n_classes"]:
            answers.append(np.bincount(shown.astype(int), weights, of["n_classes"]) / weights.sum())
        else:
            answers.append([(shown * weights).sum() / weights.sum()])
    return np.array(answers)


def of_exponential(of: dict[str, Any], values: Any, loaded: Any) -> Any:
    return np.exp(np.clip(answers_of(of["inner"], values, loaded), of["low"], of["high"]))


def of_regressions(of: dict[str, Any], values: Any, loaded: Any) -> Any:
    found = [answers_of(inner, values, loaded) for inner in of["inner"]]
    found = np.clip(np.concatenate(found, axis=1), 1e-4, 1.0 - 1e-4)
    return two_or_more(found, 2) if found.shape[1] == 1 else found / found.sum(axis=1, keepdims=True)


def of_lightgbm(of: dict[str, Any], values: Any, loaded: Any) -> Any:
    if id(of) not in loaded:
        import lightgbm

        loaded[id(of)] = lightgbm.Booster(model_str=of["model"].decode())
    found = np.asarray(loaded[id(of)].predict(values, num_threads=1), dtype=np.float64)
    return two_or_more(found, 2) if of["n_outputs"] == 2 else found.reshape(len(values), -1)


def of_xgboost(of: dict[str, Any], values: Any, loaded: Any) -> Any:
    if id(of) not in loaded:
        import xgboost

        booster = loaded[id(of)] = xgboost.Booster()
        booster.load_model(bytearray(of["model"]))
        booster.set_param({"nthread": 1, "device": "cpu"})
    return two_or_more(loaded[id(of)].inplace_predict(values, validate_features=False), of["n_outputs"])


def of_catboost(of: dict[str, Any], values: Any, loaded: Any) -> Any:
    import catboost

    if id(of) not in loaded:
        loaded[id(of)] = catboost.CatBoost()
        loaded[id(of)].load_model(blob=of["model"])
    codes = values[:, of["categorical"]]
    numbers = np.delete(values, of["categorical"], axis=1)
    rows: Any = np.ascontiguousarray(values)
    if of["categorical"]:
        words = [[b"missing" if code != code else str(int(code)).encode() for code in row] for row in codes]
        rows = catboost.FeaturesData(
            num_feature_data=np.ascontiguousarray(numbers) if numbers.shape[1] else None,
            cat_feature_data=np.array(words, dtype=object),
        )
    raw = loaded[id(of)].predict(catboost.Pool(rows), prediction_type="RawFormulaVal", thread_count=1)
    raw = np.asarray(raw, dtype=np.float64).reshape(len(values), -1)
    return links("identity" if of["n_outputs"] == 1 else "sigmoid" if of["n_outputs"] == 2 else "softmax", raw)


_OF = {
    "trees": of_trees,
    "linear": of_linear,
    "constant": of_constant,
    "mlp": of_network,
    "gaussian_nb": of_bayes,
    "svm": of_vectors,
    "knn": of_neighbours,
    "exponential": of_exponential,
    "distilled": of_regressions,
    "lightgbm": of_lightgbm,
    "xgboost": of_xgboost,
    "catboost": of_catboost,
}


def answers_of(of: dict[str, Any], values: Any, loaded: Any) -> Any:
    """What one predictor says of encoded rows: (rows, outputs)."""
    return _OF[of["kind"]](of, values, loaded)


class ExportedModel:
    """Predicts rows of the columns `feature_names_in_`: a DataFrame, dictionaries, or lists in that order.

    `predict` gives numbers, or the codes of classes that the label encoder beside it decodes.
    """

    def __init__(self, source: str, state: dict[str, Any]):
        self._source, self._state = source, state
        self._loaded: dict[int, Any] = {}
        self.feature_names_in_ = np.array(list(state["columns"]), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self._estimator_type = "regressor" if state["classes"] is None else "classifier"
        if state["classes"] is not None:
            self.classes_ = np.arange(len(state["classes"]))

    def __reduce__(self) -> Any:
        return eval, (_REBUILD, {"source": self._source, "state": self._state})

    def __repr__(self) -> str:
        return f"ExportedModel(target={self._state['target']!r}, columns={self.n_features_in_})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        is_classifier = self._state["classes"] is not None
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
        )

    def _rows(self, rows: Any) -> list[Any]:
        names = list(self._state["columns"])
        if hasattr(rows, "columns"):
            lacks = [name for name in names if name not in rows.columns]
            if lacks:
                warnings.warn(f"not given, taken as missing: {', '.join(lacks)}", stacklevel=4)
        if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
            found = list(rows.astype(object).where(rows.notna(), None).to_dict("records"))
        elif hasattr(rows, "to_dicts"):
            found = list(rows.to_dicts())
        else:
            every = rows.tolist() if isinstance(rows, np.ndarray) else rows
            found = [row if isinstance(row, dict) else dict(zip(names, row, strict=True)) for row in every]
        plain = [
            {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
            for row in found
        ]
        return [usable_row(self._state["columns"], row) for row in plain]

    def _outputs(self, rows: Any) -> Any:
        state, rows = self._state, self._rows(rows)
        if not rows:
            return np.empty((0, state["n_outputs"]))
        encoded = [np.array([encode(encoder, row) for row in rows], dtype=np.float32) for encoder in state["encoders"]]
        total: Any = 0.0
        for member in state["members"]:
            found = [answers_of(part["predictor"], encoded[part["encoder"]], self._loaded) for part in member["parts"]]
            mean = sum(found) / len(found)
            total = total + member["weight"] * (np.log(np.maximum(mean, 1e-6)) if state["pooling"] == "log" else mean)
        if state["pooling"] == "log":
            total = shares(total)
        if state["temperature"] is not None:
            total = shares(np.log(np.maximum(total, 1e-7)) / state["temperature"])
        return total

    def predict_proba(self, rows: Any) -> Any:
        """(rows, classes)."""
        if self._state["classes"] is None:
            raise AttributeError("a model of numbers has no probabilities")
        return self._outputs(rows)

    def predict(self, rows: Any) -> Any:
        """(rows,). Raises ValueError naming the column of a value of the wrong kind."""
        found = self._outputs(rows)
        if self._state["classes"] is None:
            return found[:, 0]
        weights = self._state["decision"]
        return (found if weights is None else found * np.array(weights)).argmax(axis=1)

    def score(self, rows: Any, target: Any, sample_weight: Any = None) -> float:
        """Accuracy of classes, given as codes or as they were; R² of numbers."""
        from sklearn.metrics import accuracy_score, r2_score

        found = self.predict(rows)
        if self._state["classes"] is None:
            return float(r2_score(target, found, sample_weight=sample_weight))
        places = {label: code for code, label in enumerate(self._state["classes"])}
        codes = [places.get(one, one) for one in np.asarray(target).tolist()]
        return float(accuracy_score(codes, found, sample_weight=sample_weight))
