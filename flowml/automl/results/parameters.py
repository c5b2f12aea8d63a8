"""What of a search has mattered: which family, and of each family which parameters.

Parameters: functional ANOVA (Hutter, Hoos and Leyton-Brown 2014), the share of the variance that a forest which has
learned the scores from the configurations gives to each parameter alone. It is done on resamples of the trials, so that
there is a spread which says how sure that is. A forest learns chance as well: shares are of what it can tell of trials
that it has not seen (out-of-bag R²), and nothing is said where it tells no more of them than of shuffled scores. Very
poor configurations count as poor and no more: else one that failed would be all there is to see.

Families: omega squared (Hays 1963), the share of the variance of the scores that is between them without what chance
would put there, where an F test says that there is any.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import fdtrc

from flowml.automl.algorithms.base import ChoiceParameter, Parameter
from flowml.automl.results.evidence import rounded
from flowml.automl.search.tpe import distributions, within
from flowml.domain.wording import plural

FEWEST_TRIALS = 12
_RESAMPLES = 4
_TREES = 32
# Forests of shuffled scores, of which none may tell as much: a chance of 1 in 20.
_SHUFFLES = 19
_LEVEL = 0.05
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
    """How much of the variance of the scores is between families, and else why not."""
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
    groups, rest = len(several) - 1, len(pooled) - len(several)
    within_families = max(total - between, 0.0) / rest
    if within_families > 1e-12 * total / len(pooled):
        chance = float(fdtrc(groups, rest, between / groups / within_families))
        if chance > _LEVEL:
            return None, "The families' scores differ by no more than chance would have it."
    return rounded((between - groups * within_families) / (total + within_families)), ""


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
    told = _told([one.params for one in usable], gains, space, generator)
    if told <= 0:
        return [], "None of its parameters has moved its scores measurably: what they differ by may be chance."
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
            "importance": rounded(told * float(np.mean([one[name] for one in rounds]))),
            "std": rounded(told * float(np.std([one[name] for one in rounds]))),
        }
        for name in rounds[0]
    ]
    return sorted(items, key=lambda item: -float(str(item["importance"])))[:_SHOWN], ""


def _told(
    configurations: Sequence[Mapping[str, Any]],
    gains: np.ndarray,
    space: Sequence[Parameter],
    generator: np.random.Generator,
) -> float:
    """How much of the variance of scores that it has not seen a forest can tell from the parameters; 0 where it is no
    more than of shuffled ones."""
    from sklearn.ensemble import RandomForestRegressor

    inputs = np.column_stack([_encoded(parameter, configurations) for parameter in space])
    found: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(1 + _SHUFFLES):
            scores = gains if number == 0 else generator.permutation(gains)
            forest = RandomForestRegressor(_TREES, oob_score=True, random_state=int(generator.integers(2**31)))
            found.append(float(forest.fit(inputs, scores).oob_score_))
            if number > 0 and found[-1] >= found[0]:
                return 0.0
    return max(found[0], 0.0)


def _encoded(parameter: Parameter, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
    values = [one[parameter.name] for one in configurations]
    if isinstance(parameter, ChoiceParameter):
        return np.array([[value == choice for choice in parameter.choices] for value in values], dtype=np.float64)
    numbers = np.array(values, dtype=np.float64)
    return np.asarray(np.log(numbers) if parameter.log else numbers)[:, None]


def _fanova(
    configurations: Sequence[Mapping[str, Any]], gains: np.ndarray, space: Sequence[Parameter], seed: int
) -> dict[str, float] | None:
    """The share of each parameter alone of what a forest has learned; with those of several together it is 1."""
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
            found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
        except (RuntimeError, ValueError):
            return None
    return {name: float(found.get(name, 0.0)) for name in known}


def _bounded(gains: np.ndarray) -> np.ndarray:
    low, middle = np.quantile(gains, [0.25, 0.5])
    return np.asarray(np.maximum(gains, middle - _BEYOND * max(middle - low, 1e-12)))
