"""LightGBM."""

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
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.lightgbm_text import shorten
from flowml.automl.task.shape import TaskShape

MAX_ROUNDS = 2_000
BINNED_VALUES = 5_000_000
LEAVES_A_MODEL = 100_000


def smallest_leaf(n_rows: int, usual: int) -> int:
    """`usual` rows a leaf on a table of thousands; few enough on a small one that trees can still split."""
    return max(2, min(usual, n_rows // 40))


@register
class LightGBM(Boosting):
    """Gradient boosting of histogram trees grown leaf by leaf (Ke et al. 2017)."""

    name = "lightgbm"
    title = "LightGBM"

    def search_space(self, shape: TaskShape) -> Sequence[Parameter]:
        most_leaves = int(np.clip(shape.n_rows // 8, 8, 160))
        return (
            FloatParameter("learning_rate", 0.015 if shape.n_rows < 20_000 else 0.03, 0.2, log=True),
            IntParameter("num_leaves", 3, most_leaves, log=True),
            IntParameter("min_data_in_leaf", 1, max(2, min(100, shape.n_rows // 20)), log=True),
            FloatParameter("feature_fraction", 0.2, 1.0),
            FloatParameter("bagging_fraction", 0.5, 1.0),
            FloatParameter("lambda_l2", 1e-3, 20.0, log=True),
            ChoiceParameter("extra_trees", (False, True)),
            ChoiceParameter("max_cat_to_onehot", (4, 64)),
            WIDE,
        )

    def first_configurations(self, shape: TaskShape) -> Sequence[Mapping[str, Any]]:
        rows, most = shape.n_rows, int(np.clip(shape.n_rows // 8, 8, 160))

        def one(rate: float, leaves: int, leaf: int, features: float, rows_share: float, l2: float, extra: bool) -> Any:
            return {
                "learning_rate": rate,
                "num_leaves": min(leaves, most),
                "min_data_in_leaf": smallest_leaf(rows, leaf),
                "feature_fraction": features,
                "bagging_fraction": rows_share,
                "lambda_l2": l2,
                "extra_trees": extra,
                # One level against all others cannot overfit as sorted groups of levels do; on small tables, though,
                # splits that take several levels at once are what there are rows for.
                "max_cat_to_onehot": 64 if rows >= 5_000 else 4,
                "wide": False,
            }

        # Chosen by `benchmarks.portfolio` and rounded. Few features a tree is what helps most where there are rows
        # enough; on small tables random thresholds and narrow trees do.
        rate = 0.1 if rows >= 2_000 else 0.06
        random = one(0.06, 40, 4, 0.45, 0.9, 0.4, True)
        narrow_random = one(0.07, 7, 6, 0.9, 0.9, 2.0, True)
        if is_classification(shape):
            narrow = one(0.06, 6, 20, 0.7, 0.8, 1.0, False)
            if rows < 2_000:
                return (
                    random,
                    narrow,
                    {**random, "wide": True},
                    one(rate, 24, 20, 0.8, 0.9, 1.0, False),
                    narrow_random,
                )
            few_features = one(rate, 24, 20, 0.3, 0.9, 1.0, False)
            deep = one(0.06, 40, 10, 0.3, 0.9, 1.0, False)
            return (few_features, {**few_features, "wide": True}, deep, narrow, narrow_random, random)
        deep = one(0.05, 96, 3, 0.7, 0.7, 0.5, False)
        usual = one(rate, 32, 10, 0.8, 0.9, 1.0, False)
        narrow = one(0.06, 12, 8, 0.8, 0.8, 1.0, False)
        wide_random = one(0.08, 64, 3, 0.55, 0.9, 0.4, True)
        if rows < 8_000:
            return (narrow_random, wide_random, {**narrow_random, "wide": True}, usual, narrow, deep)
        return (usual, {**deep, "wide": True}, deep, narrow, wide_random, narrow_random)

    def seconds_per_fit(self, shape: TaskShape) -> float:
        outputs = shape.n_outputs if shape.n_outputs > 2 else 1
        return 0.1 + outputs * (0.1 + 1e-3 * shape.n_features + shape.n_rows * (4 + shape.n_features) * 1.2e-6)

    def memory_per_fit(self, shape: TaskShape, params: Mapping[str, Any]) -> int:
        groups = shape.n_outputs if shape.n_outputs > 2 else 1
        return memory.of_histograms(shape, bytes_a_value=2.0, leaves=int(params["num_leaves"]) * groups)

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
        import lightgbm

        settings = self._settings(params, train.values.shape, context, device)
        categorical = list(train.categorical)
        data = lightgbm.Dataset(
            train.values,
            target,
            weight=context.weights,
            categorical_feature=categorical,
            params=settings,
        )
        watch = Rounds(train, valid_target, context)
        checks = [
            lightgbm.Dataset(valid.values[rows], valid_target[rows], weight=weights, reference=data, params=settings)
            for rows, weights in watch.parts()
        ]

        def after_round(state: Any) -> None:
            losses = np.array([result[2] for result in state.evaluation_result_list])
            if watch.over(state.iteration, losses):
                raise lightgbm.callback.EarlyStopException(watch.best, state.evaluation_result_list)

        # A cap on leaves keeps a fold's model at a few megabytes and an answer for one row within half a millisecond.
        trees_a_round = context.n_outputs if context.n_outputs > 2 else 1
        rounds = int(np.clip(LEAVES_A_MODEL // (int(params["num_leaves"]) * trees_a_round), 60, MAX_ROUNDS))
        # Kept as it is: LightGBM would write it out and read it in once more.
        booster = lightgbm.train(
            settings, data, rounds, valid_sets=checks, callbacks=[after_round], keep_training_booster=True
        )
        text = booster.model_to_string(num_iteration=watch.best + 1)
        context.held_out(
            watch.answers(lambda part, rows, rounds: booster.predict(valid.values[rows], num_iteration=rounds))
        )
        width = train.values.shape[1]
        return LightGBMPredictor(shorten(text, width, context.n_outputs), context.n_outputs, width)

    def _settings(
        self, params: Mapping[str, Any], shape: tuple[int, ...], context: FitContext, device: str
    ) -> dict[str, Any]:
        n_rows, n_columns = shape
        settings: dict[str, Any] = {
            **library_settings(params),
            "bagging_freq": 1,
            # Small tables would never reach LightGBM's own minimum of 100 rows for a split on categories.
            "min_data_per_group": max(2, min(100, n_rows // 50)),
            "cat_smooth": 10.0,
            "min_data_in_bin": 3 if n_rows >= 1_000 else 1,
            "max_bin": 255,
            # Finding the bins is half the time of a short fit on a wide table; so many rows find the same ones.
            "bin_construct_sample_cnt": int(np.clip(BINNED_VALUES // max(n_columns, 1), 4_000, 200_000)),
            "feature_pre_filter": False,
            "num_threads": context.threads,
            **_device_settings(device),
            "seed": context.seed,
            "deterministic": True,
            "force_row_wise": device == "cpu",
            "verbosity": -1,
        }
        if not is_classification(context):
            if absolute_errors(context):
                return settings | {"objective": "regression_l1", "metric": "l1"}
            return settings | {"objective": "regression", "metric": "l2"}
        if context.n_outputs == 2:
            return settings | {"objective": "binary", "metric": "binary_logloss"}
        return settings | {"objective": "multiclass", "num_class": context.n_outputs, "metric": "multi_logloss"}


def _device_settings(device: str) -> dict[str, Any]:
    """`cpu`, `cuda:0` in a build with CUDA, `gpu:0` in one with OpenCL."""
    kind, _, index = device.partition(":")
    return {"device_type": kind} if kind == "cpu" else {"device_type": kind, "gpu_device_id": int(index or 0)}
