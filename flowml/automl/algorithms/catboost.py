"""CatBoost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.algorithms import memory
from flowml.automl.algorithms.base import (
    WIDE,
    FitContext,
    FloatParameter,
    IntParameter,
    Parameter,
)
from flowml.automl.algorithms.fitting.boosting import Boosting
from flowml.automl.algorithms.fitting.early_stopping import patience
from flowml.automl.algorithms.fitting.held_out import HeldOut
from flowml.automl.algorithms.registry import register
from flowml.automl.algorithms.support import (
    absolute_errors,
    is_classification,
    library_settings,
    reserve,
    row_losses,
)
from flowml.automl.features.encoded import Encoded
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor, finish, pool
from flowml.automl.predictors.catboost_blob import compact
from flowml.automl.task.shape import TaskShape

MAX_ROUNDS = 1_500
ONE_HOT_LEVELS = 50
TRIED_ROUNDS = 20
# Each split looks at so many columns: on wide tables that is what takes the time.
COLUMNS_A_SPLIT = 500
LOOKS = 200


@register
class CatBoost(Boosting):
    """Gradient boosting of symmetric trees with ordered statistics of categories (Prokhorenkova et al. 2018)."""

    name = "catboost"
    title = "CatBoost"

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
            if shape.n_rows < 8_000:
                return (
                    one(0.06, 5, 0.7, 4.5, 0.6),
                    one(0.06, 7, 2.0, 4.0, 0.8),
                    one(0.15, 3, 10.0, 2.5, 0.75),
                )
            rate *= 1.4
            first = one(rate, 7, 3.0, 1.0, 0.8)
            return (
                first,
                {**first, "wide": True},
                one(rate, 5, 3.0, 1.0, 0.8),
                one(rate, 8, 2.0, 1.0, 0.9),
            )
        shallow, usual = one(1.2 * rate, 4, 3.0, 1.0, 0.8), one(rate, 6, 3.0, 1.0, 0.8)
        if shape.n_rows < 2_000:
            return (shallow, {**shallow, "wide": True}, one(0.12, 5, 12.0, 1.7, 0.6), usual)
        return (usual, shallow, {**usual, "wide": True}, one(rate, 7, 2.0, 3.0, 0.9))

    def seconds_per_fit(self, shape: TaskShape) -> float:
        outputs = shape.n_outputs if shape.n_outputs > 2 else 1
        columns = min(shape.n_features, 2 * COLUMNS_A_SPLIT) * 2e-3
        return 0.2 + outputs * (0.2 + columns + shape.n_rows * (6 + shape.n_features) * 4e-6)

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        histograms = memory.of_histograms(shape, bytes_a_value=8.0, leaves=2 ** int(params["depth"]))
        return histograms + memory.answer_bytes(shape)

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
        import catboost

        class AfterRound:
            def after_iteration(self, info: Any) -> bool:
                return context.time_left() > reserve(train.n_rows)

        settings: dict[str, Any] = {
            **library_settings(params),
            "iterations": MAX_ROUNDS,
            "loss_function": self._loss(context),
            "bootstrap_type": "Bernoulli",
            # One column a level: never worse on our tasks than statistics of the target, and three times as fast.
            "one_hot_max_size": ONE_HOT_LEVELS,
            "od_type": "Iter",
            "od_wait": patience(train.n_rows),
            # The rounds after the best are looked at once more, then cut off.
            "use_best_model": False,
            "thread_count": context.threads,
            "random_seed": context.seed,
            "task_type": "CPU" if device == "cpu" else "GPU",
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if device == "cpu":
            # Statistics of pairs of categories are most of the time on the CPU beyond some thousand rows.
            settings |= {"rsm": min(1.0, COLUMNS_A_SPLIT / train.values.shape[1])}
            settings |= {"max_ctr_complexity": 2 if train.n_rows < 10_000 else 1, "boosting_type": "Plain"}
        if context.n_outputs > 2:
            settings |= {"classes_count": context.n_outputs}
        rows = pool(train.values, train.categorical, target, context.weights)
        callbacks = [AfterRound()]
        if device != "cpu":
            # On a GPU nobody is asked between two rounds, so that their number has to keep the time.
            settings |= {"devices": device.partition(":")[2] or "0"}
            settings["iterations"] = _affordable_rounds(settings, rows, context)
            callbacks = []
        check = pool(valid.values, valid.categorical, valid_target, context.valid_weights)
        model = catboost.CatBoost(settings)
        model.fit(
            rows,
            eval_set=check,
            callbacks=callbacks or None,
        )
        context.held_out(_answers(model, check, valid_target, context))
        model.shrink(ntree_end=(model.get_best_iteration() or 0) + 1)
        width = train.values.shape[1]
        fitted = compact(model._serialize_model(), width, train.categorical, context.n_outputs)
        return CatBoostPredictor(fitted, context.n_outputs, width, train.categorical)

    def _loss(self, context: FitContext) -> str:
        if not is_classification(context):
            return "MAE" if absolute_errors(context) else "RMSE"
        return "Logloss" if context.n_outputs == 2 else "MultiClass"


def _answers(model: Any, check: Any, target: np.ndarray, context: FitContext) -> np.ndarray:
    """For the validation rows, each part by as many rounds as the others have chosen."""
    held = HeldOut(target, context.valid_weights, context.seed, classes=is_classification(context))
    answers = np.zeros((len(target), context.n_outputs if context.n_outputs > 2 else 1))
    period = max(1, model.tree_count_ // LOOKS)
    stages = model.staged_predict(check, prediction_type="RawFormulaVal", eval_period=period, thread_count=1)
    for stage, told in enumerate(stages):
        raw = np.asarray(told, dtype=np.float64).reshape(len(target), -1)
        losses = held.losses(row_losses(raw, target, absolute=absolute_errors(context)))
        for part in held.improved(losses, stage):
            answers[held.rows(part)] = raw[held.rows(part)]
    return finish(answers, context.n_outputs)


def _affordable_rounds(settings: Mapping[str, Any], rows: Any, context: FitContext) -> int:
    """How many rounds fit into the time, from how long a few of them take."""
    import catboost

    unbounded = {name: value for name, value in settings.items() if name not in ("od_type", "od_wait")}
    before = context.time_left()
    catboost.CatBoost({**unbounded, "iterations": TRIED_ROUNDS, "use_best_model": False}).fit(rows)
    left = context.time_left()
    a_round = max((before - left) / TRIED_ROUNDS, 1e-4)
    return int(np.clip(0.7 * left / a_round, TRIED_ROUNDS, MAX_ROUNDS))
