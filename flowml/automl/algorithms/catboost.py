"""CatBoost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import (
    WIDE,
    Algorithm,
    Category,
    Final,
    FitContext,
    FloatParameter,
    IntParameter,
    Parameter,
    TaskShape,
)
from flowml.automl.algorithms.early_stopping import patience
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import (
    is_classification,
    library_errors,
    library_settings,
    require_time,
    reserve,
    with_validation,
    with_wide,
)
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor, pool

MAX_ROUNDS = 1_500


@register
class CatBoost(Algorithm):
    """Gradient boosting of symmetric trees with ordered statistics of categories (Prokhorenkova et al. 2018)."""

    name = "catboost"
    title = "CatBoost"
    category = Category.BOOSTING
    view = View.NATIVE
    final = Final.BAG
    gpu = True

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        return (
            FloatParameter("learning_rate", 0.03 if shape.n_rows < 20_000 else 0.06, 0.25, log=True),
            IntParameter("depth", 3, 8),
            FloatParameter("l2_leaf_reg", 0.5, 20.0, log=True),
            FloatParameter("random_strength", 0.2, 5.0, log=True),
            FloatParameter("subsample", 0.5, 1.0),
            WIDE,
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        # A higher rate on bigger tables: a round is dear there, and the budget buys fewer.
        rate = 0.05 if shape.n_rows < 2_000 else 0.08 if shape.n_rows < 20_000 else 0.12

        def one(rate: float, depth: int, l2: float, strength: float, rows: float) -> Any:
            return {
                "learning_rate": round(rate, 4),
                "depth": depth,
                "l2_leaf_reg": l2,
                "random_strength": strength,
                "subsample": rows,
                "wide": False,
            }

        if not is_classification(shape):
            rate *= 1.4
            first = one(rate, 7, 3.0, 1.0, 0.8)
            return (
                *with_wide(first, shape),
                one(rate, 5, 3.0, 1.0, 0.8),
                one(rate, 8, 2.0, 1.0, 0.9),
            )
        first = one(rate, 6, 3.0, 1.0, 0.8)
        return (
            *with_wide(first, shape),
            one(1.2 * rate, 4, 3.0, 1.0, 0.8),
            one(rate, 8, 2.0, 1.0, 0.9),
        )

    def seconds_per_fit(self, shape: TaskShape) -> float:
        outputs = shape.n_outputs if shape.n_outputs > 2 else 1
        return 0.3 + outputs * (0.6 + shape.n_rows * (6 + shape.n_features) * 1e-5)

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
        train, target, valid, valid_target = with_validation(train, target, valid, valid_target, context)
        with library_errors(self.title):
            if context.device != "cpu":
                try:
                    return self._fit(params, train, target, valid, valid_target, context, "GPU")
                except Exception as problem:
                    context.remark(f"CatBoost was fitted on the CPU, since the GPU could not be used: {problem}")
            return self._fit(params, train, target, valid, valid_target, context, "CPU")

    def _fit(
        self,
        params: Mapping[str, Any],
        train: Encoded,
        target: np.ndarray,
        valid: Encoded,
        valid_target: np.ndarray,
        context: FitContext,
        device: str,
    ) -> Predictor:
        import catboost

        class AfterRound:
            def after_iteration(self, info: Any) -> bool:
                return context.time_left() > reserve(train.n_rows)

        settings: dict[str, Any] = {
            **library_settings(params),
            "iterations": MAX_ROUNDS,
            "loss_function": self._loss(context),
            "bootstrap_type": "Bernoulli",
            "od_type": "Iter",
            "od_wait": patience(train.n_rows),
            "use_best_model": True,
            "thread_count": context.threads,
            "random_seed": context.seed,
            "task_type": device,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if device == "CPU":
            # Statistics of pairs of categories are most of the time on the CPU beyond some thousand rows.
            settings |= {"max_ctr_complexity": 2 if train.n_rows < 10_000 else 1, "boosting_type": "Plain"}
        if context.n_outputs > 2:
            settings |= {"classes_count": context.n_outputs}
        model = catboost.CatBoost(settings)
        callbacks = [AfterRound()] if device == "CPU" else None
        model.fit(
            pool(train.values, train.categorical, target),
            eval_set=pool(valid.values, valid.categorical, valid_target),
            callbacks=callbacks,
        )
        return CatBoostPredictor(model._serialize_model(), context.n_outputs, train.values.shape[1], train.categorical)

    def _loss(self, context: FitContext) -> str:
        if not is_classification(context):
            return "RMSE"
        return "Logloss" if context.n_outputs == 2 else "MultiClass"
