"""Whether a library really trains on this machine's GPU: a tiny fit, in a process of its own.

A driver that is too old, a build without CUDA, a card that is full: each shows only when something is fitted. XGBoost
warns and takes the CPU, others raise, and a broken driver may take its process with it or never come back; so every
library is asked in a child with a limit of time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flowml

LIBRARIES = ("xgboost", "lightgbm", "catboost")
PROBE_SECONDS = 60.0
_PACKAGE_FOLDER = Path(next(iter(flowml.__path__))).resolve().parent
_ROWS, _COLUMNS, _ROUNDS = 2_000, 8, 3


def gpu_libraries(ask: Callable[[str], dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Each library with the `device` on which it trains here (`cuda`, or `gpu` for LightGBM's OpenCL), or with the
    `reason` why it does not; the other one is None. Takes seconds."""
    return {name: (ask or _ask)(name) for name in LIBRARIES}


def _ask(library: str, command: list[str] | None = None, seconds: float = PROBE_SECONDS) -> dict[str, Any]:
    path = os.pathsep.join(filter(None, (str(_PACKAGE_FOLDER), os.environ.get("PYTHONPATH", ""))))
    try:
        done = subprocess.run(
            command or [sys.executable, "-P", "-m", "flowml.training.gpu_probe", library],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        return _not_usable(f"It did not answer within {seconds:.0f} seconds.")
    except OSError as error:
        return _not_usable(f"It could not be tried: {error}.")
    try:
        answer = json.loads(done.stdout.decode("utf-8", "replace").splitlines()[-1])
        return {"device": answer["device"], "reason": answer["reason"]}
    except (ValueError, IndexError, KeyError, TypeError):
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        return _not_usable(f"Trying it broke its process down ({how}).")


def _not_usable(reason: str) -> dict[str, Any]:
    return {"device": None, "reason": reason}


def try_library(library: str) -> dict[str, Any]:
    """Fit in this process."""
    import numpy as np

    chance = np.random.default_rng(0)
    values = chance.standard_normal((_ROWS, _COLUMNS), dtype=np.float32)
    target = (values[:, 0] * values[:, 1] > 0).astype(np.int32)
    try:
        return {"device": _FITS[library](values, target), "reason": None}
    except Exception as error:
        lines = str(error).strip().splitlines()
        return _not_usable(lines[0][:300] if lines else type(error).__name__)


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
