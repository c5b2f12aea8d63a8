"""A fit on the GPU against one on the CPU: XGBoost, CatBoost and LightGBM at 10,000, 100,000 and 1,000,000 rows.

    python -m benchmarks.gpu [--rows 10000 --rows 100000] [--columns 30] [--rounds 300]

The same rounds on both, after one fit that nobody times (it loads the driver's code), the best of three. What the
libraries cannot do here is said and left out.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from benchmarks import big_tables
from benchmarks.report import table
from flowml.machine.capabilities import probe

Fit = Callable[[np.ndarray, np.ndarray, int, str], object]
HEADER = ("library", "rows", "columns", "CPU s", "GPU s", "CPU / GPU")


def _xgboost(values: np.ndarray, target: np.ndarray, rounds: int, device: str) -> object:
    import xgboost

    settings = {"objective": "binary:logistic", "tree_method": "hist", "device": device, "verbosity": 0}
    return xgboost.train(settings, xgboost.QuantileDMatrix(values, target), rounds)


def _lightgbm(values: np.ndarray, target: np.ndarray, rounds: int, device: str) -> object:
    import lightgbm

    settings = {"objective": "binary", "device_type": device, "verbosity": -1}
    return lightgbm.train(settings, lightgbm.Dataset(values, target), rounds)


def _catboost(values: np.ndarray, target: np.ndarray, rounds: int, device: str) -> object:
    import catboost

    settings = {
        "iterations": rounds,
        "task_type": "CPU" if device == "cpu" else "GPU",
        "loss_function": "Logloss",
        "allow_writing_files": False,
        "logging_level": "Silent",
    }
    return catboost.CatBoost(settings).fit(values, target)


FITS: dict[str, Fit] = {"xgboost": _xgboost, "catboost": _catboost, "lightgbm": _lightgbm}


def numbers(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The numeric columns as float32 (rows, columns), and the target as 0 and 1."""
    features = frame.drop(big_tables.TARGET).select(pl.selectors.numeric())
    return features.to_numpy().astype(np.float32), (frame[big_tables.TARGET] == "yes").to_numpy().astype(np.int32)


def seconds(fit: Fit, values: np.ndarray, target: np.ndarray, rounds: int, device: str, repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        fit(values, target, rounds, device)
        best = min(best, time.perf_counter() - started)
    return best


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", help="may be given again (10,000, 100,000, 1,000,000)")
    parser.add_argument("--columns", type=int, default=30, help="of which about half are numbers (default: 30)")
    parser.add_argument("--rounds", type=int, default=300, help="default: 300")
    parser.add_argument("--repeats", type=int, default=3, help="default: 3")
    given = parser.parse_args(arguments)
    found = probe(fit_on_gpu=True)
    if not found["gpus"]:
        print("There is no GPU here, so there is nothing to compare.")
        return
    for gpu in found["gpus"]:
        print(f"{gpu['name']}, {gpu['vram_gb']} GB; {os.cpu_count()} cores")
    usable: dict[str, Any] = {}
    for name, library in found["gpu_libraries"].items():
        if library["device"]:
            usable[name] = library["device"]
        else:
            print(f"{name} is left out: {library['reason']}")
    rows = []
    for size in given.rows or [10_000, 100_000, 1_000_000]:
        values, target = numbers(big_tables.mixed(size, given.columns))
        for name, device in usable.items():
            fit = FITS[name]
            fit(values[:1_000], target[:1_000], 2, device)
            on_cpu = seconds(fit, values, target, given.rounds, "cpu", given.repeats)
            on_gpu = seconds(fit, values, target, given.rounds, device, given.repeats)
            rows.append((name, size, values.shape[1], on_cpu, on_gpu, on_cpu / on_gpu))
    if rows:
        print(table(HEADER, rows, title=f"{given.rounds} rounds"))


if __name__ == "__main__":
    main()
