"""What of a search has mattered: which family, and of each family which parameters.

Parameters: functional ANOVA (Hutter, Hoos and Leyton-Brown 2014), the share of the variance of the scores that a forest
which has learned them from the configurations gives to each parameter alone. It is done on resamples of the trials, so
that there is a spread which says how sure that is. Very poor configurations count as poor and no more: else one that
failed would be all there is to see.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flowml.automl.algorithms.base import ChoiceParameter, Parameter
from flowml.automl.results.evidence import rounded
from flowml.automl.search.tpe import distributions, within
from flowml.domain.wording import plural

FEWEST_TRIALS = 12
_RESAMPLES = 4
_TREES = 32
_MOST_TRIALS = 400
_BEYOND = 3.0
_SHOWN = 12


@dataclass(frozen=True)
class Tried:
    """A configuration of a family, and the gain that it reached: greater is better."""

    algorithm: str
    params: Mapping[str, Any]
    gain: float


def covering(space: Sequence[Parameter], tried: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """The space widened to what was tried: first configurations may lie outside, and ranges go by the table's size."""
    found: list[Parameter] = []
    for parameter in space:
        values = [params[parameter.name] for params in tried if params.get(parameter.name) is not None]
        if isinstance(parameter, ChoiceParameter):
            others = [value for value in values if value not in parameter.choices]
            found.append(replace(parameter, choices=(*parameter.choices, *dict.fromkeys(others))))
        elif all(isinstance(value, int | float) for value in values):
            least, most = min((parameter.low, *values)), max((parameter.high, *values))
            found.append(replace(parameter, low=least, high=most, log=parameter.log and least > 0))
    return tuple(found)


def matters(
    tried: Sequence[Tried], spaces: Mapping[str, Sequence[Parameter]], titles: Mapping[str, str], seed: int = 0
) -> dict[str, Any]:
    """{"n_trials", "families": [{"algorithm", "title", "n_trials", "best", "median", "items": [{"parameter",
    "importance", "std", "best"}], "note"}], "share_of_family", "note"}; families by their best, gains as they are."""
    by_family: dict[str, list[Tried]] = {}
    for one in tried:
        by_family.setdefault(one.algorithm, []).append(one)
    families = []
    for name, trials in sorted(by_family.items(), key=lambda item: -max(one.gain for one in item[1])):
        gains = np.array([one.gain for one in trials])
        best = trials[int(gains.argmax())]
        items, note = _of_family(trials, spaces.get(name, ()), seed)
        families.append(
            {
                "algorithm": name,
                "title": titles.get(name, name),
                "n_trials": len(trials),
                "best": rounded(float(gains.max())),
                "median": rounded(float(np.median(gains))),
                "items": [{**item, "best": best.params.get(item["parameter"])} for item in items],
                "note": note,
            }
        )
    share, note = _share_of_family(by_family)
    return {"n_trials": len(tried), "families": families, "share_of_family": share, "note": note}


def _share_of_family(by_family: Mapping[str, Sequence[Tried]]) -> tuple[float | None, str]:
    """How much of the variance of the scores is between families (eta squared)."""
    several = {name: np.array([one.gain for one in trials]) for name, trials in by_family.items() if len(trials) > 1}
    if len(several) < 2 or sum(map(len, several.values())) < FEWEST_TRIALS:
        return None, "Too few trials of several families to say how much the choice of one has mattered."
    pooled = _bounded(np.concatenate(list(several.values())))
    total = float(((pooled - pooled.mean()) ** 2).sum())
    if total <= 0:
        return None, "All trials have reached the same."
    between, at = 0.0, 0
    for gains in several.values():
        part = pooled[at : at + len(gains)]
        at += len(gains)
        between += len(part) * float((part.mean() - pooled.mean()) ** 2)
    return rounded(between / total), ""


def _of_family(trials: Sequence[Tried], space: Sequence[Parameter], seed: int) -> tuple[list[dict[str, Any]], str]:
    usable = [one for one in trials if within(one.params, space)]
    if not space:
        return [], "It has no parameters to search for."
    if len(space) == 1:
        return (
            [],
            f"It has one parameter only, {space[0].name}: all that its scores differ by comes of that, or of chance.",
        )
    if len(usable) < FEWEST_TRIALS:
        return [], (
            f"Too few trials to say which of its parameters matter: {plural(len(usable), 'trial')}, and"
            f" {FEWEST_TRIALS} are the least."
        )
    gains = _bounded(np.array([one.gain for one in usable]))
    if float(gains.std()) <= 1e-12:
        return [], "All its trials have reached the same, whatever the parameters."
    generator = np.random.default_rng(seed)
    if len(usable) > _MOST_TRIALS:
        drawn = generator.choice(len(usable), _MOST_TRIALS, replace=False)
        usable, gains = [usable[at] for at in drawn], gains[drawn]
    rounds = []
    for number in range(_RESAMPLES):
        drawn = np.arange(len(usable)) if number == 0 else generator.integers(0, len(usable), len(usable))
        found = _fanova([usable[at].params for at in drawn], gains[drawn], space, seed + number)
        if found is not None:
            rounds.append(found)
    if not rounds:
        return [], "Its trials differ too little for a judgement."
    items = [
        {
            "parameter": name,
            "importance": rounded(float(np.mean([one[name] for one in rounds]))),
            "std": rounded(float(np.std([one[name] for one in rounds]))),
        }
        for name in rounds[0]
    ]
    return sorted(items, key=lambda item: -float(str(item["importance"])))[:_SHOWN], ""


def _fanova(
    configurations: Sequence[Mapping[str, Any]], gains: np.ndarray, space: Sequence[Parameter], seed: int
) -> dict[str, float] | None:
    """The share of each parameter that varies; they add up to 1."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known = distributions(tuple(space))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(direction="maximize")
        for params, gain in zip(configurations, gains.tolist(), strict=True):
            mine = {name: params[name] for name in known}
            study.add_trial(optuna.trial.create_trial(params=mine, distributions=known, value=gain))
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=_TREES, seed=seed % 2**31)
        try:
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        except (RuntimeError, ValueError):
            return None
    return {name: float(found.get(name, 0.0)) for name in known}


def _bounded(gains: np.ndarray) -> np.ndarray:
    low, middle = np.quantile(gains, [0.25, 0.5])
    return np.asarray(np.maximum(gains, middle - _BEYOND * max(middle - low, 1e-12)))
