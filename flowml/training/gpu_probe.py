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


def gpu_libraries(ask: Callable[[str], dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Each library with the `device` on which it trains here (`cuda`, or `gpu` for LightGBM's OpenCL), or with the
    `reason` why it does not; the other one is None. Takes seconds."""
    return {name: (ask or _ask)(name) for name in LIBRARIES}


def _ask(library: str, command: list[str] | None = None, seconds: float = PROBE_SECONDS) -> dict[str, Any]:
    path = os.pathsep.join(filter(None, (str(_PACKAGE_FOLDER), os.environ.get("PYTHONPATH", ""))))
    try:
        done = subprocess.run(
            command or [sys.executable, "-P", "-m", "flowml.automl.gpu_check", library],
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
