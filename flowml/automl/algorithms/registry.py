"""Finding algorithms: every file of this package that registers one is found by being there."""

import importlib
import pkgutil
from functools import cache

from flowml.automl.algorithms.base import Algorithm
from flowml.domain.errors import InvalidInput

_REGISTERED: dict[str, Algorithm] = {}


def register(algorithm: type[Algorithm]) -> type[Algorithm]:
    """Class decorator: make an algorithm known under its name."""
    _REGISTERED[algorithm.name] = algorithm()
    return algorithm


@cache
def _discover() -> None:
    package = importlib.import_module("flowml.automl.algorithms")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def all_algorithms() -> tuple[Algorithm, ...]:
    """Every algorithm, by name. Imports no library that trains."""
    _discover()
    return tuple(_REGISTERED[name] for name in sorted(_REGISTERED))


def get(name: str) -> Algorithm:
    """The algorithm of that name. Raises InvalidInput for a name that there is not."""
    _discover()
    found = _REGISTERED.get(name)
    if found is None:
        known = ", ".join(sorted(_REGISTERED))
        raise InvalidInput(f"There is no algorithm called “{name}”.", hint=f"Choose from {known}.")
    return found
