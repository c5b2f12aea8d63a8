"""A tiny fit on the GPU by one library: `python -m flowml.automl.trial.gpu_check xgboost`, for `machine.gpu_probe`."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from flowml.machine.child import settle

_ROWS, _COLUMNS, _ROUNDS = 2_000, 8, 3


def try_library(library: str) -> dict[str, Any]:
    """The `device` on which it trains here, or the `reason` why it does not."""
    import numpy as np

    chance = np.random.default_rng(0)
    values = chance.standard_normal((_ROWS, _COLUMNS), dtype=np.float32)
    target = (values[:, 0] * values[:, 1] > 0).astype(np.int32)
    try:
        return {"device": _FITS[library](values, target), "reason": None}
    except Exception as error:
        lines = str(error).strip().splitlines()
        return {"device": None, "reason": lines[0][:300] if lines else type(error).__name__}


def _xgboost(values: Any, target: Any) -> str:
    import xgboost

    from flowml.automl.algorithms.xgboost import trained_on_gpu

    if not xgboost.build_info().get("USE_CUDA", False):
        raise RuntimeError("This build of XGBoost has no CUDA.")
    settings = {"device": "cuda", "tree_method": "hist", "objective": "binary:logistic", "verbosity": 0}
    booster = xgboost.train(settings, xgboost.QuantileDMatrix(values, target), _ROUNDS)
    if not trained_on_gpu(booster):
        raise RuntimeError("XGBoost found no GPU and took the CPU.")
    return "cuda"


def _lightgbm(values: Any, target: Any) -> str:
    import lightgbm

    reasons = []
    for device in ("cuda", "gpu"):
        settings = {"objective": "binary", "device_type": device, "verbosity": -1}
        try:
            lightgbm.train(settings, lightgbm.Dataset(values, target), _ROUNDS)
            return device
        except Exception as error:
            reasons.append(str(error).splitlines()[0])
    raise RuntimeError(" ".join(reasons))


def _catboost(values: Any, target: Any) -> str:
    import catboost

    settings = {"task_type": "GPU", "iterations": _ROUNDS, "allow_writing_files": False, "logging_level": "Silent"}
    catboost.CatBoost({**settings, "loss_function": "Logloss"}).fit(values, target)
    return "cuda"


_FITS: dict[str, Callable[[Any, Any], str]] = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}


def main() -> None:
    """Answer on what was the standard output; what the libraries print goes nowhere."""
    settle()
    answer = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    found = try_library(sys.argv[1])
    answer.write(json.dumps(found) + "\n")
    answer.flush()
    # A driver's own tidying up at the end may hang.
    os._exit(0)


if __name__ == "__main__":
    main()
