"""What the estimators' parameters may be, and what they come to."""

from collections.abc import Callable, Mapping
from typing import Any

from flowml.domain.errors import InvalidInput

_LARGEST_SEED = 2**31 - 1


def check_parameters(estimator: str, parameters: Mapping[str, Any]) -> None:
    """Raises InvalidInput naming the first parameter that cannot be used."""
    for name, (is_fine, wanted) in _RULES.items():
        if not is_fine(parameters[name]):
            raise InvalidInput(f"The {name!r} parameter of {estimator} must be {wanted}. Got {parameters[name]!r}.")


def seed_of(random_state: Any) -> int:
    """A seed as `random_state` gives it, drawn anew for None. Raises InvalidInput for what is none."""
    import numpy as np

    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED))
    if not _is_whole(random_state, 0):
        raise InvalidInput(f"{random_state!r} cannot be used to seed: random_state is a whole number from 0 up.")
    return int(random_state)


def processes_of(n_jobs: int | None) -> int:
    """How many processes evaluate trials: counted from all cores down for a negative number, as in joblib."""
    from flowml.machine.facts import usable_cores

    if n_jobs is None:
        return usable_cores()
    return n_jobs if n_jobs > 0 else max(1, usable_cores() + 1 + n_jobs)


def _is_number(value: Any, above: float) -> bool:
    try:
        return not isinstance(value, bool) and float(value) > above
    except (TypeError, ValueError):
        return False


def _is_whole(value: Any, least: int | None = None) -> bool:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return False
    return least is None or value.__index__() >= least


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "time_budget_seconds": (lambda value: _is_number(value, 0), "a number of seconds above 0"),
    "max_trials": (lambda value: value is None or _is_whole(value, 1), "None or a whole number from 1 up"),
    "cv_folds": (lambda value: _is_whole(value, 2), "a whole number from 2 up"),
    "n_jobs": (lambda value: value is None or (_is_whole(value) and value != 0), "None, -1 or a number"),
    "cv": (
        lambda value: isinstance(value, str),
        "auto, stratified, together, group:COLUMN or time:COLUMN (cv_folds is how many)",
    ),
    "algorithms": (lambda value: not isinstance(value, str), "None or a list of names"),
}
