"""Whether a library really trains on this machine's GPU: a tiny fit, in a process of its own.

A driver that is too old, a build without CUDA, a card that is full: each shows only when something is fitted. XGBoost
warns and takes the CPU, others raise, and a broken driver may take its process with it or never come back; so every
library is asked in a child with a limit of time.
"""

from collections.abc import Callable
from typing import Any

from flowml.machine.child import Bounds, Broken, CannotStart, Child, OutOfTime

LIBRARIES = ("xgboost", "lightgbm", "catboost")
PROBE_SECONDS = 60.0


def gpu_libraries(ask: Callable[[str], dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Each library with the `device` on which it trains here (`cuda`, or `gpu` for LightGBM's OpenCL), or with the
    `reason` why it does not; the other one is None. Takes seconds."""
    return {name: (ask or _ask)(name) for name in LIBRARIES}


def _ask(library: str, module: str = "flowml.automl.trial.gpu_check", seconds: float = PROBE_SECONDS) -> dict[str, Any]:
    try:
        with Child(module, library) as process:
            answer = process.ask({}, Bounds(seconds))
        return {"device": answer["device"], "reason": answer["reason"]}
    except OutOfTime:
        return _not_usable(f"It did not answer within {seconds:.0f} seconds.")
    except CannotStart as problem:
        return _not_usable(f"It could not be tried: {problem.detail}")
    except (Broken, KeyError) as problem:
        return _not_usable(f"Trying it broke its process down. {problem}")


def _not_usable(reason: str) -> dict[str, Any]:
    return {"device": None, "reason": reason}
