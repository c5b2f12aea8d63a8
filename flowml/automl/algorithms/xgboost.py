"""XGBoost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import (
    WIDE,
    ChoiceParameter,
    FitContext,
    FloatParameter,
    IntParameter,
    Parameter,
)
from flowml.automl.algorithms.fitting.boosting import Boosting, Rounds
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import (
    absolute_errors,
    is_classification,
    library_settings,
)
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.xgboost import XGBoostPredictor
from flowml.automl.task.shape import TaskShape

MAX_ROUNDS = 1_000
TREES_A_MODEL = 700
LEAVES_A_MODEL = 70_000
LEAVES_A_TREE = 256


@register
class XGBoost(Boosting):
    """Gradient boosting of histogram trees grown level by level (Chen and Guestrin 2016)."""

    name = "xgboost"
    title = "XGBoost"

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            FloatParameter("learning_rate", 0.02 if shape.n_rows < 20_000 else 0.04, 0.25, log=True),
            IntParameter("max_depth", 2, 10 if shape.n_rows >= 2_000 else 7),
            FloatParameter("min_child_weight", 0.1, 30.0, log=True),
            FloatParameter("subsample", 0.5, 1.0),
            FloatParameter("colsample_bynode", 0.3, 1.0),
            FloatParameter("reg_lambda", 1e-3, 20.0, log=True),
            ChoiceParameter("max_cat_to_onehot", (4, 64)),
            WIDE,
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        deepest = 10 if shape.n_rows >= 2_000 else 7

        def one(rate: float, depth: int, weight: float, rows: float, features: float, l2: float) -> Any:
            return {
                "learning_rate": rate,
                "max_depth": min(depth, deepest),
                "min_child_weight": weight,
                "subsample": rows,
                "colsample_bynode": features,
                "reg_lambda": l2,
                "max_cat_to_onehot": 64 if shape.n_rows >= 5_000 else 4,
                "wide": False,
            }

        if is_classification(shape):
            if shape.n_rows < 2_000:
                return (
                    one(0.04, 5, 0.2, 0.95, 0.45, 0.8),
                    one(0.09, 4, 0.6, 0.9, 0.6, 2.0),
                    one(0.08, 3, 0.3, 0.95, 0.7, 0.01),
                )
            usual = one(0.09, 5, 1.0, 0.9, 0.5, 1.0)
            return (
                usual,
                {**usual, "wide": True},
                one(0.08, 4, 0.6, 0.9, 0.6, 2.0),
                one(0.06, 7, 2.5, 0.9, 0.4, 1.0),
            )
        if shape.n_rows < 8_000:
            return (
                one(0.03, 5, 10.0, 0.5, 0.75, 2.5),
                one(0.08, 5, 2.0, 0.8, 0.7, 2.0),
                one(0.03, 6, 2.0, 0.9, 0.55, 0.4),
            )
        first = one(0.08, 7, 3.0, 0.8, 0.8, 1.0)
        return (
            first,
            {**first, "wide": True},
            one(0.08, 5, 2.0, 0.8, 0.7, 2.0),
            one(0.07, 10, 6.0, 0.7, 0.6, 3.0),
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        outputs = shape.n_outputs if shape.n_outputs > 2 else 1
        return 0.1 + outputs * (0.2 + 1.5e-3 * shape.n_features + shape.n_rows * (5 + shape.n_features) * 2e-6)

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        return memory.of_histograms(shape, bytes_a_value=5.0, leaves=2 ** int(params["max_depth"]))

    def fit_on(
        self,
        device: str,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded,
        valid_target: np.ndarray,
        context: FitContext,
    ) -> Predictor:
        import xgboost

        width = train.values.shape[1]
        kinds = ["q"] * width
        for index in train.categorical:
            kinds[index] = "c"
        matrix = {"feature_types": kinds, "enable_categorical": True, "nthread": context.threads}
        data = xgboost.QuantileDMatrix(train.values, target, weight=context.weights, **matrix)
        watch = Rounds(train, valid_target, context)
        checks = [
            xgboost.QuantileDMatrix(valid.values[rows], valid_target[rows], weight=weights, ref=data, **matrix)
            for rows, weights in watch.parts()
        ]
        settings = self._settings(params, context, device)
        squared = settings["objective"] == "reg:squarederror"

        class AfterRound(xgboost.callback.TrainingCallback):  # type: ignore[misc, unused-ignore]
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                # One measure for each part; roots are squared again, since only squares add up.
                last = np.array([history[-1] for part in evals_log.values() for history in part.values()])
                losses = last**2 if squared else last
                return watch.over(epoch, losses)

        # Caps that keep a fold's model at a few megabytes and an answer for one row within half a millisecond.
        leaves = min(2 ** int(params["max_depth"]), LEAVES_A_TREE, max(train.n_rows // 10, 2))
        trees = min(TREES_A_MODEL, LEAVES_A_MODEL // leaves)
        rounds = int(np.clip(trees // (context.n_outputs if context.n_outputs > 2 else 1), 80, MAX_ROUNDS))
        booster = xgboost.train(
            settings,
            data,
            rounds,
            evals=[(check, f"part{number}") for number, check in enumerate(checks)],
            callbacks=[AfterRound()],
            verbose_eval=False,
        )
        if device != "cpu" and not trained_on_gpu(booster):
            context.remark("XGBoost was fitted on the CPU, since it found no GPU.")
        context.held_out(
            watch.answers(lambda part, rows, rounds: booster.predict(checks[part], iteration_range=(0, rounds)))
        )
        best = booster[: watch.best + 1]
        return XGBoostPredictor(bytes(best.save_raw("json")), context.n_outputs, width)

    def _settings(self, params: Mapping[str, Any], context: FitContext, device: str) -> dict[str, Any]:
        settings: dict[str, Any] = {
            **library_settings(params),
            "tree_method": "hist",
            "max_bin": 256,
            "device": device,
            "nthread": context.threads,
            "seed": context.seed,
            "verbosity": 0,
        }
        if not is_classification(context):
            if absolute_errors(context):
                return settings | {"objective": "reg:absoluteerror", "eval_metric": "mae"}
            return settings | {"objective": "reg:squarederror"}
        if context.n_outputs == 2:
            return settings | {"objective": "binary:logistic", "eval_metric": "logloss"}
        return settings | {"objective": "multi:softprob", "num_class": context.n_outputs, "eval_metric": "mlogloss"}


def trained_on_gpu(booster: Any) -> bool:
    """Whether a booster was trained where it was asked to be: without a GPU XGBoost warns and takes the CPU."""
    config = json.loads(booster.save_config())
    return str(config["learner"]["generic_param"]["device"]).startswith("cuda")
