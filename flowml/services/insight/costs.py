"""Thresholds in money: what each outcome costs, and where that is least."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_SAME = 1e-9


@dataclass(frozen=True)
class Costs:
    """What each outcome costs (above 0) or brings (below 0) a row, in any unit."""

    fp: float = 1.0
    fn: float = 1.0
    tp: float = 0.0
    tn: float = 0.0


def with_costs(threshold: Mapping[str, Any], costs: Costs) -> dict[str, Any]:
    """Thresholds with what each costs per 1,000 rows, and which is cheapest: of equally cheap ones that in the middle.

    >>> counts = {"tp": [2, 2, 1], "fp": [2, 1, 0], "fn": [0, 0, 1], "tn": [0, 1, 2]}
    >>> found = with_costs({"at": [0.1, 0.5, 0.9], **counts, "current": 0.5}, Costs(fp=5, fn=50))
    >>> found["cost_per_1000"], found["best"]
    ([2500.0, 1250.0, 12500.0], {'at': 0.5, 'cost_per_1000': 1250.0})
    """
    each = []
    for counts in zip(*(threshold[name] for name in asdict(costs)), strict=True):
        money = sum(count * cost for count, cost in zip(counts, asdict(costs).values(), strict=True))
        each.append(1000 * money / max(sum(counts), 1e-12))
    least, widest = min(each), max(1.0, *map(abs, each))
    cheapest = [at for at, cost in enumerate(each) if cost <= least + _SAME * widest]
    levels = threshold["at"]
    now = min(range(len(levels)), key=lambda at: abs(levels[at] - threshold["current"]))
    best = cheapest[len(cheapest) // 2]
    return {
        **threshold,
        "costs": asdict(costs),
        "cost_per_1000": each,
        "best": {"at": levels[best], "cost_per_1000": each[best]},
        "now": {"at": levels[now], "cost_per_1000": each[now]},
    }
