"""The next configuration of one family, by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

The study is built anew for each proposal from what is known: the trials' record stays the only truth, and the same
record and seed always give the same proposal, whichever process asks.
"""

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flowml.automl.algorithms.base import ChoiceParameter, FloatParameter, IntParameter, Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_KEPT = 20_000


def propose(
    space: Sequence[Parameter],
    finished: Sequence[tuple[Mapping[str, Any], float]],
    pending: Sequence[Mapping[str, Any]],
    seed: int,
) -> dict[str, Any]:
    """A new configuration. `finished`: configurations with their gains, greater is better.

    Those still `pending` count as poor, so that proposals made side by side keep apart (constant liar).
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(multivariate=True, n_startup_trials=1, seed=seed % 2**32)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        poor = min((gain for _, gain in finished), default=0.0)
        known = [*finished, *((params, poor) for params in pending)]
        for params, gain in known:
            if within(params, space):
                study.add_trial(_ended(tuple(space), json.dumps(params), gain))
        trial = study.ask(distributions(tuple(space)))
    return {parameter.name: _tidy(parameter, trial.params[parameter.name]) for parameter in space}


@lru_cache(maxsize=_KEPT)
def _ended(space: tuple[Parameter, ...], params: str, gain: float) -> "FrozenTrial":
    """A trial that has ended, made once. A study takes copies of its trials but changes only their numbers; copying all
    that is in them took most of the time of a proposal."""
    import optuna

    trial = optuna.trial.create_trial(params=json.loads(params), distributions=distributions(space), value=gain)
    return _copied_shallowly(trial)


def _copied_shallowly(trial: "FrozenTrial") -> "FrozenTrial":
    trial.__deepcopy__ = lambda _: _copied_shallowly(copy.copy(trial))  # type: ignore[attr-defined]
    return trial


@lru_cache(maxsize=_KEPT)
def distributions(space: tuple[Parameter, ...]) -> dict[str, "BaseDistribution"]:
    """A search space as Optuna has it."""
    return {parameter.name: _distribution(parameter) for parameter in space}


def _distribution(parameter: Parameter) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match parameter:
        case IntParameter(_, low, high, log):
            return IntDistribution(low, high, log=log)
        case FloatParameter(_, low, high, log):
            return FloatDistribution(low, high, log=log)
        case ChoiceParameter(_, choices):
            return CategoricalDistribution(choices)


def within(params: Mapping[str, Any], space: Sequence[Parameter]) -> bool:
    """Whether a configuration lies in the space; a first configuration may lie outside."""
    for parameter in space:
        value = params.get(parameter.name)
        if isinstance(parameter, ChoiceParameter):
            if value not in parameter.choices:
                return False
        elif value is None or not parameter.low <= value <= parameter.high:
            return False
    return True


def _tidy(parameter: Parameter, value: Any) -> Any:
    """Four significant digits are enough to tell configurations apart, and a person can read them."""
    if isinstance(parameter, FloatParameter):
        return min(max(float(f"{value:.4g}"), parameter.low), parameter.high)
    return value
