"""What a comparison of models says, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowml.domain.wording import listed
from flowml.web.words import difference_text, metric_title


def pair_words(pair: Mapping[str, Any], names: Mapping[str, str], metric: str) -> str:
    """
    >>> pair = {"better": "a", "worse": "b", "difference": 0.013, "tie": True, "p_value": 0.3, "adjusted": 0.31}
    >>> pair_words(pair, {"a": "CatBoost", "b": "Ridge"}, "accuracy")
    'CatBoost and Ridge are a tie: a lead of 1.30 percentage points in Accuracy may be chance (p = 0.31).'
    >>> pair_words({**pair, "tie": False, "adjusted": 0.0004}, {"a": "CatBoost", "b": "Ridge"}, "accuracy")
    'CatBoost is better than Ridge by 1.30 percentage points in Accuracy (p < 0.001).'
    """
    better, worse = names[pair["better"]], names[pair["worse"]]
    if pair["p_value"] is None:
        return f"{better} and {worse} cannot be told apart: {metric_title(metric)} says nothing about these rows."
    lead = f"{difference_text(pair['difference'], metric)} in {metric_title(metric)}"
    if not pair["tie"]:
        return f"{better} is better than {worse} by {lead} ({_chance(pair['adjusted'])})."
    if pair["difference"] == 0:
        return f"{better} and {worse} are a tie: they reach the same."
    return f"{better} and {worse} are a tie: a lead of {lead} may be chance ({_chance(pair['adjusted'])})."


def verdict(pairs: Sequence[Mapping[str, Any]], names: Mapping[str, str], metric: str) -> str:
    """All pairs in one sentence: who is clearly better than whom, or that nobody is.

    >>> tie = {"better": "a", "worse": "b", "difference": 0.01, "tie": True, "p_value": 0.3, "adjusted": 0.3}
    >>> verdict([tie], {"a": "CatBoost", "b": "Ridge"}, "accuracy")
    'A tie: on these rows CatBoost and Ridge cannot be told apart. Choose by speed or size.'
    """
    clear = [pair for pair in pairs if not pair["tie"]]
    if not clear:
        return f"A tie: on these rows {listed(list(names.values()))} cannot be told apart. Choose by speed or size."
    wins = {one: {pair["worse"] for pair in clear if pair["better"] == one} for one in names}
    beaten = set().union(*wins.values())
    leaders = [one for one in names if one not in beaten]
    if len(leaders) == 1 and len(wins[leaders[0]]) == len(names) - 1:
        others = listed([name for one, name in names.items() if one != leaders[0]])
        return f"{names[leaders[0]]} is better than {others}, and that is not chance."
    last = listed([names[one] for one in names if one in beaten])
    if len(leaders) == 1:
        return f"Nobody is clearly better than {names[leaders[0]]}; clearly worse than some other: {last}."
    return f"{listed([names[one] for one in leaders])} are a tie; clearly worse than some other: {last}."


def _chance(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
